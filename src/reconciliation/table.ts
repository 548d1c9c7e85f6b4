import {
  causeWords,
  countWords,
  momentWords,
  percentWords,
  shareWords,
  type Language,
  type Words,
} from '../console/words.ts'
import { sharesOf, type Breakdown, type Part, type SyncRateReport } from './model.ts'
import { onlyWords, partWords, periodWords, reportWords, sumWords } from './words.ts'

const barWidth = 30
const shownRows = 10
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar of block characters, exact to an eighth of a character, never longer than the truth. */
function bar(percent: number | null, width: number): string {
  const length = Math.floor((width * 8 * (percent ?? 0)) / 100)
  const filled = '█'.repeat(Math.floor(length / 8)) + eighths[length % 8]!
  return filled.padEnd(width, '·')
}

/** Columns of a monospaced terminal: letters composed of several code points count once. */
const widthOf = (text: string) => Array.from(text.normalize('NFC')).length
const left = (text: string, width: number) => text.normalize('NFC') + ' '.repeat(Math.max(0, width - widthOf(text)))
const right = (text: string, width: number) => ' '.repeat(Math.max(0, width - widthOf(text))) + text
const cut = (text: string, width: number) =>
  widthOf(text) <= width
    ? text
    : `${Array.from(text.normalize('NFC'))
        .slice(0, width - 1)
        .join('')}…`
/** Names come from outside: a control character in one must not steer the terminal. */
const plain = (text: string) => text.replace(/\p{C}/gu, '?')

/** The report for a terminal, about 100 columns wide. */
export function renderReportTable(report: SyncRateReport, language: Language = 'vi'): string {
  const say = (words: Words) => words[language]
  const only = onlyWords(report.only)
  const { received, delivered, atPortal, rate } = report.total
  const figure = (words: Words, count: number) => `${say(words)} ${say(countWords(count))}`
  const lines = [
    say(reportWords.title),
    `${say(periodWords(report.period))}${only === null ? '' : ` · ${plain(say(only))}`} · ${momentWords(report.generatedAt)}`,
    '',
    `${bar(rate, barWidth * 2)} ${say(percentWords(rate))} (${say(reportWords.target)})`,
    [
      figure(reportWords.received, received),
      figure(reportWords.delivered, delivered),
      figure(reportWords.gap, received - delivered),
      figure(reportWords.atPortal, atPortal),
    ].join(' · '),
    '',
    ...(received === 0 ? [say(reportWords.nothing)] : details(report, language)),
  ]
  return `${lines.join('\n')}\n`
}

function details(report: SyncRateReport, language: Language): string[] {
  return [
    ...causeLines(report, language),
    ...(['byMonth', 'byLevel', 'byAgency', 'byProcedure'] as const).flatMap((name) => [
      '',
      ...partLines(report, name, language),
    ]),
    '',
    sumWords(report)[language],
  ]
}

function causeLines(report: SyncRateReport, language: Language): string[] {
  if (report.causes.length === 0) return [reportWords.noGap[language]]
  const shares = sharesOf(
    report.total.delivered,
    report.causes.map(({ count }) => count),
  ).slice(1)
  return [
    reportWords.causes[language],
    ...report.causes.flatMap(({ code, count }, index) => {
      const words = causeWords(code)
      const share = shares[index]!
      const numbers = right(countWords(count)[language], 11) + right(shareWords(share, count)[language], 10)
      return [
        `${numbers}  ${bar(share, barWidth)}  ${plain(words.cause[language])}`,
        `${' '.repeat(23)}→ ${words.next[language]}`,
      ]
    }),
  ]
}

function partLines(report: SyncRateReport, name: Breakdown, language: Language): string[] {
  const parts = name === 'byMonth' ? report.byMonth : report[name].slice(0, shownRows)
  const hidden = countWords(report[name].length - parts.length)
  const heading =
    left(reportWords[name][language], 40) +
    right(reportWords.received[language], 14) +
    right(reportWords.gap[language], 14) +
    right(reportWords.rate[language], 10)
  const more = { vi: `… và ${hidden.vi} dòng nữa`, en: `… and ${hidden.en} more` }
  return [
    heading,
    ...parts.map((part) => partLine(name, part, language)),
    ...(report[name].length > parts.length ? [more[language]] : []),
  ]
}

function partLine(name: Breakdown, part: Part, language: Language): string {
  const label = plain(partWords(name, part)[language])
  const coded = name === 'byLevel' || name === 'byMonth' || label === part.key ? label : `${plain(part.key)} ${label}`
  return (
    left(cut(coded, 40), 40) +
    right(countWords(part.received)[language], 14) +
    right(countWords(part.received - part.delivered)[language], 14) +
    right(percentWords(part.rate)[language], 10) +
    `  ${bar(part.rate, 20)}`
  )
}

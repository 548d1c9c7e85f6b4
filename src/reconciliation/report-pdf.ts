import {
  causeWords,
  countWords,
  momentWords,
  percentWords,
  sayIn,
  shareWords,
  type Language,
  type Say,
} from '../console/words.ts'
import { colours, Paper, paperWidth, type Canvas, type Column, type TableCell } from '../platform/pdf.ts'
import { rateOf, sharesOf, type Breakdown, type Part, type SyncRateReport } from './model.ts'
import { onlyWords, partWords, periodWords, reportWords, sumWords } from './words.ts'

/** The report on paper, for the leadership: the rate, why it is not 100 %, what to do, and where. Nothing of any single dossier. */

/** Agencies and months shown; the others are one row. The workbook has all of them. */
const shownAgencies = 40
const shownMonths = 24
const shownCauses = 20

export function reportPdf(report: SyncRateReport, language: Language): Promise<Buffer> {
  const say = sayIn(language)
  const period = periodWords(report.period)[language]
  const paper = new Paper({
    title: `${reportWords.title[language]}. ${period}`,
    language,
    made: new Date(report.generatedAt),
    foot: `${reportWords.title[language]} · ${period}`,
    pageOf: (page, pages) => say(`Trang ${page}/${pages}`, `Page ${page} of ${pages}`),
  })
  head(paper, report, language)
  if (report.total.received === 0) paper.paragraph(reportWords.nothing[language])
  else {
    rate(paper, report, language)
    causes(paper, report, language)
    breakdown(paper, 'byLevel', report.byLevel, language)
    breakdown(paper, 'byAgency', worst(report.byAgency, say), language)
    breakdown(paper, 'byMonth', newest(report.byMonth, say), language)
  }
  source(paper, report, language)
  return paper.bytes()
}

function head(paper: Paper, report: SyncRateReport, language: Language): void {
  const say = sayIn(language)
  const only = onlyWords(report.only)
  paper.heading(1, reportWords.title[language])
  paper.paragraph(`${periodWords(report.period)[language]}${only === null ? '' : ` · ${only[language]}`}`, { size: 11 })
  const time = momentWords(report.generatedAt)
  paper.paragraph(say(`Lập lúc ${time} (giờ Việt Nam)`, `Made at ${time} (Vietnam time)`), { colour: colours.soft })
}

function rate(paper: Paper, { total }: SyncRateReport, language: Language): void {
  const say = sayIn(language)
  const figures = [
    [reportWords.received, total.received, colours.soft],
    [reportWords.delivered, total.delivered, colours.good],
    [reportWords.gap, total.received - total.delivered, colours.causes[0]],
    [reportWords.atPortal, total.atPortal, colours.soft],
  ] as const
  const said = figures.map(([words, count]) => `${words[language]}: ${countWords(count)[language]}`).join('; ')
  const percent = percentWords(total.rate)[language]
  paper.figure(
    say(
      `Đã đồng bộ ${percent}, ${reportWords.target.vi}. ${said}.`,
      `In step ${percent}, ${reportWords.target.en}. ${said}.`,
    ),
    150,
    (canvas, x, y) => {
      ring(canvas, x + 75, y + 78, total.rate)
      canvas.text(percent, x + 20, y + 62, { size: 21, bold: true, align: 'center', width: 110 })
      canvas.text(reportWords.target[language], x + 20, y + 91, {
        size: 8,
        colour: colours.soft,
        align: 'center',
        width: 110,
      })
      for (const [place, [words, count, colour]] of figures.entries()) {
        const [left, above] = [x + 190 + (place % 2) * 150, y + 28 + Math.floor(place / 2) * 58]
        canvas.doc.rect(left - 12, above, 3, 40).fill(colour)
        canvas.text(words[language], left, above, { size: 9, colour: colours.soft, width: 135 })
        canvas.text(countWords(count)[language], left, above + 14, { size: 17, bold: true, width: 135 })
      }
    },
  )
}

const radius = 58

/** Closed at 100 %, as on the pages; the mark on top is the target. */
function ring({ doc }: Canvas, x: number, y: number, rate: number | null): void {
  const share = (rate ?? 0) / 100
  doc.lineWidth(13).circle(x, y, radius).stroke(colours.track)
  if (share >= 1) doc.circle(x, y, radius).stroke(colours.good)
  else if (share > 0) {
    const angle = share * 2 * Math.PI
    const [toX, toY] = [x + radius * Math.sin(angle), y - radius * Math.cos(angle)]
    const way = share > 0.5 ? '1 1' : '0 1'
    doc.path(`M ${x} ${y - radius} A ${radius} ${radius} 0 ${way} ${toX} ${toY}`).stroke(colours.good)
  }
  doc
    .moveTo(x, y - radius - 10)
    .lineTo(x, y - radius + 10)
    .lineWidth(1.5)
    .stroke(colours.ink)
}

/** More causes than colours share the last one. */
const colourOf = (place: number) => colours.causes[Math.min(place, colours.causes.length - 1)]!

interface Cause {
  readonly words: string
  readonly next: string | null
  readonly count: number
}

function causesOf(report: SyncRateReport, language: Language): Cause[] {
  const say = sayIn(language)
  const rest = report.causes.slice(shownCauses)
  const shown = report.causes.slice(0, shownCauses).map(({ code, count }) => {
    const { cause, next } = causeWords(code)
    return { words: cause[language], next: next[language], count }
  })
  if (rest.length === 0) return shown
  const count = rest.reduce((sum, one) => sum + one.count, 0)
  return [...shown, { words: say(`${rest.length} nguyên nhân khác`, `${rest.length} other causes`), next: null, count }]
}

function causes(paper: Paper, report: SyncRateReport, language: Language): void {
  const say = sayIn(language)
  paper.heading(2, reportWords.causes[language], 120)
  const all = causesOf(report, language)
  if (all.length === 0) return paper.paragraph(reportWords.noGap[language])
  const { received, delivered } = report.total
  const [, ...shares] = sharesOf(
    delivered,
    all.map(({ count }) => count),
  )
  const share = (place: number) => shareWords(shares[place]!, all[place]!.count)[language]
  const said = all.map(({ words }, place) => `${words} ${share(place)}`).join('; ')
  paper.figure(
    `${reportWords.delivered[language]} ${percentWords(report.total.rate)[language]}; ${said}`,
    26,
    (canvas, x, y) => stack(canvas, { x, y: y + 4, received }, [delivered, ...all.map(({ count }) => count)]),
  )
  const columns: Column[] = [
    { head: say('Nguyên nhân và việc cần làm', 'Cause, and what to do'), width: paperWidth - 170 },
    { head: say('Hồ sơ', 'Dossiers'), width: 60, number: true },
    { head: say('Tỷ trọng', 'Share'), width: 110, number: true },
  ]
  paper.table(
    columns,
    all.map(({ words, next, count }, place): TableCell[] => [
      {
        text: words,
        ...(next !== null && { more: `${say('Cần làm', 'Next step')}: ${next}` }),
        bold: true,
        mark: colourOf(place),
      },
      { text: countWords(count)[language] },
      { text: share(place), bar: { percent: (count * 100) / received, colour: colourOf(place) } },
    ]),
  )
}

/** Delivered and every cause, together as long as all that was received. */
function stack(
  { doc }: Canvas,
  { x, y, received }: { readonly x: number; readonly y: number; readonly received: number },
  counts: readonly number[],
): void {
  let left = x
  for (const [place, count] of counts.entries()) {
    const width = (count * paperWidth) / received
    const colour = place === 0 ? colours.good : colourOf(place - 1)
    doc.rect(left, y, width, 14).fill(colour)
    left += width
  }
}

interface Line extends Part {
  /** Of several parts, which are not named. */
  readonly isSum?: boolean
}

function together(parts: readonly Part[], name: string): Line {
  const sum = (of: (part: Part) => number) => parts.reduce((total, part) => total + of(part), 0)
  const [received, delivered] = [sum((part) => part.received), sum((part) => part.delivered)]
  const codes = new Set(parts.flatMap((part) => Object.keys(part.causes)))
  const causes = Object.fromEntries([...codes].map((code) => [code, sum((part) => part.causes[code] ?? 0)]))
  const atPortal = sum((part) => part.atPortal)
  return { key: '', name, received, delivered, atPortal, rate: rateOf(delivered, received), causes, isSum: true }
}

/** The largest gaps stand first in a report. */
function worst(parts: readonly Part[], say: Say): Line[] {
  const rest = parts.slice(shownAgencies)
  if (rest.length === 0) return [...parts]
  const name = say(
    `${countWords(rest.length).vi} cơ quan còn lại (đủ trong tệp Excel)`,
    `${countWords(rest.length).en} other agencies (all in the workbook)`,
  )
  return [...parts.slice(0, shownAgencies), together(rest, name)]
}

function newest(parts: readonly Part[], say: Say): Line[] {
  const before = parts.slice(0, -shownMonths)
  if (before.length === 0) return [...parts]
  const name = say(`${before.length} tháng trước đó`, `${before.length} months before`)
  return [together(before, name), ...parts.slice(-shownMonths)]
}

const firstColumn = {
  byLevel: { vi: 'Cấp', en: 'Level' },
  byAgency: { vi: 'Cơ quan', en: 'Agency' },
  byMonth: { vi: 'Tháng', en: 'Month' },
} as const

function breakdown(
  paper: Paper,
  name: Exclude<Breakdown, 'byProcedure'>,
  lines: readonly Line[],
  language: Language,
): void {
  paper.heading(2, reportWords[name][language], 110)
  const columns: Column[] = [
    { head: firstColumn[name][language], width: 168 },
    { head: reportWords.received[language], width: 60, number: true },
    { head: reportWords.delivered[language], width: 60, number: true },
    { head: reportWords.gap[language], width: 66, number: true },
    { head: reportWords.rate[language], width: 48, number: true },
    { head: reportWords.mainCause[language], width: paperWidth - 402 },
  ]
  paper.table(
    columns,
    lines.map((line) => cellsOf(name, line, language)),
  )
}

function cellsOf(name: Breakdown, line: Line, language: Language): TableCell[] {
  const { key, received, delivered } = line
  const isSum = line.isSum === true
  const words = isSum ? line.name : partWords(name, line)[language]
  const [main] = Object.entries(line.causes).sort((a, b) => b[1] - a[1])
  return [
    { text: words, ...(name === 'byAgency' && !isSum && line.name !== key && { more: key }) },
    { text: countWords(received)[language] },
    { text: countWords(delivered)[language] },
    { text: countWords(received - delivered)[language] },
    { text: percentWords(line.rate)[language], bar: { percent: line.rate, colour: colours.good } },
    { text: main === undefined ? '' : causeWords(main[0]).cause[language] },
  ]
}

function source(paper: Paper, report: SyncRateReport, language: Language): void {
  const say = sayIn(language)
  const style = { size: 8, colour: colours.soft }
  paper.heading(2, say('Nguồn và cách tính', 'Source, and how it is counted'), 70)
  paper.paragraph(
    say(
      `Sổ cái của dvcqg-adapter lúc ${momentWords(report.generatedAt)}, theo trả lời của Cổng DVCQG cho từng hồ sơ. Một hồ sơ là đã đồng bộ khi Cổng đã nhận thay đổi mới nhất và mọi bước xử lý của nó. Tỷ lệ được làm tròn xuống một chữ số thập phân.`,
      `The ledger of dvcqg-adapter at ${momentWords(report.generatedAt)}, by what the portal answered for each dossier. A dossier is in step when the portal took its newest change and all its steps. Rates are rounded down to one decimal.`,
    ),
    style,
  )
  if (report.total.received > 0) paper.paragraph(sumWords(report)[language], style)
}

import { InvalidArgumentError, Option, type Command } from 'commander'
import type { Language } from '../../console/words.ts'
import { monthReport, sendMonth, type MonthReport } from '../../counters/month.ts'
import { carryReports, decide, readReports } from '../../counters/reports.ts'
import { lastMonth, monthPattern } from '../../counters/selection.ts'
import { counterWords, obstacleWords, stateWords, unitWords } from '../../counters/words.ts'
import { counterCarrier, openCounters } from '../../main.ts'
import { UsageError } from '../exits.ts'
import { portalOf, withGround, withGroundUntilStopped } from '../ground.ts'
import { actor, languageOption, readWhole } from '../options.ts'
import { answer, columns, switchesOf } from '../output.ts'

interface Options {
  readonly month?: string
  readonly lang: Language
}

const monthOption = () =>
  new Option('--month <month>', 'as 2026-07 (default: the last one that is over)').argParser(readMonth)

function readMonth(text: string): string {
  if (!monthPattern.test(text)) throw new InvalidArgumentError('A month is written 2026-07.')
  return text
}

export function addCounters(program: Command): void {
  const group = program
    .command('counters')
    .description(
      'Monthly counters by unit: received, carried over, handled, pending, in time and late; sent to the portal.',
    )
  group
    .command('show')
    .description('The counters of a month, what was sent of them, and what stands in the way of sending.')
    .addOption(monthOption())
    .addOption(languageOption())
    .action(async ({ month = lastMonth(), lang }: Options, command: Command) => {
      const report = await withGround((ground) => monthReport(openCounters(ground), month))
      answer(switchesOf(command), shown(report), () => reportText(report, lang))
    })
  addSend(group)
  addDecide(group)
}

function addSend(group: Command): void {
  group
    .command('send')
    .description('Sends new and changed counters of a month, each unit once. Without --yes it only shows them.')
    .addOption(monthOption())
    .addOption(languageOption())
    .option('--yes', 'really send')
    .action(async ({ month = lastMonth(), lang, yes = false }: Options & { yes?: boolean }, command: Command) => {
      const done = await withGroundUntilStopped(async (ground, stop) => {
        const deps = openCounters(ground)
        const report = await monthReport(deps, month)
        if (!yes) return { report, asked: 0, left: 0 }
        // What stands in the way is said by the refusal.
        const asked = await sendMonth(deps, { month, by: actor(), expected: report.hash ?? '' })
        await carryReports(counterCarrier(ground, portalOf(ground)), { stop })
        const left = (await readReports(ground.sql, month)).filter(({ state }) => state === 'waiting').length
        return { report: await monthReport(deps, month), asked, left }
      })
      const { report, asked, left } = done
      answer(switchesOf(command), { ...shown(report), asked, left }, () =>
        yes
          ? `${reportText(report, lang)}\n\n${asked} units sent; ${left} wait for the portal, the service goes on.`
          : `${reportText(report, lang)}\n\nGive --yes to send.`,
      )
    })
}

function addDecide(group: Command): void {
  group
    .command('decide')
    .description('A word on a sending whose outcome is unknown, after a look at the portal.')
    .argument('<id>', 'number of the sending', readWhole(1))
    .addOption(
      new Option('--outcome <outcome>', 'what the portal has').choices(['taken', 'not-taken']).makeOptionMandatory(),
    )
    .option('--why <text>', 'kept with it (required)')
    .action(async (id: number, { outcome, why }: { outcome: string; why?: string }, command: Command) => {
      if (!why?.trim()) throw new UsageError(['--why is missing: the audit keeps the reason.'])
      await withGround(({ sql }) => decide(sql, { id, taken: outcome === 'taken', by: actor(), why: why.trim() }))
      answer(switchesOf(command), { id, outcome }, () => `Sending ${id}: ${outcome}.`)
    })
}

/** Without the cells, which only pages need. */
const shown = ({ lines, ...report }: MonthReport) => ({
  ...report,
  units: lines.map(({ unit: { cells: _cells, ...unit }, ...line }) => ({ ...unit, ...line })),
})

function reportText(report: MonthReport, language: Language): string {
  const say = (one: Readonly<Record<Language, string>>) => one[language]
  const head = [`${say(counterWords.title)} ${report.month}`, ...report.obstacles.map((one) => say(obstacleWords[one]))]
  if (report.untellable) return head.join('\n')
  const title = [
    '',
    ...(['received', 'carried', 'handled', 'late', 'pending', 'late', 'untold', 'state'] as const).map((one) =>
      say(counterWords[one]),
    ),
  ]
  const row = (name: string, { received, carried, handled, pending, unplaced }: MonthReport['total'], state = '') => [
    name,
    ...[received, carried, handled.total, handled.late, pending.total, pending.late].map(String),
    String(unplaced.total + handled.untold + pending.untold),
    state,
  ]
  const lines = report.lines.map((line) =>
    row(
      say(unitWords(line.unit)),
      line.unit,
      line.report === null ? '' : `${say(stateWords(line))} (${line.report.id})`,
    ),
  )
  return [head.join('\n'), columns([title, ...lines, row(say(counterWords.province), report.total)])].join('\n\n')
}

import type { Command } from 'commander'
import { failures } from '../../../config/failures.ts'
import type { Ground, PublicSource } from '../../main.ts'
import { countWords, percentWords, type Language } from '../../console/words.ts'
import { fetchPublicFigures, type FetchResult } from '../../scoring/public-fetch.ts'
import { publicFigures, type PublicFigures } from '../../scoring/public-store.ts'
import { periodWords, publicWords, subjectWords } from '../../scoring/public-words.ts'
import { percentSpan } from '../../scoring/words.ts'
import { CommandFailed, UsageError } from '../exits.ts'
import { withGround } from '../ground.ts'
import { actor, languageOption } from '../options.ts'
import { ageOf, answer, columns, plain, switchesOf } from '../output.ts'
import { startProgress } from '../progress.ts'

interface ShowOptions {
  readonly agency?: string
  readonly period?: string
  readonly lang: Language
}

export function addPublicFigures(program: Command): void {
  const group = program
    .command('public-figures')
    .description("The portal's public figures, fetched slowly once a day, and ours beside them.")
  group
    .command('fetch')
    .description('Asks for all reports now. What does not come whole never takes the place of what did.')
    .option('--accept-drop', 'figures that fell to 0, or units that are gone, are right: somebody looked')
    .action(async ({ acceptDrop = false }: { acceptDrop?: boolean }, command: Command) => {
      const progress = startProgress('Asking')
      const result = await withGround((ground) =>
        fetchPublicFigures(
          { sql: ground.sql, ...sourceOf(ground) },
          {
            by: actor(),
            acceptDrop,
            alive: (done, asked) => progress.show(done, asked, `${done} of ${asked} reports`),
          },
        ),
      ).finally(() => progress.end())
      if (result === null) throw new CommandFailed('Another fetch is under way.')
      answer(switchesOf(command), result, () => fetchText(result))
      if (result.failure) throw new CommandFailed(failures[result.failure.code].en.next)
    })
  group
    .command('show')
    .description('What the last complete fetch says, beside our own figures of the same moment.')
    .option('--agency <code>', 'a unit of the mapping (default: the province)')
    .option('--period <period>', '2026-11, 2026-Q4 or 2026 (default: the newest month)')
    .addOption(languageOption())
    .action(async ({ lang, ...question }: ShowOptions, command: Command) => {
      const figures = await withGround((ground) => publicFigures(ground.sql, sourceOf(ground).map, question))
      if (figures.unit === null)
        throw new UsageError(['--agency names a unit that has no id in the file of PUBLIC_REPORT_MAP.'])
      answer(switchesOf(command), figures, () => showText(figures, lang))
    })
}

function sourceOf({ publicReport }: Ground): PublicSource {
  if (!publicReport) throw new UsageError(['PUBLIC_REPORT_URL is not set. Set it and PUBLIC_REPORT_MAP.'])
  return publicReport
}

function fetchText({ day, asked, answered, failure }: FetchResult): string {
  const came = `${day}: ${answered} of ${asked} reports came whole.`
  return failure
    ? `${came}\n${failures[failure.code].en.cause} ${plain(failure.detail)}\nThe last complete figures stay.`
    : `${came} They are what is compared from now on.`
}

function showText(figures: PublicFigures, language: Language): string {
  const { complete, age, stale, later, unit, period, comparisons, reports } = figures
  const stand =
    complete === null || age === null
      ? 'They were never fetched whole.'
      : `As of ${complete.day}, fetched ${ageOf(age)} ago${stale ? ' (stale)' : ''}.`
  const failed = later?.failure ? `Since then: ${failures[later.failure].en.cause} ${plain(later.detail)}` : null
  const head = ['', publicWords.ours[language], '', publicWords.portal[language], '']
  const count = (value: number | null | undefined) =>
    value == null ? publicWords.unknown[language] : countWords(value)[language]
  const rows = comparisons.map(({ what, ours, portal }) => [
    subjectWords(what)[language],
    percentSpan(ours?.rate ?? null)[language],
    `${count(ours?.numerator)} / ${count(ours?.denominator)}`,
    percentWords(portal.rate)[language],
    `${count(portal.numerator)} / ${count(portal.denominator)}`,
  ])
  return [
    stand,
    ...(failed === null ? [] : [failed]),
    ...(period ? [`${unit?.code ?? publicWords.province[language]} · ${periodWords(period.key)[language]}`] : []),
    ...(rows.length > 0 ? [columns([head, ...rows])] : []),
    ...(complete && rows.length === 0 ? [`Nothing is mapped yet; reports at hand: ${reports.join(', ')}`] : []),
  ].join('\n\n')
}

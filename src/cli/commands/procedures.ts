import { readFile } from 'node:fs/promises'
import { Option, type Command } from 'commander'
import { writeCsv } from '../../platform/csv.ts'
import { readTable } from '../../platform/files.ts'
import { describeProblem, type TableShape } from '../../platform/table.ts'
import { evaluate, type Evaluation } from '../../procedures/evaluate.ts'
import { entriesOf, localFile, localOf, nationalFile, truthFile, type LocalRow } from '../../procedures/files.ts'
import { createMatcher, reasonsInWords, type Suggestion } from '../../procedures/suggest.ts'
import { startSuggesting } from '../../procedures/suggesting.ts'
import { UsageError } from '../exits.ts'
import { readWhole, languageOption } from '../options.ts'
import { answer, columns, plain, switchesOf } from '../output.ts'
import { startProgress } from '../progress.ts'

type Language = 'vi' | 'en'

export function addProcedures(program: Command): void {
  const group = program
    .command('procedures')
    .description('Find the national procedures of local ones. These commands work on files alone, without a database.')
  group
    .command('suggest')
    .description('Rank national candidates for each row of a local list, with reasons.')
    .requiredOption('--local <file>', 'CSV: local_code,local_name[,field,level,agency]')
    .requiredOption('--national <file>', 'CSV: code,name[,field,level,agency,online_level,as_of]; a row per name')
    .requiredOption('--out <file>', 'CSV to write')
    .option('--top <count>', 'candidates per row', readWhole(1), 5)
    .addOption(languageOption('the reasons'))
    .option('--excel', 'for a spreadsheet: a byte order mark, and no cell that starts a formula')
    .addHelpText(
      'after',
      '\nDecisions: accept (code and name agree, nothing speaks against it), review (a person decides), none.',
    )
    .action(suggest)
  group
    .command('evaluate')
    .description('Measure the suggestions on rows whose national code is known.')
    .requiredOption('--truth <file>', 'CSV: local_name,local_code,national_code')
    .requiredOption('--national <file>', 'as for suggest')
    .addOption(new Option('--evidence <kind>', 'name hides the local code').choices(['all', 'name']).default('all'))
    .action(measure)
}

interface SuggestOptions {
  readonly local: string
  readonly national: string
  readonly out: string
  readonly top: number
  readonly lang: Language
  readonly excel?: boolean
}

/** Rows asked together: few messages, and progress that moves. */
const atOnce = 100

const headers = ['local_code', 'local_name', 'rank', 'national_code', 'score', 'decision', 'reasons']

async function suggest(options: SuggestOptions, command: Command): Promise<void> {
  const locals = await rowsOf(options.local, localFile)
  const counts = { accept: 0, review: 0, none: 0 }
  const progress = startProgress('Comparing')
  const suggesting = startSuggesting()
  async function* rows() {
    for (let from = 0; from < locals.length; from += atOnce) {
      const some = locals.slice(from, from + atOnce)
      const asked = { top: options.top }
      const answers = await suggesting.suggest(some.map((row) => ({ local: localOf(row), asked })))
      for (const { decision } of answers) counts[decision] += 1
      yield answers.flatMap((suggestion, index) => linesOf(some[index]!, suggestion, options.lang))
      progress.show(from + some.length, locals.length, '')
    }
  }
  try {
    await suggesting.load(entriesOf(await rowsOf(options.national, nationalFile)))
    await writeCsv(options.out, headers, rows(), { excel: options.excel ?? false })
  } finally {
    progress.end()
    await suggesting.stop()
  }
  answer(switchesOf(command), { rows: locals.length, ...counts, out: options.out }, () =>
    [
      `${locals.length} local procedures: ${counts.accept} to accept, ${counts.review} to review, ${counts.none} without a candidate.`,
      `Written to ${plain(options.out)}.`,
    ].join('\n'),
  )
}

function linesOf(row: LocalRow, { candidates, decision, remarks }: Suggestion, language: Language) {
  const own = [row.local_code, row.local_name]
  if (candidates.length === 0) return [[...own, '', '', '', decision, reasonsInWords(remarks, language)]]
  return candidates.map((candidate, index) => [
    ...own,
    index + 1,
    candidate.code,
    candidate.score.toFixed(3),
    candidate.decision,
    reasonsInWords([...candidate.reasons, ...remarks], language),
  ])
}

interface EvaluateOptions {
  readonly truth: string
  readonly national: string
  readonly evidence: 'all' | 'name'
}

async function measure({ truth, national, evidence }: EvaluateOptions, command: Command): Promise<void> {
  const rows = await rowsOf(truth, truthFile)
  const entries = entriesOf(await rowsOf(national, nationalFile))
  const codes = new Set(entries.map(({ code }) => code))
  const evaluation = evaluate(createMatcher(entries), rows, (code) => codes.has(code), evidence)
  answer(switchesOf(command), evaluation, () => evaluationText(evaluation))
}

function evaluationText(evaluation: Evaluation): string {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`
  const figures = [
    ['distinct pairs of name and code', String(evaluation.rows)],
    ['code in the catalogue', String(evaluation.present)],
    ['  right code first', percent(evaluation.top1)],
    ['  right code among the first five', percent(evaluation.top5)],
    ['  accepted, and rightly', percent(evaluation.acceptCoverage)],
    ['code not in the catalogue', String(evaluation.absent)],
    ['  accepted all the same', percent(evaluation.falseAccepts)],
    ['acceptances that are right', percent(evaluation.acceptPrecision)],
  ]
  const confusions = evaluation.confusions.map((one) => [
    one.accepted ? 'ACCEPTED' : '',
    one.expected,
    one.place === null ? 'not found' : `place ${one.place}`,
    one.got ?? '',
    one.localName.slice(0, 60),
    (one.gotName ?? '').slice(0, 60),
  ])
  const table = [['', 'expected', '', 'first', 'local name', 'name of the first'], ...confusions]
  return [columns(figures), ...(confusions.length > 0 ? ['', columns(table)] : [])].join('\n')
}

/** Most problems shown of one file: who sees these, knows what to correct. */
const shown = 20

async function rowsOf<T>(file: string, shape: TableShape<T>): Promise<readonly T[]> {
  const read = readTable(await readFile(file), shape)
  if (read.ok) return read.rows
  const rest = read.problems.length - shown
  throw new UsageError([
    `${plain(file)} cannot be used:`,
    ...read.problems.slice(0, shown).map(describeProblem),
    ...(rest > 0 ? [`… and ${rest} more.`] : []),
  ])
}

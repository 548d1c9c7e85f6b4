import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { Option, type Command } from 'commander'
import { sweepBlocked } from '../../delivery/lanes.ts'
import { lookAtDossiers } from '../../main.ts'
import { readTable } from '../../platform/files.ts'
import { describeProblem, type TableProblem } from '../../platform/table.ts'
import { Refusal } from '../../platform/problems.ts'
import { nationalFile, proceduresOf, type NationalRow } from '../../procedures/files.ts'
import { applyProcedures } from '../../procedures/national.ts'
import { refusedRows } from '../../procedures/mapping-list.ts'
import { exits, Interrupted, UsageError } from '../exits.ts'
import { stoppable, withGround } from '../ground.ts'
import { actor, readDay } from '../options.ts'
import { answer, plain, remark, say, switchesOf, type Switches } from '../output.ts'
import { startProgress } from '../progress.ts'
import { streamDossiers, type LineAnswer } from '../stream.ts'
import {
  agencies,
  communes,
  mappings,
  procedures,
  statusWords,
  successions,
  type ImportOptions,
  type TableImport,
} from '../tables.ts'

export function addImport(program: Command): void {
  const group = program.command('import').description('Bring tables (CSV, XLSX) or dossiers (NDJSON) in.')
  addTable(group, 'agencies', 'The units that handle dossiers', agencies).option(
    '--corrections',
    'names that changed were mistakes: units were always called as they are now',
  )
  addTable(group, 'successions', 'Which unit follows which, from which day', successions)
  addTable(group, 'communes', 'What became of the communes on a day', communes).option(
    '--day <day>',
    'first day of the new communes, 2025-07-01',
    readDay,
  )
  addTable(group, 'procedures', "The province's own procedure codes and names", procedures)
    .option('--whole', 'the list is all that its systems have: what it lacks is marked as missing')
    .option('--shrunk', 'a whole list became much shorter, and that is right')
  addTable(group, 'mappings', 'Which national procedure a local code means', mappings)
  addNational(group)
  addTable(group, 'statuses', "What a one-stop system's own status words mean", statusWords)
  addDossiers(group)
}

const sheetOption = () =>
  new Option('--sheet <name>', 'the sheet of a workbook; without it, the first that has the columns')
const kindsOfFiles =
  '\nAn Excel workbook, or CSV separated by comma, semicolon or tab. If one row is wrong, nothing is imported.'

function addTable<T>(group: Command, what: string, about: string, table: TableImport<T>): Command {
  return group
    .command(`${what} <file>`)
    .description(`${about}. Columns: ${table.shape.headers.join(', ')}.`)
    .addOption(sheetOption())
    .addHelpText('after', kindsOfFiles)
    .action(async (file: string, { sheet, ...options }: ImportOptions & { sheet?: string }, command: Command) => {
      const switches = switchesOf(command)
      const read = readTable(await readFile(file), table.shape, sheet === undefined ? {} : { sheet })
      if (!read.ok) return refuse(what, read.problems, switches)
      try {
        await importRows({ what, table, rows: read.rows, options }, switches)
      } catch (error) {
        if (!(error instanceof Refusal) || error.findings.length === 0) throw error
        // What was undecided never came before the ledger.
        const numbers = read.numbers.filter((_, place) => !table.undecided?.(read.rows[place]!))
        refuse(what, refusedRows(error, numbers), switches)
      }
    })
}

interface NationalOptions {
  readonly partial?: boolean
  readonly sheet?: string
}

function addNational(group: Command): void {
  group
    .command('national <file>')
    .description(
      `The national catalogue, or what one ministry published of it. Columns: ${[...nationalFile.headers, ...nationalFile.optional!].join(', ')}.`,
    )
    .option('--partial', 'it covers a part of the catalogue: nothing is missing in it, and it is never held')
    .addOption(sheetOption())
    .addHelpText(
      'after',
      `${kindsOfFiles}
Of several names of a code that with the newest as_of is the present one; other columns are ignored. ends_on is the first day on which
a procedure no longer holds, "-" that there is none; a blank cell says nothing.`,
    )
    .action(async (file: string, { partial = false, sheet }: NationalOptions, command: Command) => {
      const switches = switchesOf(command)
      const read = readTable(await readFile(file), nationalFile, sheet === undefined ? {} : { sheet })
      if (!read.ok) return refuse('national', read.problems, switches)
      await importNational(basename(file), read.rows, partial, switches)
    })
}

/** Applied or held by the rules of a list that was pulled. */
async function importNational(
  file: string,
  rows: readonly NationalRow[],
  partial: boolean,
  switches: Switches,
): Promise<void> {
  const list = proceduresOf(rows)
  const origin = { origin: 'file', partial, by: actor(), why: file } as const
  const done = await withGround(async ({ sql, catalogue }) => {
    const applied = await applyProcedures(sql, list, origin)
    const released = applied.applied ? await sweepBlocked(sql, await catalogue.fresh()) : 0
    return { ...applied, released }
  })
  const { applied, pull, changed, released, note } = done
  const counts = { rows: rows.length, procedures: list.length, changed, released }
  answer(switches, { what: 'national', imported: applied, pull, note, ...counts }, () =>
    applied
      ? [
          `${rows.length} rows read: ${list.length} procedures, ${changed} of them new or changed.`,
          `${released} blocked dossiers were released. What changed: dvcqg catalogue changes ${pull}`,
        ].join('\n')
      : [
          `Not applied: ${note}. A part of the catalogue is imported with --partial.`,
          `If it is whole all the same: dvcqg catalogue apply ${pull} --why "…"`,
        ].join('\n'),
  )
  if (!applied) process.exitCode = exits.failed
}

function refuse(what: string, problems: readonly TableProblem[], switches: Switches): void {
  answer(switches, { what, imported: false, problems }, () =>
    [...problems.map(describeProblem), '', 'Nothing was imported. Correct the file and import it again.'].join('\n'),
  )
  process.exitCode = exits.failed
}

interface ImportWish<T> {
  readonly what: string
  readonly table: TableImport<T>
  readonly rows: readonly T[]
  readonly options: ImportOptions
}

async function importRows<T>({ what, table, rows, options }: ImportWish<T>, switches: Switches): Promise<void> {
  const done = await withGround(async ({ sql, catalogue }) => {
    const look = lookAtDossiers({ catalogue })
    const changed = await table.store(sql, rows, { ...options, by: actor(), look })
    const released = table.releases ? await sweepBlocked(sql, await catalogue.fresh()) : 0
    return { changed, released }
  })
  const undecided = table.undecided ? rows.filter(table.undecided).length : 0
  answer(switches, { what, imported: true, rows: rows.length, undecided, ...done }, () =>
    [
      `${rows.length} rows read, ${done.changed} of them new or changed.`,
      ...(undecided > 0 ? [`${undecided} rows without a code were left as they are: nobody decided them.`] : []),
      ...(table.releases ? [`${done.released} blocked dossiers were released.`] : []),
    ].join('\n'),
  )
}

interface DossierOptions {
  readonly url: string
  readonly keyFile?: string
}

function addDossiers(group: Command): void {
  group
    .command('dossiers <file>')
    .description('Push dossiers to a running service, one JSON object a line. Refused lines are listed.')
    .option('--url <address>', 'where the service answers', 'http://127.0.0.1:8080')
    .option('--key-file <file>', 'file with the API key; without it the variable DVCQG_KEY is read')
    .addHelpText('after', '\nWith --json each refused line is one JSON object, and the last line holds the counts.')
    .action(async (file: string, { url, keyFile }: DossierOptions, command: Command) => {
      const key = await keyOf(url, keyFile)
      await push({ file, url, key }, switchesOf(command))
    })
}

/** A key on the command line would be readable by everybody on the machine. */
async function keyOf(url: string, file: string | undefined): Promise<string> {
  const key = file === undefined ? process.env['DVCQG_KEY'] : await readFile(file, 'utf8')
  const problems = [
    ...(URL.canParse(url) && /^https?:/.test(url)
      ? []
      : ['--url must be an address starting with http:// or https://.']),
    ...(key?.trim() ? [] : ['There is no API key: give --key-file or set DVCQG_KEY. "dvcqg keys create" makes one.']),
  ]
  if (problems.length > 0) throw new UsageError(problems)
  return key!.trim()
}

async function push(wish: { file: string; url: string; key: string }, { json }: Switches): Promise<void> {
  const { size } = await stat(wish.file)
  const counts = { stored: 0, unchanged: 0, superseded: 0, refused: 0 }
  const progress = startProgress('Sending')
  let sent = 0
  const stopped = await stoppable(async (stop) => {
    try {
      for await (const line of streamDossiers({ ...wish, stop, onBytes: (bytes) => (sent = bytes) })) {
        if (isCounted(line.result)) counts[line.result] += 1
        if (line.result === 'refused') tellRefusal(line, json)
        progress.show(sent, size, `${total(counts)} answered, ${counts.refused} refused`)
      }
      return null
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    } finally {
      progress.end()
    }
  })
  if (json) say(JSON.stringify({ counts, complete: stopped === null }))
  else
    say(
      `${total(counts)} lines: ${Object.entries(counts)
        .map(([result, count]) => `${count} ${result}`)
        .join(', ')}.`,
    )
  if (stopped instanceof Interrupted) remark('Stopped before the end. Send the file again to go on.')
  if (stopped !== null) throw stopped
  process.exitCode = counts.refused > 0 ? exits.failed : exits.done
}

type Counts = Record<'stored' | 'unchanged' | 'superseded' | 'refused', number>
const isCounted = (result: string): result is keyof Counts =>
  ['stored', 'unchanged', 'superseded', 'refused'].includes(result)
const total = (counts: Counts) => Object.values(counts).reduce((sum, count) => sum + count, 0)

function tellRefusal({ line, code, findings = [] }: LineAnswer, json: boolean): void {
  if (json) return say(JSON.stringify({ line, code, findings }))
  for (const finding of findings)
    say(plain(`line ${line}  ${code ?? '–'}  ${finding.code}  ${finding.field ?? '–'}  ${finding.detail}`))
}

import { createReadStream } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { expectedAtPortal } from '../../delivery/expected.ts'
import type { Ground } from '../../main.ts'
import { describeProblem } from '../../platform/table.ts'
import { createListFiles } from '../../procedures/list-files.ts'
import { continueRun, startRegisterRun, startRun } from '../../reconciliation/reconcile.ts'
import {
  hashed,
  kindOfRegister,
  RegisterFaults,
  rowsOfCsv,
  rowsOfFile,
  rowsOfLines,
} from '../../reconciliation/register-reading.ts'
import { leaveToService } from '../../reconciliation/served.ts'
import {
  listFindings,
  readRun,
  type FindingRow,
  type RegisterCount,
  type Run,
  type RunScope,
} from '../../reconciliation/runs.ts'
import { given } from '../../platform/given.ts'
import { CommandFailed, exits, UsageError } from '../exits.ts'
import { portalOf, withGroundUntilStopped } from '../ground.ts'
import { actor, readDay, readMoment, readShare, readWhole } from '../options.ts'
import { answer, columns, plain, switchesOf } from '../output.ts'
import { startProgress } from '../progress.ts'

interface Options {
  readonly sample?: number
  readonly from?: string
  readonly to?: string
  readonly agency?: string
  readonly codes?: string
  readonly register?: string
  readonly asOf?: string
  readonly source?: string
  readonly complete?: boolean
  readonly resume?: number
  readonly here: boolean
}

const shownFindings = 20

export function addReconcile(program: Command): void {
  program
    .command('reconcile')
    .description('Look dossiers up at the portal and compare them with the ledger. Exits with 3 when they differ.')
    .option('--sample <share>', 'a random share of the dossiers, for example 0.05 (default: all)', readShare)
    .option('--from <day>', 'received from this day on', readDay)
    .option('--to <day>', 'received before this day', readDay)
    .option('--agency <code>', 'only dossiers of this agency')
    .option('--codes <file>', "the province's own register, one dossier code a line: finds what the ledger lacks")
    .option(
      '--register <file>',
      "the province's own register (NDJSON, CSV or XLSX: code, agency, procedure, status, received_at, steps), compared field by field",
    )
    .option(
      '--as-of <moment>',
      'the moment the register speaks of, for example "2026-03-31 17:00" (default: now)',
      readMoment,
    )
    .option('--source <system>', 'the one-stop system whose words the register uses and whose dossiers alone it has')
    .option('--complete', 'the register has every dossier of the scope: say also what it lacks')
    .option('--resume <run>', 'go on with a run that was stopped', readWhole(1))
    .option('--here', 'carry the run out in this process', true)
    .option('--no-here', 'leave the run to the worker of the running service, and do not wait')
    .action(async (options: Options, command: Command) => {
      const wanted = await scopeOf(options)
      const { run, findings } = await withGroundUntilStopped(async (ground, stop) => {
        const id = await chosenRun(ground, options, wanted)
        const ended = options.here ? await carryOut(ground, id, stop) : await handOver(ground, id)
        return { run: ended, findings: (await listFindings(ground.sql, { runId: id, limit: shownFindings })).findings }
      })
      answer(switchesOf(command), { run, findings }, () => describe(run, findings))
      conclude(run, options.here)
    })
}

async function scopeOf(options: Options): Promise<RunScope> {
  const { sample, from, to, agency, codes, resume, register, asOf, source, complete } = options
  const narrowed = [sample, from, to, agency, codes, register].some((value) => value !== undefined)
  const problems = [
    ...(codes !== undefined && register !== undefined ? ['--codes and --register are two registers: give one.'] : []),
    ...(register === undefined && [asOf, source, complete].some((value) => value !== undefined)
      ? ['--as-of, --source and --complete say something of a register: give it with --register.']
      : []),
    ...(resume !== undefined && narrowed ? ['--resume keeps the scope of the run: give no other filter with it.'] : []),
    ...(from !== undefined && to !== undefined && from >= to
      ? ['--from must lie before --to, which is exclusive.']
      : []),
  ]
  if (problems.length > 0) throw new UsageError(problems)
  return given({ sample, from, to, agency, codes: codes === undefined ? undefined : await readCodes(codes) })
}

/** One code a line; with a byte order mark, quotes or blank lines as spreadsheets leave them. */
async function readCodes(file: string): Promise<string[]> {
  const text = new TextDecoder('utf-8').decode(await readFile(file))
  const codes = text.split(/\r?\n/).flatMap((line) => line.trim().replace(/^"(.*)"$/, '$1') || [])
  if (codes.length === 0) throw new UsageError([`${file} holds no dossier codes. Write one code a line.`])
  return codes
}

async function chosenRun(ground: Ground, options: Options, scope: RunScope): Promise<number> {
  const { resume, here, register } = options
  portalOf(ground)
  const wish = { askedBy: actor(), scope, served: !here }
  if (register !== undefined) return startWithRegister(ground, { ...options, register }, wish)
  if (resume === undefined) return startRun(ground.sql, wish)
  const run = await readRun(ground.sql, resume)
  if (run === null) throw new UsageError([`There is no reconciliation run ${resume}.`])
  return resume
}

type Wish = Parameters<typeof startRun>[1]

/** However long the file is, no more than a part of it is held; workbooks alone are read as a whole. */
async function startWithRegister(
  { sql }: Ground,
  { register, asOf, source, complete = false }: Options & { readonly register: string },
  wish: Wish,
): Promise<number> {
  const said = { name: basename(register), asOf, source, complete }
  try {
    return await startRegisterRun(sql, { ...wish, given: said, ...(await rowsIn(register)) })
  } catch (error) {
    if (error instanceof RegisterFaults)
      throw new UsageError(error.problems.map((one) => `${register}: ${describeProblem(one)}`))
    throw error
  }
}

async function rowsIn(file: string) {
  const handle = await open(file)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1024), 0, 1024, 0)
  await handle.close()
  const kind = kindOfRegister(buffer.subarray(0, bytesRead))
  if (kind === 'workbook') {
    const lists = createListFiles()
    return rowsOfFile(await readFile(file), (bytes, columns) => lists.readColumns(bytes, columns))
  }
  const { bytes, hash } = hashed(createReadStream(file))
  return { rows: kind === 'lines' ? rowsOfLines(bytes) : rowsOfCsv(bytes), hash }
}

async function carryOut(ground: Ground, id: number, signal: AbortSignal): Promise<Run> {
  const { sql, vault, catalogue } = ground
  const progress = startProgress('Comparing')
  const expected = async (ids: number[]) => expectedAtPortal(sql, vault, await catalogue.current(), ids)
  try {
    return await continueRun({ sql, vault, portal: portalOf(ground), expected }, id, {
      concurrency: 4,
      signal,
      onProgress: (run) => progress.show(doneOf(run), run.total, `${doneOf(run)} of ${run.total}`),
    })
  } finally {
    progress.end()
  }
}

async function handOver({ sql }: Ground, id: number): Promise<Run> {
  await leaveToService(sql, id)
  return (await readRun(sql, id))!
}

function registerTable({ total, counts, unregistered, given }: RegisterCount): string {
  return columns([
    ['rows', String(given!.rows)],
    ['dossiers', String(total)],
    ['equal', String(counts!.equal)],
    ['different', String(counts!.different)],
    ['not in the ledger', String(counts!['not-in-ledger'])],
    ['unknown', String(counts!.unknown)],
    ['not in the register', unregistered === null ? 'not concluded (--complete)' : String(unregistered)],
  ])
}

const doneOf = ({ counts }: Run) => Object.values(counts).reduce((sum, count) => sum + count, 0)

function conclude(run: Run, here: boolean): void {
  if (run.state === 'failed') throw new CommandFailed(`The run failed. ${run.note}.`)
  if (run.state === 'running' && here)
    throw new CommandFailed(
      `${run.note || 'The run was stopped before its end'}. Go on with "dvcqg reconcile --resume ${run.id}".`,
    )
  const { counts } = run
  const ofRegister = run.register?.counts
  const inRegister = ofRegister ? ofRegister.different + ofRegister['not-in-ledger'] + ofRegister['not-in-register'] : 0
  const differences = counts.different + counts['missing-there'] + counts['missing-here'] + inRegister
  process.exitCode = differences > 0 ? exits.unhealthy : exits.done
}

function describe(run: Run, findings: readonly FindingRow[]): string {
  const { counts, agreement } = run
  const table = columns([
    ['equal', String(counts.equal)],
    ['different', String(counts.different)],
    ['missing at the portal', String(counts['missing-there'])],
    ['missing in the ledger', String(counts['missing-here'])],
    ['unknown', String(counts.unknown)],
  ])
  const interval = agreement.interval
    ? ` (with 95 % confidence between ${agreement.interval.low} % and ${agreement.interval.high} % of all in scope)`
    : ''
  const rate = agreement.rate === null ? 'nothing was answered' : `${agreement.rate} %${interval}`
  const list = findings.map(
    ({ code, kind, fields }) =>
      `  ${plain(code)}  ${kind}  ${fields.map(({ field, here, there }) => plain(`${field}: ${here || '–'} here, ${there || '–'} there`)).join('; ')}`,
  )
  return [
    `Run ${run.id}, ${run.state}: ${doneOf(run)} of ${run.total} dossiers looked at`,
    '',
    table,
    '',
    `Agreement: ${rate}`,
    ...(run.register?.counts ? ['', 'The register against the ledger:', registerTable(run.register)] : []),
    ...(list.length > 0 ? ['', `Findings (the first ${list.length}):`, ...list] : []),
  ].join('\n')
}

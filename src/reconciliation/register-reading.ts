import { createHash } from 'node:crypto'
import { csvRows, CsvFault } from '../platform/csv.ts'
import { decodeUtf8, parseJson } from '../platform/http.ts'
import { linesOf, type Line } from '../platform/lines.ts'
import { Refusal } from '../platform/problems.ts'
import { problem, type Cells, type TableProblem, type TableResult } from '../platform/table.ts'
import {
  readRow,
  registerColumnsIn,
  registerTable,
  type IncomingRow,
  type RegisterColumn,
  type RegisterRow,
} from './register-row.ts'

/** Registers as they reach us, some rows at a time: a province's whole register has a million, and no more than a part of it is ever held. */

export type RegisterRows = AsyncIterable<readonly RegisterRow[]>

/** What is wrong with a register, the first of it. */
export class RegisterFaults extends Error {
  readonly problems: readonly TableProblem[]
  constructor(problems: readonly TableProblem[]) {
    super('The register has faults')
    this.problems = problems
  }
}

/** A file with a fault in every row is told by the first ones. */
const mostFaults = 100
const rowsAtOnce = 5_000

type Incoming = AsyncIterable<readonly IncomingRow[]>

/** Reads on to the end for all faults, but hands out no row after the first of them. Throws `RegisterFaults`. */
async function* judged(incoming: Incoming): AsyncGenerator<readonly RegisterRow[]> {
  const faults: TableProblem[] = []
  let count = 0
  try {
    for await (const some of incoming) {
      const rows: RegisterRow[] = []
      for (const one of some) {
        const row = readRow(one)
        if ('code' in row) rows.push(row)
        else faults.push(...row)
      }
      count += some.length
      if (faults.length >= mostFaults) break
      if (faults.length === 0 && rows.length > 0) yield rows
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    faults.push(error.problem)
  }
  if (faults.length > 0) throw new RegisterFaults(faults.slice(0, mostFaults))
  if (count === 0) throw new RegisterFaults([problem(1, null, 'The file has a header and no rows')])
}

class Unreadable extends Error {
  readonly problem: TableProblem
  constructor(problem: TableProblem) {
    super(problem.detail)
    this.problem = problem
  }
}

/** A register row has some hundred signs; a longer line holds what nobody asked for. */
const longestLine = 256 * 1024
/** Long lines are judged earlier than short ones: what is in them would fill the memory. */
const bytesAtOnce = 4 * 1024 * 1024

/** One JSON object a line. */
export const rowsOfLines = (source: AsyncIterable<Uint8Array>): RegisterRows => judged(jsonLines(source))

async function* jsonLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<IncomingRow[]> {
  const read = createObjectReader()
  let rows: IncomingRow[] = []
  let size = 0
  for await (const lines of linesOf(source, longestLine)) {
    for (const line of lines) {
      rows.push(read(line.number, valueOf(line)))
      size += 'bytes' in line ? line.bytes.length : 0
    }
    if (rows.length < rowsAtOnce && size < bytesAtOnce) continue
    yield rows
    rows = []
    size = 0
  }
  if (rows.length > 0) yield rows
}

function valueOf(line: Line): unknown {
  const refused = (detail: string) => new Unreadable(problem(line.number, null, detail))
  if ('tooLong' in line) throw refused(`The line is longer than ${longestLine} bytes`)
  try {
    const bytes = line.number === 1 ? withoutMark(line.bytes) : line.bytes
    return parseJson(decodeUtf8(bytes))
  } catch (error) {
    if (error instanceof Refusal) throw refused(error.message)
    throw error
  }
}

const withoutMark = (bytes: Uint8Array) =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes

/** Rows that came as JSON as a whole. */
export async function* rowsOfObjects(values: readonly unknown[]): AsyncGenerator<readonly RegisterRow[]> {
  const read = createObjectReader()
  const incoming = async function* () {
    for (let start = 0; start < values.length; start += rowsAtOnce)
      yield values.slice(start, start + rowsAtOnce).map((value, place) => read(start + place + 1, value))
  }
  yield* judged(incoming())
}

/** Dossier codes alone, which say nothing else. */
export async function* rowsOfCodes(codes: readonly string[]): AsyncGenerator<readonly RegisterRow[]> {
  yield* rowsOfObjects(codes.map((code) => ({ code })))
}

/** Objects of one register mostly have the same keys: what they mean is found out once. */
function createObjectReader(): (number: number, value: unknown) => IncomingRow {
  let known: { readonly keys: readonly string[]; readonly columns: readonly (RegisterColumn | null)[] } | undefined
  return (number, value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Unreadable(problem(number, null, 'A row must be a JSON object'))
    const entries = Object.entries(value)
    if (known?.keys.length !== entries.length || entries.some(([key], place) => key !== known!.keys[place])) {
      const keys = entries.map(([key]) => key)
      known = { keys, columns: registerColumnsIn(keys) }
    }
    return { number, values: valuesIn(known.columns, (place) => entries[place]![1]) }
  }
}

function valuesIn(columns: readonly (RegisterColumn | null)[], at: (place: number) => unknown) {
  const values: Partial<Record<RegisterColumn, unknown>> = {}
  for (const [place, column] of columns.entries()) if (column !== null) values[column] = at(place)
  return values
}

/** CSV with a header; columns may stand in any order, and those that are not ours are not read. */
export const rowsOfCsv = (source: AsyncIterable<Uint8Array>): RegisterRows => judged(rowsInCsv(source))

async function* rowsInCsv(source: AsyncIterable<Uint8Array>): AsyncGenerator<IncomingRow[]> {
  let columns: readonly (RegisterColumn | null)[] | undefined
  try {
    for await (const rows of csvRows(source)) {
      const body = columns === undefined ? rows.slice(1) : rows
      columns ??= columnsOf(rows[0]!)
      const known = columns
      yield body.map((row) => {
        if (row.cells.length !== known.length)
          throw new Unreadable(
            problem(row.row, null, `The row has ${row.cells.length} cells, the header has ${known.length}`),
          )
        return { number: row.row, values: valuesIn(known, (place) => row.cells[place]) }
      })
    }
  } catch (error) {
    throw error instanceof CsvFault ? new Unreadable(error.problem) : error
  }
}

function columnsOf(header: Cells): (RegisterColumn | null)[] {
  const columns = registerColumnsIn(header.cells)
  if (!columns.includes('code')) throw new Unreadable(problem(header.row, null, 'The column code is missing'))
  const twice = columns.findIndex((column, place) => column !== null && columns.indexOf(column) !== place)
  if (twice !== -1)
    throw new Unreadable(problem(header.row, { index: twice, name: columns[twice]! }, 'This column appears twice'))
  return columns
}

/** Reads the wanted columns of a table, a workbook among others, in a thread of its own. */
export type ReadColumns = (
  bytes: Uint8Array,
  columns: typeof registerTable,
) => Promise<TableResult<Readonly<Partial<Record<string, string>>>>>

/** A file that somebody hands in as a whole. */
export async function* rowsOfTable(bytes: Uint8Array, read: ReadColumns): AsyncGenerator<readonly RegisterRow[]> {
  const table = await read(bytes, registerTable)
  if (!table.ok) throw new RegisterFaults(table.problems.slice(0, mostFaults).map(withHint))
  const incoming = async function* () {
    for (let start = 0; start < table.rows.length; start += rowsAtOnce)
      yield table.rows
        .slice(start, start + rowsAtOnce)
        .map((values, place) => ({ number: table.numbers[start + place]!, values }))
  }
  yield* judged(incoming())
}

/** A workbook has a limit, and other files have none. */
const withHint = (one: TableProblem): TableProblem =>
  /too large|more than \d+ rows/.test(one.detail)
    ? {
        ...one,
        detail: `${one.detail}; hand a longer register in as CSV or NDJSON, from the command line or over the API`,
      }
    : one

/** A source, and the SHA-256 of what has come of it. */
export function hashed(source: AsyncIterable<Uint8Array>): {
  readonly bytes: AsyncIterable<Uint8Array>
  readonly hash: () => string
} {
  const sum = createHash('sha256')
  const bytes = async function* () {
    for await (const part of source) {
      sum.update(part)
      yield part
    }
  }
  return { bytes: bytes(), hash: () => sum.copy().digest('hex') }
}

/** A file in memory, whatever it is. */
export function rowsOfFile(
  file: Uint8Array,
  read: ReadColumns,
): { readonly rows: RegisterRows; readonly hash: () => string } {
  const hash = () => createHash('sha256').update(file).digest('hex')
  if (kindOfRegister(file) !== 'lines') return { rows: rowsOfTable(file, read), hash }
  const whole = async function* () {
    yield file
  }
  return { rows: rowsOfLines(whole()), hash }
}

/** What a file is, by how it begins. */
export function kindOfRegister(start: Uint8Array): 'workbook' | 'lines' | 'csv' {
  const [first, second] = withoutMark(start)
  if ((first === 0x50 && second === 0x4b) || (first === 0xd0 && second === 0xcf)) return 'workbook'
  const text = Buffer.from(withoutMark(start)).toString('latin1').trimStart()
  return text.startsWith('{') ? 'lines' : 'csv'
}

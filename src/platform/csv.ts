import { rename, rm, writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import { CsvError as StreamError, parse as parseStream } from 'csv-parse'
import { CsvError, parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'
import {
  failed,
  judgeTable,
  problem,
  type Cells,
  type TableProblem,
  type TableResult,
  type TableShape,
} from './table.ts'

/**
 * Reads a whole CSV file, separated by comma, semicolon or tab: UTF-8 or UTF-16 with a byte order mark, UTF-8 without, or Windows-1258, in
 * which older spreadsheets save Vietnamese. Either every row is right, or the problems of all of them come back and no row does.
 */
export function readCsv<T>(bytes: Uint8Array, shape: TableShape<T>): TableResult<T> {
  const text = decode(bytes)
  if (typeof text !== 'string') return failed([text])
  const table = tableOf(text)
  return Array.isArray(table) ? judgeTable(table, shape) : failed([table])
}

function decode(bytes: Uint8Array): string | TableProblem {
  const wide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
  if (wide) return new TextDecoder(bytes[0] === 0xff ? 'utf-16le' : 'utf-16be').decode(bytes)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    return decoder.decode(bytes)
  } catch {
    return (
      fromWindows(bytes) ??
      problem(damagedRow(bytes), null, 'This is not UTF-8. Save the file as "CSV UTF-8" and try again')
    )
  }
}

/** Letters of Vietnamese, and the signs that lists hold beside ASCII. */
const vietnamese = /^[\t\n\r -~\u00a0àáâãèéêìíòóôõùúýăđĩũơưạ-ỹ€‚„…‘’“”•–—™§«»°±²³·×÷₫´`]*$/iu

/**
 * Windows-1258 writes most tones as signs of their own. Null when the text would not be Vietnamese, which is some other encoding, or where
 * most letters are UTF-8, which is a file that was damaged.
 */
function fromWindows(bytes: Uint8Array): string | null {
  const lenient = new TextDecoder('utf-8').decode(bytes)
  const broken = lenient.split('\uFFFD').length - 1
  const sound = lenient.match(/[\u0080-\uFFFC]/g)?.length ?? 0
  if (sound > broken) return null
  const text = new TextDecoder('windows-1258').decode(bytes).normalize('NFC')
  return vietnamese.test(text) ? text : null
}

/** The first line that is not UTF-8: a line feed is never part of another character. */
function damagedRow(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  for (let row = 1, start = 0; ; row += 1) {
    const end = bytes.indexOf(0x0a, start)
    try {
      decoder.decode(bytes.subarray(start, end === -1 ? bytes.length : end))
    } catch {
      return row
    }
    if (end === -1) return row
    start = end + 1
  }
}

/** The separator that cuts the first line into the most cells. */
function separatorOf(text: string): string {
  const first = /^[^\r\n]*/.exec(text.trimStart())![0].replace(/"[^"]*"/g, '')
  const counted = [',', ';', '\t'].map((separator) => ({ separator, count: first.split(separator).length }))
  return counted.sort((a, b) => b.count - a.count)[0]!.separator
}

/** The apostrophe that keeps a spreadsheet from taking a cell for a formula, as it is written here, is not part of what the cell says. */
const contentOf = (cell: string) => cell.trim().replace(/^'(?=[=+\-@＝＋－＠])/, '')

/** Every row with its number; blank rows are counted and left out, as a spreadsheet shows them. */
function tableOf(text: string): Cells[] | TableProblem {
  try {
    const records = parse(text, { delimiter: separatorOf(text), relaxColumnCount: true })
    return records
      .map((record, index) => ({ row: index + 1, cells: record.map(contentOf) }))
      .filter(({ cells }) => cells.some((cell) => cell !== ''))
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    return damaged(error)
  }
}

/** What keeps a long file from being read on. */
export class CsvFault extends Error {
  readonly problem: TableProblem
  constructor(problem: TableProblem) {
    super(problem.detail)
    this.problem = problem
  }
}

/** Bytes of one row: more is a file with a quotation mark that is never closed. */
const longestRow = 1024 * 1024
const rowsAtOnce = 1_000

/**
 * The rows of a file of any length, some at a time, UTF-8 or UTF-16 with a byte order mark; the header is the first one. Throws a `CsvFault` where
 * it can be read no further.
 */
export async function* csvRows(source: AsyncIterable<Uint8Array>): AsyncGenerator<Cells[]> {
  const texts = textsOf(source)
  let start = ''
  for (let next = await texts.next(); !next.done; next = await texts.next()) {
    start += next.value
    if (start.length > longestRow || /[\r\n]/.test(start.trimStart())) break
  }
  const whole = async function* () {
    yield start
    yield* texts
  }
  const options = { delimiter: separatorOf(start), relaxColumnCount: true, bom: true, maxRecordSize: longestRow }
  const parser = parseStream(options)
  // What ends it early ends the parser with the same error.
  const fed = pipeline(Readable.from(whole()), parser).catch(() => undefined)
  try {
    let rows: Cells[] = []
    let row = 0
    for await (const record of parser as AsyncIterable<string[]>) {
      row += 1
      const cells = record.map(contentOf)
      if (cells.some((cell) => cell !== '')) rows.push({ row, cells })
      if (rows.length < rowsAtOnce) continue
      yield rows
      rows = []
    }
    if (rows.length > 0) yield rows
  } catch (error) {
    throw error instanceof StreamError ? new CsvFault(damaged(error)) : error
  } finally {
    parser.destroy()
    await fed
  }
}

async function* textsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let decoder: InstanceType<typeof TextDecoder> | undefined
  const decoded = (bytes?: Uint8Array): string => {
    try {
      return bytes ? decoder!.decode(bytes, { stream: true }) : (decoder?.decode() ?? '')
    } catch {
      throw new CsvFault(problem(1, null, 'This is not UTF-8. Save the file as "CSV UTF-8" and try again'))
    }
  }
  for await (const bytes of source) {
    decoder ??= new TextDecoder(encodingOf(bytes), { fatal: true })
    yield decoded(bytes)
  }
  yield decoded()
}

function encodingOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le'
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8'
}

function damaged(error: Pick<CsvError, 'code'> & { readonly [key: string]: unknown }): TableProblem {
  const row = Number(error['records']) + 1
  const index = Number(error['column'])
  const place = Number.isInteger(index) ? { index, name: null } : null
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') return problem(row, place, 'A quotation mark is opened and never closed')
  if (error.code === 'CSV_MAX_RECORD_SIZE') return problem(row, place, 'A quotation mark is opened and never closed')
  return problem(row, place, 'A quotation mark stands in the wrong place; inside a quoted cell it is written twice')
}

type CsvRow = readonly (string | number)[]

/**
 * Writes a CSV file as its rows come; the old file stays until the new one is whole. `excel`: with a byte order mark, so that a
 * spreadsheet reads Vietnamese right, and an apostrophe before each cell that it would take for a formula. Without it: the
 * plain values, for programs.
 */
export async function writeCsv(
  file: string,
  headers: readonly string[],
  rows: Iterable<readonly CsvRow[]> | AsyncIterable<readonly CsvRow[]>,
  { excel }: { excel: boolean },
): Promise<void> {
  const part = `${file}.part`
  try {
    await writeFile(part, linesOf(headers, rows, excel))
    await rename(part, file)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

/** What `writeCsv` writes for a spreadsheet. Whoever else is served meanwhile does not wait for the last row. */
export async function csvBytes(headers: readonly string[], rows: readonly CsvRow[]): Promise<Buffer> {
  const parts: string[] = []
  for await (const part of linesOf(headers, inParts(rows), true)) parts.push(part)
  return Buffer.from(parts.join(''))
}

async function* inParts(rows: readonly CsvRow[]): AsyncGenerator<readonly CsvRow[]> {
  for (let start = 0; start < rows.length; start += rowsAtOnce) {
    yield rows.slice(start, start + rowsAtOnce)
    await setImmediate()
  }
}

/** The same as its rows come, for whoever sends it on at once. */
export const csvLines = (
  headers: readonly string[],
  rows: Iterable<readonly CsvRow[]> | AsyncIterable<readonly CsvRow[]>,
): AsyncGenerator<string> => linesOf(headers, rows, true)

async function* linesOf(
  headers: readonly string[],
  rows: Iterable<readonly CsvRow[]> | AsyncIterable<readonly CsvRow[]>,
  excel: boolean,
): AsyncGenerator<string> {
  yield stringify([headers], { bom: excel })
  for await (const some of rows) yield stringify([...some], { escape_formulas: excel })
}

import { rename, rm, writeFile } from 'node:fs/promises'
import { CsvError, parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'
import type { z } from 'zod'

/** What is wrong in a file, by the file's own row (the header is row 1) and the header of the column. */
export interface CsvProblem {
  readonly row: number
  /** The letter a spreadsheet shows for the column; null when the whole row is at fault. */
  readonly column: string | null
  readonly name: string | null
  readonly detail: string
}

export type CsvResult<T> =
  /** `numbers`: the file's own row of each. */
  | { readonly ok: true; readonly rows: readonly T[]; readonly numbers: readonly number[] }
  | { readonly ok: false; readonly problems: readonly CsvProblem[] }

export interface CsvShape<T> {
  /** Every one must be in the header, in any order. */
  readonly headers: readonly string[]
  /** May be in the header too. */
  readonly optional?: readonly string[]
  /** Other columns are refused, because they may be misspelt; a list that others made for another purpose may have them. */
  readonly ignoresOthers?: boolean
  /** Judges a row: an object of trimmed texts by header. */
  readonly row: z.ZodType<T>
  /** Two rows with the same key contradict or repeat each other. Without it rows may repeat. */
  readonly key?: (row: T) => string
}

interface Cells {
  readonly row: number
  readonly cells: readonly string[]
}

/**
 * Reads a whole CSV file: UTF-8 with or without a byte order mark, separated by comma, semicolon or tab. Either every row
 * is right, or the problems of all of them come back and no row does.
 */
export function readCsv<T>(bytes: Uint8Array, shape: CsvShape<T>): CsvResult<T> {
  const text = decode(bytes)
  if (typeof text !== 'string') return failed([text])
  const table = tableOf(text)
  if (!Array.isArray(table)) return failed([table])
  const header = table[0]
  if (!header) return failed([problem(1, null, `The file is empty; its first row must be ${shape.headers.join(',')}`)])
  const names = header.cells.map((cell) => cell.toLowerCase())
  const wrong = headerProblems(header.row, names, shape)
  if (wrong.length > 0) return failed(wrong)
  return judge(table.slice(1), names, shape)
}

const failed = <T>(problems: readonly CsvProblem[]): CsvResult<T> => ({ ok: false, problems })

function problem(row: number, place: { index: number; name: string | null } | null, detail: string): CsvProblem {
  return { row, column: place ? letterOf(place.index) : null, name: place?.name ?? null, detail }
}

/** A, B … Z, AA, AB … */
function letterOf(index: number): string {
  const last = String.fromCodePoint(65 + (index % 26))
  return index < 26 ? last : letterOf(Math.floor(index / 26) - 1) + last
}

function decode(bytes: Uint8Array): string | CsvProblem {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    return decoder.decode(bytes)
  } catch {
    return problem(damagedRow(bytes), null, 'This is not UTF-8. Save the file as "CSV UTF-8" and try again')
  }
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

/** Every row with its number; blank rows are counted and left out, as a spreadsheet shows them. */
function tableOf(text: string): Cells[] | CsvProblem {
  try {
    const records = parse(text, { delimiter: separatorOf(text), relaxColumnCount: true })
    return records
      .map((record, index) => ({ row: index + 1, cells: record.map((cell) => cell.trim()) }))
      .filter(({ cells }) => cells.some((cell) => cell !== ''))
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    return damaged(error)
  }
}

function damaged(error: CsvError): CsvProblem {
  const row = Number(error['records']) + 1
  const index = Number(error['column'])
  const place = Number.isInteger(index) ? { index, name: null } : null
  if (error.code === 'CSV_QUOTE_NOT_CLOSED') return problem(row, place, 'A quotation mark is opened and never closed')
  return problem(row, place, 'A quotation mark stands in the wrong place; inside a quoted cell it is written twice')
}

type Headers = Pick<CsvShape<unknown>, 'headers' | 'optional' | 'ignoresOthers'>

function headerProblems(row: number, names: readonly string[], shape: Headers): CsvProblem[] {
  const known = [...shape.headers, ...(shape.optional ?? [])]
  const missing = shape.headers.filter((name) => !names.includes(name))
  return [
    ...missing.map((name) => problem(row, null, `The column ${name} is missing`)),
    ...names.flatMap((name, index) => {
      if (!known.includes(name))
        return shape.ignoresOthers
          ? []
          : [problem(row, { index, name }, `This column is not known; known are ${known.join(', ')}`)]
      return names.indexOf(name) === index ? [] : [problem(row, { index, name }, 'This column appears twice')]
    }),
  ]
}

function judge<T>(table: readonly Cells[], names: readonly string[], shape: CsvShape<T>): CsvResult<T> {
  const rows: T[] = []
  const numbers: number[] = []
  const problems: CsvProblem[] = []
  const seen = new Map<string, number>()
  for (const { row, cells } of table) {
    const judged = judgeRow(row, cells, names, shape)
    if ('problems' in judged) {
      problems.push(...judged.problems)
      continue
    }
    rows.push(judged.value)
    numbers.push(row)
    if (!shape.key) continue
    const key = shape.key(judged.value)
    const earlier = seen.get(key)
    if (earlier !== undefined) problems.push(problem(row, null, `This row says the same thing again as row ${earlier}`))
    seen.set(key, earlier ?? row)
  }
  if (table.length === 0) problems.push(problem(2, null, 'The file has a header and no rows'))
  return problems.length > 0 ? failed(problems) : { ok: true, rows, numbers }
}

function judgeRow<T>(
  row: number,
  cells: readonly string[],
  names: readonly string[],
  shape: CsvShape<T>,
): { value: T } | { problems: CsvProblem[] } {
  if (cells.length !== names.length)
    return { problems: [problem(row, null, `The row has ${cells.length} cells, the header has ${names.length}`)] }
  const parsed = shape.row.safeParse(Object.fromEntries(names.map((name, index) => [name, cells[index]])))
  if (parsed.success) return { value: parsed.data }
  return {
    problems: parsed.error.issues.map((issue) => {
      const name = String(issue.path[0] ?? '')
      const index = names.indexOf(name)
      return problem(row, index === -1 ? null : { index, name }, issue.message)
    }),
  }
}

export function describeProblem({ row, column, name, detail }: CsvProblem): string {
  const place = column === null ? `Row ${row}` : `Row ${row}, column ${column}${name === null ? '' : ` (${name})`}`
  return `${place}: ${detail}.`
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

async function* linesOf(
  headers: readonly string[],
  rows: Iterable<readonly CsvRow[]> | AsyncIterable<readonly CsvRow[]>,
  excel: boolean,
): AsyncGenerator<string> {
  yield stringify([headers], { bom: excel })
  for await (const some of rows) yield stringify([...some], { escape_formulas: excel })
}

import type { z } from 'zod'

/** Lists of rows as offices make them, whatever the kind of file: the columns that are wanted, and a judgement of every row. */

/** What is wrong in a file, by the file's own row (the header is row 1) and the header of the column. */
export interface TableProblem {
  readonly row: number
  /** The letter a spreadsheet shows for the column; null when the whole row is at fault. */
  readonly column: string | null
  readonly name: string | null
  readonly detail: string
}

export type TableResult<T> =
  /** `numbers`: the file's own row of each. */
  | { readonly ok: true; readonly rows: readonly T[]; readonly numbers: readonly number[] }
  | { readonly ok: false; readonly problems: readonly TableProblem[] }

export interface TableShape<T> {
  /** Every one must be in the header, in any order. */
  readonly headers: readonly string[]
  /** May be in the header too. */
  readonly optional?: readonly string[]
  /** Other columns are refused, because they may be misspelt; a list that others made for another purpose may have them. */
  readonly ignoresOthers?: boolean
  /** What a column may be called otherwise, as `plainHeader` has it; of two for the same column the first one here is read. */
  readonly aliases?: Readonly<Record<string, string>>
  /** Judges a row: an object of trimmed texts by header. */
  readonly row: z.ZodType<T>
  /** Two rows with the same key contradict or repeat each other. Without it rows may repeat. */
  readonly key?: (row: T) => string
}

/** A list to be written. */
export interface Table {
  readonly headers: readonly string[]
  readonly rows: readonly (readonly (string | number)[])[]
}

/** A row as it stands in the file. */
export interface Cells {
  readonly row: number
  readonly cells: readonly string[]
  /** What is wrong with single cells before anybody judges what they say, by their place in the row. */
  readonly faults?: ReadonlyMap<number, string>
}

export const failed = <T>(problems: readonly TableProblem[]): TableResult<T> => ({ ok: false, problems })

export function problem(
  row: number,
  place: { index: number; name: string | null } | null,
  detail: string,
): TableProblem {
  return { row, column: place ? lettersOf(place.index) : null, name: place?.name ?? null, detail }
}

/** A, B … Z, AA, AB …, as a spreadsheet shows a column. */
export function lettersOf(index: number): string {
  const last = String.fromCodePoint(65 + (index % 26))
  return index < 26 ? last : lettersOf(Math.floor(index / 26) - 1) + last
}

/** The first row is the header. Either every row is right, or the problems of all of them come back and no row does. */
export function judgeTable<T>(table: readonly Cells[], shape: TableShape<T>): TableResult<T> {
  const header = table[0]
  if (!header) return failed([problem(1, null, `The file is empty; its first row must be ${shape.headers.join(',')}`)])
  const names = namesIn(header, shape.aliases)
  const wrong = headerProblems(header.row, names, shape)
  if (wrong.length > 0) return failed(wrong)
  return judge(table.slice(1), names, shape)
}

/** The columns that a header names. */
export function namesIn({ cells }: Pick<Cells, 'cells'>, aliases: TableShape<unknown>['aliases'] = {}): string[] {
  const ranks = Object.keys(aliases)
  const meant = cells.map((cell) => {
    const plain = plainHeader(cell)
    return {
      own: cell.toLowerCase(),
      name: Object.hasOwn(aliases, plain) ? aliases[plain]! : null,
      rank: ranks.indexOf(plain),
    }
  })
  const first = new Map<string, number>()
  for (const { name, rank } of meant) if (name !== null) first.set(name, Math.min(rank, first.get(name) ?? rank))
  return meant.map(({ own, name, rank }) => (name === null || first.get(name)! < rank ? own : name))
}

/** A header without tones, case and doubled spaces. */
const plainHeader = (header: string): string =>
  header
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll('đ', 'd')
    .replace(/[\s_]+/g, ' ')
    .trim()

type Headers = Pick<TableShape<unknown>, 'headers' | 'optional' | 'ignoresOthers'>

function headerProblems(row: number, names: readonly string[], shape: Headers): TableProblem[] {
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

function judge<T>(table: readonly Cells[], names: readonly string[], shape: TableShape<T>): TableResult<T> {
  const rows: T[] = []
  const numbers: number[] = []
  const problems: TableProblem[] = []
  const seen = new Map<string, number>()
  for (const one of table) {
    const { row } = one
    const judged = judgeRow(one, names, shape)
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
  { row, cells, faults }: Cells,
  names: readonly string[],
  shape: TableShape<T>,
): { value: T } | { problems: TableProblem[] } {
  if (cells.length !== names.length)
    return { problems: [problem(row, null, `The row has ${cells.length} cells, the header has ${names.length}`)] }
  const faulty = [...(faults ?? [])].flatMap(([index, detail]) => {
    const name = names[index] ?? null
    return isWanted(name, shape) ? [problem(row, { index, name }, detail)] : []
  })
  if (faulty.length > 0) return { problems: faulty }
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

const isWanted = (name: string | null, { headers, optional = [] }: Headers) =>
  name !== null && (headers.includes(name) || optional.includes(name))

export function describeProblem({ row, column, name, detail }: TableProblem): string {
  const named = column === null ? (name ?? '') : `column ${column}${name === null ? '' : ` (${name})`}`
  const place = named === '' ? `Row ${row}` : `Row ${row}, ${named}`
  return `${place}: ${detail}.`
}

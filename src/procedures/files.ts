import { z } from 'zod'
import { type TableShape } from '../platform/table.ts'
import type { Level } from '../organisations/model.ts'
import { dayOf } from '../platform/day.ts'
import { NationalCode, tidyText } from './codes.ts'
import type { FormerName, PulledProcedure } from './national.ts'
import type { LocalEntry, NationalEntry } from './suggest.ts'
import { readLevels } from './traits.ts'

/** Lists of procedures as files: what offices and ministries publish, with the columns that matter here. */

const sound = z.string().refine((text) => !text.includes('\u0000'), { message: 'A NUL character cannot be stored' })
const cell = sound.default('')
const needed = sound.min(1, { message: 'It must not be blank' })
/** What says that a procedure ends on no day, where one was said before; a blank cell says nothing. */
const noEnd = '-'

const dayCell = (words: readonly string[], message: string) =>
  cell.transform((text, context) => {
    const found = text === '' || words.includes(text) ? text : dayOf(text)
    if (found !== null) return found
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })

export interface NationalRow {
  readonly code: string
  readonly name: string
  readonly field: string
  readonly level: string
  readonly agency: string
  readonly online_level: string
  /** `yyyy`, `yyyy-MM` or a day: when the list was published; blank when nobody said. */
  readonly as_of: string
  /** The day on which the procedure was published; blank when nobody said. */
  readonly published_on: string
  /** The first day on which it no longer holds, or `-` for none; blank when nobody said. */
  readonly ends_on: string
}

/** One row per name: a code that was renamed has several. */
export const nationalFile: TableShape<NationalRow> = {
  headers: ['code', 'name'],
  optional: ['field', 'level', 'agency', 'online_level', 'as_of', 'published_on', 'ends_on'],
  ignoresOthers: true,
  row: z.object({
    code: NationalCode,
    name: needed,
    field: cell,
    level: cell,
    agency: cell,
    online_level: cell,
    as_of: cell.refine((text) => text === '' || lastDayOf(text) !== null, {
      message: 'A date is written 2026, 2026-07 or 2026-07-31',
    }),
    published_on: dayCell([], 'A day is written 2026-03-31 or 31/03/2026'),
    ends_on: dayCell([noEnd], 'A day is written 2026-03-31 or 31/03/2026; - stands for none'),
  }),
}

/** A list with a year alone may be as young as its December; null when there is no such date. */
function lastDayOf(text: string): string | null {
  const [, year, month, day] = /^((?:19|20)\d{2})(?:-(\d{2})(?:-(\d{2}))?)?$/.exec(text) ?? []
  if (year === undefined) return null
  const last = new Date(Date.UTC(Number(year), Number(month ?? 12), 0)).getUTCDate()
  return dayOf(`${year}-${month ?? '12'}-${day ?? String(last)}`)
}

export interface LocalRow {
  readonly local_code: string
  readonly local_name: string
  readonly field: string
  readonly level: string
  readonly agency: string
}

export const localFile: TableShape<LocalRow> = {
  headers: ['local_code', 'local_name'],
  optional: ['field', 'level', 'agency'],
  ignoresOthers: true,
  row: z.object({ local_code: cell, local_name: cell, field: cell, level: cell, agency: cell }),
}

export interface TruthRow {
  readonly local_code: string
  readonly local_name: string
  readonly national_code: string
}

export const truthFile: TableShape<TruthRow> = {
  headers: ['local_name', 'local_code', 'national_code'],
  ignoresOthers: true,
  row: z.object({ local_code: cell, local_name: needed, national_code: needed }),
}

export const localOf = (row: LocalRow): LocalEntry => ({
  code: row.local_code,
  name: row.local_name,
  field: row.field,
  agency: row.agency,
  levels: readLevels(row.level),
})

/** Most codes that one name can belong to (a procedure at each level); a name of more is a slip in the list, and names none. */
const mostBearers = 4
/** Months within which a list counts as today's: ministries republish theirs about once a year. */
const stale = 12

/** A row of a code's history. */
interface Dated extends NationalRow {
  readonly day: string
  /** Its name is borne by so many codes that it names none. */
  readonly isSlip: boolean
}

/** The rows of each code, that with its present name first. */
function histories(rows: readonly NationalRow[]): Map<string, [Dated, ...Dated[]]> {
  const bearers = new Map<string, Set<string>>()
  for (const { name, code } of rows) bearers.set(name, (bearers.get(name) ?? new Set()).add(code))
  const dated = rows.map((row) => ({
    ...row,
    day: lastDayOf(row.as_of) ?? '',
    isSlip: bearers.get(row.name)!.size > mostBearers,
  }))
  const presentFirst = (a: Dated, b: Dated) =>
    Number(a.isSlip) - Number(b.isSlip) || (a.day === b.day ? 0 : a.day < b.day ? 1 : -1)
  const byCode = Map.groupBy(dated, ({ code }) => code)
  return new Map([...byCode].map(([code, own]) => [code, own.toSorted(presentFirst) as [Dated, ...Dated[]]]))
}

type Said = 'field' | 'agency' | 'level' | 'published_on' | 'ends_on'
const newestOf = (own: readonly NationalRow[], key: Said): string => own.find((row) => row[key] !== '')?.[key] ?? ''

/** The catalogue that the rows make: a code has its names, the newest first, and the newest value of everything else. */
export function entriesOf(rows: readonly NationalRow[]): NationalEntry[] {
  const newest = rows.reduce((latest, row) => Math.max(latest, monthOf(row)), 0)
  return [...histories(rows)].map(([code, own]) => ({
    code,
    names: [...new Set(own.map(({ name }) => name))] as [string, ...string[]],
    field: newestOf(own, 'field'),
    agency: newestOf(own, 'agency'),
    levels: new Set<Level>(own.flatMap(({ level }) => [...readLevels(level)])),
    open: true,
    current: isCurrent(Math.max(...own.map(monthOf)), newest),
  }))
}

/** The rows as a list for the ledger: the newest value of everything that is said, and the names that a code had before. */
export const proceduresOf = (rows: readonly NationalRow[]): PulledProcedure[] =>
  [...histories(rows.map((row) => ({ ...row, name: tidyText(row.name), field: tidyText(row.field) })))].map(
    ([code, own]) => {
      const [{ name }] = own
      const [published, ends] = [newestOf(own, 'published_on'), newestOf(own, 'ends_on')]
      return {
        code,
        name,
        fieldName: newestOf(own, 'field'),
        levels: [...readLevels(newestOf(own, 'level'))],
        former: formerNames(own),
        ...(published === '' ? {} : { publishedOn: published }),
        ...(ends === '' ? {} : { endsOn: ends === noEnd ? null : ends }),
      }
    },
  )

const formerNames = (own: readonly [Dated, ...Dated[]]): FormerName[] => {
  const others = own.filter(({ name, isSlip }) => name !== own[0].name && !isSlip)
  const last = new Map(others.toReversed().map(({ name, day }) => [name, day]))
  return [...last].map(([name, day]) => ({ name, seenOn: day === '' ? null : day }))
}

const isCurrent = (month: number, newest: number) => month === 0 || newest - month <= stale

/** Months since year 0; a list with a year alone may be as young as its December. */
function monthOf({ as_of: asOf }: NationalRow): number {
  const [year, month] = asOf.split('-')
  return Number(year || 0) * 12 + (year ? Number(month ?? 12) : 0)
}

import { z } from 'zod'
import { type TableShape } from '../platform/table.ts'
import type { Level } from '../organisations/model.ts'
import { NationalCode } from './codes.ts'
import type { LocalEntry, NationalEntry } from './suggest.ts'
import { readLevels } from './traits.ts'

/** Lists of procedures as files: what offices and ministries publish, with the columns that matter here. */

const cell = z.string().default('')
const needed = z.string().min(1, { message: 'It must not be blank' })

export interface NationalRow {
  readonly code: string
  readonly name: string
  readonly field: string
  readonly level: string
  readonly agency: string
  readonly online_level: string
  /** `yyyy` or `yyyy-MM`: when the list was published; blank when nobody said. */
  readonly as_of: string
}

/** One row per name: a code that was renamed has several. */
export const nationalFile: TableShape<NationalRow> = {
  headers: ['code', 'name'],
  optional: ['field', 'level', 'agency', 'online_level', 'as_of'],
  ignoresOthers: true,
  row: z.object({
    code: NationalCode,
    name: needed,
    field: cell,
    level: cell,
    agency: cell,
    online_level: cell,
    as_of: cell.refine((text) => text === '' || /^\d{4}(-\d{2}){0,2}$/.test(text), {
      message: 'A date is written 2026, 2026-07 or 2026-07-31',
    }),
  }),
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

/** The catalogue that the rows make: a code has its names, the newest first, and the newest value of everything else. */
export function entriesOf(rows: readonly NationalRow[]): NationalEntry[] {
  const bearers = new Map<string, Set<string>>()
  for (const { name, code } of rows) bearers.set(name, (bearers.get(name) ?? new Set()).add(code))
  const saysNothing = (name: string) => bearers.get(name)!.size > mostBearers
  const newest = rows.reduce((latest, row) => Math.max(latest, monthOf(row)), 0)
  return [...Map.groupBy(rows, ({ code }) => code)].map(([code, own]) => {
    const sorted = own.toSorted(
      (a, b) => Number(saysNothing(a.name)) - Number(saysNothing(b.name)) || monthOf(b) - monthOf(a),
    )
    const names = [...new Set(sorted.map(({ name }) => name))]
    const latest = (key: 'field' | 'agency') => sorted.find((row) => row[key] !== '')?.[key] ?? ''
    return {
      code,
      names: names as [string, ...string[]],
      field: latest('field'),
      agency: latest('agency'),
      levels: new Set<Level>(own.flatMap(({ level }) => [...readLevels(level)])),
      open: true,
      current: isCurrent(Math.max(...own.map(monthOf)), newest),
    }
  })
}

const isCurrent = (month: number, newest: number) => month === 0 || newest - month <= stale

/** Months since year 0; a list with a year alone may be as young as its December. */
function monthOf({ as_of: asOf }: NationalRow): number {
  const [year, month] = asOf.split('-')
  return Number(year || 0) * 12 + (year ? Number(month ?? 12) : 0)
}

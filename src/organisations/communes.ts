import { transaction, type Sql } from '../platform/database.ts'
import type { transfers } from './model.ts'

/** What became of the country's communes: a code of the statistics office means nothing without its date. */

export interface CommuneRow {
  /** Blank: a district without communes, named in `oldDistrict`. */
  readonly oldCode: string
  readonly oldName: string
  readonly oldDistrict: string
  readonly oldProvince: string
  readonly newCode: string
  readonly newName: string
  readonly newProvince: string
  readonly transfer: (typeof transfers)[number]
}

/** Keeps what happened on a day, in place of what was said about that day before. */
export const importCommunes = (sql: Sql, day: string, rows: readonly CommuneRow[]): Promise<number> =>
  transaction(sql, async (tx) => {
    await tx`delete from commune_successions where day = ${day}`
    const kept = await tx`
      insert into commune_successions (day, old_code, old_name, old_district, old_province, new_code, new_name, new_province, transfer)
      select ${day}, * from unnest(
        ${rows.map((row) => row.oldCode)}::text[], ${rows.map((row) => row.oldName || row.oldDistrict)}::text[],
        ${rows.map((row) => row.oldDistrict)}::text[], ${rows.map((row) => row.oldProvince)}::text[],
        ${rows.map((row) => row.newCode)}::text[], ${rows.map((row) => row.newName)}::text[],
        ${rows.map((row) => row.newProvince)}::text[], ${rows.map((row) => row.transfer)}::text[]
      ) as r`
    return kept.count
  })

interface Place {
  readonly code: string
  readonly name: string
  /** Null for communes of today: districts ended. */
  readonly district: string | null
  readonly province: string
}

/** One commune that a code meant, from one day to another (exclusive); null where it began before all lists, or still is. */
export interface CommuneLife extends Place {
  readonly from: string | null
  readonly until: string | null
  readonly cameFrom: readonly (Place & { readonly transfer: string })[]
  readonly becameThis: readonly (Place & { readonly transfer: string })[]
}

interface Row extends CommuneRow {
  readonly day: string
}

/** What a code meant, one life after another; with a day, the life of that day alone. More than one: the code says too little without its date. */
export async function communeLives(sql: Sql, code: string, on?: string): Promise<CommuneLife[]> {
  const rows = await sql<Row[]>`
    select to_char(day, 'YYYY-MM-DD') as day, old_code as "oldCode", old_name as "oldName", old_district as "oldDistrict",
      old_province as "oldProvince", new_code as "newCode", new_name as "newName", new_province as "newProvince", transfer
    from commune_successions where old_code = ${code} or new_code = ${code} order by day, old_code, new_code`
  const lives = livesOf(code, rows)
  if (on === undefined) return lives
  return lives.filter(({ from, until }) => (from === null || from <= on) && (until === null || on < until))
}

function livesOf(code: string, rows: readonly Row[]): CommuneLife[] {
  const days = [...new Set(rows.map(({ day }) => day))].toSorted()
  return [null, ...days].flatMap((from, place) => {
    const until = days[place] ?? null
    const before = rows.filter(({ newCode, day }) => newCode === code && day === from)
    const after = rows.filter(({ oldCode, day }) => oldCode === code && day === until)
    const [old] = after
    const [now] = before
    if (!old && !now) return []
    const place_ = now
      ? { code, name: now.newName, district: null, province: now.newProvince }
      : { code, name: old!.oldName, district: old!.oldDistrict, province: old!.oldProvince }
    return [{ ...place_, from, until, cameFrom: before.map(oldPlace), becameThis: after.map(newPlace) }]
  })
}

const oldPlace = ({ oldCode, oldName, oldDistrict, oldProvince, transfer }: Row) => ({
  code: oldCode,
  name: oldName,
  district: oldDistrict,
  province: oldProvince,
  transfer,
})

const newPlace = ({ newCode, newName, newProvince, transfer }: Row) => ({
  code: newCode,
  name: newName,
  district: null,
  province: newProvince,
  transfer,
})

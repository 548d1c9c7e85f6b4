import type { Level } from '../organisations/model.ts'
import { vietnamToday } from '../dossiers/model.ts'
import type { Sql } from '../platform/database.ts'
import { portalForm } from './codes.ts'
import type { Settlement } from './decisions.ts'
import { isOpenOn, type Catalogue } from './model.ts'
import type { CatalogueSource } from './store.ts'

/** Local codes, and what stands between their dossiers and the portal. */

export const standings = ['unmapped', 'settled', 'mapped', 'inside'] as const
/**
 * `mapped`: a mapping holds today; `inside`: the code is a national one, with or without an organisation behind it; `settled`:
 * somebody said what becomes of it; `unmapped`: it waits for somebody.
 */
export type Standing = (typeof standings)[number]

export interface LocalCode {
  readonly code: string
  /** Null when only dossiers know the code: their names are personal data of a kind, and are not read. */
  readonly name: string | null
  readonly standing: Standing
  readonly settled: Settlement | null
  /** The national codes it means today, the rejected ones not among them. */
  readonly national: readonly string[]
  /** Dossiers that are blocked for want of a code, and at how many agencies. */
  readonly waiting: number
  readonly agencies: number
}

/** Whether somebody has to look at it: it is not mapped, or dossiers wait although it is (its mapping does not hold for all of them). */
export const waitsForSomebody = ({ standing, waiting }: LocalCode) =>
  standing === 'unmapped' || (standing !== 'settled' && waiting > 0)

/** Dossiers that wait under a code, by agency: a code may mean different things to them. */
export interface WaitingAt {
  readonly agencyCode: string
  readonly agencyName: string | null
  readonly level: Level | null
  readonly waiting: number
}

export const waitingUnder = (sql: Sql, code: string): Promise<WaitingAt[]> => sql<WaitingAt[]>`
  select d.agency_code as "agencyCode", a.name as "agencyName", a.level, count(*)::int as waiting
  from deliveries l join dossiers d on d.id = l.dossier_id left join agencies a on a.code = d.agency_code
  where d.procedure_code = ${code} and l.state = 'blocked' and l.reason = any(${causes}::text[])
  group by 1, 2, 3 order by waiting desc, 1`

/** What local codes are called, as far as lists say it. */
export async function namesOfLocal(sql: Sql, codes: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await sql<{ code: string; name: string }[]>`
    select code, name from local_names where code = any(${[...codes]}::text[])`
  return new Map(rows.map(({ code, name }) => [code, name]))
}

/** All dossiers under the codes of a decision: how far they are. */
export interface Progress {
  readonly total: number
  readonly delivered: number
  /** Waiting to be sent, or being sent. */
  readonly moving: number
}

export async function progressUnder(sql: Sql, decision: number): Promise<Progress> {
  const [row] = await sql<Progress[]>`
    select count(*)::int as total, count(*) filter (where l.state = 'delivered')::int as delivered,
      count(*) filter (where l.state in ('waiting', 'sending', 'unknown'))::int as moving
    from deliveries l join dossiers d on d.id = l.dossier_id where d.procedure_code in (select local_code from mapping_decision_rows where decision_id = ${decision})`
  return row!
}

/** Why a dossier waits for somebody who knows codes. */
const causes = ['no-national-code', 'ambiguous-national-code', 'procedure-closed']

interface Row {
  readonly code: string
  readonly name: string | null
  readonly settled: Settlement | null
  readonly waiting: number
  readonly agencies: number
}

/** All local codes: unmapped ones first, the ones for which most dossiers wait before the others. */
export async function localCodes(sql: Sql, catalogue: Catalogue): Promise<LocalCode[]> {
  const today = vietnamToday()
  const rows = await sql<Row[]>`
    with waiting as (
      select d.procedure_code as code, count(*)::int as waiting, count(distinct d.agency_code)::int as agencies
      from deliveries l join dossiers d on d.id = l.dossier_id
      where l.state = 'blocked' and l.reason = any(${causes}::text[]) group by 1
    )
    select code, p.name, v.verdict as settled, coalesce(w.waiting, 0) as waiting, coalesce(w.agencies, 0) as agencies
    from local_names p full join waiting w using (code)
    left join mapping_verdicts v on v.local_code = code and v.agency_code is null and v.national_code is null
    -- A code that left its list is of no interest any more, unless dossiers wait under it.
    where p.missing_since is null or w.code is not null`
  return rows
    .map((row) => ({ ...row, ...standingOf(catalogue, row, today) }))
    .toSorted(
      (a, b) =>
        standings.indexOf(a.standing) - standings.indexOf(b.standing) ||
        b.waiting - a.waiting ||
        (a.code < b.code ? -1 : 1),
    )
}

function standingOf(
  catalogue: Catalogue,
  { code, settled }: Row,
  today: string,
): Pick<LocalCode, 'standing' | 'national'> {
  // A mapping to a procedure that was withdrawn, or has ended, sends nothing new.
  const isOpen = (one: string) => {
    const procedure = catalogue.national.get(one)
    return procedure !== undefined && isOpenOn(procedure, today)
  }
  const national = (catalogue.mappings.get(code) ?? [])
    .filter(({ validFrom, validTo }) => (validFrom ?? today) <= today && (validTo === null || today < validTo))
    .map(({ nationalCode }) => nationalCode)
    .filter(isOpen)
  if (national.length > 0) return { standing: 'mapped', national: [...new Set(national)] }
  const inside = portalForm(code)?.national
  if (inside !== undefined && isOpen(inside) && !catalogue.rejected.has(`${code}|${inside}`))
    return { standing: 'inside', national: [inside] }
  return { standing: settled === null ? 'unmapped' : 'settled', national: [] }
}

/** Milliseconds for which counts of waiting dossiers are good enough for somebody who looks through codes. */
const freshFor = 3_000

/**
 * The local codes for pages, which ask for them at every step: counted anew after a decision, and every few seconds. With a million blocked
 * dossiers a count takes a second.
 */
export function createLocalCodes(sql: Sql, catalogue: CatalogueSource): () => Promise<LocalCode[]> {
  let held: { version: number; at: number; codes: Promise<LocalCode[]> } | undefined
  return async () => {
    const known = await catalogue.fresh()
    if (held?.version === known.version && performance.now() - held.at < freshFor) return held.codes
    const codes = localCodes(sql, known)
    held = { version: known.version, at: performance.now(), codes }
    codes.catch(() => (held = undefined))
    return codes
  }
}

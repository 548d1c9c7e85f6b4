import type { Level } from '../organisations/model.ts'
import { transaction, type Sql, type Tx } from '../platform/database.ts'
import { Refusal } from '../platform/problems.ts'
import type { OnlineLevel } from './model.ts'

/** The province's own lists of procedures, one for each one-stop system: the same code may be another procedure elsewhere. */

export interface LocalProcedure {
  readonly code: string
  readonly name: string
  readonly level: Level | null
  /** Null: of all agencies that use the system. */
  readonly agencyCode: string | null
  /** The system whose code it is; null or left out: of the province as a whole. */
  readonly source?: string | null | undefined
  /** Left out: what is known stays. */
  readonly field?: string | undefined
  readonly onlineLevel?: OnlineLevel | null | undefined
}

export interface ListExtent {
  /** The rows are all that their systems have: what is not among them is marked as missing. */
  readonly whole?: boolean | undefined
  /** A whole list that shrank by more than a tenth is meant. */
  readonly shrunk?: boolean | undefined
}

/**
 * Adds procedures and changes those that are there; how many were new, different or missing before. Throws a refusal for a whole list that shrank by more than
 * a tenth: it is more likely broken than true.
 */
export const importLocalProcedures = (
  sql: Sql,
  rows: readonly LocalProcedure[],
  { whole = false, shrunk = false }: ListExtent = {},
): Promise<number> =>
  transaction(sql, async (tx) => {
    const sources = [...new Set(rows.map(({ source }) => source ?? ''))]
    if (whole && !shrunk) await refuseShrunk(tx, sources, rows.length)
    const changed = await upsert(tx, rows)
    if (whole) await markMissing(tx, sources, rows)
    return changed
  })

async function refuseShrunk(tx: Tx, sources: readonly string[], came: number): Promise<void> {
  const [known] = await tx<{ count: number }[]>`
    select count(*)::int as count from local_procedures
    where missing_since is null and coalesce(source, '') = any(${[...sources]}::text[])`
  if (came < known!.count * 0.9)
    throw new Refusal('list-shrunk', `The list has ${came} procedures, and ${known!.count} are known`)
}

async function upsert(tx: Tx, rows: readonly LocalProcedure[]): Promise<number> {
  const changed = await tx`
    insert into local_procedures as known (code, name, level, agency_code, source, field, online_level)
    select r.code, r.name, r.level, r.agency_code, r.source, coalesce(r.field, ''), r.online_level from unnest(
      ${rows.map((row) => row.code)}::text[], ${rows.map((row) => row.name)}::text[], ${rows.map((row) => row.level)}::text[],
      ${rows.map((row) => row.agencyCode)}::text[], ${rows.map((row) => row.source ?? null)}::text[],
      ${rows.map((row) => row.field ?? null)}::text[], ${rows.map((row) => row.onlineLevel ?? null)}::text[]
    ) as r(code, name, level, agency_code, source, field, online_level)
    on conflict on constraint local_procedures_once do update set
      name = excluded.name, level = excluded.level, field = coalesce(nullif(excluded.field, ''), known.field),
      online_level = coalesce(excluded.online_level, known.online_level), seen_at = now(), missing_since = null
    -- The table as it was before this statement.
    returning not exists (
      select 1 from local_procedures k where k.code = known.code and (k.source, k.agency_code) is not distinct from (known.source, known.agency_code)
        and (k.name, k.level, k.field, k.online_level) is not distinct from (known.name, known.level, known.field, known.online_level)
        and k.missing_since is null
    ) as "isNew"`
  return changed.filter(({ isNew }) => isNew).length
}

const markMissing = (tx: Tx, sources: readonly string[], rows: readonly LocalProcedure[]) => tx`
  update local_procedures p set missing_since = now()
  where p.missing_since is null and coalesce(p.source, '') = any(${[...sources]}::text[])
    and (p.code, coalesce(p.source, ''), coalesce(p.agency_code, '')) not in (
      select * from unnest(
        ${rows.map((row) => row.code)}::text[], ${rows.map((row) => row.source ?? '')}::text[],
        ${rows.map((row) => row.agencyCode ?? '')}::text[]
      )
    )`

export interface LocalName {
  readonly name: string
  readonly source: string | null
  readonly agencyCode: string | null
}

/** What the lists call a code, where they do not agree: it may be another procedure in another system. */
export async function differentNames(sql: Sql, code: string): Promise<LocalName[]> {
  const rows = await sql<LocalName[]>`
    select name, source, agency_code as "agencyCode" from local_procedures
    where code = ${code} and missing_since is null order by source nulls first, agency_code nulls first`
  return new Set(rows.map(({ name }) => name)).size > 1 ? rows : []
}

/** Every procedure that the lists have today. */
export const listLocalProcedures = (sql: Sql): Promise<Required<LocalProcedure>[]> => sql<Required<LocalProcedure>[]>`
  select code, name, level, agency_code as "agencyCode", source, field, online_level as "onlineLevel"
  from local_procedures where missing_since is null order by code, source nulls first, agency_code nulls first`

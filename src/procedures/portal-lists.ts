import type { CatalogueRows } from '../delivery/portal.ts'
import { transaction, type Sql, type Tx } from '../platform/database.ts'
import { portalForm } from './codes.ts'
import { insertPull, keepHeldRows, type Applied, type Origin } from './pulls.ts'
import { lockCatalogue } from './catalogue-version.ts'

/** Lists that the portal gives beside the national catalogue: procedures of the province's own unit, and online services. */

type UnitProcedure = CatalogueRows['unit-procedures']
type PortalService = CatalogueRows['services']
export type ExtraRows =
  | { readonly what: 'unit-procedures'; readonly rows: readonly UnitProcedure[] }
  | { readonly what: 'services'; readonly rows: readonly PortalService[] }

/**
 * Whether a list is held: it came empty, or so much shorter than what is known that the answer is more likely broken than true. Not one of
 * which somebody said that it is so (`meant`), nor one that covers a part.
 */
export const isHeld = (came: number, known: number, { meant = false, partial = false }: Origin): boolean =>
  came === 0 || (came < known * 0.9 && !meant && !partial)

/** Some lists write the organisation behind a procedure's code (spec 9.4): the procedure is the same. */
export const bareCode = (code: string): string => portalForm(code)?.national ?? code

/** Applies such a list, or holds it, and keeps the pull. What it lacks is marked as missing. */
export const applyExtra = (sql: Sql, list: ExtraRows, origin: Origin): Promise<Applied> =>
  transaction(sql, async (tx) => {
    await lockCatalogue(tx)
    return applyExtraWithin(tx, list, origin)
  })

export async function applyExtraWithin(tx: Tx, { what: service, rows }: ExtraRows, origin: Origin): Promise<Applied> {
  const known = await (service === 'services' ? knownServices(tx) : knownOfUnit(tx, rows[0]?.unit ?? ''))
  const came = new Set(rows.map(({ code }) => bareCode(code))).size
  const held = isHeld(came, known, origin)
  const note = held ? `held: ${came} rows came, ${known} are known` : ''
  const pull = await insertPull(tx, origin, { service, outcome: held ? 'held' : 'applied', rows: came, note })
  if (!held || rows.length > 0) await keepHeldRows(tx, { service, id: pull, rows: held ? rows : [] })
  if (held) return { pull, applied: false, changed: 0, note }
  const changed = await (service === 'services' ? storeServices(tx, rows) : storeOfUnit(tx, rows))
  return { pull, applied: true, changed, note }
}

const onceEach = <R extends { readonly code: string }>(rows: readonly R[]): R[] => [
  ...new Map(rows.map((row) => [row.code, row])).values(),
]

async function knownOfUnit(tx: Tx, unit: string): Promise<number> {
  const [known] = await tx<{ count: number }[]>`
    select count(*)::int as count from unit_procedures where unit_code = ${unit} and missing_since is null`
  return known!.count
}

/** How many are new, different, or were missing. */
async function storeOfUnit(tx: Tx, rows: readonly UnitProcedure[]): Promise<number> {
  const came = onceEach(rows.map((row) => ({ ...row, code: bareCode(row.code) })))
  const unit = came[0]?.unit ?? ''
  const codes = came.map(({ code }) => code)
  const stored = await tx<{ isNew: boolean }[]>`
    insert into unit_procedures as u (unit_code, code, name)
    select ${unit}, * from unnest(${codes}::text[], ${came.map(({ name }) => name)}::text[])
    on conflict (unit_code, code) do update set name = excluded.name, seen_at = now(), missing_since = null
    -- The table as it was before this statement.
    returning not exists (
      select 1 from unit_procedures k
      where k.unit_code = u.unit_code and k.code = u.code and k.name = u.name and k.missing_since is null
    ) as "isNew"`
  await tx`
    update unit_procedures set missing_since = now()
    where unit_code = ${unit} and missing_since is null and code <> all(${codes}::text[])`
  return stored.filter(({ isNew }) => isNew).length
}

async function knownServices(tx: Tx): Promise<number> {
  const [known] = await tx<{ count: number }[]>`
    select count(*)::int as count from portal_services where missing_since is null`
  return known!.count
}

async function storeServices(tx: Tx, rows: readonly PortalService[]): Promise<number> {
  const came = onceEach(rows)
  const codes = came.map(({ code }) => code)
  const stored = await tx<{ isNew: boolean }[]>`
    insert into portal_services as s (code, name, procedure_code, agency_name, field_name, raw)
    select r.code, r.name, r.procedure_code, r.agency_name, r.field_name, r.raw::jsonb
    from unnest(
      ${codes}::text[], ${came.map(({ name }) => name)}::text[],
      ${came.map(({ procedureCode }) => bareCode(procedureCode))}::text[], ${came.map(({ agencyName }) => agencyName)}::text[],
      ${came.map(({ fieldName }) => fieldName)}::text[], ${came.map(({ raw }) => JSON.stringify(raw))}::text[]
    ) as r(code, name, procedure_code, agency_name, field_name, raw)
    on conflict (code) do update set name = excluded.name, procedure_code = excluded.procedure_code,
      agency_name = excluded.agency_name, field_name = excluded.field_name, raw = excluded.raw, seen_at = now(), missing_since = null
    -- The table as it was before this statement.
    returning not exists (
      select 1 from portal_services k where k.code = s.code and k.raw = s.raw and k.missing_since is null
    ) as "isNew"`
  await tx`
    update portal_services set missing_since = now() where missing_since is null and code <> all(${codes}::text[])`
  return stored.filter(({ isNew }) => isNew).length
}

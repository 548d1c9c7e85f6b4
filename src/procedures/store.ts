import { isStatus } from '../dossiers/model.ts'
import type { Status } from '../../config/statuses.ts'
import type { Agency, Level } from '../organisations/model.ts'
import { bools, transaction, type Sql, type Tx } from '../platform/database.ts'
import { portalForm } from './codes.ts'
import type { Catalogue, Mapping, NationalProcedure } from './model.ts'
import type { NationalEntry } from './suggest.ts'

/**
 * Raises the catalogue's version. Held to commit, so versions follow the order in which changes become visible. With local codes, only
 * dossiers under these are judged again; without, all that are blocked.
 */
export async function raiseVersion(tx: Tx, localCodes?: readonly string[]): Promise<void> {
  await tx`update catalogue_version set version = version + 1, narrow = ${localCodes !== undefined}`
  if (localCodes === undefined) return
  await tx`
    insert into catalogue_codes (local_code, version)
    select distinct code, (select version from catalogue_version) from unnest(${[...localCodes]}::text[]) as code
    on conflict (local_code) do update set version = excluded.version, raised_at = now(), settled = false`
}

/** Nobody else changes the catalogue until this transaction ends: whoever decides sees what was decided before. */
export async function lockCatalogue(tx: Tx): Promise<void> {
  await tx`select version from catalogue_version for update`
}

/** Version and data come from one snapshot: a stamped version never claims more than the data that was used. */
const load = (sql: Sql): Promise<Catalogue> => sql.begin('isolation level repeatable read read only', readCatalogue)

/** The catalogue as this transaction sees it, its own changes included. */
export async function readCatalogue(tx: Tx): Promise<Catalogue> {
  const [current] = await tx<{ version: number }[]>`select version from catalogue_version`
  const national = await tx<NationalProcedure[]>`
    select code, name, field_code as "fieldCode", field_name as "fieldName",
      to_char(published_on, 'YYYY-MM-DD') as "publishedOn", open from national_procedures`
  const mappings = await tx<Mapping[]>`
    select local_code as "localCode", national_code as "nationalCode", source, agency_code as "agencyCode", level,
      to_char(valid_from, 'YYYY-MM-DD') as "validFrom", to_char(valid_to, 'YYYY-MM-DD') as "validTo" from mappings`
  const rejected = await tx<{ key: string }[]>`
    select local_code || '|' || national_code as key from mapping_verdicts where verdict = 'rejected' and agency_code is null`
  const agencies = await tx<Agency[]>`select code, name, level from agencies`
  const words = await tx<{ source: string; word: string; status: string }[]>`
    select source, local_status as word, status from status_mappings`
  return {
    version: current!.version,
    national: new Map(national.map((procedure) => [procedure.code, procedure])),
    mappings: Map.groupBy(mappings, (mapping) => mapping.localCode),
    rejected: new Set(rejected.map(({ key }) => key)),
    agencies: new Map(agencies.map((agency) => [agency.code, agency])),
    statuses: new Map(
      words.flatMap(({ source, word, status }) => (isStatus(status) ? [[`${source}|${word}`, status] as const] : [])),
    ),
  }
}

export interface CatalogueSource {
  /** The catalogue as of at most a second ago. */
  readonly current: () => Promise<Catalogue>
  /** The catalogue as of now. */
  readonly fresh: () => Promise<Catalogue>
  /** The one last loaded, without waiting; empty before the first load. */
  readonly last: () => Catalogue
}

const checkEvery = 1_000
const nothing: Catalogue = {
  version: 0,
  national: new Map(),
  mappings: new Map(),
  rejected: new Set(),
  agencies: new Map(),
  statuses: new Map(),
}

/** Keeps the catalogue in memory and looks once a second, whatever the host's clock says, whether its version moved. */
export function createCatalogueSource(sql: Sql): CatalogueSource {
  let held = nothing
  let checkedAt = -checkEvery
  let loading: Promise<Catalogue> | undefined
  const refresh = async (): Promise<Catalogue> => {
    const at = performance.now()
    const [current] = await sql<{ version: number }[]>`select version from catalogue_version`
    if (current!.version !== held.version) held = await load(sql)
    checkedAt = at
    return held
  }
  const fresh = (): Promise<Catalogue> => {
    loading ??= refresh().finally(() => (loading = undefined))
    return loading
  }
  return {
    fresh,
    current: async () => (performance.now() - checkedAt < checkEvery ? held : fresh()),
    last: () => held,
  }
}

export interface LocalProcedure {
  readonly code: string
  readonly name: string
  readonly level: Level | null
  readonly agencyCode: string | null
}

export async function importAgencies(sql: Sql, rows: readonly Agency[]): Promise<number> {
  return transaction(sql, async (tx) => {
    const changed = await tx`
      insert into agencies (code, name, level)
      select * from unnest(${rows.map((row) => row.code)}::text[], ${rows.map((row) => row.name)}::text[], ${rows.map((row) => row.level)}::text[])
      on conflict (code) do update set name = excluded.name, level = excluded.level
      where (agencies.name, agencies.level) is distinct from (excluded.name, excluded.level)
      returning 1`
    if (changed.length > 0) await raiseVersion(tx)
    return changed.length
  })
}

export async function importLocalProcedures(sql: Sql, rows: readonly LocalProcedure[]): Promise<number> {
  const changed = await sql`
    insert into local_procedures (code, name, level, agency_code)
    select * from unnest(${rows.map((row) => row.code)}::text[], ${rows.map((row) => row.name)}::text[], ${rows.map((row) => row.level)}::text[], ${rows.map((row) => row.agencyCode)}::text[])
    on conflict (code) do update set name = excluded.name, level = excluded.level, agency_code = excluded.agency_code
    returning 1`
  return changed.length
}

export async function importStatuses(
  sql: Sql,
  rows: readonly { source: string; localStatus: string; status: Status }[],
): Promise<number> {
  return transaction(sql, async (tx) => {
    const changed = await tx`
      insert into status_mappings (source, local_status, status)
      select * from unnest(${rows.map((row) => row.source)}::text[], ${rows.map((row) => row.localStatus)}::text[], ${rows.map((row) => row.status)}::text[])
      on conflict (source, local_status) do update set status = excluded.status
      returning 1`
    if (changed.length > 0) await raiseVersion(tx)
    return changed.length
  })
}

export interface PulledProcedure {
  readonly code: string
  readonly name: string
  readonly fieldCode?: string
  readonly fieldName?: string
  readonly publishedOn?: string | null
  readonly open?: boolean
}

/**
 * Applies a pulled list of national procedures. A list that is empty or has shrunk by more than a tenth is held and not
 * applied: a broken answer must never replace good data. Values the portal does not say keep what is known.
 */
export async function applyProcedures(
  sql: Sql,
  rows: readonly PulledProcedure[],
): Promise<{ applied: boolean; changed: number; note: string }> {
  return transaction(sql, async (tx) => {
    const [known] = await tx<{ count: number }[]>`select count(*)::int as count from national_procedures where open`
    // What was withdrawn is not missed: else a tenth that was closed over the years would hold every list for ever.
    const unique = [...new Map(rows.map(bare).map((row) => [row.code, row])).values()]
    if (unique.length < known!.count * 0.9 || unique.length === 0)
      return { applied: false, changed: 0, note: `held: ${unique.length} procedures came, ${known!.count} are known` }
    const silent = unique.filter((row) => row.open === undefined).map(({ code }) => code)
    /** Where the portal does not say whether a procedure is open, it stays as it is known. */
    const stays = tx`case when excluded.code = any(${silent}::text[]) then national_procedures.open else excluded.open end`
    const changed = await tx`
      insert into national_procedures (code, name, field_code, field_name, published_on, open, seen_at)
      select r.code, r.name, coalesce(r.field_code, ''), coalesce(r.field_name, ''), r.published_on, coalesce(r.open, true), now()
      from unnest(
        ${unique.map((row) => row.code)}::text[], ${unique.map((row) => row.name)}::text[],
        ${unique.map((row) => row.fieldCode ?? null)}::text[], ${unique.map((row) => row.fieldName ?? null)}::text[],
        ${unique.map((row) => row.publishedOn ?? null)}::date[], ${bools(unique.map((row) => row.open ?? null))}::text[]::bool[]
      ) as r(code, name, field_code, field_name, published_on, open)
      on conflict (code) do update set
        name = excluded.name,
        field_code = coalesce(nullif(excluded.field_code, ''), national_procedures.field_code),
        field_name = coalesce(nullif(excluded.field_name, ''), national_procedures.field_name),
        published_on = coalesce(excluded.published_on, national_procedures.published_on),
        open = ${stays}, seen_at = now()
      where (national_procedures.name, national_procedures.field_code, national_procedures.field_name, national_procedures.published_on, national_procedures.open)
        is distinct from (excluded.name, coalesce(nullif(excluded.field_code, ''), national_procedures.field_code),
          coalesce(nullif(excluded.field_name, ''), national_procedures.field_name),
          coalesce(excluded.published_on, national_procedures.published_on), ${stays})
      returning 1`
    await tx`
      insert into national_names (code, name)
      select * from unnest(${unique.map((row) => row.code)}::text[], ${unique.map((row) => row.name)}::text[])
      on conflict (code, name) do update set last_seen_at = now()`
    if (changed.length > 0) await raiseVersion(tx)
    return { applied: true, changed: changed.length, note: '' }
  })
}

/** Some catalogues write the organisation behind the code (spec 9.4): the procedure is the same. */
const bare = (row: PulledProcedure): PulledProcedure => ({ ...row, code: portalForm(row.code)?.national ?? row.code })

/** Keeps the full record of one procedure (components, results, fees) as it came. */
export async function applyProcedureDetail(sql: Sql, row: PulledProcedure, raw: unknown): Promise<void> {
  await transaction(sql, async (tx) => {
    await tx`update national_procedures set detail = coalesce(${raw === null ? null : tx.json(raw as never)}::jsonb, detail), detailed_at = now() where code = ${row.code}`
    const changed = await tx`
      update national_procedures set field_code = ${row.fieldCode ?? ''}, field_name = ${row.fieldName ?? ''}
      where code = ${row.code} and ${row.fieldCode ?? ''} <> '' and field_code <> ${row.fieldCode ?? ''} returning 1`
    if (changed.length > 0) await raiseVersion(tx)
  })
}

/** National procedures whose field (sector) or record the portal has not shown yet, most wanted first. */
export async function proceduresWithoutDetail(sql: Sql, limit: number): Promise<string[]> {
  const rows = await sql<{ code: string }[]>`
    select n.code from national_procedures n
    where n.detailed_at is null and (n.field_code = '' or exists (select 1 from deliveries l where l.national_code = n.code))
    order by (n.field_code = '') desc, n.code limit ${limit}`
  return rows.map(({ code }) => code)
}

export async function applyFields(
  sql: Sql,
  rows: readonly { code: string; name: string; sector: string }[],
): Promise<number> {
  const changed = await sql`
    insert into portal_fields (code, name, sector)
    select * from unnest(${rows.map((row) => row.code)}::text[], ${rows.map((row) => row.name)}::text[], ${rows.map((row) => row.sector)}::text[])
    on conflict (code) do update set name = excluded.name, sector = excluded.sector, seen_at = now() returning 1`
  return changed.length
}

export async function applyPortalAgencies(
  sql: Sql,
  rows: readonly { code: string; name: string; level: string }[],
): Promise<number> {
  const changed = await sql`
    insert into portal_agencies (code, name, level)
    select * from unnest(${rows.map((row) => row.code)}::text[], ${rows.map((row) => row.name)}::text[], ${rows.map((row) => row.level)}::text[])
    on conflict (code) do update set name = excluded.name, level = excluded.level, seen_at = now() returning 1`
  return changed.length
}

export interface Pull {
  readonly service: string
  readonly outcome: 'applied' | 'held' | 'failed'
  readonly rows: number
  readonly note: string
}

export async function recordPull(sql: Sql, startedAt: Date, pull: Pull): Promise<void> {
  await sql`insert into pulls (service, started_at, finished_at, rows, outcome, note)
    values (${pull.service}, ${startedAt}, now(), ${pull.rows}, ${pull.outcome}, ${pull.note})`
}

/** The national catalogue as the suggestions read it: each procedure with all names it had here, the newest first. */
export async function nationalEntries(sql: Sql): Promise<NationalEntry[]> {
  const rows = await sql<{ code: string; names: string[]; field: string; open: boolean }[]>`
    select p.code, p.field_name as field, p.open,
      array_prepend(p.name, coalesce(
        (select array_agg(n.name order by n.last_seen_at desc, n.name) from national_names n where n.code = p.code and n.name <> p.name), '{}'
      )) as names
    from national_procedures p order by p.code`
  return rows.map(({ names, ...row }) => ({
    ...row,
    names: names as [string, ...string[]],
    levels: new Set(),
    agency: '',
    current: true,
  }))
}

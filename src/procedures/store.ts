import { isStatus } from '../dossiers/model.ts'
import type { Status } from '../../config/statuses.ts'
import { createUnitRegister, type Level, type UnitDay } from '../organisations/model.ts'
import { readUnitRegister } from '../organisations/unit-register.ts'
import { transaction, type Sql, type Tx } from '../platform/database.ts'
import { raiseVersion } from './catalogue-version.ts'
import type { Catalogue, Mapping, NationalProcedure } from './model.ts'
import type { NationalEntry } from './suggest.ts'

async function readCatalogue(tx: Tx, unitDay: UnitDay): Promise<Catalogue> {
  const [current] = await tx<{ version: number }[]>`select version from catalogue_version`
  const national = await tx<NationalProcedure[]>`
    select code, name, field_code as "fieldCode", field_name as "fieldName",
      to_char(published_on, 'YYYY-MM-DD') as "publishedOn", to_char(ends_on, 'YYYY-MM-DD') as "endsOn", open from national_procedures`
  const mappings = await tx<Mapping[]>`
    select local_code as "localCode", national_code as "nationalCode", source, agency_code as "agencyCode", level,
      to_char(valid_from, 'YYYY-MM-DD') as "validFrom", to_char(valid_to, 'YYYY-MM-DD') as "validTo" from mappings`
  const rejected = await tx<{ key: string }[]>`
    select local_code || '|' || national_code as key from mapping_verdicts where verdict = 'rejected' and agency_code is null`
  const register = await readUnitRegister(tx, unitDay)
  const words = await tx<{ source: string; word: string; status: string }[]>`
    select source, local_status as word, status from status_mappings`
  return {
    version: current!.version,
    national: new Map(national.map((procedure) => [procedure.code, procedure])),
    mappings: Map.groupBy(mappings, (mapping) => mapping.localCode),
    rejected: new Set(rejected.map(({ key }) => key)),
    register,
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
  /** The catalogue as this transaction sees it, its own changes included. */
  readonly within: (tx: Tx) => Promise<Catalogue>
  /** The one last loaded, without waiting; empty before the first load. */
  readonly last: () => Catalogue
}

const checkEvery = 1_000
const nothing: Catalogue = {
  version: 0,
  national: new Map(),
  mappings: new Map(),
  rejected: new Set(),
  register: createUnitRegister([]),
  statuses: new Map(),
}

/** Keeps the catalogue in memory and looks once a second, whatever the host's clock says, whether its version moved. */
export function createCatalogueSource(sql: Sql, unitDay: UnitDay): CatalogueSource {
  const within = (tx: Tx) => readCatalogue(tx, unitDay)
  let held = nothing
  let checkedAt = -checkEvery
  let loading: Promise<Catalogue> | undefined
  const refresh = async (): Promise<Catalogue> => {
    const at = performance.now()
    const [current] = await sql<{ version: number }[]>`select version from catalogue_version`
    // Version and data come from one snapshot: a stamped version never claims more than the data that was used.
    if (current!.version !== held.version) held = await sql.begin('isolation level repeatable read read only', within)
    checkedAt = at
    return held
  }
  let next: Promise<Catalogue> | undefined
  const load = (): Promise<Catalogue> => {
    loading ??= refresh().finally(() => (loading = undefined))
    return loading
  }
  const fresh = (): Promise<Catalogue> => {
    if (!loading) return load()
    // The one under way may have begun before the change that the caller knows of.
    next ??= loading
      .catch(() => undefined)
      .then(() => {
        next = undefined
        return load()
      })
    return next
  }
  return {
    fresh,
    current: async () => (performance.now() - checkedAt < checkEvery ? held : load()),
    within,
    last: () => held,
  }
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

/** The national catalogue as the suggestions read it: each procedure with all names it had here, the newest first. */
export async function nationalEntries(sql: Sql): Promise<NationalEntry[]> {
  const rows = await sql<
    { code: string; names: string[]; field: string; open: boolean; levels: Level[]; current: boolean }[]
  >`
    select p.code, p.field_name as field, p.levels,
      p.open and (p.ends_on is null or p.ends_on > (now() at time zone 'Asia/Ho_Chi_Minh')::date) as open, p.missing_since is null as current,
      array_prepend(p.name, coalesce(
        (select array_agg(n.name order by n.last_seen_at desc, n.name) from national_names n where n.code = p.code and n.name <> p.name), '{}'
      )) as names
    from national_procedures p order by p.code`
  return rows.map(({ names, levels, ...row }) => ({
    ...row,
    names: names as [string, ...string[]],
    levels: new Set(levels),
    agency: '',
  }))
}

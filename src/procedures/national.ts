import type { Level } from '../organisations/model.ts'
import { bools, transaction, type Sql, type Tx } from '../platform/database.ts'
import { Refusal } from '../platform/problems.ts'
import { changesOf, type KnownProcedure, type NationalChange } from './national-changes.ts'
import { lockCatalogue, raiseVersion } from './catalogue-version.ts'
import type { ContentPart, LegalBasis } from './model.ts'
import { applyExtraWithin, bareCode, isHeld, type ExtraRows } from './portal-lists.ts'
import { insertPull, keepHeldRows, type Applied, type HeldList, type Origin, type PullOrigin } from './pulls.ts'

/** The national catalogue in the ledger: lists that come are applied or held as a whole, and what they changed is kept. */

export interface PulledProcedure {
  readonly code: string
  readonly name: string
  readonly fieldCode?: string
  readonly fieldName?: string
  readonly publishedOn?: string | null
  /** The first day on which it no longer holds; null takes a known day back. */
  readonly endsOn?: string | null
  readonly open?: boolean
  readonly levels?: readonly Level[]
  /** Names that it had before, as a list with a history says them. */
  readonly former?: readonly FormerName[]
  /** Of its full record, like the parts of its content that are there. */
  readonly legalBases?: readonly LegalBasis[]
  readonly parts?: readonly ContentPart[]
}

export interface FormerName {
  readonly name: string
  /** The last day on which a list is known to have had it. */
  readonly seenOn: string | null
}

/**
 * Applies a list of national procedures, and keeps the pull and each change with it. A list that is empty or has shrunk by more than a
 * tenth is held and not applied: a broken answer must never replace good data. Values the list does not say keep what is known, and what
 * it lacks stays as it was, marked as missing. A partial list is never held, and lacks nothing.
 */
export const applyProcedures = (sql: Sql, rows: readonly PulledProcedure[], origin: Origin = {}): Promise<Applied> =>
  transaction(sql, async (tx) => {
    await lockCatalogue(tx)
    return applyWithin(tx, rows, origin)
  })

async function applyWithin(tx: Tx, rows: readonly PulledProcedure[], origin: Origin): Promise<Applied> {
  const known = await knownProcedures(tx)
  // What was withdrawn is not missed: else a tenth that was closed over the years would hold every list for ever.
  const open = known.filter((one) => one.open && one.missingSince === null).length
  const came = [...new Map(rows.map(bare).map((row) => [row.code, row])).values()]
  if (isHeld(came.length, open, origin)) return hold(tx, came, open, origin)
  const listed = new Set(came.map(({ code }) => code))
  const changes = changesOf(origin.partial ? known.filter(({ code }) => listed.has(code)) : known, came)
  const pull = await insertPull(tx, origin, { service: 'procedures', outcome: 'applied', rows: came.length, note: '' })
  // Whatever was held before is older than this.
  await keepHeldRows(tx, { service: 'procedures', id: pull, rows: [] })
  const changed = await upsert(tx, came)
  if (!origin.partial) await markMissing(tx, [...listed])
  await keepChanges(tx, pull, changes)
  await keepNames(tx, came)
  if (changed > 0) await raiseVersion(tx)
  return { pull, applied: true, changed, note: '' }
}

const bare = (row: PulledProcedure): PulledProcedure => ({ ...row, code: bareCode(row.code) })

/** All of them, or the one that is named. */
const knownProcedures = (tx: Tx, code: string | null = null): Promise<KnownProcedure[]> => tx<KnownProcedure[]>`
  select code, name, field_code as "fieldCode", field_name as "fieldName", to_char(published_on, 'YYYY-MM-DD') as "publishedOn",
    to_char(ends_on, 'YYYY-MM-DD') as "endsOn", open, levels, missing_since as "missingSince",
    -- No list says them, and there are many.
    case when code = ${code}::text then legal_bases end as "legalBases"
  from national_procedures where ${code}::text is null or code = ${code}::text`

async function hold(tx: Tx, came: readonly PulledProcedure[], open: number, origin: Origin): Promise<Applied> {
  const note = `held: ${came.length} procedures came, ${open} are known`
  const pull = await insertPull(tx, origin, { service: 'procedures', outcome: 'held', rows: came.length, note })
  if (came.length > 0) await keepHeldRows(tx, { service: 'procedures', id: pull, rows: came.map(keptRow) })
  return { pull, applied: false, changed: 0, note }
}

/** A row of a held list: what a list can say, without what else came with it. */
const keptRow = ({ code, name, fieldCode, fieldName, publishedOn, endsOn, open, levels, former }: PulledProcedure) => ({
  code,
  name,
  fieldCode,
  fieldName,
  publishedOn,
  endsOn,
  open,
  levels,
  former,
})

/** How many are new or different. Where the list does not say whether a procedure is open, or when it ends, it stays as it is known. */
async function upsert(tx: Tx, rows: readonly PulledProcedure[]): Promise<number> {
  const silent = rows.filter((row) => row.open === undefined).map(({ code }) => code)
  const ending = rows.filter((row) => row.endsOn !== undefined).map(({ code }) => code)
  // A name without a code must not stand beside the code of another field.
  const field = tx`case when excluded.field_code = '' and known.field_code <> '' then known.field_name
    else coalesce(nullif(excluded.field_name, ''), known.field_name) end`
  const isOpen = tx`case when excluded.code = any(${silent}::text[]) then known.open else excluded.open end`
  const endsOn = tx`case when excluded.code = any(${ending}::text[]) then excluded.ends_on else known.ends_on end`
  const levels = tx`case when excluded.levels = '{}' then known.levels else excluded.levels end`
  const changed = await tx`
    insert into national_procedures as known (code, name, field_code, field_name, published_on, ends_on, open, levels, seen_at)
    select r.code, r.name, coalesce(r.field_code, ''), coalesce(r.field_name, ''), r.published_on, r.ends_on, coalesce(r.open, true),
      string_to_array(r.levels, ','), now()
    from unnest(
      ${rows.map((row) => row.code)}::text[], ${rows.map((row) => row.name)}::text[],
      ${rows.map((row) => row.fieldCode ?? null)}::text[], ${rows.map((row) => row.fieldName ?? null)}::text[],
      ${rows.map((row) => row.publishedOn ?? null)}::date[], ${rows.map((row) => row.endsOn ?? null)}::date[],
      ${bools(rows.map((row) => row.open ?? null))}::text[]::bool[], ${rows.map((row) => (row.levels ?? []).join())}::text[]
    ) as r(code, name, field_code, field_name, published_on, ends_on, open, levels)
    on conflict (code) do update set
      name = excluded.name,
      field_code = coalesce(nullif(excluded.field_code, ''), known.field_code),
      field_name = ${field},
      published_on = coalesce(excluded.published_on, known.published_on),
      ends_on = ${endsOn},
      open = ${isOpen},
      levels = ${levels},
      -- Its full record is asked for again when something of it changed.
      detailed_at = case when known.name = excluded.name
        and known.published_on is not distinct from coalesce(excluded.published_on, known.published_on) then known.detailed_at end,
      missing_since = null, seen_at = now()
    where known.missing_since is not null
      or (known.name, known.field_code, known.field_name, known.published_on, known.ends_on, known.open, known.levels)
      is distinct from (excluded.name, coalesce(nullif(excluded.field_code, ''), known.field_code), ${field},
        coalesce(excluded.published_on, known.published_on), ${endsOn}, ${isOpen}, ${levels})
    returning 1`
  return changed.length
}

const markMissing = (tx: Tx, listed: readonly string[]) => tx`
  update national_procedures set missing_since = now()
  where open and missing_since is null and code <> all(${[...listed]}::text[])`

/** Every name with the days of the lists that had it: today, or those that a history says. */
async function keepNames(tx: Tx, rows: readonly PulledProcedure[]): Promise<void> {
  const names = rows.flatMap(({ code, name, former = [] }) => [
    ...(name === '' ? [] : [{ code, name, seenOn: null }]),
    ...former.filter((one) => one.name !== name).map((one) => ({ code, ...one })),
  ])
  await tx`
    insert into national_names as known (code, name, first_seen_at, last_seen_at)
    select code, name, at, at from (
      select code, name, least(now(), seen_on::timestamp at time zone 'Asia/Ho_Chi_Minh') as at
      from unnest(
        ${names.map(({ code }) => code)}::text[], ${names.map(({ name }) => name)}::text[],
        ${names.map(({ seenOn }) => seenOn)}::date[]
      ) as r(code, name, seen_on)
    ) dated
    on conflict (code, name) do update set
      first_seen_at = least(known.first_seen_at, excluded.first_seen_at),
      last_seen_at = greatest(known.last_seen_at, excluded.last_seen_at)`
}

/** Each with the dossiers under it and the mappings to it, as they are now. */
async function keepChanges(tx: Tx, pull: number, changes: readonly NationalChange[]): Promise<void> {
  if (changes.length === 0) return
  await tx`
    insert into national_changes (pull_id, code, kind, before, after, dossiers, mappings)
    select ${pull}, r.code, r.kind, r.before, r.after, coalesce(l.count, 0), coalesce(m.count, 0)
    from unnest(
      ${changes.map(({ code }) => code)}::text[], ${changes.map(({ kind }) => kind)}::text[],
      ${changes.map(({ before }) => before)}::text[], ${changes.map(({ after }) => after)}::text[]
    ) with ordinality as r(code, kind, before, after, place)
    left join (
      select national_code as code, count(*)::int as count from deliveries
      where national_code = any(${touched(changes)}::text[]) group by 1
    ) l using (code)
    left join (select national_code as code, count(*)::int as count from mappings group by 1) m using (code)
    order by r.place`
}

/** A new one has no dossiers yet: on the first pull all of them are. */
const touched = (changes: readonly NationalChange[]) =>
  changes.flatMap(({ kind, code }) => (kind === 'new' ? [] : [code]))

/** Keeps the full record of one procedure (components, results, fees) as it came. */
export async function applyProcedureDetail(sql: Sql, row: PulledProcedure, raw: unknown): Promise<void> {
  await transaction(sql, async (tx) => {
    await lockCatalogue(tx)
    await tx`
      update national_procedures set detail = coalesce(${raw === null ? null : tx.json(raw as never)}::jsonb, detail), detailed_at = now()
      where code = ${row.code}`
    const [known] = await knownProcedures(tx, row.code)
    if (!known) return
    const { fieldCode = '', levels = [], endsOn = known.endsOn, legalBases, parts } = row
    const fieldName = fieldCode === '' ? '' : (row.fieldName ?? '')
    const said = { fieldCode, fieldName, levels, endsOn, ...(legalBases === undefined ? {} : { legalBases }) }
    // A record says nothing about the list that lacks it.
    const changes = changesOf([{ ...known, missingSince: null }], [{ code: row.code, name: known.name, ...said }])
    const isOther = fieldCode !== '' && fieldCode !== known.fieldCode
    await tx`
      update national_procedures set
        field_code = coalesce(nullif(${fieldCode}, ''), field_code),
        field_name = case when ${isOther} then ${fieldName} else field_name end,
        ends_on = ${endsOn},
        levels = case when ${levels.length > 0} then ${[...levels]}::text[] else levels end,
        legal_bases = coalesce(${legalBases === undefined ? null : tx.json(legalBases as never)}::jsonb, legal_bases),
        parts = coalesce(${parts === undefined ? null : [...parts]}::text[], parts)
      where code = ${row.code}`
    await keepRecordChanges(tx, changes)
    if (isOther || endsOn !== known.endsOn) await raiseVersion(tx)
  })
}

/** With the portal's list that the record belongs to; a file is no list of the portal's. */
async function keepRecordChanges(tx: Tx, changes: readonly NationalChange[]): Promise<void> {
  const [pull] = await tx<{ id: number }[]>`
    select id from pulls where service = 'procedures' and outcome = 'applied' order by origin = 'portal' desc, id desc limit 1`
  if (pull) await keepChanges(tx, pull.id, changes)
}

/** Days after which the full record of a procedure that dossiers use is asked for again. */
const detailDays = 30

/** National procedures whose field (sector) or record the portal has not shown yet, or long ago; most wanted first. */
export async function proceduresWithoutDetail(sql: Sql, limit: number): Promise<string[]> {
  const rows = await sql<{ code: string }[]>`
    with used as (select distinct national_code as code from deliveries where national_code is not null)
    select n.code from national_procedures n left join used using (code)
    where (n.detailed_at is null and (n.field_code = '' or used.code is not null))
      or (used.code is not null and n.detailed_at < now() - ${detailDays} * interval '1 day')
    order by (n.field_code = '') desc, n.detailed_at nulls first, n.code limit ${limit}`
  return rows.map(({ code }) => code)
}

export interface ChangeLine extends NationalChange {
  readonly id: number
  readonly at: string
  readonly name: string
  readonly dossiers: number
  readonly mappings: number
}

/** What a list changed: what touches most dossiers first. */
export async function listChanges(sql: Sql, pull: number, limit: number): Promise<ChangeLine[]> {
  return sql<ChangeLine[]>`
    select c.id, to_char(c.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at, c.code, c.kind, c.before, c.after,
      c.dossiers, c.mappings, n.name
    from national_changes c join national_procedures n using (code)
    where c.pull_id = ${pull} order by c.dossiers desc, c.mappings desc, c.kind, c.code limit ${limit}`
}

/** Applies a list of its kind that was held last, although it shrank. Throws a refusal when there is none, or a newer list was applied. */
export const applyHeld = (sql: Sql, pull: number, act: { by: string; why: string }): Promise<Applied> =>
  transaction(sql, async (tx) => {
    await lockCatalogue(tx)
    const [held] = await tx<{ service: HeldList; list: unknown; origin: PullOrigin }[]>`
      select service, list, origin from pulls where id = ${pull} and outcome = 'held' and list is not null`
    if (!held) throw new Refusal('not-held', `There is no held list ${pull} to apply`)
    const { service, list, origin } = held
    const meant = { ...act, origin, meant: true }
    const applied =
      service === 'procedures'
        ? await applyWithin(tx, list as PulledProcedure[], meant)
        : await applyExtraWithin(tx, { what: service, rows: list } as ExtraRows, meant)
    await tx`insert into audit (actor, action, subject, detail)
      values (${act.by}, 'catalogue.applied', ${`pull ${pull}`}, ${tx.json({ changed: applied.changed })})`
    return applied
  })

/**
 * Why dossiers under a mapping that holds today fail, or soon will: its procedure is withdrawn, missing in the newest lists, or unknown;
 * its procedure has ended or ends within a month (`ending`); or the mapping itself does, and none takes its place (`mapping-ending`).
 */
export const dangers = ['withdrawn', 'ending', 'missing', 'unknown', 'mapping-ending'] as const
export type Danger = (typeof dangers)[number]

export interface Endangered {
  readonly localCode: string
  readonly nationalCode: string
  readonly name: string | null
  readonly why: Danger
  /** The first day on which the procedure, or the mapping, no longer holds, where that is the danger. */
  readonly endsOn: string | null
  /** Dossiers under the local code that are not at the portal yet. */
  readonly open: number
}

/** Days before an end within which it is told: enough to publish a mapping to what comes after. */
const warnDays = 30

/** Mappings `m` that hold today, with what the catalogue has of their procedure, `n`, and what endangers them, `d`. */
const inDanger = (sql: Sql) => sql`
  mappings m left join national_procedures n on n.code = m.national_code
  cross join lateral (select (now() at time zone 'Asia/Ho_Chi_Minh')::date as today) t
  cross join lateral (
    select case
      when n.code is null then 'unknown'
      when not n.open then 'withdrawn'
      -- A mapping that ends before its procedure does needs it no longer.
      when n.ends_on <= t.today + ${warnDays}::int and (m.valid_to is null or m.valid_to > n.ends_on) then 'ending'
      when n.missing_since is not null then 'missing'
      when m.valid_to <= t.today + ${warnDays}::int and not exists (${takingTheirPlace(sql)}) then 'mapping-ending'
    end as why
  ) d
  where (m.valid_to is null or m.valid_to > t.today) and d.why is not null`

/** Mappings that hold on the day on which `m` ends, for all that it held for. */
const takingTheirPlace = (sql: Sql) => sql`
  select 1 from mappings o
  where o.local_code = m.local_code and (o.valid_from is null or o.valid_from <= m.valid_to)
    and (o.valid_to is null or o.valid_to > m.valid_to) and (o.source is null or o.source = m.source)
    and (o.agency_code is null or o.agency_code = m.agency_code) and (o.level is null or o.level = m.level)`

export async function endangeredMappings(sql: Sql, limit: number): Promise<Endangered[]> {
  return sql<Endangered[]>`
    with endangered as (
      select distinct m.local_code, m.national_code, n.name, d.why,
        case d.why when 'ending' then n.ends_on when 'mapping-ending' then m.valid_to end as ends_on
      from ${inDanger(sql)}
    )
    select e.local_code as "localCode", e.national_code as "nationalCode", e.name, e.why,
      to_char(e.ends_on, 'YYYY-MM-DD') as "endsOn", coalesce(w.open, 0) as open
    from endangered e left join (
      select d.procedure_code as code, count(*)::int as open from deliveries l join dossiers d on d.id = l.dossier_id
      where l.state <> 'delivered' and d.procedure_code in (select local_code from endangered) group by 1
    ) w on w.code = e.local_code
    order by open desc, e.ends_on, e.local_code limit ${limit}`
}

export interface CatalogueState {
  /** Seconds since a whole list was applied; null when none ever was. */
  readonly age: number | null
  /** A list was held and waits for a person; no newer one was applied. */
  readonly held: boolean
  /** What the last applied list changed, by kind. */
  readonly changes: Readonly<Record<string, number>>
  /** Local codes with an endangered mapping. */
  readonly endangered: number
}

export async function catalogueState(sql: Sql): Promise<CatalogueState> {
  const [row] = await sql<CatalogueState[]>`
    with applied as (
        select id from pulls where service = 'procedures' and outcome = 'applied' order by id desc limit 1
      ),
      whole as (
        select finished_at from pulls where service = 'procedures' and outcome = 'applied' and not partial order by id desc limit 1
      ),
      kinds as (
        select kind, count(*)::int as count from national_changes where pull_id = (select id from applied) group by 1
      )
    select (select extract(epoch from now() - finished_at)::float8 from whole) as age,
      exists (select 1 from pulls where service = 'procedures' and list is not null) as held,
      coalesce((select jsonb_object_agg(kind, count) from kinds), '{}') as changes,
      (select count(distinct m.local_code)::int from ${inDanger(sql)}) as endangered`
  return row!
}

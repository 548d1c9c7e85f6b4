import type { Status } from '../../config/statuses.ts'
import type { CourseColumns } from '../counters/model.ts'
import type { LaneState } from '../delivery/model.ts'
import type { Sql, Tx } from '../platform/database.ts'

/** What intake must know about a dossier to judge a change of it. */
export interface DossierRow {
  readonly id: number
  readonly code: string
  readonly agencyCode: string
  readonly changedAt: string
  readonly version: number | null
  readonly hash: Buffer
  readonly status: Status | null
  readonly changes: number
}

export interface NewDossier {
  readonly id: number
  readonly code: string
  readonly source: string
  readonly agencyCode: string
  /** Where it was handed in, and who officially receives it, where those are other units. */
  readonly intakeAgencyCode: string | null
  readonly receivingAgencyCode: string | null
  readonly level: string | null
  readonly procedureCode: string
  readonly status: string | null
  readonly sourceStatus: string
  readonly channel: string | null
  readonly receivedAt: string
  readonly promisedAt: string | null
  readonly finishedAt: string | null
  readonly changedAt: string
  readonly version: number | null
  readonly hash: Buffer
  readonly changeId: number
  readonly flags: readonly string[]
  /** What its content means for the index, null where nobody judges. */
  readonly outcomes: string | null
  readonly dueAt: string | null
  /** What it says of its course, likewise. */
  readonly course: CourseColumns | null
}

export interface NewChange {
  readonly id: number
  readonly dossierId: number
  readonly number: number
  readonly version: number | null
  readonly changedAt: string
  readonly status: string | null
  readonly sourceStatus: string
  readonly verdict: 'stored' | 'superseded'
  readonly flags: readonly string[]
  readonly clientId: string
  readonly hash: Buffer
  readonly content: Buffer
}

export interface NewStep {
  readonly dossierId: number
  /** Its dossier is stored for the first time with it: none of its steps can have been delivered. */
  readonly isFirst: boolean
  readonly at: string
  readonly status: string | null
  readonly sourceStatus: string
  readonly clientId: string
  readonly hash: Buffer
  readonly content: Buffer
}

/**
 * Locks the known ones among these dossiers, always in the same order, so that two requests never wait for each other. Not
 * the keys: a worker that notes an attempt for the dossier must not wait for us while we wait for its lane.
 */
export async function lockDossiers(tx: Tx, codes: readonly string[]): Promise<Map<string, DossierRow>> {
  const rows = await tx<(Omit<DossierRow, 'changedAt'> & { changedAt: Date })[]>`
    select id, code, agency_code as "agencyCode", changed_at as "changedAt", version, hash, status, changes
    from dossiers where code = any(${[...codes]}::text[]) order by id for no key update`
  return new Map(rows.map((row) => [row.code, { ...row, changedAt: row.changedAt.toISOString() }]))
}

export interface Ids {
  /** Of a dossier, in case it is new. */
  readonly dossier: number
  readonly change: number
}

/** Ids are known before the rows are written, so that no statement must wait for the one before it. */
export async function takeIds(tx: Tx, count: number): Promise<Ids[]> {
  return tx<Ids[]>`
    select nextval('dossiers_id_seq') as dossier, nextval('change_ids') as change from generate_series(1, ${count}::int)`
}

/** Which of these (dossier, content) pairs the ledger has already seen, as `id:hash`. */
export async function knownHashes(tx: Tx, pairs: readonly { dossierId: number; hash: Buffer }[]): Promise<Set<string>> {
  if (pairs.length === 0) return new Set()
  const rows = await tx<{ id: number; hash: Buffer }[]>`
    select distinct c.dossier_id as id, c.hash
    from unnest(${pairs.map((pair) => pair.dossierId)}::bigint[], ${hex(pairs.map((pair) => pair.hash))}::text[]) as p(id, hash)
    join changes c on c.dossier_id = p.id and c.hash = decode(p.hash, 'hex')`
  return new Set(rows.map(({ id, hash }) => `${id}:${hash.toString('hex')}`))
}

/** Creates dossiers and returns how many; one that somebody else created in the same moment is left out. */
export async function insertDossiers(tx: Tx, rows: readonly NewDossier[]): Promise<number> {
  if (rows.length === 0) return 0
  // In code order: two requests that create the same dossiers then queue up instead of deadlocking.
  const sorted = [...rows].sort((a, b) => (a.code < b.code ? -1 : 1))
  const created = await tx`
    insert into dossiers (id, code, source, agency_code, level, procedure_code, status, source_status, channel, received_at,
      promised_at, finished_at, changed_at, version, hash, change_id, intake_agency_code, receiving_agency_code, outcomes, due_at,
      course_revision, end_kind, ended_at, pauses, pauses_untold_from)
    overriding system value
    select r.id, r.code, r.source, r.agency_code, r.level, r.procedure_code, r.status, r.source_status, r.channel, r.received_at,
      r.promised_at, r.finished_at, r.changed_at, r.version, decode(r.hash, 'hex'), r.change_id, r.intake_agency_code, r.receiving_agency_code,
      r.outcomes, r.due_at, r.course_revision, r.end_kind, r.ended_at, r.pauses::tstzmultirange, r.pauses_untold_from
    from ${rowsOf(tx, sorted)}
    on conflict (code) do nothing`
  return created.count
}

/** Moves dossiers to a newer change; with `isChange` false only the clock (time, version) moves. */
export async function updateDossiers(tx: Tx, rows: readonly (NewDossier & { isChange: boolean })[]): Promise<void> {
  const changes = rows.filter((row) => row.isChange)
  if (changes.length > 0)
    await tx`
      update dossiers d set
        agency_code = r.agency_code, level = r.level, procedure_code = r.procedure_code, status = r.status,
        source_status = r.source_status, channel = r.channel, received_at = r.received_at, promised_at = r.promised_at,
        finished_at = r.finished_at, changed_at = r.changed_at, version = coalesce(r.version, d.version),
        hash = decode(r.hash, 'hex'), change_id = r.change_id, intake_agency_code = r.intake_agency_code,
        receiving_agency_code = r.receiving_agency_code, outcomes = r.outcomes, due_at = r.due_at,
        course_revision = r.course_revision, end_kind = r.end_kind, ended_at = r.ended_at, pauses = r.pauses::tstzmultirange,
        pauses_untold_from = r.pauses_untold_from,
        flags = (select coalesce(array_agg(distinct flag), '{}') from unnest(d.flags || string_to_array(nullif(r.flags, ''), ',')) flag),
        changes = d.changes + 1, updated_at = now()
      from ${rowsOf(tx, changes)} where d.id = r.id`
  const clocks = rows.filter((row) => !row.isChange)
  if (clocks.length > 0)
    await tx`
      update dossiers d set changed_at = r.changed_at, version = coalesce(r.version, d.version)
      from ${rowsOf(tx, clocks)} where d.id = r.id`
}

function rowsOf(tx: Tx, rows: readonly NewDossier[]) {
  const column = <K extends keyof NewDossier>(key: K) => rows.map((row) => row[key])
  const course = <K extends keyof CourseColumns>(key: K) => rows.map((row) => row.course?.[key] ?? null)
  return tx`unnest(
    ${plain(column('id'))}::bigint[], ${column('code')}::text[], ${column('source')}::text[], ${column('agencyCode')}::text[],
    ${column('level')}::text[], ${column('procedureCode')}::text[], ${column('status')}::text[],
    ${column('sourceStatus')}::text[], ${column('channel')}::text[], ${plain(column('receivedAt'))}::timestamptz[],
    ${plain(column('promisedAt'))}::timestamptz[], ${plain(column('finishedAt'))}::timestamptz[],
    ${plain(column('changedAt'))}::timestamptz[], ${plain(column('version'))}::bigint[],
    ${hex(column('hash'))}::text[], ${plain(column('changeId'))}::bigint[], ${flagged(rows)}::text[],
    ${column('intakeAgencyCode')}::text[], ${column('receivingAgencyCode')}::text[],
    ${plain(column('outcomes'))}::text[], ${plain(column('dueAt'))}::timestamptz[],
    ${plain(course('courseRevision'))}::smallint[], ${plain(course('endKind'))}::text[], ${plain(course('endedAt'))}::timestamptz[],
    ${course('pauses')}::text[], ${plain(course('pausesUntoldFrom'))}::timestamptz[]
  ) as r(id, code, source, agency_code, level, procedure_code, status, source_status, channel, received_at, promised_at,
    finished_at, changed_at, version, hash, change_id, flags, intake_agency_code, receiving_agency_code, outcomes, due_at,
    course_revision, end_kind, ended_at, pauses, pauses_untold_from)`
}

export async function insertChanges(tx: Tx, rows: readonly NewChange[]): Promise<void> {
  if (rows.length === 0) return
  const column = <K extends keyof NewChange>(key: K) => rows.map((row) => row[key])
  const inserting = tx`
    with sealed as materialized (select decode(${joined(column('content'))}, 'base64') as bytes)
    insert into changes (id, dossier_id, number, version, changed_at, status, source_status, verdict, flags, client_id, hash, content)
    select r.id, r.dossier_id, r.number, r.version, r.changed_at, r.status, r.source_status, r.verdict,
      coalesce(string_to_array(nullif(r.flags, ''), ','), '{}'), r.client_id, decode(r.hash, 'hex'), substr(s.bytes, r.start, r.size)
    from sealed s, unnest(
      ${plain(column('id'))}::bigint[], ${plain(column('dossierId'))}::bigint[], ${plain(column('number'))}::int[],
      ${plain(column('version'))}::bigint[], ${plain(column('changedAt'))}::timestamptz[], ${column('status')}::text[],
      ${column('sourceStatus')}::text[], ${plain(column('verdict'))}::text[], ${flagged(rows)}::text[],
      ${column('clientId')}::text[], ${hex(column('hash'))}::text[], ${plain(starts(column('content')))}::int[],
      ${plain(sizes(column('content')))}::int[]
    ) as r(id, dossier_id, number, version, changed_at, status, source_status, verdict, flags, client_id, hash, start, size)`
  // A superseded change takes the next number too: numbers are the order of arrival, `verdict` says what it meant.
  const superseded = rows.filter((row) => row.verdict === 'superseded').map((row) => row.dossierId)
  await Promise.all([
    inserting,
    superseded.length > 0 && tx`update dossiers set changes = changes + 1 where id = any(${superseded}::bigint[])`,
  ])
}

/** Stores steps not yet known (same dossier, same content); returns how many were new per dossier. */
export async function insertSteps(tx: Tx, rows: readonly NewStep[]): Promise<Map<number, number>> {
  if (rows.length === 0) return new Map()
  const column = <K extends keyof NewStep>(key: K) => rows.map((row) => row[key])
  const stored = await tx<{ id: number; count: number }[]>`
    with sealed as materialized (select decode(${joined(column('content'))}, 'base64') as bytes), stored as (
      insert into steps (dossier_id, at, status, source_status, client_id, hash, content, flags)
      select r.dossier_id, r.at, r.status, r.source_status, r.client_id, decode(r.hash, 'hex'), substr(z.bytes, r.start, r.size),
        case when r.first then '{}'::text[]
          when exists (select 1 from steps s where s.dossier_id = r.dossier_id and s.state = 'delivered' and s.at > r.at)
          then array['late-step'] else '{}'::text[] end
      from sealed z, unnest(
        ${plain(column('dossierId'))}::bigint[], ${plain(column('isFirst'))}::bool[], ${plain(column('at'))}::timestamptz[],
        ${column('status')}::text[], ${column('sourceStatus')}::text[], ${column('clientId')}::text[],
        ${hex(column('hash'))}::text[], ${plain(starts(column('content')))}::int[], ${plain(sizes(column('content')))}::int[]
      ) with ordinality as r(dossier_id, first, at, status, source_status, client_id, hash, start, size, position)
      order by r.position
      on conflict (dossier_id, hash) do nothing
      returning dossier_id
    )
    select dossier_id as id, count(*)::int as count from stored group by dossier_id`
  return new Map(stored.map(({ id, count }) => [id, count]))
}

/**
 * An array as PostgreSQL reads it, of values that need no quotes: numbers, times, digits, our own words. The driver would quote
 * and escape each.
 */
const plain = (values: readonly (number | string | boolean | null)[]) => `{${values.map(String).join(',')}}`
const hex = (values: readonly Buffer[]) => plain(values.map((value) => value.toString('hex')))
const flagged = (rows: readonly { flags: readonly string[] }[]) => rows.map(({ flags }) => flags.join(','))

/** Sealed contents travel end to end as one text; where each begins and how long it is, stands beside it. */
const joined = (contents: readonly Buffer[]) => Buffer.concat(contents).toString('base64')
const sizes = (contents: readonly Buffer[]) => contents.map(({ length }) => length)
function starts(contents: readonly Buffer[]): number[] {
  let next = 1
  return contents.map(({ length }) => (next += length) - length)
}

export interface TimelineDossier {
  readonly id: number
  readonly code: string
  readonly source: string
  readonly agencyCode: string
  readonly agencyName: string | null
  readonly level: string | null
  readonly procedureCode: string
  readonly nationalCode: string | null
  readonly status: string | null
  readonly sourceStatus: string
  readonly receivedAt: Date
  readonly changedAt: Date
  readonly version: number | null
  readonly changes: number
  readonly flags: readonly string[]
  readonly inStep: boolean
  readonly atPortal: boolean
  readonly cause: string | null
}

export interface TimelineChange {
  readonly number: number
  readonly version: number | null
  readonly changedAt: Date
  readonly storedAt: Date
  readonly status: string | null
  readonly sourceStatus: string
  readonly verdict: 'stored' | 'superseded'
  readonly flags: readonly string[]
  readonly client: string
}

export interface TimelineStep {
  readonly id: number
  readonly at: Date
  readonly status: string | null
  readonly sourceStatus: string
  readonly storedAt: Date
  readonly sentAt: Date | null
  readonly acknowledgedAt: Date | null
  readonly state: 'waiting' | 'delivered' | 'parked'
  readonly reason: string | null
  readonly flags: readonly string[]
}

export interface TimelineDelivery {
  readonly state: LaneState
  readonly reason: string | null
  readonly detail: { readonly field?: string; readonly code?: string; readonly text?: string } | null
  readonly attempts: number
  readonly nextAt: Date
  readonly dueSince: Date
  readonly firstDeliveredAt: Date | null
  readonly deliveredAt: Date | null
  readonly wantedChange: number | null
  readonly deliveredChange: number | null
}

export interface TimelineAttempt {
  readonly exchange: number
  readonly service: string
  readonly requestIn: Date
  readonly requestOut: Date
  readonly responseIn: Date | null
  readonly responseOut: Date
  readonly httpStatus: number | null
  readonly code: string | null
  readonly message: string | null
  readonly class: string
  readonly meaning: string
  readonly items: number
  readonly change: number | null
  readonly steps: number
}

export interface TimelineRow {
  readonly dossier: TimelineDossier
  readonly changes: (TimelineChange & { readonly content: Buffer | null })[]
  readonly steps: (TimelineStep & { readonly content: Buffer })[]
  readonly delivery: TimelineDelivery
  readonly attempts: TimelineAttempt[]
}

/** Everything the ledger knows about one dossier, oldest first; null when it is not known. */
export async function readTimeline(sql: Sql, code: string): Promise<TimelineRow | null> {
  const [dossier] = await sql<TimelineDossier[]>`
    select d.id, d.code, d.source, d.agency_code as "agencyCode", s.agency_name as "agencyName", s.level,
      d.procedure_code as "procedureCode", s.national_code as "nationalCode", d.status, d.source_status as "sourceStatus",
      d.received_at as "receivedAt", d.changed_at as "changedAt", d.version, d.changes, d.flags,
      s.in_step as "inStep", s.at_portal as "atPortal", s.cause
    from dossiers d join standing s on s.id = d.id where d.code = ${code}`
  if (!dossier) return null
  const [changes, steps, [delivery], attempts] = await Promise.all([
    sql<TimelineRow['changes']>`
      select number, version, changed_at as "changedAt", stored_at as "storedAt", status, source_status as "sourceStatus",
        verdict, flags, client_id as "client", content
      from changes where dossier_id = ${dossier.id} order by number`,
    sql<TimelineRow['steps']>`
      select id, at, status, source_status as "sourceStatus", stored_at as "storedAt", sent_at as "sentAt",
        acknowledged_at as "acknowledgedAt", state, reason, flags, content
      from steps where dossier_id = ${dossier.id} order by at, id`,
    sql<TimelineDelivery[]>`
      select l.state, l.reason, l.detail, l.attempts, l.next_at as "nextAt", l.due_since as "dueSince",
        l.first_delivered_at as "firstDeliveredAt", l.delivered_at as "deliveredAt",
        w.number as "wantedChange", k.number as "deliveredChange"
      from deliveries l
      left join changes w on w.id = l.wanted_change_id
      left join changes k on k.id = l.delivered_change_id
      where l.dossier_id = ${dossier.id}`,
    sql<TimelineAttempt[]>`
      select e.id as exchange, e.service, e.request_in as "requestIn", e.request_out as "requestOut",
        e.response_in as "responseIn", e.response_out as "responseOut", e.http_status as "httpStatus", e.code, e.message,
        e.class, a.meaning, e.items, c.number as change, coalesce(cardinality(a.step_ids), 0) as steps
      from attempts a join exchanges e on e.id = a.exchange_id and e.response_out = a.at left join changes c on c.id = a.change_id
      where a.dossier_id = ${dossier.id} order by e.id`,
  ])
  return { dossier, changes: [...changes], steps: [...steps], delivery: delivery!, attempts: [...attempts] }
}

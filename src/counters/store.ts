import { ends, stops } from '../../config/statuses.ts'
import type { Counters } from '../../config/dialects.ts'
import { transaction, type Fragment, type Sql, type Tx } from '../platform/database.ts'
import { courseRevision, type MonthSpan, type Timing, type UnplacedReason } from './model.ts'

/** The rules of model.ts over all dossiers at once. */

/** Dossiers that stand at the same place. */
export interface Cell {
  /** As the dossier says. */
  readonly agency: string
  /** Blank where it decides nothing about the unit. */
  readonly procedure: string
  /** Which of the changes of units was the last one before the day that decides. */
  readonly epoch: number
  readonly place: 'handled' | 'pending' | 'unplaced'
  readonly carried: boolean
  readonly timing: Timing | null
  readonly waiting: boolean
  readonly reason: UnplacedReason | null
  readonly count: number
}

export interface CellQuery {
  readonly month: MonthSpan
  readonly reading: Pick<Counters, 'ministries' | 'notAccepted'>
  /** First instants of the days within the month on which units change. */
  readonly changes: readonly number[]
  /** Whether what became of units depends on the procedure. */
  readonly byProcedure: boolean
}

const at = (instant: number) => new Date(instant).toISOString()

/** Each dossier that the month concerns, with its place. */
function placed(sql: Tx, { month, reading, changes, byProcedure }: CellQuery): Fragment {
  const [start, until] = [at(month.start), at(month.until)]
  const seeksEnd = sql`(d.course_revision = ${courseRevision} and d.ended_at is null and d.end_kind = any(${[...ends]}::text[])) is true`
  return sql`
    select f.id, f.code, f.agency_code as agency, f.procedure_code, f.received_at, f.promised_at, p.ended_at, p.place, p.reason,
      f.received_at < ${start} as carried,
      ${byProcedure ? sql`f.procedure_code` : sql`''::text`} as procedure,
      width_bucket(case when p.place = 'handled' then p.ended_at else ${at(month.end - 1)}::timestamptz end,
        ${changes.map(at)}::timestamptz[]) as epoch,
      p.place = 'pending' and z.pauses @> (${until}::timestamptz - interval '1 microsecond') as waiting,
      case when p.place <> 'unplaced' then t.timing end as timing
    from (
      select d.*, case when d.course_revision = ${courseRevision} then d.end_kind end as kind,
        ${seeksEnd} as seeks_end, greatest(d.changed_at, d.received_at) as known_at
      from dossiers d
      where d.received_at < ${until} and coalesce(d.ended_at, 'infinity'::timestamptz) >= ${start}
        and not (${seeksEnd} and greatest(d.changed_at, d.received_at) < ${start})
        ${reading.ministries === 'left-out' ? sql`and coalesce(d.level, (select level from agencies a where a.code = d.agency_code)) is distinct from 'ministry'` : sql``}
    ) f
    ${endsByStep(sql)}
    cross join lateral (
      -- The greatest of nothing and a time is that time.
      select case when coalesce(f.ended_at, e.ended_at) is not null then greatest(f.ended_at, e.ended_at, f.received_at) end as ended_at,
        ${place(sql, { start, until, reading })} as place
    ) q
    cross join lateral (select q.ended_at, q.place, ${reason(sql)} as reason) p
    ${pausesOf(sql)}
    cross join lateral (select ${timing(sql, until)} as timing) t
    where q.place <> 'none'`
}

/** Where the content does not say when it ended: the first step that does, after the last one that says otherwise. */
const endsByStep = (sql: Tx): Fragment => sql`
  cross join lateral (
    select case when count(*) > 0 then least(min(s.at), f.known_at) end as ended_at from steps s
    where f.seeks_end and s.dossier_id = f.id and s.status = any(${[...ends]}::text[]) and s.at >= coalesce((
      select max(o.at) from steps o where o.dossier_id = f.id and o.status <> all(${[...ends]}::text[])), '-infinity')
  ) e`

function place(
  sql: Tx,
  { start, until, reading }: { start: string; until: string; reading: CellQuery['reading'] },
): Fragment {
  const told = sql`coalesce(f.ended_at, e.ended_at)`
  const refused = reading.notAccepted === 'never-received' ? sql`f.kind = 'not-accepted'` : sql`false`
  return sql`case
    when f.kind is null then 'unplaced'
    when f.kind = 'new' or ${refused} then 'none'
    when f.kind = 'unmapped' then 'unplaced'
    when f.kind in ('open', 'waiting') then 'pending'
    when ${told} is null then 'unplaced'
    when f.kind = any(${[...stops]}::text[]) and ${told} < f.received_at then 'none'
    when greatest(${told}, f.received_at) < ${start} then 'none'
    when greatest(${told}, f.received_at) >= ${until} then 'pending'
    else 'handled' end`
}

const reason = (sql: Tx): Fragment => sql`case
  when q.place <> 'unplaced' then null when f.kind is null then 'not-judged'
  when f.kind = 'unmapped' then 'status-unmapped' else 'end-unknown' end`

/**
 * The citizen's time by the content, else by steps: from the one that asks until the next one. Of what was handled before its promise nobody
 * needs it.
 */
const pausesOf = (sql: Tx): Fragment => sql`
  cross join lateral (
    select range_agg(tstzrange(at, next)) filter (where asks and next > at) as told,
      max(at) filter (where next is null) as last_at, bool_or(asks) filter (where next is null) as last_asks
    from (
      select at, status = 'supplement-requested' as asks, lead(at) over (order by at, id) as next
      from steps
      where f.pauses is null and (p.place = 'pending' or p.ended_at > f.promised_at) and dossier_id = f.id and status is not null
    ) s
  ) y
  cross join lateral (
    select
      case when f.pauses is not null then f.pauses
        when y.last_asks and f.kind = 'waiting' then coalesce(y.told, '{}') + tstzmultirange(tstzrange(y.last_at, null))
        else coalesce(y.told, '{}') end as pauses,
      case when f.pauses is not null then f.pauses_untold_from
        when y.last_asks and f.kind <> 'waiting' then y.last_at
        when f.kind = 'waiting' and y.last_asks is not true then coalesce(y.last_at, f.received_at) end as untold_from
  ) z`

function timing(sql: Tx, until: string): Fragment {
  const moment = sql`(case when p.place = 'handled' then p.ended_at else ${until}::timestamptz end)`
  return sql`case
    when f.promised_at is null then 'no-promise'
    when ${moment} <= f.promised_at + coalesce((
      select sum(upper(r) - lower(r)) from unnest(z.pauses * tstzmultirange(tstzrange(null, ${moment}))) r), interval '0') then 'in-time'
    when z.untold_from < ${moment} then 'supplement-untold'
    else 'late' end`
}

/** Statements that may go through all dossiers: compiling them takes longer than running them. */
const atLength = <T>(sql: Sql, work: (tx: Tx) => Promise<T>): Promise<T> =>
  transaction(sql, async (tx) => {
    await tx`select set_config('work_mem', '64MB', true), set_config('jit', 'off', true),
      set_config('plan_cache_mode', 'force_custom_plan', true)`
    return work(tx)
  })

/** How many dossiers stand where. */
export const countCells = (sql: Sql, query: CellQuery): Promise<Cell[]> =>
  atLength(sql, async (tx) => [
    ...(await tx<Cell[]>`
      select agency, procedure, epoch, place, carried, timing, waiting is true as waiting, reason, count(*)::int as count
      from (${placed(tx, query)}) as placed group by 1, 2, 3, 4, 5, 6, 7, 8`),
  ])

export type CellKey = Pick<
  Cell,
  'agency' | 'procedure' | 'epoch' | 'place' | 'carried' | 'timing' | 'waiting' | 'reason'
>

export interface CellDossier {
  readonly code: string
  readonly agencyCode: string
  readonly procedureCode: string
  readonly receivedAt: string
  readonly promisedAt: string | null
  readonly endedAt: string | null
  readonly place: Cell['place']
  readonly timing: Timing | null
  readonly waiting: boolean
  readonly reason: UnplacedReason | null
}

/** A place in the list: time of reception in microseconds, then id. */
export const cellCursor = /^(\d{1,16})-(\d{1,15})$/

/** The dossiers of some cells, newest first. */
export async function dossiersIn(
  sql: Sql,
  query: CellQuery,
  cells: readonly CellKey[],
  { cursor, limit }: { readonly cursor?: string | undefined; readonly limit: number },
): Promise<{ dossiers: CellDossier[]; next: string | null }> {
  const place = cursor === undefined ? null : cellCursor.exec(cursor)
  const keys = cells.map(keyOf)
  const rows = await atLength(
    sql,
    (tx) => tx<
      (Omit<CellDossier, 'receivedAt' | 'promisedAt' | 'endedAt'> & {
        id: number
        micros: number
        receivedAt: Date
        promisedAt: Date | null
        endedAt: Date | null
      })[]
    >`
      select id, code, agency as "agencyCode", procedure_code as "procedureCode", received_at as "receivedAt",
        promised_at as "promisedAt", ended_at as "endedAt", place, timing, waiting is true as waiting, reason,
        (extract(epoch from received_at) * 1000000)::bigint as micros
      from (${placed(tx, query)}) as placed
      where concat_ws(chr(31), agency, procedure, epoch, place, carried::int, coalesce(timing, ''), (waiting is true)::int, coalesce(reason, ''))
        = any(${keys}::text[])
        ${place === null ? tx`` : tx`and (received_at, id) < (timestamptz 'epoch' + ${Number(place[1])}::float8 * interval '1 microsecond', ${Number(place[2])}::bigint)`}
      order by received_at desc, id desc limit ${limit + 1}`,
  )
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    dossiers: shown.map(({ id: _id, micros: _micros, receivedAt, promisedAt, endedAt, ...row }) => ({
      ...row,
      receivedAt: receivedAt.toISOString(),
      promisedAt: promisedAt?.toISOString() ?? null,
      endedAt: endedAt?.toISOString() ?? null,
    })),
    next: rows.length > limit && last !== undefined ? `${last.micros}-${last.id}` : null,
  }
}

const keyOf = ({ agency, procedure, epoch, place, carried, timing, waiting, reason }: CellKey) =>
  [agency, procedure, epoch, place, Number(carried), timing ?? '', Number(waiting), reason ?? ''].join('\u001F')

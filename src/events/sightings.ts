import type { AlertRule, AlertRules } from '../../config/alerts.ts'
import { priorities } from '../delivery/model.ts'
import type { Sql } from '../platform/database.ts'
import type { Sighting } from './alerts.ts'

/** What of delivery's movement the alerts look at. */
export interface Standstill {
  readonly ok: boolean
  readonly reason: string | null
}

export interface SightingDeps {
  readonly sql: Sql
  readonly movement: () => Promise<Standstill>
}

type Found = Omit<Sighting, 'key' | 'rule'> & { readonly item?: string }

/**
 * What the rules see at this moment. Each question is answered from the end of an index or from a small table, and counting
 * stops at a bound, so that a look costs the same with a million dossiers waiting as with ten.
 */
export async function sightings(deps: SightingDeps, rules: AlertRules): Promise<Sighting[]> {
  const seen: Sighting[] = []
  for (const [rule, wish] of rules)
    for (const { item, ...found } of await look(deps, wish))
      seen.push({ ...found, rule, key: item === undefined ? rule : `${rule}:${item}` })
  return seen
}

function look({ sql, movement }: SightingDeps, rule: AlertRule): Promise<readonly Found[]> {
  switch (rule.kind) {
    case 'stopped':
      return stopped(sql, rule)
    case 'stopped-age':
      return stoppedLong(sql, rule)
    case 'blocked-growth':
      return growth(sql, rule)
    case 'waiting-age':
      return waitingLong(sql, rule)
    case 'lost-workers':
      return lostWorkers(sql, rule)
    case 'standstill':
      return standstill(movement)
    case 'refusals':
      return refusals(sql, rule)
    case 'destination-down':
      return destinationsDown(sql)
    case 'pull-failed':
      return pullsFailed(sql)
    case 'not-compared':
      return notCompared(sql, rule)
    case 'figures-old':
      return publicFiguresOld(sql, rule)
    default:
      return rule satisfies never
  }
}

type Rule<K extends AlertRule['kind']> = Extract<AlertRule, { kind: K }>

/** Counting stops here. */
const countedUpTo = 100_000

/** The reasons that occur, by one descent of the index each. */
const reasonsOf = (sql: Sql, state: string, reason: string) =>
  reason === '*'
    ? sql`
      with recursive reasons(reason) as (
        (select reason from deliveries where state = ${state} order by reason limit 1)
        union all
        select (select l.reason from deliveries l where l.state = ${state} and l.reason > r.reason order by l.reason limit 1)
        from reasons r where r.reason is not null
      ) select reason from reasons where reason is not null`
    : sql`select ${reason}::text as reason`

async function stopped(sql: Sql, { state, reason, count }: Rule<'stopped'>): Promise<Found[]> {
  return sql<Found[]>`
    select r.reason as item, r.reason as code, c.count, s.code as sample
    from (${reasonsOf(sql, state, reason)}) r cross join lateral (
      select count(*)::int as count from (
        select 1 from deliveries l where l.state = ${state} and l.reason = r.reason limit ${countedUpTo}) counted
    ) c cross join lateral (
      select d.code from (
        select dossier_id from deliveries l where l.state = ${state} and l.reason = r.reason order by l.due_since desc limit 1
      ) newest join dossiers d on d.id = newest.dossier_id
    ) s where c.count >= ${count}`
}

async function stoppedLong(sql: Sql, { state, reason, seconds }: Rule<'stopped-age'>): Promise<Found[]> {
  return sql<Found[]>`
    select r.reason as item, r.reason as code, c.count, s.code as sample
    from (${reasonsOf(sql, state, reason)}) r cross join lateral (
      select count(*)::int as count from (
        select 1 from deliveries l where l.state = ${state} and l.reason = r.reason
          and l.due_since < now() - ${seconds} * interval '1 second' limit ${countedUpTo}) counted
    ) c cross join lateral (
      select d.code from (
        select dossier_id from deliveries l where l.state = ${state} and l.reason = r.reason order by l.due_since limit 1
      ) oldest join dossiers d on d.id = oldest.dossier_id
    ) s where c.count > 0`
}

async function growth(sql: Sql, { reason, count, minutes }: Rule<'blocked-growth'>): Promise<Found[]> {
  return sql<Found[]>`
    select ${reason}::text as code, c.count, s.code as sample
    from (
      select count(*)::int as count from (
        select 1 from deliveries l where l.state = 'blocked' and l.reason = ${reason}
          and l.due_since > now() - ${minutes} * interval '1 minute' limit ${countedUpTo}) counted
    ) c cross join lateral (
      select d.code from (
        select dossier_id from deliveries l where l.state = 'blocked' and l.reason = ${reason} order by l.due_since desc limit 1
      ) newest join dossiers d on d.id = newest.dossier_id
    ) s where c.count >= ${count}`
}

async function waitingLong(sql: Sql, { urgency, seconds }: Rule<'waiting-age'>): Promise<Found[]> {
  return sql<Found[]>`
    select 'waiting-for-portal' as code, c.count, d.code as sample
    from (
      select count(*)::int as count from (
        select 1 from deliveries l where l.state in ('waiting', 'sending', 'unknown') and l.priority = ${priorities[urgency]}
          and l.due_since < now() - ${seconds} * interval '1 second' limit ${countedUpTo}) counted
    ) c cross join lateral (
      select dossier_id from deliveries l where l.state in ('waiting', 'sending', 'unknown') and l.priority = ${priorities[urgency]}
      order by l.due_since limit 1
    ) oldest join dossiers d on d.id = oldest.dossier_id
    where c.count > 0`
}

async function lostWorkers(sql: Sql, { count }: Rule<'lost-workers'>): Promise<Found[]> {
  return sql<Found[]>`
    with lost as (
      (select dossier_id from deliveries where state = 'sending' and lease_until < now() limit ${countedUpTo})
      union all
      (select dossier_id from deliveries where state = 'unknown' and reason = 'worker-lost' limit ${countedUpTo})
    )
    select 'worker-lost' as code, count(*)::int as count,
      (select d.code from dossiers d where d.id = min(lost.dossier_id)) as sample
    from lost having count(*) >= ${count}`
}

async function standstill(movement: SightingDeps['movement']): Promise<Found[]> {
  const { ok, reason } = await movement()
  return ok ? [] : [{ code: reason ?? 'no-progress', count: 1, sample: null }]
}

/** Newest calls that are looked at. */
const callsRead = 5_000

async function refusals(sql: Sql, { share, calls, minutes }: Rule<'refusals'>): Promise<Found[]> {
  return sql<Found[]>`
    with calls as (
      select id, response_out, class from exchanges where response_out > now() - ${minutes} * interval '1 minute'
        and items > 0 and class in ('ok', 'exists', 'absent', 'refused', 'unrecognised')
      order by response_out desc limit ${callsRead}
    ), refused as (select * from calls where class in ('refused', 'unrecognised'))
    select 'portal-refused' as code, (select count(*)::int from refused) as count, (
      select d.code from (select id, response_out from refused order by response_out desc limit 1) r
      join attempts a on a.exchange_id = r.id and a.at = r.response_out join dossiers d on d.id = a.dossier_id limit 1
    ) as sample
    where (select count(*) from calls) >= ${calls}
      and (select count(*) from refused) >= ${share}::float8 * (select count(*) from calls)`
}

async function destinationsDown(sql: Sql): Promise<Found[]> {
  return sql<Found[]>`
    select id as item, coalesce(last_error, 'destination-unreachable') as code, failures as count, null as sample
    from event_destinations where state = 'active' and broken_since is not null
    union all
    select id, paused_reason, 1, null from event_destinations where state = 'paused' and paused_reason = 'destination-gone'
    order by 1`
}

/** The portal's own words in the note are left where they are: only a code is told. */
async function pullsFailed(sql: Sql): Promise<Found[]> {
  return sql<Found[]>`
    select service as item, coalesce(substring(note from '^portal-[a-z]+'), 'portal-error') as code, 1 as count, null as sample
    from (
      select distinct on (service) service, outcome, note, optional from pulls where origin = 'portal' order by service, id desc
    ) newest
    where outcome = 'failed' and not optional order by 1`
}

/** A finished one proves everything up to its beginning. */
async function notCompared(sql: Sql, { seconds }: Rule<'not-compared'>): Promise<Found[]> {
  return sql<Found[]>`
    select 'no-progress' as code, 1 as count, null as sample from (
      select coalesce(max(started_at) filter (where state = 'finished'), min(started_at)) as at
      from reconciliation_runs where scope ? 'daily'
    ) newest where at < now() - ${seconds} * interval '1 second'`
}

/** Once nobody asks any more, nobody needs to be told. */
async function publicFiguresOld(sql: Sql, { seconds }: Rule<'figures-old'>): Promise<Found[]> {
  return sql<Found[]>`
    select coalesce((select failure from public_fetches where failure is not null order by id desc limit 1), 'no-progress') as code,
      1 as count, null as sample
    from (
      select coalesce(max(finished_at) filter (where state = 'complete'), min(started_at)) as at, max(started_at) as asked from public_fetches
    ) newest where at < now() - ${seconds} * interval '1 second' and asked > now() - interval '1 month'`
}

import type { EventPolicy } from '../../config/events.ts'
import type { FailureCode } from '../../config/failures.ts'
import { persistently, type Sql, type Tx } from '../platform/database.ts'
import type { NewEvent, Outcome, Outgoing } from './model.ts'

/**
 * The outbox's SQL. Rules kept here:
 * - for one destination, an event waits while an earlier one about the same subject is open;
 * - what a sender writes is conditional on its lease token, and what it left in silence is free after its lease;
 * - no statement reads more than it takes: a destination may have a million events waiting.
 */

/**
 * Tells whoever wants to know. Give it the transaction that makes the event true, and hold a lock on its subject there, so
 * that two events about one subject are numbered in the order in which they happened.
 */
export async function emit(tx: Sql | Tx, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return
  await tx`
    insert into outbound_events (kind, subject, agency_code, payload)
    select r.kind, r.subject, r.agency, r.payload::jsonb
    from unnest(
      ${events.map(({ kind }) => kind)}::text[], ${events.map(({ subject }) => subject)}::text[],
      ${events.map(({ agencyCode }) => agencyCode)}::text[], ${events.map(({ data }) => JSON.stringify(data))}::text[]
    ) with ordinality as r(kind, subject, agency, payload, place)
    where exists (
      select 1 from event_destinations d
      where d.kinds && event_patterns(r.kind) and d.agencies && array['*', coalesce(r.agency, '*')]
    ) order by r.place`
}

export interface DueDestination {
  readonly id: string
  /** It was found down: send one event and see. */
  readonly probe: boolean
}

/** Destinations with something to do now. One that is down shows up once per pause, for one process. */
export async function dueDestinations(
  sql: Sql,
  { deadline }: Pick<EventPolicy, 'deadline'>,
): Promise<DueDestination[]> {
  return sql<DueDestination[]>`
    with due as (
      select d.id, d.probe_at from event_destinations d
      where d.state = 'active' and (d.probe_at is null or d.probe_at <= now()) and exists (
        select 1 from event_deliveries e where e.destination_id = d.id and e.state = 'waiting' and e.next_at <= now()
      )
    ), probed as (
      update event_destinations d set probe_at = now() + ${deadline * 2} * interval '1 millisecond'
      from due where d.id = due.id and due.probe_at is not null and d.probe_at = due.probe_at returning d.id
    )
    select id, true as probe from probed union all select id, false from due where probe_at is null`
}

export interface Claim {
  readonly destinationId: string
  readonly token: string
  readonly limit: number
  readonly leaseFor: number
}

export interface Claimed extends Outgoing {
  readonly eventId: number
  readonly subject: string
  readonly attempts: number
  readonly doubts: number
}

/** The longest an event is put aside behind an earlier one; it is called earlier when that one is settled. */
const longestAside = 5 * 60_000
/** Events looked at for one claim. */
const lookedAt = 128

/**
 * Takes due events, of each subject the earliest open one only. Those that stand behind an earlier one are put aside, so that
 * the next claim does not read them again.
 */
export async function claimEvents(sql: Sql, { destinationId, token, limit, leaseFor }: Claim): Promise<Claimed[]> {
  const rows = await sql<Claimed[]>`
    with due as materialized (
      select e.event_id, e.subject, e.next_at from event_deliveries e
      where e.destination_id = ${destinationId} and e.state = 'waiting' and e.next_at <= now()
        and exists (select 1 from event_destinations d where d.id = ${destinationId} and d.state = 'active')
      order by e.next_at, e.event_id limit ${lookedAt} for update skip locked
    ), judged as materialized (
      select due.*, earlier.next_at as after from due left join lateral (
        select o.next_at from event_deliveries o
        where o.destination_id = ${destinationId} and o.subject = due.subject and o.event_id < due.event_id
          and o.state in ('waiting', 'sending') order by o.event_id limit 1
      ) earlier on true
    ), aside as (
      update event_deliveries e set next_at = greatest(now() + interval '1 second',
        least(j.after, now() + ${longestAside} * interval '1 millisecond'))
      from judged j where e.destination_id = ${destinationId} and e.event_id = j.event_id and j.after is not null
    ), taken as (
      update event_deliveries e set state = 'sending', lease_token = ${token},
        lease_until = now() + ${leaseFor} * interval '1 millisecond'
      from (select event_id from judged where after is null order by next_at, event_id limit ${limit}) head
      where e.destination_id = ${destinationId} and e.event_id = head.event_id
      returning e.event_id, e.attempts, e.doubts
    )
    select t.event_id as "eventId", t.attempts, t.doubts, o.uid, o.kind, o.subject, o.occurred_at as "occurredAt", o.payload as data
    from taken t join outbound_events o on o.id = t.event_id order by t.event_id`
  return [...rows]
}

/** What becomes of an event after an attempt. */
export interface Settlement {
  readonly destinationId: string
  readonly eventId: number
  readonly token: string
  readonly outcome: Outcome
  readonly error: FailureCode | null
  readonly httpStatus: number | null
  readonly ms: number
  /** Milliseconds until it is tried again; null when it is not. */
  readonly wait: number | null
}

/**
 * Records an attempt, settles the event and keeps the destination's health, in one statement. A settled event calls the next
 * one about its subject. Returns whether the destination is broken now.
 */
export async function settleEvent(
  sql: Sql,
  { failures, pauses }: EventPolicy['breaker'],
  { retryAfter, ...event }: Settlement & { retryAfter: number | null },
): Promise<{ broken: boolean }> {
  const { destinationId, eventId, token, outcome, error, wait } = event
  const state = outcome === 'delivered' ? 'delivered' : wait === null ? 'parked' : 'waiting'
  const isUp = outcome === 'delivered' || outcome === 'refused'
  const [row] = await persistently(
    () => sql<{ broken: boolean }[]>`
    with attempt as (
      insert into event_attempts (event_id, destination_id, outcome, http_status, error, ms)
      values (${eventId}, ${destinationId}, ${outcome}, ${event.httpStatus}, ${error}, ${event.ms})
    ), settled as (
      update event_deliveries set state = ${state}, reason = ${error},
        attempts = attempts + ${outcome === 'refused' ? 1 : 0}, doubts = doubts + ${outcome === 'down' ? 1 : 0},
        next_at = now() + ${wait ?? 0} * interval '1 millisecond', lease_token = null, lease_until = null,
        settled_at = case when ${state} = 'waiting' then null else now() end
      where event_id = ${eventId} and destination_id = ${destinationId} and lease_token = ${token}
      returning subject
    ), called as (
      update event_deliveries e set next_at = now() from settled
      where ${state !== 'waiting'} and e.destination_id = ${destinationId} and e.event_id = (
        select n.event_id from event_deliveries n where n.destination_id = ${destinationId} and n.subject = settled.subject
          and n.event_id > ${eventId} and n.state = 'waiting' order by n.event_id limit 1)
    ), ${isUp ? upCte(sql, destinationId) : downCte(sql, { destinationId, outcome, error, failures, pauses, retryAfter })}
    select broken from health`,
  )
  return { broken: row?.broken ?? false }
}

/** It answers: no longer broken, and what found it down goes again at once. */
function upCte(sql: Sql, destinationId: string) {
  return sql`
    mended as (
      update event_destinations set failures = 0, broken_since = null, probe_at = null, last_error = null
      where id = ${destinationId} and failures > 0 returning id
    ), hurried as (
      update event_deliveries e set next_at = now() from mended
      where e.destination_id = mended.id and e.state = 'waiting' and e.next_at > now() and e.reason like 'destination-%'
    ), health as (select false as broken)`
}

interface Down {
  readonly destinationId: string
  readonly outcome: Outcome
  readonly error: FailureCode | null
  readonly failures: number
  readonly pauses: readonly number[]
  readonly retryAfter: number | null
}

function downCte(sql: Sql, { destinationId, outcome, error, failures, pauses, retryAfter }: Down) {
  // Whoever says how long to wait has been heard the first time.
  const limit = retryAfter === null ? failures : 1
  const isGone = outcome === 'gone'
  return sql`
    health as (
      update event_destinations set failures = failures + 1, last_error = ${error},
        state = case when ${isGone} then 'paused' else state end,
        paused_reason = case when ${isGone} then 'destination-gone' else paused_reason end,
        broken_since = case when failures + 1 >= ${limit} then coalesce(broken_since, now()) else broken_since end,
        probe_at = case when failures + 1 >= ${limit} then now() + greatest(${retryAfter ?? 0},
          (${[...pauses]}::int[])[least(greatest(failures + 2 - ${failures}, 1), ${pauses.length})]) * interval '1 millisecond'
          else probe_at end
      where id = ${destinationId} returning state = 'paused' or probe_at is not null as broken
    )`
}

/** Gives back what was claimed and not sent. */
export async function releaseEvents(sql: Sql, token: string): Promise<void> {
  await sql`
    update event_deliveries set state = 'waiting', lease_token = null, lease_until = null
    where state = 'sending' and lease_token = ${token}`
}

/** What a silent process had in hand goes again, under the same id. */
export async function expireEventLeases(sql: Sql): Promise<number> {
  const rows = await sql`
    update event_deliveries set state = 'waiting', next_at = now(), lease_token = null, lease_until = null
    where (event_id, destination_id) in (
      select event_id, destination_id from event_deliveries where state = 'sending' and lease_until < now()
      order by event_id limit 1000 for update skip locked
    ) returning 1`
  return rows.length
}

/** Parks what no destination took in time. */
export async function expireKeptEvents(sql: Sql, keepDays: number): Promise<number> {
  const rows = await sql`
    update event_deliveries set state = 'parked', reason = 'event-expired', settled_at = now()
    where (event_id, destination_id) in (
      select event_id, destination_id from event_deliveries
      where state = 'waiting' and kept_since < now() - ${keepDays} * interval '1 day'
      order by kept_since limit 1000 for update skip locked
    ) returning 1`
  return rows.length
}

/** Sends parked events of a destination again: all of them, or one. Returns how many. */
export async function resendEvents(sql: Sql, id: string, uid: string | null, by: string, why: string): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    with chosen as (
      update event_deliveries e set state = 'waiting', reason = null, attempts = 0, doubts = 0, next_at = now(),
        kept_since = now(), settled_at = null
      where e.destination_id = ${id} and e.state = 'parked'
        ${uid ? sql`and e.event_id = (select o.id from outbound_events o where o.uid = ${uid})` : sql``}
      returning 1
    ), noted as (
      insert into audit (actor, action, subject, detail)
      values (${by}, 'webhook.resent', ${id}, ${sql.json({ event: uid, why })})
    )
    select count(*)::int as count from chosen`
  return row!.count
}

export interface AttemptRow {
  readonly at: Date
  readonly uid: string | null
  readonly kind: string | null
  readonly subject: string | null
  readonly outcome: Outcome
  readonly httpStatus: number | null
  readonly error: string | null
  readonly ms: number
}

/** The newest attempts of a destination. */
export async function listAttempts(sql: Sql, destinationId: string, limit: number): Promise<AttemptRow[]> {
  return sql<AttemptRow[]>`
    select a.at, o.uid, o.kind, o.subject, a.outcome, a.http_status as "httpStatus", a.error, a.ms
    from (select * from event_attempts where destination_id = ${destinationId} order by at desc, id desc limit ${limit}) a
    left join outbound_events o on o.id = a.event_id order by a.at desc, a.id desc`
}

const lot = 5_000

/**
 * Lets go of events that were settled more than `days` ago, of their log, and of alerts that recovered so long ago. Safe to
 * run at any time and twice.
 */
export async function rotateEvents(sql: Sql, days: number): Promise<{ events: number; attempts: number }> {
  const age = sql`now() - ${days} * interval '1 day'`
  let events = 0
  for (let after = 0; ;) {
    const [some] = await sql<{ last: number | null }[]>`
      select max(id) as last from (
        select id from outbound_events where id > ${after} and occurred_at < ${age} order by id limit ${lot}
      ) old`
    const last = some?.last ?? null
    if (last === null) break
    await sql`
      delete from event_deliveries
      where event_id > ${after} and event_id <= ${last} and state in ('delivered', 'parked') and settled_at < ${age}`
    const gone = await sql`
      delete from outbound_events o where o.id > ${after} and o.id <= ${last} and o.occurred_at < ${age}
        and not exists (select 1 from event_deliveries e where e.event_id = o.id) returning 1`
    events += gone.length
    after = last
  }
  await sql`delete from alerts where state = 'recovered' and recovered_at < ${age}`
  return { events, attempts: await dropAttempts(sql, days) }
}

async function dropAttempts(sql: Sql, days: number): Promise<number> {
  for (let total = 0; ;) {
    const rows = await sql`
      delete from event_attempts where id in (
        select a.id from event_attempts a where a.id < (
          select coalesce(min(id), 9223372036854775807) from (
            select id from event_attempts where at >= now() - ${days} * interval '1 day' order by id limit 1
          ) young
        ) order by a.id limit ${lot}
      ) returning 1`
    total += rows.length
    if (rows.length < lot) return total
  }
}

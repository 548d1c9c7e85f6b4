import { replayLimits, type SkipReason } from '../../config/replays.ts'
import { transaction, type Sql, type Tx } from '../platform/database.ts'
import { priorities, type LaneState } from './model.ts'
import type { ReplayState } from './replay-filter.ts'

/**
 * Sets the dossiers of running replays going, bit by bit. The replay's row is locked first, then lanes in dossier order; each
 * round is one short transaction, so that it may die anywhere, and two schedulers release nothing twice.
 */

/** A dossier of a replay as it stood when the replay was made. */
export interface ReplayItem {
  readonly wasState: ReplayState
  readonly wasReason: string | null
  readonly changeId: number
}

/** Its lane at the moment it would be set going. */
export interface LaneNow {
  readonly state: LaneState
  readonly reason: string | null
  readonly wantedChangeId: number
}

/** Why this dossier is left as it is; null when it is still what the operator saw. */
export function skipReason(item: ReplayItem, lane: LaneNow): SkipReason | null {
  if (lane.state === 'unknown') return 'in-doubt'
  if (lane.state === 'waiting' || lane.state === 'sending') return 'already-waiting'
  if (lane.state === 'delivered' && item.wasState !== 'delivered') return 'already-delivered'
  const same = lane.state === item.wasState && lane.reason === item.wasReason && lane.wantedChangeId === item.changeId
  return same ? null : 'changed-since'
}

/** Most lanes in one transaction, and most transactions for one replay in one call. */
const chunk = 500
const rounds = 20

/** One turn of the desk: counts what settled, releases what throttle and window allow, calls back what was paused or cancelled. */
export async function releaseReplays(sql: Sql): Promise<void> {
  await sql`
    update replays set state = 'expired'
    where state = 'draft' and created_at < now() - ${replayLimits.draftMinutes} * interval '1 minute'`
  const open = await sql<{ id: number; running: boolean }[]>`
    select id, state = 'running' as running from replays where state = 'running' or on_way > 0 order by id`
  for (const { id, running } of open) await (running ? releaseReplay(sql, id) : recallReplay(sql, id))
}

async function releaseReplay(sql: Sql, id: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) if ((await releaseSome(sql, id)) === 0) return
}

/** Calls back what no worker has sent yet; what was just claimed comes back when the worker gives it back. */
export async function recallReplay(sql: Sql, id: number): Promise<void> {
  for (let round = 0; round < 1000; round += 1) if ((await recallSome(sql, id)) === 0) return
}

interface PendingItem extends ReplayItem {
  readonly position: number
  readonly dossierId: number
}

/** Returns how many dossiers were dealt with: released or skipped. */
function releaseSome(sql: Sql, id: number): Promise<number> {
  return transaction(sql, async (tx) => {
    const [running] = await tx`select from replays where id = ${id} and state = 'running' for update skip locked`
    if (!running) return 0
    await settleItems(tx, id)
    const room = await roomOf(tx, id)
    if (room <= 0) return 0
    const items = await tx<PendingItem[]>`
      select position, dossier_id as "dossierId", was_state as "wasState", was_reason as "wasReason", change_id as "changeId"
      from replay_items where replay_id = ${id} and state = 'pending' order by position limit ${room}`
    if (items.length === 0) {
      await tx`update replays set state = 'done', finished_at = now() where id = ${id} and on_way = 0`
      return 0
    }
    await releaseItems(tx, id, items)
    return items.length
  })
}

/** A released lane that stopped or was delivered has come to its end for this replay. */
async function settleItems(tx: Tx, id: number): Promise<void> {
  await tx`
    with settled as (
      update replay_items i set state = 'done', outcome = l.state, outcome_reason = l.reason
      from deliveries l
      where i.replay_id = ${id} and i.state = 'released' and l.dossier_id = i.dossier_id
        and l.state in ('delivered', 'parked', 'blocked')
      returning i.outcome = 'delivered' as delivered
    ), counted as (
      select count(*)::int as count, (count(*) filter (where delivered))::int as delivered from settled
    )
    update replays r set on_way = r.on_way - counted.count, delivered = r.delivered + counted.delivered,
      stopped = r.stopped + counted.count - counted.delivered
    from counted where r.id = ${id} and counted.count > 0`
}

/** Unused throttle is kept for five seconds, or for one dossier, so that an outage of the scheduler is not made up for in one burst. */
const burst = (tx: Tx) => tx`greatest(5, 60.0 / per_minute) * interval '1 second'`
const paidUntil = (tx: Tx) => tx`greatest(least(clock, now()), now() - ${burst(tx)})`

/** What throttle and window allow at this moment. */
async function roomOf(tx: Tx, id: number): Promise<number> {
  const [row] = await tx<{ room: number }[]>`
    select least(
      floor(extract(epoch from now() - ${paidUntil(tx)}) * per_minute / 60 + 0.001),
      greatest(per_minute / 3, ${replayLimits.window}) - on_way, ${chunk})::int as room
    from replays where id = ${id}`
  return row!.room
}

async function releaseItems(tx: Tx, id: number, items: readonly PendingItem[]): Promise<void> {
  const ids = items.map(({ dossierId }) => dossierId).sort((a, b) => a - b)
  const rows = await tx<(LaneNow & { id: number })[]>`
    select dossier_id as id, state, reason, wanted_change_id as "wantedChangeId" from deliveries
    where dossier_id = any(${ids}::bigint[]) order by dossier_id for update`
  const lanes = new Map(rows.map((row) => [row.id, row]))
  const judged = items.map((item) => ({ item, why: skipReason(item, lanes.get(item.dossierId)!) }))
  const skipped = judged.filter(({ why }) => why !== null)
  const going = judged.filter(({ why }) => why === null).map(({ item }) => item)
  await tx`
    update replay_items i set state = 'skipped', outcome = r.why
    from unnest(${skipped.map(({ item }) => item.position)}::int[], ${skipped.map(({ why }) => why)}::text[]) as r(position, why)
    where i.replay_id = ${id} and i.position = r.position`
  await setGoing(tx, id, going)
  await tx`
    update replays set on_way = on_way + ${going.length}, skipped = skipped + ${skipped.length},
      clock = ${paidUntil(tx)} + ${going.length} * 60.0 / per_minute * interval '1 second'
    where id = ${id}`
}

/**
 * The lanes wait again with fresh attempts, behind the fresh changes of the day, and due in the order of the replay. How they
 * stood is remembered first.
 */
async function setGoing(tx: Tx, id: number, items: readonly PendingItem[]): Promise<void> {
  if (items.length === 0) return
  const ids = items.map(({ dossierId }) => dossierId)
  await tx`
    with parked as (
      select id, dossier_id, reason from steps where dossier_id = any(${ids}::bigint[]) and state = 'parked' order by dossier_id, id for update
    ), opened as (
      update steps s set state = 'waiting', reason = null from parked where s.id = parked.id
    ), remembered as (
      select dossier_id, jsonb_agg(jsonb_build_object('id', id, 'reason', reason)) as steps from parked group by dossier_id
    )
    update replay_items i set state = 'released', released_at = now(), steps = remembered.steps, was_detail = l.detail,
      was_delivered_change_id = l.delivered_change_id, was_steps_done = l.steps_done, was_due_since = l.due_since
    from deliveries l left join remembered on remembered.dossier_id = l.dossier_id
    where i.replay_id = ${id} and i.position = any(${items.map(({ position }) => position)}::int[])
      and l.dossier_id = i.dossier_id`
  await tx`
    update deliveries l set state = 'waiting', reason = null, detail = null, attempts = 0, doubts = 0,
      again = l.again or l.state = 'delivered', priority = ${priorities.backfill},
      next_at = now() - (${items.length} - r.turn) * interval '1 microsecond',
      due_since = now(), handed_until = null, updated_at = now()
    from unnest(${ids}::bigint[]) with ordinality as r(id, turn) where l.dossier_id = r.id`
}

/**
 * Lanes of a paused or cancelled replay for which nothing was accepted since they were released go back to how they stood. One
 * that is being sent, is in doubt, or got a newer change is left alone. Returns how many went back.
 */
function recallSome(sql: Sql, id: number): Promise<number> {
  return transaction(sql, async (tx) => {
    const [stopped] = await tx`
      select from replays where id = ${id} and state in ('paused', 'cancelled') and on_way > 0 for update skip locked`
    if (!stopped) return 0
    await settleItems(tx, id)
    const ids = await lanesToRecall(tx, id)
    if (ids.length === 0) return 0
    await tx`
      update steps s set state = 'parked', reason = p.reason
      from replay_items i cross join lateral jsonb_to_recordset(i.steps) as p(id bigint, reason text)
      where i.replay_id = ${id} and i.state = 'released' and i.dossier_id = any(${ids}::bigint[]) and s.id = p.id
        and s.state = 'waiting'`
    await tx`
      update deliveries l set state = i.was_state, reason = i.was_reason, detail = i.was_detail, attempts = 0,
        again = l.again and i.was_state <> 'delivered', due_since = i.was_due_since, handed_until = null, updated_at = now()
      from replay_items i
      where i.replay_id = ${id} and i.state = 'released' and i.dossier_id = l.dossier_id and l.dossier_id = any(${ids}::bigint[])`
    await tx`
      update replay_items set state = 'pending', released_at = null, steps = null, was_detail = null
      where replay_id = ${id} and state = 'released' and dossier_id = any(${ids}::bigint[])`
    await tx`update replays set on_way = on_way - ${ids.length} where id = ${id}`
    return ids.length
  })
}

async function lanesToRecall(tx: Tx, id: number): Promise<number[]> {
  const rows = await tx<{ id: number }[]>`
    select l.dossier_id as id from deliveries l join replay_items i on i.dossier_id = l.dossier_id
    where i.replay_id = ${id} and i.state = 'released' and l.state = 'waiting' and l.doubts = 0
      and l.wanted_change_id = i.change_id and l.delivered_change_id is not distinct from i.was_delivered_change_id
      and l.steps_done = i.was_steps_done
      and (i.was_state <> 'delivered' or l.again and l.steps_done = l.steps_total)
    order by l.dossier_id limit ${chunk} for update of l skip locked`
  return rows.map((row) => row.id)
}

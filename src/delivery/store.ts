import type { LaneView, LaneWish, StepNews } from '../dossiers/lanes.ts'
import type { DossierContent, Step } from '../dossiers/model.ts'
import type { Vault } from '../platform/crypto.ts'
import { bools, persistently, type Sql, type Tx } from '../platform/database.ts'
import { shared } from '../platform/shared.ts'
import type { Assessment } from './assess.ts'
import { priorities, type LaneState, type Operation, type StepsAfterRefused, type Urgency } from './model.ts'
import type { Exchange } from './portal.ts'

/**
 * The lanes' own SQL. Rules kept here, each by one statement:
 * - rows are locked in dossier order, so that workers, intake and sweeps never deadlock;
 * - what a worker writes is conditional on its lease token: a worker that lost its lease changes nothing;
 * - a verdict on an older change never stops a newer one: the lane then waits again with fresh attempts.
 */

export interface ArmedLane {
  readonly wish: LaneWish
  readonly assessment: Assessment
}

/** Makes the newest change of these dossiers wanted. A lane in the middle of a call keeps its state and only learns the wish. */
export async function armLanes(tx: Tx, version: number, lanes: readonly ArmedLane[]): Promise<Map<number, LaneView>> {
  if (lanes.length === 0) return new Map()
  const sorted = [...lanes].sort((a, b) => a.wish.dossierId - b.wish.dossierId)
  const rows = await tx<{ id: number; state: string; reason: string | null; field: string | null }[]>`
    insert into deliveries as l (dossier_id, agency_code, state, reason, detail, wanted_change_id, steps_total, priority, assessed_version,
      national_code)
    select r.id, r.agency, r.state, r.reason, r.detail::jsonb, r.change_id, r.steps, r.priority, ${version}, r.national_code
    from unnest(
      ${sorted.map(({ wish }) => wish.dossierId)}::bigint[],
      ${sorted.map(({ wish }) => wish.agencyCode)}::text[],
      ${sorted.map(({ assessment }) => (assessment.ready ? 'waiting' : 'blocked'))}::text[],
      ${sorted.map(({ assessment }) => (assessment.ready ? null : assessment.obstacle.reason))}::text[],
      ${sorted.map(({ assessment }) => detailOf(assessment))}::text[],
      ${sorted.map(({ wish }) => wish.changeId)}::bigint[],
      ${sorted.map(({ wish }) => wish.newSteps)}::int[],
      ${sorted.map(({ wish }) => priorities[wish.backfill ? 'backfill' : 'fresh'])}::smallint[],
      ${sorted.map(({ assessment }) => (assessment.ready ? assessment.dossier.procedure.code : assessment.nationalCode))}::text[]
    ) as r(id, agency, state, reason, detail, change_id, steps, priority, national_code)
    on conflict (dossier_id) do update set
      state = case when l.state in ('sending', 'unknown') then l.state else excluded.state end,
      reason = case when l.state in ('sending', 'unknown') then l.reason else excluded.reason end,
      detail = case when l.state in ('sending', 'unknown') then l.detail else excluded.detail end,
      attempts = case when l.state in ('sending', 'unknown') then l.attempts else 0 end,
      next_at = case when l.state in ('sending', 'unknown') then l.next_at else now() end,
      due_since = case when l.state = 'delivered' then now() else l.due_since end,
      -- One that becomes fresh is handed out anew at once: the ticket in the other queue no longer fits.
      handed_until = case when l.state in ('sending', 'unknown') and l.priority <= excluded.priority then l.handed_until end,
      agency_code = excluded.agency_code,
      wanted_change_id = excluded.wanted_change_id,
      steps_total = l.steps_total + excluded.steps_total,
      priority = case when l.state = 'delivered' then excluded.priority else least(l.priority, excluded.priority) end,
      assessed_version = excluded.assessed_version,
      national_code = excluded.national_code,
      updated_at = now()
    returning dossier_id as id, state, reason, detail->>'field' as field`
  return new Map(rows.map(({ id, ...view }) => [id, view]))
}

const detailOf = (assessment: Assessment): string | null =>
  assessment.ready ? null : JSON.stringify({ field: assessment.obstacle.field, text: assessment.obstacle.text })

/**
 * Counts new steps; a lane that had finished starts again, and fresh steps make a lane fresh. One that stopped at a refused step
 * starts again only where later steps may go without it.
 */
export async function wakeLanes(
  tx: Tx,
  news: readonly StepNews[],
  rule: StepsAfterRefused,
): Promise<Map<number, LaneView>> {
  if (news.length === 0) return new Map()
  const idle = tx`(l.state = 'delivered' ${rule === 'go' ? tx`or l.state = 'parked' and l.reason = 'step-refused'` : tx``})`
  const rows = await tx<{ id: number; state: string; reason: string | null; field: string | null }[]>`
    update deliveries l set
      steps_total = l.steps_total + r.count,
      state = case when ${idle} then 'waiting' else l.state end,
      reason = case when ${idle} then null else l.reason end,
      due_since = case when ${idle} then now() else l.due_since end,
      next_at = case when ${idle} then now() else l.next_at end,
      handed_until = case when l.priority > r.priority then null else l.handed_until end,
      priority = case when l.state = 'delivered' then r.priority else least(l.priority, r.priority) end,
      updated_at = now()
    from unnest(
      ${news.map(({ dossierId }) => dossierId)}::bigint[], ${news.map(({ count }) => count)}::int[],
      ${news.map(({ backfill }) => priorities[backfill ? 'backfill' : 'fresh'])}::smallint[]
    ) as r(id, count, priority)
    where l.dossier_id = r.id
    returning l.dossier_id as id, l.state, l.reason, l.detail->>'field' as field`
  return new Map(rows.map(({ id, ...view }) => [id, view]))
}

export interface HandOut {
  readonly operation: Operation
  readonly ids: number[]
}

export interface HandOutWish {
  readonly urgency: Urgency
  /** Most lanes to hand out at once. */
  readonly limit: number
  /** Lanes per batch. */
  readonly batch: number
  /** A hand-out nobody picked up is made again after this time, in milliseconds. */
  readonly holdFor: number
  readonly turns: Turns
}

/**
 * The agency that had the last turn, by urgency: the next hand-out begins behind it, so that where there is less room than
 * agencies none is passed over. Lost with its process, which harms nobody.
 */
export type Turns = Map<Urgency, string>

interface Handed {
  readonly id: number
  readonly agency: string
  readonly operation: Operation
  readonly alone: boolean
  /** Has used attempts: it may be what makes its batch fail. */
  readonly failed: boolean
  /** When it became due, in seconds: lanes of one need leave in this order. */
  readonly due: number
}

/** Rounds in which what some agencies leave over is dealt to those that have more. */
const longestDeal = 4

/**
 * Picks due lanes for the queue, fairly: every agency with due lanes gets an equal share, and what small ones leave over is
 * dealt out again among the others; within an agency the longest due go first. Lanes are then grouped by what they need.
 * Lanes that failed before travel apart from clean ones, and lanes whose outcome was unknown twice travel alone, so that one
 * poisonous dossier cannot take its batch with it.
 */
export async function handOut(sql: Sql, { urgency, limit, batch, holdFor, turns }: HandOutWish): Promise<HandOut[]> {
  const priority = priorities[urgency]
  const handed: Handed[] = []
  let agencies = await agenciesDue(sql, priority, turns.get(urgency) ?? '')
  for (let round = 1; agencies.length > 0 && handed.length < limit && round <= longestDeal; round += 1) {
    const room = limit - handed.length
    const share = Math.ceil(room / agencies.length)
    const dealt = await deal(sql, { priority, agencies, share, room, holdFor })
    handed.push(...dealt)
    const counts = Map.groupBy(dealt, ({ agency }) => agency)
    agencies = agencies.filter((agency) => counts.get(agency)?.length === share)
    if (agencies.length > 0) turns.set(urgency, agencies.at(-1)!)
  }
  return grouped(handed, batch)
}

/** One descent of the index per agency, however many lanes wait. In the order of their turns, beginning behind `last`. */
async function agenciesDue(sql: Sql, priority: number, last: string): Promise<string[]> {
  const rows = await sql<{ code: string }[]>`
    with recursive due(code) as (
      (select agency_code from deliveries where state in ('waiting', 'unknown') and priority = ${priority} order by agency_code limit 1)
      union all
      select (select agency_code from deliveries where state in ('waiting', 'unknown') and priority = ${priority}
        and agency_code > due.code order by agency_code limit 1)
      from due where due.code is not null
    ) select code from due where code is not null and not exists (select 1 from delivery_hold) order by code <= ${last}, code`
  return rows.map(({ code }) => code)
}

interface Deal {
  readonly priority: number
  readonly agencies: readonly string[]
  readonly share: number
  readonly room: number
  readonly holdFor: number
}

async function deal(sql: Sql, { priority, agencies, share, room, holdFor }: Deal): Promise<Handed[]> {
  return sql<Handed[]>`
    with turn as (
      select own.dossier_id from unnest(${[...agencies]}::text[]) with ordinality as agency(code, position) cross join lateral (
        select dossier_id, next_at, row_number() over (order by next_at, dossier_id) as turn from deliveries
        where state in ('waiting', 'unknown') and priority = ${priority} and agency_code = agency.code and next_at <= now()
          and (handed_until is null or handed_until < now())
        order by next_at, dossier_id limit ${share}
      ) own order by own.turn, agency.position limit ${room}
    ), picked as (
      select dossier_id from deliveries
      where dossier_id in (select dossier_id from turn) and state in ('waiting', 'unknown') and next_at <= now()
        and (handed_until is null or handed_until < now())
      order by dossier_id for update skip locked
    )
    update deliveries l set handed_until = now() + ${holdFor} * interval '1 millisecond'
    from picked where l.dossier_id = picked.dossier_id
    returning l.dossier_id as id, l.agency_code as agency, l.doubts >= 2 as alone, case
      when l.state = 'unknown' then 'look-up'
      when l.delivered_change_id is not distinct from l.wanted_change_id and not l.again then 'steps'
      when l.presence = 'present' then 'update'
      else 'create' end as operation, l.attempts > 0 as failed, extract(epoch from l.next_at)::float8 as due`
}

function grouped(handed: readonly Handed[], batch: number): HandOut[] {
  const groups = Map.groupBy(handed, (lane) =>
    lane.alone && lane.operation !== 'look-up' ? `alone ${lane.id}` : `${lane.operation} ${lane.failed}`,
  )
  return [...groups.values()]
    .flatMap((group) =>
      chunks(
        group.sort((a, b) => a.due - b.due || a.id - b.id),
        batch,
      ),
    )
    .map((group) => ({ operation: group[0]!.operation, ids: group.map(({ id }) => id) }))
}

export function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}

/**
 * Makes lanes due again at once that were handed out in vain: all of them when Redis was flushed, or those of one ticket
 * that could not be claimed (somebody held the row for a moment).
 */
export async function forgetHandOuts(sql: Sql, ids?: readonly number[]): Promise<number> {
  const rows = await sql`
    update deliveries set handed_until = null
    where dossier_id in (
      select dossier_id from deliveries
      where state in ('waiting', 'unknown') and handed_until > now()
        ${ids ? sql`and dossier_id = any(${[...ids]}::bigint[])` : sql``}
      order by dossier_id for update
    ) returning 1`
  return rows.length
}

export interface LaneStep {
  readonly id: number
  readonly step: Step
  readonly parked: boolean
}

/** A lane in a worker's hands. */
export interface Lane {
  readonly dossierId: number
  readonly code: string
  readonly source: string
  readonly content: DossierContent
  /** When the one-stop system made the change. */
  readonly changedAt: string
  /** The newest change at the moment of the claim: what this worker will send. */
  readonly changeId: number
  readonly contentDelivered: boolean
  readonly presence: 'unseen' | 'present' | 'absent'
  readonly attempts: number
  readonly doubts: number
  /** The portal took a content of this dossier before, whatever it says now. */
  readonly wasDelivered: boolean
  /** Why the lane came back the last time. */
  readonly reason: string | null
  /** Set when the outcome of an earlier call is not known: what that call was. */
  readonly unsettled: 'create' | 'update' | 'steps' | null
  readonly steps: readonly LaneStep[]
}

/** Read after the claim. */
type Sealed = 'code' | 'source' | 'content' | 'changedAt'

interface ClaimedRow {
  id: number
  code: string
  source: string
  content: Buffer
  changedAt: Date
  changeId: number
  contentDelivered: boolean
  presence: Lane['presence']
  wasDelivered: boolean
  reason: string | null
  attempts: number
  doubts: number
  wasUnknown: boolean
  sentAs: Lane['unsettled']
  steps: number
}

/** Takes those of the lanes that are still due, free and of this urgency, and remembers what is about to be sent for them. */
export async function claimLanes(
  sql: Sql,
  vault: Vault,
  claim: { ids: readonly number[]; urgency: Urgency; token: string; leaseFor: number },
): Promise<{ lanes: Lane[]; unreadable: UnreadableLane[] }> {
  const claimed = await sql<Omit<ClaimedRow, Sealed>[]>`
    with picked as (
      select dossier_id, state from deliveries
      where dossier_id = any(${[...claim.ids]}::bigint[]) and state in ('waiting', 'unknown') and next_at <= now()
        and priority = ${priorities[claim.urgency]} and not exists (select 1 from delivery_hold)
      order by dossier_id for update skip locked
    )
    update deliveries l set
        state = 'sending', lease_token = ${claim.token}, handed_until = null,
        lease_until = now() + ${claim.leaseFor} * interval '1 millisecond',
        sent_change_id = case when l.state = 'unknown' then l.sent_change_id else l.wanted_change_id end,
        sent_as = case
          when l.state = 'unknown' then l.sent_as
          when l.delivered_change_id is not distinct from l.wanted_change_id and not l.again then 'steps'
          when l.presence = 'present' then 'update' else 'create' end,
        updated_at = now()
      -- No join: whatever the planner thinks of the table's size, each lane is found once by its key.
      where l.dossier_id = any(array(select dossier_id from picked))
    returning l.dossier_id as id, l.wanted_change_id as "changeId",
      l.delivered_change_id is not distinct from l.wanted_change_id and not l.again as "contentDelivered", l.presence, l.attempts, l.doubts, l.reason,
      l.first_delivered_at is not null as "wasDelivered",
      (select picked.state = 'unknown' from picked where picked.dossier_id = l.dossier_id) as "wasUnknown", l.sent_as as "sentAs", l.steps_total - l.steps_done as steps`
  // In the ticket's order: whoever was due first, or stands first in a resend, goes first.
  const turn = new Map(claim.ids.map((id, index) => [id, index]))
  claimed.sort((a, b) => turn.get(a.id)! - turn.get(b.id)!)
  const { rows, steps } = await sealedOf(sql, claimed)
  const lanes: Lane[] = []
  const unreadable: UnreadableLane[] = []
  for (const row of rows) {
    try {
      lanes.push(openLane(vault, row, steps.get(row.id) ?? []))
    } catch {
      unreadable.push({ dossierId: row.id, changeId: row.changeId })
    }
  }
  return { lanes, unreadable }
}

interface SealedRow {
  readonly dossierId: number
  /** Of the dossier; null in the row of a step. */
  readonly code: string | null
  readonly source: string
  readonly changedAt: Date
  readonly content: Buffer
  readonly stepId: number
  readonly stepState: string
}

/**
 * The wanted contents and the open steps, in order. Read after the claim and not with it: a change that was committed while the
 * claim ran is wanted, but not in its snapshot.
 */
async function sealedOf(
  sql: Sql,
  claimed: readonly Omit<ClaimedRow, Sealed>[],
): Promise<{ rows: ClaimedRow[]; steps: Map<number, SealedStep[]> }> {
  const withSteps = claimed.filter((lane) => lane.steps > 0).map((lane) => lane.id)
  const sealed = await sql<SealedRow[]>`
    select d.id as "dossierId", d.code, d.source, c.changed_at as "changedAt", c.content, null::bigint as "stepId", null::text as "stepState", null::timestamptz as at
    from changes c join dossiers d on d.id = c.dossier_id where c.id = any(${claimed.map(({ changeId }) => changeId)}::bigint[])
    union all
    select dossier_id, null, null, null, content, id, state, at from steps
    where dossier_id = any(${withSteps}::bigint[]) and state <> 'delivered'
    order by "dossierId", at, "stepId"`
  const contents = new Map<number, Pick<ClaimedRow, Sealed>>()
  const steps = new Map<number, SealedStep[]>(withSteps.map((id) => [id, []]))
  for (const { dossierId, code, source, content, changedAt, stepId, stepState } of sealed)
    if (code !== null) contents.set(dossierId, { code, source, content, changedAt })
    else steps.get(dossierId)!.push({ id: stepId, content, state: stepState })
  return { rows: claimed.map((row) => ({ ...row, ...contents.get(row.id)! })), steps }
}

/** A lane whose sealed content cannot be opened: its key is missing or its bytes are broken. */
export interface UnreadableLane {
  readonly dossierId: number
  readonly changeId: number
}

function openLane(vault: Vault, row: ClaimedRow, steps: readonly SealedStep[]): Lane {
  return {
    dossierId: row.id,
    code: row.code,
    source: row.source,
    content: JSON.parse(vault.open(row.content, `change:${row.code}`)) as DossierContent,
    changedAt: row.changedAt.toISOString(),
    changeId: row.changeId,
    contentDelivered: row.contentDelivered,
    presence: row.presence,
    wasDelivered: row.wasDelivered,
    reason: row.reason,
    attempts: row.attempts,
    doubts: row.doubts,
    unsettled: row.wasUnknown ? (row.sentAs ?? 'create') : null,
    steps: steps.map(({ id, state, content }) => ({
      id,
      parked: state === 'parked',
      step: JSON.parse(vault.open(content, `step:${row.code}`)) as Step,
    })),
  }
}

interface SealedStep {
  readonly id: number
  readonly content: Buffer
  readonly state: string
}

/** Extends the lease of everything under this token; false when it is lost. */
export async function renewLease(sql: Sql, token: string, leaseFor: number): Promise<boolean> {
  const rows = await sql`
    update deliveries set lease_until = now() + ${leaseFor} * interval '1 millisecond'
    where lease_token = ${token} and lease_until > now() returning 1`
  return rows.length > 0
}

/** One call and what it meant for each dossier it carried. */
export interface Evidence {
  readonly exchange: Exchange
  readonly lanes: readonly { dossierId: number; changeId: number | null; stepIds: readonly number[]; meaning: string }[]
}

/** The evidence of calls as a CTE chain, so that evidence and outcome are one statement: both are in the ledger or neither. */
function evidenceCte(sql: Sql, vault: Vault, evidence: readonly Evidence[]) {
  const column = <K extends keyof Exchange>(key: K) => evidence.map(({ exchange }) => exchange[key])
  const time = (key: 'requestIn' | 'requestOut' | 'responseIn') => column(key).map((at) => at?.toISOString() ?? null)
  const sealed = (key: 'requestBody' | 'responseBody') =>
    column(key).map((body) => base64(vault.seal(body, 'exchange')))
  const noted = evidence.flatMap(({ lanes }, call) => lanes.map((lane) => ({ ...lane, call })))
  return sql`
    call as materialized (
      select nextval('exchange_ids') as id, r.* from unnest(
        ${evidence.map((_, call) => call)}::int[], ${column('service')}::text[], ${time('requestIn')}::timestamptz[],
        ${time('requestOut')}::timestamptz[], ${time('responseIn')}::timestamptz[], ${column('httpStatus')}::int[],
        ${column('code')}::text[], ${column('message')}::text[], ${column('class')}::text[], ${column('items')}::int[],
        ${column('bytesOut')}::int[], ${column('bytesIn')}::int[], ${sealed('requestBody')}::text[], ${sealed('responseBody')}::text[]
      ) as r(call, service, request_in, request_out, response_in, http_status, code, message, class, items, bytes_out, bytes_in,
        request, response)
    ), evidence as (
      insert into exchanges (id, service, request_in, request_out, response_in, http_status, code, message, class, items, bytes_out,
        bytes_in)
      select id, service, request_in, request_out, response_in, http_status, code, message, class, items, bytes_out, bytes_in from call
    ), bodies as (
      insert into exchange_bodies (exchange_id, at, request, response)
      select id, now(), decode(request, 'base64'), decode(response, 'base64') from call
    ), noted as (
      insert into attempts (dossier_id, exchange_id, at, change_id, step_ids, meaning)
      select r.id, call.id, now(), r.change_id, string_to_array(nullif(r.steps, ''), ',')::bigint[], r.meaning
      from unnest(
        ${noted.map(({ call }) => call)}::int[], ${noted.map(({ dossierId }) => dossierId)}::bigint[],
        ${noted.map(({ changeId }) => changeId)}::bigint[], ${noted.map(({ stepIds }) => stepIds.join(','))}::text[],
        ${noted.map(({ meaning }) => meaning)}::text[]
      ) as r(call, id, change_id, steps, meaning) join call using (call)
    )`
}

const base64 = (bytes: Buffer): string => bytes.toString('base64')

/** Keeps calls that decided nothing for their lanes, and calls that carried none (logins, catalogue pulls); their ids, in their order. */
export async function keepEvidence(sql: Sql, vault: Vault, evidence: readonly Evidence[]): Promise<number[]> {
  if (evidence.length === 0) return []
  const rows = await persistently(
    () => sql<{ id: number }[]>`with ${evidenceCte(sql, vault, evidence)} select id from call order by call`,
  )
  return rows.map(({ id }) => id)
}

/** What the portal took (or was seen to hold) of a lane in a worker's hands. */
export interface Taken {
  readonly dossierId: number
  /** The change whose content was taken; null when only steps were. */
  readonly changeId: number | null
  readonly stepIds: readonly number[]
  /** No step of this lane follows. After a content the ledger itself knows. */
  readonly last: boolean
}

/** The outcome of one call, or of a look-up that was recorded before (then without evidence). */
export interface Outcome {
  readonly token: string
  readonly evidence: Evidence | null
  readonly taken: readonly Taken[]
}

/**
 * Records outcomes of several calls, in their order, in one statement. A lane that has nothing left to send is finished, or
 * waits again when a newer change or step came meanwhile; the others stay in their worker's hands. Returns, for each
 * outcome, the lanes that are not there any more.
 */
export async function recordOutcomes(sql: Sql, vault: Vault, outcomes: readonly Outcome[]): Promise<number[][]> {
  const evidence = outcomes.flatMap((outcome) => outcome.evidence ?? [])
  const taken = mergeTaken(outcomes)
  const steps = taken.flatMap(({ dossierId, steps }) => steps.map((step) => ({ ...step, dossierId })))
  const rows = await persistently(
    () => sql<{ id: number; state: string }[]>`
    with ${evidence.length > 0 ? sql`${evidenceCte(sql, vault, evidence)},` : sql``} taken as materialized (
      select * from unnest(
        ${taken.map(({ token }) => token)}::uuid[], ${taken.map(({ dossierId }) => dossierId)}::bigint[],
        ${taken.map(({ changeId }) => changeId)}::bigint[], ${taken.map(({ steps }) => steps.length)}::int[],
        ${bools(taken.map(({ last }) => last))}::text[]::bool[]
      ) as r(token, id, change_id, steps, last)
    ), mine as materialized (
      select l.dossier_id as id, l.steps_done + r.steps as done, coalesce(r.change_id, l.delivered_change_id) as delivered, r.change_id,
        r.last or r.change_id is not null and l.steps_done + r.steps >= l.steps_total as finished
      from deliveries l join taken r on r.id = l.dossier_id and r.token = l.lease_token order by l.dossier_id for update of l
    ), acknowledged as (
      update steps s set state = 'delivered', reason = null, sent_at = coalesce(p.sent_at, s.sent_at),
        -- Seen at the portal and not sent: it took it when it took it.
        acknowledged_at = case when p.sent_at is null then coalesce(s.acknowledged_at, now()) else now() end
      from unnest(
        ${steps.map(({ id }) => id)}::bigint[], ${steps.map(({ dossierId }) => dossierId)}::bigint[],
        ${steps.map(({ sentAt }) => sentAt?.toISOString() ?? null)}::timestamptz[]
      ) as p(id, dossier_id, sent_at) join mine on mine.id = p.dossier_id
      where s.id = p.id and s.state <> 'delivered'
    )
    update deliveries l set
      steps_done = mine.done,
      delivered_change_id = mine.delivered,
      state = case
        when not mine.finished then l.state
        when l.wanted_change_id = mine.delivered and mine.done = l.steps_total then 'delivered' else 'waiting' end,
      delivered_at = case when mine.finished and l.wanted_change_id = mine.delivered and mine.done = l.steps_total then now()
        else l.delivered_at end,
      again = l.again and mine.change_id is null,
      presence = case when mine.change_id is null then l.presence else 'present' end,
      first_delivered_at = case when mine.change_id is null then l.first_delivered_at else coalesce(l.first_delivered_at, now()) end,
      sent_change_id = case when mine.change_id is null then l.sent_change_id end,
      sent_as = 'steps',
      attempts = case when mine.finished or mine.change_id is not null then 0 else l.attempts end,
      doubts = case when mine.finished or mine.change_id is not null then 0 else l.doubts end,
      reason = case when mine.finished or mine.change_id is not null then null else l.reason end,
      detail = case when mine.finished or mine.change_id is not null then null else l.detail end,
      next_at = case when mine.finished then now() else l.next_at end,
      lease_token = case when mine.finished then null else l.lease_token end,
      lease_until = case when mine.finished then null else l.lease_until end,
      updated_at = now()
    from mine where l.dossier_id = mine.id
    returning l.dossier_id as id, l.state`,
  )
  const inHand = new Set(rows.filter(({ state }) => state === 'sending').map(({ id }) => id))
  return outcomes.map(({ taken }) => taken.map(({ dossierId }) => dossierId).filter((id) => !inHand.has(id)))
}

interface TakenTogether extends Pick<Taken, 'dossierId' | 'changeId' | 'last'> {
  readonly token: string
  readonly steps: readonly { readonly id: number; readonly sentAt: Date | null }[]
}

/** One row per lane: its content and its steps may have been taken by several calls. */
function mergeTaken(outcomes: readonly Outcome[]): TakenTogether[] {
  const lanes = new Map<number, TakenTogether>()
  for (const { token, taken, evidence } of outcomes)
    for (const { dossierId, changeId, stepIds, last } of taken) {
      const before = lanes.get(dossierId)
      // A lane has one worker: what another noted about it before it lost its lease is of no account.
      const own = before?.token === token ? before : null
      const steps = stepIds.map((id) => ({ id, sentAt: evidence?.exchange.requestOut ?? null }))
      lanes.set(dossierId, {
        token,
        dossierId,
        changeId: changeId ?? own?.changeId ?? null,
        steps: [...(own?.steps ?? []), ...steps],
        last: last || (own?.last ?? false),
      })
    }
  return [...lanes.values()]
}

/** What becomes of a lane that was not delivered. Durations in milliseconds. */
export interface Verdict {
  readonly dossierId: number
  /** The change that was judged; a newer wanted change overrules the verdict. */
  readonly changeId: number
  readonly state: Exclude<LaneState, 'sending' | 'delivered'>
  readonly reason: string | null
  readonly detail: { field?: string | null; text?: string; code?: string; message?: string } | null
  readonly wait: number
  readonly attempts: number
  readonly doubts: number
  readonly presence?: 'present' | 'absent'
  /** With `unknown`: what the call was whose outcome is not known, when it is not the one last noted. */
  readonly sentAs?: 'create' | 'update' | 'steps'
  /** The portal does not hold what we thought it did: send the content again. */
  readonly forgetDelivered?: boolean
  readonly parkStep?: { id: number; reason: string }
  readonly nationalCode?: string | null
  readonly assessedVersion?: number
}

/** Gives lanes back with a verdict, and keeps the evidence of the call that led to it. */
export async function settle(
  sql: Sql,
  vault: Vault,
  token: string,
  evidence: Evidence | null,
  verdicts: readonly Verdict[],
): Promise<void> {
  if (verdicts.length === 0) return
  const column = <K extends keyof Verdict>(key: K) => verdicts.map((verdict) => verdict[key] ?? null)
  const steps = verdicts.flatMap(({ parkStep }) => (parkStep ? [parkStep] : []))
  await persistently(
    () => sql`
    with ${evidence ? sql`${evidenceCte(sql, vault, [evidence])},` : sql``} verdict as (
      select * from unnest(
        ${column('dossierId')}::bigint[], ${column('changeId')}::bigint[], ${column('state')}::text[], ${column('reason')}::text[],
        ${verdicts.map(({ detail }) => (detail ? JSON.stringify(detail) : null))}::text[], ${column('wait')}::int[],
        ${column('attempts')}::int[], ${column('doubts')}::int[], ${column('presence')}::text[],
        ${bools(verdicts.map(({ forgetDelivered }) => forgetDelivered ?? false))}::text[]::bool[], ${column('nationalCode')}::text[],
        ${column('assessedVersion')}::bigint[], ${column('sentAs')}::text[]
      ) as r(id, change_id, state, reason, detail, wait, attempts, doubts, presence, forget, national_code, version, sent_as)
    ), settled as (
      update deliveries l set
        state = case when r.state <> 'unknown' and l.wanted_change_id <> r.change_id then 'waiting' else r.state end,
        reason = case when r.state <> 'unknown' and l.wanted_change_id <> r.change_id then null else r.reason end,
        detail = case when r.state <> 'unknown' and l.wanted_change_id <> r.change_id then null else r.detail::jsonb end,
        attempts = case when r.state <> 'unknown' and l.wanted_change_id <> r.change_id then 0 else r.attempts end,
        next_at = case when r.state <> 'unknown' and l.wanted_change_id <> r.change_id then now()
          else now() + r.wait * interval '1 millisecond' end,
        doubts = r.doubts,
        presence = coalesce(r.presence, l.presence),
        sent_as = coalesce(r.sent_as, l.sent_as),
        delivered_change_id = case when r.forget then null else l.delivered_change_id end,
        national_code = coalesce(r.national_code, l.national_code),
        assessed_version = coalesce(r.version, l.assessed_version),
        lease_token = null, lease_until = null, handed_until = null, updated_at = now()
      from verdict r where l.dossier_id = r.id and l.lease_token = ${token}
      returning l.dossier_id
    )
    update steps s set state = 'parked', reason = p.reason
    from unnest(${steps.map(({ id }) => id)}::bigint[], ${steps.map(({ reason }) => reason)}::text[]) as p(id, reason), settled
    where s.id = p.id and s.dossier_id = settled.dossier_id`,
  )
}

/**
 * A look-up's evidence, and what it showed, for a lane that stays in hand. What the portal does not hold has none of its steps either: of a
 * dossier that is sent again they are open again, and go when its content is there.
 */
export async function recordLookUp(
  sql: Sql,
  vault: Vault,
  token: string,
  evidence: Evidence,
  lane: { dossierId: number; presence: 'present' | 'absent' },
): Promise<void> {
  await persistently(
    () => sql`
    with ${evidenceCte(sql, vault, [evidence])}, reopened as (
      update steps s set state = 'waiting' from deliveries l
      where ${lane.presence} = 'absent' and l.dossier_id = ${lane.dossierId} and l.lease_token = ${token} and l.again
        and s.dossier_id = l.dossier_id and s.state = 'delivered' returning 1
    )
    update deliveries set
      presence = ${lane.presence},
      delivered_change_id = case when ${lane.presence} = 'absent' then null else delivered_change_id end,
      steps_done = steps_done - (select count(*) from reopened)
    where dossier_id = ${lane.dossierId} and lease_token = ${token}`,
  )
}

/** Work whose worker went silent: nobody knows what the portal did, so it is looked up first. */
export async function expireLeases(sql: Sql): Promise<number> {
  const rows = await sql`
    update deliveries set state = 'unknown', reason = 'worker-lost', detail = null, doubts = doubts + 1, next_at = now(),
      lease_token = null, lease_until = null, handed_until = null, updated_at = now()
    where dossier_id in (
      select dossier_id from deliveries where state = 'sending' and lease_until < now() order by dossier_id
      limit 1000 for update skip locked
    )
    returning 1`
  return rows.length
}

export interface BlockedLane {
  readonly id: number
  readonly reason: string
  readonly field: string | null
  readonly procedureCode: string
  readonly agencyCode: string
  readonly level: string | null
  readonly source: string
  readonly sourceStatus: string
  readonly receivedAt: Date
  readonly changedAt: Date
}

/** Lanes that were blocked under an older catalogue than `version`, in order after `after`. */
const blockedColumns = (sql: Sql | Tx) => sql`
  l.dossier_id as id, l.reason, l.detail->>'field' as field, d.procedure_code as "procedureCode", d.agency_code as "agencyCode", d.level,
  d.source, d.source_status as "sourceStatus", d.received_at as "receivedAt", d.changed_at as "changedAt"`

/** Lanes that were blocked before the catalogue last changed in a way that can concern any of them. */
export const blockedBeforeGeneral = (sql: Sql, after: number, limit: number): Promise<BlockedLane[]> => sql<
  BlockedLane[]
>`
  select ${blockedColumns(sql)} from deliveries l join dossiers d on d.id = l.dossier_id
  where l.state = 'blocked' and l.assessed_version < (select general from catalogue_version) and l.dossier_id > ${after}
  order by l.dossier_id limit ${limit}`

/**
 * Lanes that were blocked before something was decided about their own local code, for codes that are not settled. However long no
 * process swept, they are found.
 */
export const blockedBeforeDecision = (sql: Sql, after: number, limit: number): Promise<BlockedLane[]> => sql<
  BlockedLane[]
>`
  select ${blockedColumns(sql)} from catalogue_codes c
  join dossiers d on d.procedure_code = c.local_code join deliveries l on l.dossier_id = d.id
  where not c.settled and l.state = 'blocked' and l.assessed_version < c.version and d.id > ${after}
  order by d.id limit ${limit}`

/**
 * Settles codes after a sweep that began with this version of the catalogue. A lane is stamped with the catalogue its process had, a
 * second old at most, and committed within the time of a request: five minutes after a decision no lane can still come
 * with an older stamp.
 */
export async function settleCodes(sql: Sql, version: number): Promise<void> {
  await sql`
    update catalogue_codes set settled = true
    where not settled and version <= ${version} and raised_at < now() - interval '5 minutes'`
}

/** Lanes that a decision concerns: those under local codes, or those of units. */
export type Concerned = { readonly localCodes: readonly string[] } | { readonly agencyCodes: readonly string[] }

/** The blocked ones among them. */
export const blockedUnder = (
  sql: Sql | Tx,
  some: Concerned,
  after: number,
  limit: number,
): Promise<BlockedLane[]> => sql<BlockedLane[]>`
  select ${blockedColumns(sql)} from dossiers d join deliveries l on l.dossier_id = d.id
  where l.state = 'blocked' and d.id > ${after} and ${
    'localCodes' in some
      ? sql`d.procedure_code = any(${[...some.localCodes]}::text[])`
      : sql`l.agency_code = any(${[...some.agencyCodes]}::text[])`
  }
  order by d.id limit ${limit}`

/** Releases lanes whose obstacle is gone and renews the reason of the others; returns how many were released. */
export async function reassessed(
  sql: Sql,
  version: number,
  judged: readonly { id: number; was: string; reason: string | null; nationalCode: string | null }[],
): Promise<number> {
  const rows = await sql<{ released: boolean }[]>`
    update deliveries l set
      assessed_version = ${version},
      state = case when r.reason is null then 'waiting' else 'blocked' end,
      reason = r.reason,
      detail = case when r.reason is not distinct from l.reason then l.detail end,
      national_code = coalesce(r.national_code, l.national_code),
      next_at = case when r.reason is null then now() else l.next_at end,
      due_since = case when r.reason is null then now() else l.due_since end,
      handed_until = null, attempts = 0, updated_at = now()
    from unnest(
      ${judged.map(({ id }) => id)}::bigint[], ${judged.map(({ was }) => was)}::text[],
      ${judged.map(({ reason }) => reason)}::text[], ${judged.map(({ nationalCode }) => nationalCode)}::text[]
    ) as r(id, was, reason, national_code)
    where l.dossier_id = r.id and l.state = 'blocked' and l.reason = r.was and l.assessed_version < ${version}
    returning l.state = 'waiting' as released`
  return rows.filter(({ released }) => released).length
}

export interface Backlog {
  readonly state: LaneState
  readonly reason: string | null
  readonly count: number
  /** Age of the oldest, in seconds since it became wanted. */
  readonly oldest: number
}

/** All lanes that are not delivered, read along the indexes of open and of stopped ones. */
async function undelivered(sql: Sql): Promise<Backlog[]> {
  const age = sql`extract(epoch from now() - min(due_since))::float8 as oldest`
  return sql<Backlog[]>`
    select state, null as reason, count(*)::int as count, ${age} from deliveries
    where state in ('waiting', 'sending', 'unknown') group by state
    union all
    select state, reason, count(*)::int, ${age} from deliveries where state in ('blocked', 'parked') group by state, reason`
}

async function delivered(sql: Sql): Promise<Backlog[]> {
  const [row] = await sql<{ count: number }[]>`select count(*)::int as count from deliveries where state = 'delivered'`
  return row!.count > 0 ? [{ state: 'delivered', reason: null, count: row!.count, oldest: 0 }] : []
}

export async function backlog(sql: Sql): Promise<Backlog[]> {
  return [...(await delivered(sql)), ...(await undelivered(sql))]
}

/** For whoever looks every few seconds: counting millions of delivered lanes is left for once a minute. */
export function watchBacklog(sql: Sql): () => Promise<Backlog[]> {
  const known = shared(() => delivered(sql), countedFor)
  return async () => [...(await known()), ...(await undelivered(sql))]
}

/** Milliseconds. */
const countedFor = 60_000

/** Seconds since the portal last answered anything readable; null when it never did. */
export async function sinceLastAnswer(sql: Sql): Promise<number | null> {
  const [row] = await sql<{ seconds: number }[]>`
    select extract(epoch from now() - response_out)::float8 as seconds from exchanges
    where class in ('ok', 'exists', 'absent', 'refused', 'transient') order by response_out desc limit 1`
  return row?.seconds ?? null
}

/**
 * Age of the oldest lane that could be sent now, in seconds; null when there is none. A lane that was turned away because the
 * portal was not available, or is in somebody's hands, counts from when it became wanted. Reads all open lanes: ask only when nothing moves.
 */
export async function oldestDue(sql: Sql): Promise<number | null> {
  const [row] = await sql<{ seconds: number | null }[]>`
    select extract(epoch from now() - min(case when l.turned_away then l.due_since else l.next_at end))::float8 as seconds
    from (
      select due_since, next_at, state in ('unknown', 'sending') or attempts = 0
        or reason in ('portal-pace', 'portal-busy', 'portal-unreachable', 'portal-login') as turned_away
      from deliveries where state in ('waiting', 'sending', 'unknown')
    ) l where l.turned_away or l.next_at <= now()`
  return row?.seconds ?? null
}

export interface DeliveredRow {
  readonly id: number
  readonly code: string
  readonly source: string
  /** Null when nothing of this dossier was delivered; `unreadable` when it, or a step, cannot be opened. */
  readonly content: DossierContent | 'unreadable' | null
  /** When the one-stop system made that change. */
  readonly changedAt: string
  /** The national code of the newest change, when that is the delivered one. */
  readonly nationalCode: string | null
  readonly steps: readonly Step[]
}

/** What the portal took of these dossiers: the delivered change and the delivered steps in their order. */
export async function readDelivered(sql: Sql, vault: Vault, ids: readonly number[]): Promise<DeliveredRow[]> {
  const [rows, steps] = await Promise.all([
    sql<(Omit<DeliveredRow, 'content' | 'changedAt' | 'steps'> & { content: Buffer | null; changedAt: Date | null })[]>`
      select d.id, d.code, d.source, c.content, c.changed_at as "changedAt",
        case when l.delivered_change_id = l.wanted_change_id then l.national_code end as "nationalCode"
      from deliveries l join dossiers d on d.id = l.dossier_id
      left join changes c on c.id = l.delivered_change_id where l.dossier_id = any(${[...ids]}::bigint[])`,
    sql<{ dossierId: number; content: Buffer }[]>`
      select dossier_id as "dossierId", content from steps
      where dossier_id = any(${[...ids]}::bigint[]) and state = 'delivered' order by dossier_id, acknowledged_at, at, id`,
  ])
  const byDossier = Map.groupBy(steps, (step) => step.dossierId)
  return rows.map(({ content, changedAt, ...row }) => {
    const known = { ...row, changedAt: changedAt?.toISOString() ?? '' }
    try {
      const open = (sealed: Buffer, kind: 'change' | 'step'): unknown =>
        JSON.parse(vault.open(sealed, `${kind}:${row.code}`))
      return {
        ...known,
        content: content && (open(content, 'change') as DossierContent),
        steps: (byDossier.get(row.id) ?? []).map((step) => open(step.content, 'step') as Step),
      }
    } catch {
      // One key that is missing must not keep all others from being compared.
      return { ...known, content: 'unreadable', steps: [] }
    }
  })
}

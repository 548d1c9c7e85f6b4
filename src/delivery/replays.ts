import { replayLimits, skipWords, type SkipReason } from '../../config/replays.ts'
import { transaction, type Fragment, type Sql, type Tx } from '../platform/database.ts'
import { Refusal } from '../platform/problems.ts'
import { wordsOf, type CauseInWords } from './lists.ts'
import { recallReplay, releaseReplays } from './release.ts'
import { checkFilter, chosenBy, type ReplayFilter, type ReplayState, type Scope } from './replay-filter.ts'

/**
 * The replay desk: dossiers sent again on purpose. A replay is drafted first, with its dossiers frozen and counted; it is started
 * by whoever names that count; then it can be paused, resumed and cancelled. Who and why is kept with it and in the audit.
 */

export const replayPhases = ['draft', 'running', 'paused', 'cancelled', 'done', 'expired'] as const
export type ReplayPhase = (typeof replayPhases)[number]

/** Who acts: named in the audit, and limited to the replays of some agencies. */
export interface Operator {
  readonly actor: string
  readonly scope: Scope
}

export interface Replay {
  readonly id: number
  readonly state: ReplayPhase
  readonly filter: ReplayFilter
  readonly why: string
  readonly actor: string
  readonly perMinute: number
  readonly createdAt: string
  readonly startedAt: string | null
  readonly finishedAt: string | null
  readonly progress: Progress
}

/** The parts add up to the total. */
export interface Progress {
  readonly total: number
  /** Not set going yet. */
  readonly remaining: number
  /** Set going and not settled yet. */
  readonly onWay: number
  readonly delivered: number
  /** Parked or blocked again. */
  readonly stopped: number
  readonly skipped: number
}

interface ReplayRow {
  id: number
  state: ReplayPhase
  filter: ReplayFilter
  why: string
  actor: string
  perMinute: number
  createdAt: Date
  startedAt: Date | null
  finishedAt: Date | null
  total: number
  onWay: number
  delivered: number
  stopped: number
  skipped: number
  stale: boolean
}

const columns = (sql: Sql | Tx) => sql`
  id, state, filter, why, actor, per_minute as "perMinute", created_at as "createdAt", started_at as "startedAt",
  finished_at as "finishedAt", total, on_way as "onWay", delivered, stopped, skipped,
  state = 'draft' and created_at < now() - ${replayLimits.draftMinutes} * interval '1 minute' as stale`

const visible = (sql: Sql | Tx, scope: Scope) =>
  scope === null ? sql`true` : sql`agencies is not null and agencies <@ ${[...scope]}::text[]`

function replayOf({ total, onWay, delivered, stopped, skipped, stale, ...row }: ReplayRow): Replay {
  return {
    ...row,
    state: stale ? 'expired' : row.state,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    progress: {
      total,
      remaining: total - onWay - delivered - stopped - skipped,
      onWay,
      delivered,
      stopped,
      skipped,
    },
  }
}

export interface ReplayWish {
  readonly filter: ReplayFilter
  readonly why: string
  readonly perMinute?: number | undefined
}

/** What a filter chooses, before anything is set going. */
export interface Preview {
  readonly count: number
  readonly states: { state: ReplayState; reason: string | null; count: number }[]
  readonly agencies: { agency: string; count: number }[]
  /** The first few in the order in which they would go. */
  readonly first: { code: string; agency: string; state: ReplayState; reason: string | null }[]
  /** Dossiers that fit and are left out, because a replay under way has them. */
  readonly inOtherReplays: { replay: number; count: number }[]
}

/** Counts what a filter chooses at this moment; nothing is kept. */
export async function previewReplay(sql: Sql, filter: ReplayFilter, scope: Scope): Promise<Preview> {
  await checkWish(sql, filter, scope)
  return previewOf(
    sql,
    sql`
    select d.code, d.agency_code as agency, l.state, l.reason, d.changed_at, d.id, busy.replay
    from deliveries l join dossiers d on d.id = l.dossier_id left join busy on busy.id = d.id
    where ${chosenBy(sql, filter, scope)}`,
  )
}

/** Freezes what a filter chooses, in the original order, as a draft that can be started for an hour. */
export async function draftReplay(
  sql: Sql,
  { filter, why, perMinute = replayLimits.perMinute }: ReplayWish,
  { actor, scope }: Operator,
): Promise<Replay & { readonly preview: Preview }> {
  await checkWish(sql, filter, scope)
  const agencies = filter.agency === undefined ? scope : [filter.agency]
  const id = await transaction(sql, async (tx) => {
    const [made] = await tx<{ id: number }[]>`
      insert into replays (filter, agencies, why, actor, per_minute)
      values (${tx.json(filter)}, ${agencies === null ? null : [...agencies]}::text[], ${why}, ${actor}, ${perMinute})
      returning id`
    const { count } = await tx`
      with ${busy(tx)}
      insert into replay_items (replay_id, position, dossier_id, was_state, was_reason, change_id)
      select ${made!.id}, row_number() over (order by d.changed_at, d.id), d.id, l.state, l.reason, l.wanted_change_id
      from deliveries l join dossiers d on d.id = l.dossier_id
      where ${chosenBy(sql, filter, scope)} and not exists (select 1 from busy where busy.id = d.id)`
    if (count > replayLimits.dossiers) throw tooLarge()
    await tx`update replays set total = ${count} where id = ${made!.id}`
    await note(tx, { actor, action: 'replay.drafted', id: made!.id, detail: { filter, why, dossiers: count } })
    return made!.id
  })
  const preview = await previewOf(
    sql,
    sql`
    select d.code, d.agency_code as agency, i.was_state as state, i.was_reason as reason, d.changed_at, d.id, null::bigint as replay
    from replay_items i join dossiers d on d.id = i.dossier_id where i.replay_id = ${id}
    union all
    select d.code, d.agency_code, l.state, l.reason, d.changed_at, d.id, busy.replay
    from deliveries l join dossiers d on d.id = l.dossier_id join busy on busy.id = d.id
    where ${chosenBy(sql, filter, scope)}`,
  )
  return { ...(await readReplay(sql, id, scope))!, preview }
}

/** Dossiers that a replay under way has in hand or will come to: no other takes them. */
const busy = (sql: Sql | Tx) => sql`busy as materialized (
  select i.dossier_id as id, i.replay_id as replay from replay_items i join replays r on r.id = i.replay_id
  where i.state = 'pending' and r.state in ('running', 'paused')
  union all
  select dossier_id, replay_id from replay_items where state = 'released')`

async function checkWish(sql: Sql, filter: ReplayFilter, scope: Scope): Promise<void> {
  checkFilter(filter)
  if (scope !== null && filter.agency !== undefined && !scope.includes(filter.agency))
    throw new Refusal('agency-out-of-scope', 'The key does not speak for this agency', { field: 'filter.agency' })
  const rows = await sql`
    select from deliveries l join dossiers d on d.id = l.dossier_id
    where ${chosenBy(sql, filter, scope)} offset ${replayLimits.dossiers} limit 1`
  if (rows.length > 0) throw tooLarge()
}

const tooLarge = () =>
  new Refusal('replay-too-large', `More than ${replayLimits.dossiers} dossiers fit; narrow the filter`, {
    field: 'filter',
  })

const firstShown = 5

async function previewOf(sql: Sql, source: Fragment): Promise<Preview> {
  const rows = await sql<
    {
      part: 'state' | 'agency' | 'replay' | 'first'
      code: string
      agency: string
      state: ReplayState
      reason: string | null
      replay: number
      count: number
    }[]
  >`
    with ${busy(sql)}, chosen as materialized (${source}), free as (select * from chosen where replay is null)
    select * from (
      select 'state' as part, '' as code, '' as agency, state, reason, 0 as replay, count(*)::int as count from free group by state, reason
      order by 7 desc
    ) states
    union all select * from (
      select 'agency', '', agency, '', null, 0, count(*)::int from free group by agency order by 7 desc limit 100) agencies
    union all select 'replay', '', '', '', null, replay, count(*)::int from chosen where replay is not null group by replay
    union all select * from (
      select 'first', code, agency, state, reason, 0, 1 from free order by changed_at, id limit ${firstShown}) ahead`
  const parts = Map.groupBy(rows, ({ part }) => part)
  const states = (parts.get('state') ?? []).map(({ state, reason, count }) => ({ state, reason, count }))
  return {
    count: states.reduce((sum, { count }) => sum + count, 0),
    states,
    agencies: (parts.get('agency') ?? []).map(({ agency, count }) => ({ agency, count })),
    first: (parts.get('first') ?? []).map(({ code, agency, state, reason }) => ({ code, agency, state, reason })),
    inOtherReplays: (parts.get('replay') ?? []).map(({ replay, count }) => ({ replay, count })),
  }
}

/** Sets a draft going, when `expected` is what it counted and it is not older than an hour. The first dossiers go at once. */
export async function startReplay(
  sql: Sql,
  id: number,
  expected: number,
  { actor, scope }: Operator,
): Promise<Replay | null> {
  const started = await transaction(sql, async (tx) => {
    // One start at a time: a dossier is pending in one running or paused replay at most.
    await tx`select pg_advisory_xact_lock(hashtext('replay-start'))`
    const replay = await locked(tx, id, scope)
    if (replay === null) return false
    if (replay.state === 'expired')
      throw new Refusal('replay-expired', `The draft is older than ${replayLimits.draftMinutes} minutes`)
    mustBe(replay, ['draft'])
    const { total } = replay.progress
    if (total !== expected)
      throw new Refusal('replay-changed', `The replay holds ${total} dossiers, expected were ${expected}`, {
        field: 'expected',
      })
    const { count: taken } = await tx`
      with ${busy(tx)}
      update replay_items i set state = 'skipped', outcome = 'in-another-replay'
      from busy where busy.id = i.dossier_id and i.replay_id = ${id}`
    await tx`
      update replays set state = 'running', started_at = now(), clock = '-infinity', skipped = ${taken} where id = ${id}`
    const { filter, why } = replay
    await note(tx, { actor, action: 'deliveries.resent', id, detail: { filter, why, dossiers: total } })
    return true
  })
  if (!started) return null
  await releaseReplays(sql)
  return readReplay(sql, id, scope)
}

export interface Move {
  /** Why it is done, for the audit. */
  readonly why?: string | undefined
  /** From now on so many dossiers per minute. */
  readonly perMinute?: number | undefined
}

/** Nothing more is set going, and what was not claimed yet is called back; it goes on from there when resumed. */
export async function pauseReplay(sql: Sql, id: number, move: Move, operator: Operator): Promise<Replay | null> {
  const moved = await moveReplay(sql, id, operator, {
    from: ['running'],
    action: 'replay.paused',
    why: move.why,
    change: (tx) => tx`state = 'paused'`,
  })
  if (!moved) return null
  await recallReplay(sql, id)
  return readReplay(sql, id, operator.scope)
}

export async function resumeReplay(sql: Sql, id: number, move: Move, operator: Operator): Promise<Replay | null> {
  const moved = await moveReplay(sql, id, operator, {
    from: ['paused'],
    action: 'replay.resumed',
    why: move.why,
    change: (tx) =>
      tx`state = 'running', clock = '-infinity', per_minute = coalesce(${move.perMinute ?? null}::int, per_minute)`,
  })
  if (!moved) return null
  await releaseReplays(sql)
  return readReplay(sql, id, operator.scope)
}

/** For good. What was not claimed yet goes back to where it stood; what was sent is sent. */
export async function cancelReplay(sql: Sql, id: number, move: Move, operator: Operator): Promise<Replay | null> {
  const moved = await moveReplay(sql, id, operator, {
    from: ['draft', 'expired', 'running', 'paused'],
    action: 'replay.cancelled',
    why: move.why,
    change: (tx) => tx`state = 'cancelled', finished_at = now()`,
  })
  if (!moved) return null
  await recallReplay(sql, id)
  return readReplay(sql, id, operator.scope)
}

interface Transition {
  readonly from: readonly ReplayPhase[]
  readonly action: string
  readonly why: string | undefined
  readonly change: (tx: Tx) => Fragment
}

async function moveReplay(sql: Sql, id: number, { actor, scope }: Operator, move: Transition): Promise<boolean> {
  return transaction(sql, async (tx) => {
    const replay = await locked(tx, id, scope)
    if (replay === null) return false
    mustBe(replay, move.from)
    await tx`update replays set ${move.change(tx)} where id = ${id}`
    await note(tx, { actor, action: move.action, id, detail: { why: move.why ?? '' } })
    return true
  })
}

/** Pauses every running replay. `onWay`: dossiers that could not be called back, because a worker has them. */
export async function stopReplays(
  sql: Sql,
  why: string,
  { actor, scope }: Operator,
): Promise<{ paused: number[]; onWay: number }> {
  const paused = await transaction(sql, async (tx) => {
    const rows = await tx<{ id: number }[]>`
      update replays set state = 'paused' where id in (
        select id from replays where state = 'running' and ${visible(tx, scope)} order by id for update
      ) returning id`
    for (const { id } of rows) await note(tx, { actor, action: 'replay.paused', id, detail: { why, stopAll: true } })
    return rows.map(({ id }) => id).sort((a, b) => a - b)
  })
  for (const id of paused) await recallReplay(sql, id)
  const [row] = await sql<{ count: number }[]>`
    select coalesce(sum(on_way), 0)::int as count from replays where id = any(${paused}::bigint[])`
  return { paused, onWay: row!.count }
}

async function locked(tx: Tx, id: number, scope: Scope): Promise<Replay | null> {
  const [row] = await tx<ReplayRow[]>`
    select ${columns(tx)} from replays where id = ${id} and ${visible(tx, scope)} for update`
  return row === undefined ? null : replayOf(row)
}

function mustBe({ state }: Replay, wanted: readonly ReplayPhase[]): void {
  if (!wanted.includes(state))
    throw new Refusal('replay-state', `The replay is ${state}; this is for one that is ${wanted.join(' or ')}`)
}

interface Note {
  readonly actor: string
  readonly action: string
  readonly id: number
  readonly detail: Readonly<Record<string, unknown>>
}

async function note(tx: Tx, { actor, action, id, detail }: Note): Promise<void> {
  await tx`
    insert into audit (actor, action, subject, detail)
    values (${actor}, ${action}, ${`replay:${id}`}, ${tx.json(detail as never)})`
}

export async function readReplay(sql: Sql, id: number, scope: Scope): Promise<Replay | null> {
  const [row] = await sql<ReplayRow[]>`select ${columns(sql)} from replays where id = ${id} and ${visible(sql, scope)}`
  return row === undefined ? null : replayOf(row)
}

/** Newest first; `after` is the last id shown. */
export async function listReplays(
  sql: Sql,
  { state, after, limit }: { state?: ReplayPhase | undefined; after?: number | undefined; limit: number },
  scope: Scope,
): Promise<Replay[]> {
  const rows = await sql<ReplayRow[]>`
    select ${columns(sql)} from replays where ${visible(sql, scope)}
      ${after === undefined ? sql`` : sql`and id < ${after}`}
      ${state === undefined ? sql`` : sql`and state = ${state}`}
    order by id desc limit ${limit}`
  return rows.map(replayOf)
}

/** How the dossiers of a replay ended so far, in words; empty once the list of an old replay was let go of. */
export interface Outcomes {
  readonly skipped: { why: string; words: { vi: string; en: string } | null; count: number }[]
  readonly ended: { state: string; reason: string | null; words: CauseInWords | null; count: number }[]
}

export async function outcomesOf(sql: Sql, id: number): Promise<Outcomes> {
  const rows = await sql<{ state: 'skipped' | 'done'; outcome: string; reason: string | null; count: number }[]>`
    select state, outcome, outcome_reason as reason, count(*)::int as count from replay_items
    where replay_id = ${id} and state in ('skipped', 'done') group by 1, 2, 3 order by 4 desc`
  const of = (state: 'skipped' | 'done') => rows.filter((row) => row.state === state)
  return {
    skipped: of('skipped').map(({ outcome, count }) => ({
      why: outcome,
      words: skipWords[outcome as SkipReason] ?? null,
      count,
    })),
    ended: of('done').map(({ outcome, reason, count }) => ({
      state: outcome,
      reason,
      words: wordsOf(reason),
      count,
    })),
  }
}

/** Sends one dossier again now, whatever its state but on the way; null when there is none of this code. */
export async function resendDossier(
  sql: Sql,
  { code, why }: { code: string; why: string },
  operator: Operator,
): Promise<Replay | null> {
  const [lane] = await sql<{ state: string }[]>`
    select l.state from deliveries l join dossiers d on d.id = l.dossier_id where d.code = ${code}`
  if (lane === undefined) return null
  if (lane.state === 'waiting' || lane.state === 'sending' || lane.state === 'unknown')
    throw new Refusal('already-on-way', `The dossier is ${lane.state}`)
  const filter = { codes: [code], ...(lane.state === 'delivered' ? { state: 'delivered' as const } : {}) }
  const draft = await draftReplay(sql, { filter, why }, operator)
  const [other] = draft.preview.inOtherReplays
  if (other) throw new Refusal('already-on-way', `Replay ${other.replay} has the dossier`)
  return startReplay(sql, draft.id, draft.progress.total, operator)
}

/** How one dossier of a replay has fared: null when the replay does not hold it, or its list was let go of. */
export interface ItemOutcome {
  readonly state: 'pending' | 'released' | 'done' | 'skipped'
  /** Why it was skipped, or the state of its lane at the end. */
  readonly outcome: string | null
  readonly reason: string | null
}

export async function outcomeOfItem(sql: Sql, id: number, code: string): Promise<ItemOutcome | null> {
  const [row] = await sql<ItemOutcome[]>`
    select i.state, i.outcome, i.outcome_reason as reason from replay_items i join dossiers d on d.id = i.dossier_id
    where i.replay_id = ${id} and d.code = ${code}`
  return row ?? null
}

const lot = 5_000

/** Lets go of the lists of replays that ended so many days ago, and of drafts nobody started. The replays themselves are kept. */
export async function rotateReplays(sql: Sql, days: number): Promise<number> {
  for (let total = 0; ;) {
    const { count } = await sql`
      delete from replay_items where (replay_id, position) in (
        select i.replay_id, i.position from replay_items i join replays r on r.id = i.replay_id
        where r.on_way = 0 and (r.state = 'expired'
          or r.state in ('done', 'cancelled') and r.finished_at < now() - ${days} * interval '1 day')
        limit ${lot})`
    total += count
    if (count < lot) return total
  }
}

import type { Sql } from '../platform/database.ts'
import type { Metrics } from '../platform/metrics.ts'
import { isOverdue, lastBeats, type Heartbeat } from './heartbeats.ts'
import { urgencies, type Urgency } from './model.ts'
import type { PaceState } from './pace.ts'
import { oldestDue, sinceLastAnswer, type Backlog } from './store.ts'

export interface Movement {
  readonly ok: boolean
  /** Why work stands still: what to look at first. */
  readonly reason:
    | 'portal-not-configured'
    | 'queue-unreachable'
    | 'no-worker'
    | 'no-scheduler'
    | 'queue-silent'
    | 'portal-unavailable'
    | 'no-progress'
    // Nothing is sent on purpose: that is told, and is no failure.
    | 'quiet-hours'
    | 'daily-quota'
    | 'delivery-held'
    | null
  /** When sending goes on by itself, where that is known. */
  readonly opensAt: string | null
  /** Age of the oldest dossier that could be sent now; null when it was not looked for, because work moves. */
  readonly oldestDueSeconds: number | null
  readonly sinceLastAnswerSeconds: number | null
  /** Parts that gave no sign of life for too long. While nothing is due they are a warning: somebody may have stopped them. */
  readonly silent: readonly string[]
}

export interface MovementDeps {
  readonly sql: Sql
  /** Null while Redis cannot be reached. */
  readonly pace: () => Promise<PaceState | null>
  readonly portalConfigured: boolean
  readonly stallSeconds: number
  /** A part is silent when its last sign of life is older. */
  readonly silentSeconds: number
  readonly queues: Readonly<Record<Urgency, string>>
}

/** Liveness by movement: dossiers are due, and for `stallSeconds` the portal answered nothing. Counts alone would look healthy. */
export async function checkMovement(deps: MovementDeps): Promise<Movement> {
  const since = await sinceLastAnswer(deps.sql)
  const quiet = since === null || since > deps.stallSeconds
  // Reading all that waits is left for the moment when something may be wrong.
  const age = quiet ? ((await oldestDue(deps.sql)) ?? 0) : null
  const pulse = pulseOf(await lastBeats(deps.sql), deps)
  const common = {
    opensAt: null,
    oldestDueSeconds: age === null ? null : Math.round(age),
    sinceLastAnswerSeconds: since,
    silent: deps.portalConfigured ? pulse.silent : [],
  }
  const moves = age === null || age <= deps.stallSeconds
  // While one queue moves, the other one may have died.
  if (moves && !(await isDeadQueue(deps, pulse))) return { ok: true, reason: null, ...common }
  if (!deps.portalConfigured) return { ok: false, reason: 'portal-not-configured', ...common }
  const state = await deps.pace().catch(() => null)
  if (!state) return { ok: false, reason: 'queue-unreachable', ...common }
  if (pulse.reason) return { ok: false, reason: pulse.reason, ...common }
  const rest = await restOf(deps, state)
  if (rest) return { ok: true, ...common, ...rest }
  return { ok: false, reason: state.open ? 'no-progress' : 'portal-unavailable', ...common }
}

/** Is the silence wanted? What waited through it gets `stallSeconds` after it, too. */
async function restOf(
  { sql, stallSeconds }: MovementDeps,
  state: PaceState,
): Promise<(Pick<Movement, 'reason'> & Partial<Movement>) | null> {
  const [held] = await sql`select from delivery_hold`
  if (held) return { reason: 'delivery-held' }
  if (state.reason === 'quiet-hours' || state.reason === 'daily-quota')
    return { reason: state.reason, opensAt: state.opensAt?.toISOString() ?? null }
  const isBack = state.open && state.rested !== null && state.rested < stallSeconds * 1000
  return isBack ? { reason: null } : null
}

interface Pulses {
  readonly silent: readonly string[]
  readonly quietQueues: readonly Urgency[]
  readonly reason: 'no-worker' | 'no-scheduler' | 'queue-silent' | null
}

function pulseOf(beats: readonly Heartbeat[], { silentSeconds, queues }: MovementDeps): Pulses {
  const lively = beats.filter(({ seconds }) => seconds <= silentSeconds)
  const roles = new Set(lively.map(({ role }) => role))
  const gone = (['worker', 'scheduler'] as const).filter((role) => !roles.has(role))
  const late = beats.filter(({ role, seconds }) => roles.has(role) && seconds > silentSeconds)
  const quietQueues = urgencies.filter((urgency) => late.some(({ queue }) => queue === queues[urgency]))
  const silent = [...gone, ...late.map(({ role, queue }) => `${role}: ${queue}`)]
  const missing = gone[0] ? (`no-${gone[0]}` as const) : null
  return { silent, quietQueues, reason: missing ?? (quietQueues.length > 0 ? 'queue-silent' : null) }
}

async function isDeadQueue({ sql, stallSeconds }: MovementDeps, { quietQueues, reason }: Pulses): Promise<boolean> {
  if (reason !== 'queue-silent') return false
  for (const urgency of quietQueues) if (await isOverdue(sql, urgency, stallSeconds)) return true
  return false
}

/** Fills the gauges that are read from the ledger; called when metrics are scraped. */
export async function collectDelivery(
  sql: Sql,
  metrics: Metrics,
  backlog: readonly Backlog[],
  pace: PaceState | null,
  movement: Movement,
): Promise<void> {
  metrics.lanes.reset()
  metrics.oldest.reset()
  for (const { state, reason, count, oldest } of backlog) {
    metrics.lanes.set({ state, reason: reason ?? '' }, count)
    if (state !== 'delivered') metrics.oldest.set({ state, reason: reason ?? '' }, oldest)
  }
  metrics.gateClosed.reset()
  metrics.paceMoved.reset()
  metrics.callsToday.reset()
  if (pace?.moved) metrics.paceMoved.set({ why: pace.moved.why }, pace.moved.at.getTime() / 1000)
  for (const kind of ['used', 'limit'] as const) if (pace?.quota) metrics.callsToday.set({ kind }, pace.quota[kind])
  if (pace) {
    metrics.pace.set({ kind: 'learned' }, pace.rate)
    metrics.pace.set({ kind: 'ceiling' }, pace.ceiling)
    metrics.inFlight.set(pace.inFlight)
    metrics.gateClosed.set({ reason: pace.reason ?? '' }, pace.closedFor / 1000)
  }
  metrics.heartbeatAge.reset()
  for (const { role, queue, seconds } of await lastBeats(sql)) metrics.heartbeatAge.set({ role, queue }, seconds)
  metrics.stalled.reset()
  metrics.stalled.set({ reason: movement.reason ?? '' }, movement.ok ? 0 : 1)
}

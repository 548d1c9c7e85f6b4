import type { Sql } from '../platform/database.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { PaceState } from './pace.ts'
import { backlog, oldestDue, sinceLastAnswer } from './store.ts'

export interface Movement {
  readonly ok: boolean
  /** Why work stands still: what to look at first. */
  readonly reason: 'portal-not-configured' | 'queue-unreachable' | 'portal-unavailable' | 'no-progress' | null
  /** Age of the oldest dossier that could be sent now; null when it was not looked for, because work moves. */
  readonly oldestDueSeconds: number | null
  readonly sinceLastAnswerSeconds: number | null
}

export interface MovementDeps {
  readonly sql: Sql
  /** Null while Redis cannot be reached. */
  readonly pace: () => Promise<PaceState | null>
  readonly portalConfigured: boolean
  readonly stallSeconds: number
}

/** Liveness by movement: dossiers are due, and for `stallSeconds` the portal answered nothing. Counts alone would look healthy. */
export async function checkMovement(deps: MovementDeps): Promise<Movement> {
  const since = await sinceLastAnswer(deps.sql)
  const quiet = since === null || since > deps.stallSeconds
  // Reading all that waits is left for the moment when something may be wrong.
  const age = quiet ? ((await oldestDue(deps.sql)) ?? 0) : null
  const common = { oldestDueSeconds: age === null ? null : Math.round(age), sinceLastAnswerSeconds: since }
  if (age === null || age <= deps.stallSeconds) return { ok: true, reason: null, ...common }
  if (!deps.portalConfigured) return { ok: false, reason: 'portal-not-configured', ...common }
  const state = await deps.pace().catch(() => null)
  if (!state) return { ok: false, reason: 'queue-unreachable', ...common }
  return { ok: false, reason: state.open ? 'no-progress' : 'portal-unavailable', ...common }
}

/** Fills the gauges that are read from the ledger; called when metrics are scraped. */
export async function collectDelivery(
  sql: Sql,
  metrics: Metrics,
  pace: PaceState | null,
  movement: Movement,
): Promise<void> {
  metrics.lanes.reset()
  metrics.oldest.reset()
  for (const { state, reason, count, oldest } of await backlog(sql)) {
    metrics.lanes.set({ state, reason: reason ?? '' }, count)
    if (state !== 'delivered') metrics.oldest.set({ state, reason: reason ?? '' }, oldest)
  }
  metrics.gateClosed.reset()
  if (pace) {
    metrics.pace.set({ kind: 'learned' }, pace.rate)
    metrics.pace.set({ kind: 'ceiling' }, pace.ceiling)
    metrics.gateClosed.set({ reason: pace.reason ?? '' }, pace.closedFor / 1000)
  }
  metrics.stalled.reset()
  metrics.stalled.set({ reason: movement.reason ?? '' }, movement.ok ? 0 : 1)
}

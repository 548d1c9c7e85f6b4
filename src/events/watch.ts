import { ruleWords, type AlertRule, type AlertRules } from '../../config/alerts.ts'
import { failures, type FailureCode } from '../../config/failures.ts'
import { transaction, type Sql, type Tx } from '../platform/database.ts'
import type { Metrics } from '../platform/metrics.ts'
import { advance, directionOf, type Alert, type ErrorSeen, type Notice, type Sighting } from './alerts.ts'
import type { EventKind, NewEvent } from './model.ts'
import { sightings, type SightingDeps } from './sightings.ts'
import { emit } from './store.ts'

export interface WatchDeps extends SightingDeps {
  readonly rules: AlertRules
}

/**
 * Looks at all rules once and tells who wants to know. State and events are written by one transaction under one lock, by the
 * ledger's clock: a restart forgets nothing, and two schedulers never tell the same thing twice.
 */
export async function evaluateAlerts(deps: WatchDeps): Promise<void> {
  const seen = new Map((await sightings(deps, deps.rules)).map((one) => [one.key, one]))
  await transaction(deps.sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('alerts'))`
    const [clock] = await tx<{ now: Date }[]>`select now() as now`
    const known = await openAlerts(tx)
    const keys = new Set([...known.keys(), ...seen.keys()])
    for (const key of keys)
      await look(tx, deps.rules, clock!.now, { known: known.get(key) ?? null, sighting: seen.get(key) ?? null })
  })
}

async function look(
  tx: Tx,
  rules: AlertRules,
  now: Date,
  { known, sighting }: { known: Alert | null; sighting: Sighting | null },
): Promise<void> {
  const rule = rules.get((known ?? sighting)!.rule)
  const { alert, notice } = advance(known, sighting, rule, now)
  if (!alert) return void (await tx`delete from alerts where key = ${known!.key}`)
  await keep(tx, alert)
  if (notice) await emit(tx, [eventOf(alert, rule, notice)])
}

const columns = (sql: Sql | Tx) => sql`
  key, rule, state, first_at as "firstAt", last_at as "lastAt", clear_since as "clearSince", raised_at as "raisedAt",
  recovered_at as "recoveredAt", notified_at as "notifiedAt", count, first_error as "firstError", last_error as "lastError", trend`

async function openAlerts(tx: Tx): Promise<Map<string, Alert>> {
  const rows = await tx<Alert[]>`select ${columns(tx)} from alerts where state <> 'recovered'`
  return new Map(rows.map((row) => [row.key, row]))
}

async function keep(tx: Tx, alert: Alert): Promise<void> {
  await tx`
    insert into alerts (key, rule, state, first_at, last_at, clear_since, raised_at, recovered_at, notified_at, count, first_error,
      last_error, trend)
    values (${alert.key}, ${alert.rule}, ${alert.state}, ${alert.firstAt}, ${alert.lastAt}, ${alert.clearSince}, ${alert.raisedAt},
      ${alert.recoveredAt}, ${alert.notifiedAt}, ${alert.count}, ${tx.json({ ...alert.firstError })}, ${tx.json({ ...alert.lastError })},
      ${[...alert.trend]}::int[])
    on conflict (key) do update set
      rule = excluded.rule, state = excluded.state, first_at = excluded.first_at, last_at = excluded.last_at,
      clear_since = excluded.clear_since, raised_at = excluded.raised_at, recovered_at = excluded.recovered_at,
      notified_at = excluded.notified_at, count = excluded.count, first_error = excluded.first_error,
      last_error = excluded.last_error, trend = excluded.trend`
}

const kinds: Readonly<Record<Notice, EventKind>> = {
  raised: 'alert.raised',
  reminder: 'alert.reminder',
  recovered: 'alert.recovered',
}

function eventOf(alert: Alert, rule: AlertRule | undefined, notice: Notice): NewEvent {
  return { kind: kinds[notice], subject: alert.key, agencyCode: null, data: { ...explained(alert, rule) } }
}

/** An alert with the catalogue's words beside its codes, as events, API and command line show it. */
function explained(alert: Alert, rule: AlertRule | undefined) {
  const { clearSince: _clear, notifiedAt: _notified, firstError, lastError, trend, ...facts } = alert
  return {
    ...facts,
    firstError: withWords(firstError),
    lastError: withWords(lastError),
    trend: { counts: trend, direction: directionOf(trend) },
    words: rule ? ruleWords[rule.kind] : null,
  }
}

function withWords(error: ErrorSeen) {
  const known = failures[error.code as FailureCode]
  return known ? { ...error, vi: known.vi, en: known.en } : error
}

export type AlertView = ReturnType<typeof explained>

/** What fires, what may, and what recovered lately; the newest first within each. */
export async function listAlerts(sql: Sql, rules: AlertRules): Promise<AlertView[]> {
  const rows = await sql<Alert[]>`
    select ${columns(sql)} from alerts
    order by array_position(array['firing', 'pending', 'recovered'], state), first_at desc limit 1000`
  return rows.map((alert) => explained(alert, rules.get(alert.rule)))
}

/** Fills the gauges of events and alerts; called when metrics are scraped. */
export async function collectEvents(sql: Sql, metrics: Metrics): Promise<void> {
  const alerts = await sql<{ rule: string; state: string; count: number }[]>`
    select rule, state, count(*)::int as count from alerts where state <> 'recovered' group by 1, 2`
  const destinations = await sql<{ state: string; count: number }[]>`
    select case when state = 'active' and broken_since is not null then 'broken' else state end as state, count(*)::int as count
    from event_destinations group by 1`
  metrics.alerts.reset()
  for (const { rule, state, count } of alerts) metrics.alerts.set({ rule, state }, count)
  metrics.destinations.reset()
  for (const { state, count } of destinations) metrics.destinations.set({ state }, count)
}

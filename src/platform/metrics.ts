import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

/** Metrics carry codes and counts, never dossier codes or people. */
export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'dvcqg_' })
  const registers = [registry]
  return {
    registry,
    intake: new Counter({
      name: 'dvcqg_intake_changes_total',
      help: 'Changes pushed by one-stop systems, by result',
      labelNames: ['result'],
      registers,
    }),
    portalCalls: new Counter({
      name: 'dvcqg_portal_calls_total',
      help: 'Calls to the portal by service and class of the answer',
      labelNames: ['service', 'class'],
      registers,
    }),
    portalSeconds: new Histogram({
      name: 'dvcqg_portal_call_seconds',
      help: 'Durations between the four timestamps of a call: queue = picked up to sent, portal = sent to answered',
      labelNames: ['service', 'part'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    }),
    lanes: new Gauge({
      name: 'dvcqg_dossiers',
      help: 'Dossiers by state of delivery and reason',
      labelNames: ['state', 'reason'],
      registers,
    }),
    oldest: new Gauge({
      name: 'dvcqg_dossiers_oldest_seconds',
      help: 'Age of the oldest undelivered dossier by state and reason, since it became wanted at the portal',
      labelNames: ['state', 'reason'],
      registers,
    }),
    pace: new Gauge({
      name: 'dvcqg_portal_pace_calls_per_second',
      help: 'The learned pace and its configured ceiling',
      labelNames: ['kind'],
      registers,
    }),
    paceMoved: new Gauge({
      name: 'dvcqg_portal_pace_moved_timestamp_seconds',
      help: 'When the learned pace last moved, by why it did',
      labelNames: ['why'],
      registers,
    }),
    inFlight: new Gauge({
      name: 'dvcqg_portal_calls_in_flight',
      help: 'Calls to the portal that are not answered yet, of all processes',
      registers,
    }),
    callsToday: new Gauge({
      name: 'dvcqg_portal_calls_today',
      help: 'Calls of the day and their limit; absent without a quota',
      labelNames: ['kind'],
      registers,
    }),
    gateClosed: new Gauge({
      name: 'dvcqg_portal_gate_closed_seconds',
      help: 'Seconds until the gate to the portal opens again, by reason; 0 = open',
      labelNames: ['reason'],
      registers,
    }),
    eventSends: new Counter({
      name: 'dvcqg_event_sends_total',
      help: 'Attempts to bring an event to a destination, by outcome',
      labelNames: ['outcome'],
      registers,
    }),
    destinations: new Gauge({
      name: 'dvcqg_event_destinations',
      help: 'Destinations of events: active, broken (only probed) or paused',
      labelNames: ['state'],
      registers,
    }),
    alerts: new Gauge({
      name: 'dvcqg_alerts',
      help: 'Open alerts by rule and state: pending (not told yet) or firing',
      labelNames: ['rule', 'state'],
      registers,
    }),
    stalled: new Gauge({
      name: 'dvcqg_work_stalled',
      help: '1 when there is a backlog and nothing moves',
      labelNames: ['reason'],
      registers,
    }),
    workerRestarts: new Counter({
      name: 'dvcqg_worker_restarts_total',
      help: 'Workers that the watchdog found dead or hung and opened anew',
      labelNames: ['queue'],
      registers,
    }),
    heartbeatAge: new Gauge({
      name: 'dvcqg_heartbeat_age_seconds',
      help: 'Seconds since work was last seen to move, by role and queue, over all processes',
      labelNames: ['role', 'queue'],
      registers,
    }),
    reconciliationAge: new Gauge({
      name: 'dvcqg_reconciliation_age_seconds',
      help: 'Seconds since the last finished daily comparison with the portal began',
      registers,
    }),
    publicFiguresAge: new Gauge({
      name: 'dvcqg_public_figures_age_seconds',
      help: "Seconds since the last complete fetch of the portal's public figures",
      registers,
    }),
    discrepancies: new Gauge({
      name: 'dvcqg_discrepancies',
      help: 'Dossiers that disagree with the portal or the register (side), waiting for somebody (open) or for another look (acted)',
      labelNames: ['side', 'kind', 'state'],
      registers,
    }),
    catalogueAge: new Gauge({
      name: 'dvcqg_catalogue_age_seconds',
      help: 'Seconds since a list of national procedures was applied',
      registers,
    }),
    catalogueHeld: new Gauge({
      name: 'dvcqg_catalogue_held',
      help: '1 when a shrunken list of national procedures is held for a person and no newer one was applied',
      registers,
    }),
    catalogueChanges: new Gauge({
      name: 'dvcqg_catalogue_changes',
      help: 'What the last applied list of national procedures changed',
      labelNames: ['kind'],
      registers,
    }),
    mappingsEndangered: new Gauge({
      name: 'dvcqg_mappings_endangered',
      help: 'Local codes whose mapping ends within a month, or leads to a procedure that is withdrawn, ends, is missing, or is unknown',
      registers,
    }),
    queueJobs: new Gauge({
      name: 'dvcqg_queue_jobs',
      help: 'Jobs in Redis by queue and state',
      labelNames: ['queue', 'state'],
      registers,
    }),
  }
}

export type Metrics = ReturnType<typeof createMetrics>

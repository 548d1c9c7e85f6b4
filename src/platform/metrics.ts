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
    gateClosed: new Gauge({
      name: 'dvcqg_portal_gate_closed_seconds',
      help: 'Seconds until the gate to the portal opens again, by reason; 0 = open',
      labelNames: ['reason'],
      registers,
    }),
    stalled: new Gauge({
      name: 'dvcqg_work_stalled',
      help: '1 when there is a backlog and nothing moves',
      labelNames: ['reason'],
      registers,
    }),
  }
}

export type Metrics = ReturnType<typeof createMetrics>

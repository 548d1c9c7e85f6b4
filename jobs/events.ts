import { deliverBatch, type DeliverDeps } from '../src/events/deliver.ts'
import { dueDestinations, expireEventLeases, expireKeptEvents, type DueDestination } from '../src/events/store.ts'
import type { Logger } from '../src/platform/log.ts'
import { startLoop, type Loop, type LoopOptions } from './loops.ts'

export interface EventLoopDeps extends DeliverDeps {
  readonly keepDays: number
  readonly log: Logger
}

const sweepEvery = 5_000
const expireEvery = 60_000

/**
 * Brings events to their destinations. The ledger is the outbox and no queue stands between: this loop may die or run twice at
 * any point. Every destination has a run of its own, so that a slow one holds up nobody else.
 */
export function startEventLoop(deps: EventLoopDeps): Loop {
  const { sql, policy, log, keepDays } = deps
  const running = new Map<string, Promise<void>>()
  const sweep = every(sweepEvery, () => expireEventLeases(sql))
  const expire = every(expireEvery, async () => {
    const parked = await expireKeptEvents(sql, keepDays)
    if (parked > 0) log.warn({ events: parked }, 'Events were parked: their destination did not take them in time')
  })
  const start = (destination: DueDestination, stopping: AbortSignal) => {
    if (running.has(destination.id)) return
    const run = drain(deps, destination, stopping)
      .catch((error: unknown) => log.warn({ err: error, destination: destination.id }, 'Events could not be sent'))
      .finally(() => running.delete(destination.id))
    running.set(destination.id, run)
  }
  const round = async (stopping: AbortSignal) => {
    await sweep()
    await expire()
    for (const destination of await dueDestinations(sql, policy)) start(destination, stopping)
  }
  const loop = startLoop({ round: quiet(log, round), every: policy.idle })
  return {
    async stop() {
      await loop.stop()
      await Promise.all(running.values())
    },
  }
}

async function drain(deps: EventLoopDeps, destination: DueDestination, signal: AbortSignal): Promise<void> {
  let next = destination
  while (!signal.aborted) {
    const { more } = await deliverBatch(deps, next, signal)
    if (!more) return
    // A probe that came through opens the way for the rest.
    next = { ...destination, probe: false }
  }
}

export interface AlertLoopDeps {
  readonly evaluate: () => Promise<unknown>
  /** Milliseconds between two looks. */
  readonly interval: number
  readonly log: Logger
}

/** Looks at the alert rules again and again; what was seen is in the ledger, so it may die at any point. */
export function startAlertLoop({ evaluate, interval, log }: AlertLoopDeps): Loop {
  return startLoop({ round: quiet(log, evaluate), every: interval })
}

/** A round that never fails: an outage of the ledger is said once. */
function quiet(log: Logger, round: LoopOptions['round']): LoopOptions['round'] {
  let isSaid = false
  return async (stopping) => {
    try {
      await round(stopping)
      isSaid = false
    } catch (error) {
      if (!isSaid) log.warn({ err: error }, 'Events and alerts cannot reach the ledger; they go on trying')
      isSaid = true
    }
  }
}

function every(milliseconds: number, work: () => Promise<unknown>) {
  let last = Number.NEGATIVE_INFINITY
  return async (): Promise<void> => {
    if (performance.now() - last < milliseconds) return
    last = performance.now()
    await work()
  }
}

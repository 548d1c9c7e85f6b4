import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../src/platform/log.ts'

export interface CounterLoopDeps {
  /** Brings to the portal what waits; how many. */
  readonly carry: (stopped: AbortSignal) => Promise<number>
  /** Milliseconds between two looks. */
  readonly every: number
  readonly log: Logger
}

/** Carries monthly counters that somebody asked for. The ledger is the queue: this loop may die or run several times over. */
export function startCounterLoop({ carry, every, log }: CounterLoopDeps): { stop(): Promise<void> } {
  const stopped = new AbortController()
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await carry(stopped.signal).catch((error: unknown) =>
        log.warn({ err: error }, 'Monthly counters could not be sent'),
      )
      await sleep(every, undefined, { signal: stopped.signal }).catch(() => undefined)
    }
  }
  const running = run()
  return {
    stop: () => {
      stopped.abort()
      return running
    },
  }
}

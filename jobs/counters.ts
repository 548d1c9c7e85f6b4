import type { Logger } from '../src/platform/log.ts'
import { startLoop, type Loop } from './loops.ts'

export interface CounterLoopDeps {
  /** Brings to the portal what waits; how many. */
  readonly carry: (stopping: AbortSignal) => Promise<number>
  /** Milliseconds between two looks. */
  readonly every: number
  readonly log: Logger
}

/** Carries monthly counters that somebody asked for: the ledger is the queue. */
export const startCounterLoop = ({ carry, every, log }: CounterLoopDeps): Loop =>
  startLoop({
    round: carry,
    every,
    failed: (error) => log.warn({ err: error }, 'Monthly counters could not be sent'),
  })

import { setTimeout as sleep } from 'node:timers/promises'

export interface Loop {
  /** Ends when the round under way has ended. */
  stop(): Promise<void>
}

export interface LoopOptions {
  readonly round: (stopping: AbortSignal) => Promise<unknown>
  /** Milliseconds from the end of one round to the next. */
  readonly every: number
  /** A round that failed is told here; the next one tries again. Left out where a round says that itself. */
  readonly failed?: (error: unknown) => void
}

/** The same again and again, until it is stopped. What is under way is in the ledger, so a loop may die at any point, or run several times over. */
export function startLoop({ round, every, failed = () => undefined }: LoopOptions): Loop {
  const stopping = new AbortController()
  const { signal } = stopping
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await round(signal).catch(failed)
      await sleep(every, undefined, { signal }).catch(() => undefined)
    }
  }
  const running = run()
  return {
    stop: () => {
      stopping.abort()
      return running
    },
  }
}

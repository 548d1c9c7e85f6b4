import { z } from 'zod'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Queue } from 'bullmq'
import type { Logger } from '../src/platform/log.ts'
import { openWorker, type QueueWorker, type WorkerOptions } from './queues.ts'

export const ReconcileTicket = z.object({ runId: z.number().int() })

/** Continues a reconciliation run from its last checkpoint. */
export function startReconcileWorker(
  continueRun: (runId: number, alive: () => void) => Promise<unknown>,
  options: WorkerOptions,
): QueueWorker {
  return openWorker(
    'reconcile',
    (job) => ReconcileTicket.parse(job.data),
    ({ runId }, alive) => continueRun(runId, alive),
    options,
  )
}

export interface FeederOptions {
  /** Runs that nobody carries, by the ledger. */
  readonly due: () => Promise<readonly number[]>
  readonly queue: Queue
  /** Milliseconds between two looks. */
  readonly every: number
  readonly log: Logger
}

/** Brings runs that are due to the workers, whatever became of the queue; `stop` waits for the look that is under way. */
export function startRunFeeder({ due, queue, every, log }: FeederOptions): { stop(): Promise<void> } {
  const stopped = new AbortController()
  const feed = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        for (const runId of await due())
          await queue.add('continue', { runId }, { deduplication: { id: `run-${runId}` } })
      } catch (error) {
        log.debug({ err: error }, 'Runs of reconciliation could not be handed out')
      }
      await sleep(every, undefined, { signal: stopped.signal }).catch(() => undefined)
    }
  }
  const fed = feed()
  return {
    stop: () => {
      stopped.abort()
      return fed
    },
  }
}

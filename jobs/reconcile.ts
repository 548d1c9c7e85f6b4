import { z } from 'zod'
import type { Queue } from 'bullmq'
import type { Logger } from '../src/platform/log.ts'
import { startLoop, type Loop } from './loops.ts'
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
export function startRunFeeder({ due, queue, every, log }: FeederOptions): Loop {
  const round = async (): Promise<void> => {
    for (const runId of await due()) await queue.add('continue', { runId }, { deduplication: { id: `run-${runId}` } })
  }
  return startLoop({
    round,
    every,
    failed: (error) => log.debug({ err: error }, 'Runs of reconciliation could not be handed out'),
  })
}

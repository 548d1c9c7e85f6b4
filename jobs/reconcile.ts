import { z } from 'zod'
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

import type { Worker } from 'bullmq'
import { z } from 'zod'
import { openWorker, type WorkerOptions } from './queues.ts'

export const ReconcileTicket = z.object({ runId: z.number().int() })

/** Continues a reconciliation run from its last checkpoint. */
export function startReconcileWorker(continueRun: (runId: number) => Promise<unknown>, options: WorkerOptions): Worker {
  return openWorker(
    'reconcile',
    (job) => ReconcileTicket.parse(job.data),
    ({ runId }) => continueRun(runId),
    options,
  )
}

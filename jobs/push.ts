import type { Worker } from 'bullmq'
import { z } from 'zod'
import { pushBatch, type PushDeps } from '../src/delivery/push.ts'
import { openWorker, type WorkerOptions } from './queues.ts'

export const PushTicket = z.object({ ids: z.array(z.number().int()).min(1).max(1000) })

/** Brings batches of lanes to the portal. A ticket names lanes; what is sent is read from the ledger at the last moment. */
export function startPushWorker(deps: PushDeps, options: WorkerOptions): Worker {
  return openWorker(
    'push',
    (job) => PushTicket.parse(job.data),
    ({ ids }) => pushBatch(deps, ids),
    options,
  )
}

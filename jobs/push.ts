import { z } from 'zod'
import { pushBatch, type PushDeps } from '../src/delivery/push.ts'
import { urgencies } from '../src/delivery/model.ts'
import { openWorker, pushQueues, type QueueWorker, type WorkerOptions } from './queues.ts'

export const PushTicket = z.object({ ids: z.array(z.number().int()).min(1).max(1000) })

/**
 * Bring batches of lanes to the portal: fresh changes and backfill have a queue and hands of their own, so that neither waits
 * for the other's. A ticket names lanes; what is sent is read from the ledger at the last moment.
 */
export function startPushWorkers(deps: PushDeps, options: WorkerOptions): QueueWorker[] {
  return urgencies.map((urgency) =>
    openWorker(
      pushQueues[urgency],
      (job) => PushTicket.parse(job.data),
      ({ ids }, alive) => pushBatch(signalling(deps, alive), ids, urgency),
      options,
    ),
  )
}

/** Every answer of the portal is a sign of life of the batch that asked. */
function signalling(deps: PushDeps, alive: () => void): PushDeps {
  return {
    ...deps,
    onExchange: (exchange) => {
      alive()
      deps.onExchange(exchange)
    },
  }
}

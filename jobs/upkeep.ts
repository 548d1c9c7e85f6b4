import type { Queue, Worker } from 'bullmq'
import { z } from 'zod'
import { openWorker, type WorkerOptions } from './queues.ts'

const tasks = ['pull-catalogue', 'cull-bodies'] as const
type Task = (typeof tasks)[number]

export type Upkeep = Readonly<Record<Task, () => Promise<unknown>>>

/** Regular work by wall clock in Vietnam time. Each task must survive running twice. */
export function startUpkeepWorker(upkeep: Upkeep, options: WorkerOptions): Worker {
  return openWorker(
    'upkeep',
    (job) => z.enum(tasks).parse(job.name),
    (task) => upkeep[task](),
    options,
  )
}

export interface Schedules {
  /** Cron pattern with seconds, or `off`. */
  readonly cataloguePull: string
}

/** Makes the schedules in Redis what the configuration says; run at start and whenever Redis was emptied. */
export async function reconcileSchedules(queue: Queue, { cataloguePull }: Schedules): Promise<void> {
  const tz = 'Asia/Ho_Chi_Minh'
  if (cataloguePull === 'off') await queue.removeJobScheduler('pull-catalogue')
  else await queue.upsertJobScheduler('pull-catalogue', { pattern: cataloguePull, tz }, { name: 'pull-catalogue' })
  await queue.upsertJobScheduler('cull-bodies', { pattern: '0 30 3 * * *', tz }, { name: 'cull-bodies' })
}

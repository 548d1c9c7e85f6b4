import type { Queue, Worker } from 'bullmq'
import { z } from 'zod'
import { openWorker, type WorkerOptions } from './queues.ts'

const tasks = ['pull-catalogue', 'rotate'] as const
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
  /** A ledger that never saw the national catalogue cannot map anything: it does not wait for the night. */
  readonly pullNow: boolean
}

/** A portal that is down at night is asked again until the morning. */
const untilItWorks = { attempts: 120, backoff: { type: 'fixed', delay: 60_000 } }

/** Makes the schedules in Redis what the configuration says; run at start and whenever Redis was emptied. */
export async function reconcileSchedules(queue: Queue, { cataloguePull, pullNow }: Schedules): Promise<void> {
  const tz = 'Asia/Ho_Chi_Minh'
  const name = 'pull-catalogue'
  if (cataloguePull === 'off') await queue.removeJobScheduler(name)
  else await queue.upsertJobScheduler(name, { pattern: cataloguePull, tz }, { name, opts: untilItWorks })
  if (cataloguePull !== 'off' && pullNow) await queue.add(name, {}, { ...untilItWorks, deduplication: { id: name } })
  await queue.removeJobScheduler('cull-bodies')
  await queue.upsertJobScheduler('rotate', { pattern: '0 30 3 * * *', tz }, { name: 'rotate' })
}

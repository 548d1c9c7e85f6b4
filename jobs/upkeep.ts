import { isDeepStrictEqual } from 'node:util'
import type { JobSchedulerTemplateOptions, Queue } from 'bullmq'
import { z } from 'zod'
import { countersHour } from '../config/counters.ts'
import { openWorker, type QueueWorker, type WorkerOptions } from './queues.ts'

const tasks = ['pull-catalogue', 'reconcile', 'counters', 'rotate'] as const
type Task = (typeof tasks)[number]

export type Upkeep = Readonly<Record<Task, (alive: () => void) => Promise<unknown>>>

/** Regular work by wall clock in Vietnam time. Each task must survive running twice. */
export function startUpkeepWorker(upkeep: Upkeep, options: WorkerOptions): QueueWorker {
  return openWorker(
    'upkeep',
    (job) => z.enum(tasks).parse(job.name),
    (task, alive) => upkeep[task](alive),
    options,
  )
}

export interface Schedules {
  /** Cron pattern with seconds, or `off`. */
  readonly cataloguePull: string
  /** A ledger that never saw the national catalogue cannot map anything: it does not wait for the night. */
  readonly pullNow: boolean
  /** `HH:mm`, or `off`. */
  readonly reconcileAt: string
  /** The run of today was missed. */
  readonly reconcileNow: boolean
  /** Whether monthly counters are sent by themselves. */
  readonly counters: boolean
}

/** A portal that is down at night is asked again until the morning. */
const untilItWorks = { attempts: 600, backoff: { type: 'fixed', delay: 60_000 } }

/** Makes the schedules in Redis what the configuration says; run at start and whenever Redis was emptied. */
export async function reconcileSchedules(queue: Queue, schedules: Schedules): Promise<void> {
  const { cataloguePull, pullNow } = schedules
  const name = 'pull-catalogue'
  if (cataloguePull === 'off') await queue.removeJobScheduler(name)
  else await keepSchedule(queue, name, cataloguePull, untilItWorks)
  if (cataloguePull !== 'off' && pullNow) await queue.add(name, {}, { ...untilItWorks, deduplication: { id: name } })
  await keepDaily(queue, schedules)
  await keepCounters(queue, schedules)
  await queue.removeJobScheduler('cull-bodies')
  await keepSchedule(queue, 'rotate', '0 30 3 * * *', {})
}

async function keepDaily(queue: Queue, { reconcileAt, reconcileNow }: Schedules): Promise<void> {
  const name = 'reconcile'
  const [hour, minute] = reconcileAt.split(':')
  if (minute === undefined) await queue.removeJobScheduler(name)
  else await keepSchedule(queue, name, `0 ${Number(minute)} ${Number(hour)} * * *`, {})
  if (reconcileNow) await queue.add(name, {}, { deduplication: { id: name } })
}

/** Every day, and at every start: whether a month is due, the ledger says, so that a day on which no process ran is caught up. */
async function keepCounters(queue: Queue, { counters }: Schedules): Promise<void> {
  const name = 'counters'
  if (!counters) return void (await queue.removeJobScheduler(name))
  await keepSchedule(queue, name, `0 0 ${countersHour} * * *`, {})
  await queue.add(name, {}, { deduplication: { id: name } })
}

/**
 * A schedule that says already what it should is left alone: making it anew would drop a run that is due and was not begun
 * yet, so that a start at the wrong minute, or one every night, would put the run off for ever.
 */
async function keepSchedule(
  queue: Queue,
  name: Task,
  pattern: string,
  opts: JobSchedulerTemplateOptions,
): Promise<void> {
  const tz = 'Asia/Ho_Chi_Minh'
  const known = await queue.getJobScheduler(name)
  const next = known?.next === undefined ? undefined : await queue.getJob(`repeat:${name}:${known.next}`)
  const kept: Readonly<Record<string, unknown>> = { ...known?.template?.opts }
  const sameOptions = Object.entries(opts).every(([key, value]) => isDeepStrictEqual(kept[key], value))
  if (next && known?.pattern === pattern && known.tz === tz && sameOptions) return
  await queue.upsertJobScheduler(name, { pattern, tz }, { name, opts })
}

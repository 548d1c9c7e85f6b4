import { isDeepStrictEqual } from 'node:util'
import type { JobSchedulerTemplateOptions, Queue } from 'bullmq'
import { CronExpressionParser } from 'cron-parser'
import { z } from 'zod'
import { countersHour } from '../config/counters.ts'
import { scheduledTasks, type Plan, type ScheduledTask } from '../src/administration/model.ts'
import { openWorker, type QueueWorker, type WorkerOptions } from './queues.ts'

export type Upkeep = Readonly<Record<ScheduledTask, (alive: () => void) => Promise<unknown>>>

/** Regular work by wall clock in Vietnam time. Each task must survive running twice. */
export function startUpkeepWorker(upkeep: Upkeep, options: WorkerOptions): QueueWorker {
  return openWorker(
    'upkeep',
    (job) => z.enum(scheduledTasks).parse(job.name),
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
  /** `HH:mm`, or `off`. */
  readonly publicFiguresAt: string
  readonly publicFiguresNow: boolean
  /** Whether monthly counters are sent by themselves. */
  readonly counters: boolean
}

const zone = 'Asia/Ho_Chi_Minh'

type Times = Pick<Schedules, 'cataloguePull' | 'reconcileAt' | 'publicFiguresAt' | 'counters'>

/** The pattern of each task; null: it is switched off. */
function patternsOf({
  cataloguePull,
  reconcileAt,
  publicFiguresAt,
  counters,
}: Times): Readonly<Record<ScheduledTask, string | null>> {
  return {
    'pull-catalogue': cataloguePull === 'off' ? null : cataloguePull,
    reconcile: dailyAt(reconcileAt),
    'public-figures': dailyAt(publicFiguresAt),
    counters: counters ? `0 0 ${countersHour} * * *` : null,
    rotate: '0 30 3 * * *',
  }
}

/** `HH:mm`, or `off`. */
function dailyAt(time: string): string | null {
  const [hour, minute] = time.split(':')
  return minute === undefined ? null : `0 ${Number(minute)} ${Number(hour)} * * *`
}

/** When each task is due around a moment, by the same patterns and the same reader of patterns that the queue has. */
export function plansAt(times: Times, now = new Date()): Plan[] {
  const patterns = patternsOf(times)
  return scheduledTasks.map((task) => ({ task, turns: turnsOf(patterns[task], now) }))
}

function turnsOf(pattern: string | null, now: Date): Plan['turns'] {
  if (pattern === null) return null
  try {
    const around = () => CronExpressionParser.parse(pattern, { tz: zone, currentDate: now })
    return { pattern, previous: around().prev().toDate(), next: around().next().toDate() }
  } catch {
    return { pattern, previous: null, next: null }
  }
}

/** How often a task that failed is tried again; the others wait for their next turn. */
const retries: Readonly<Partial<Record<ScheduledTask, JobSchedulerTemplateOptions>>> = {
  // A portal that is down at night is asked again until the morning.
  'pull-catalogue': { attempts: 600, backoff: { type: 'fixed', delay: 60_000 } },
  // A public site that turns us away is left in peace for a while, and asked until the evening.
  'public-figures': { attempts: 24, backoff: { type: 'fixed', delay: 1_800_000 } },
}

/** Makes the schedules in Redis what the configuration says; run at start and whenever Redis was emptied. */
export async function reconcileSchedules(queue: Queue, schedules: Schedules): Promise<void> {
  const patterns = patternsOf(schedules)
  const now: Readonly<Partial<Record<ScheduledTask, boolean>>> = {
    'pull-catalogue': schedules.pullNow,
    reconcile: schedules.reconcileNow,
    'public-figures': schedules.publicFiguresNow,
    // At every start as well: whether a month is due, the ledger says, so that a day on which no process ran is caught up.
    counters: schedules.counters,
  }
  for (const task of scheduledTasks) {
    const pattern = patterns[task]
    const options = retries[task] ?? {}
    if (pattern === null) await queue.removeJobScheduler(task)
    else await keepSchedule(queue, task, pattern, options)
    if (pattern !== null && now[task] === true) await queue.add(task, {}, { ...options, deduplication: { id: task } })
  }
  await queue.removeJobScheduler('cull-bodies')
}

/**
 * A schedule that says already what it should is left alone: making it anew would drop a run that is due and was not begun
 * yet, so that a start at the wrong minute, or one every night, would put the run off for ever.
 */
async function keepSchedule(
  queue: Queue,
  name: ScheduledTask,
  pattern: string,
  opts: JobSchedulerTemplateOptions,
): Promise<void> {
  const tz = zone
  const known = await queue.getJobScheduler(name)
  const next = known?.next === undefined ? undefined : await queue.getJob(`repeat:${name}:${known.next}`)
  const kept: Readonly<Record<string, unknown>> = { ...known?.template?.opts }
  const sameOptions = Object.entries(opts).every(([key, value]) => isDeepStrictEqual(kept[key], value))
  if (next && known?.pattern === pattern && known.tz === tz && sameOptions) return
  await queue.upsertJobScheduler(name, { pattern, tz }, { name, opts })
}

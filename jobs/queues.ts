import { setTimeout as sleep } from 'node:timers/promises'
import { Queue, Worker, type Job } from 'bullmq'
import type { FailedTicket, QueueLine, QueueState, ScheduleLine } from '../src/administration/model.ts'
import { urgencies, type Urgency } from '../src/delivery/model.ts'
import { forgetHandOuts } from '../src/delivery/store.ts'
import type { Sql } from '../src/platform/database.ts'
import type { Logger } from '../src/platform/log.ts'
import { Redis } from '../src/platform/redis-line.ts'
import { dossiersIn, failureKind, shownName } from './masks.ts'
import { Watchdog, type Desk, type Instance, type Outlook, type Watch } from './watchdog.ts'

/** The queues. Jobs carry ids and names, never data: Redis holds nothing that is worth reading. */
export const queueNames = ['push', 'backfill', 'upkeep', 'reconcile'] as const
export type QueueName = (typeof queueNames)[number]

/** Tickets of fresh changes and of backfill. */
export const pushQueues: Readonly<Record<Urgency, QueueName>> = { fresh: 'push', backfill: 'backfill' }

export interface QueueOptions {
  readonly redisUrl: string
  readonly prefix: string
  readonly log: Logger
}

/**
 * Fails fast: whoever adds jobs must notice at once that Redis is away, and the ledger still knows the work. A connection on
 * which nothing comes back is closed and opened anew: a line that was cut without a word would otherwise be waited on for ever.
 */
const failsFast = { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 5_000, socketTimeout: 6_000 }
/** A worker waits for Redis as long as it takes; its longest blocking read is 10 seconds. */
const waits = { maxRetriesPerRequest: null, socketTimeout: 30_000 }

export function openRedis(url: string, log: Logger): Redis {
  const redis = new Redis(url, failsFast)
  redis.on('error', (error) => log.debug({ err: error }, 'Redis is away'))
  return redis
}

/** The library waits for a last word from Redis and stops listening: on a line that is dead neither may be. */
class TicketQueue extends Queue {
  override async close(): Promise<void> {
    const { client } = this.getBackend()
    hush(client)
    await inTime(super.close(), 2_000).catch(() => undefined)
    client.then((known) => known.disconnect()).catch(() => undefined)
  }
}

type Connection = Promise<{ on(event: 'error', listener: () => void): unknown; disconnect(): void }>

/** What a connection reports after the library stopped listening must not end the process. */
const hush = (connection: Connection): void =>
  void connection.then((known) => known.on('error', () => undefined)).catch(() => undefined)

export function openQueue(name: QueueName, { redisUrl, prefix, log }: QueueOptions): Queue {
  const queue = new TicketQueue(name, {
    connection: { url: redisUrl, ...failsFast },
    prefix,
    // The ledger keeps the evidence and the retries; a job is only a ticket.
    defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: { age: 3600, count: 1000 } },
  })
  queue.on('error', (error) => log.debug({ err: error, queue: name }, 'Queue is away'))
  return queue
}

export interface WorkerOptions extends QueueOptions {
  readonly concurrency: number
  /** A job without a sign of life for this long is hung, in milliseconds. */
  readonly patience: number
  readonly watch: Watch
}

/** Waits for no data; any worker takes it, and none hands it on. */
const canary = 'canary'

/** Takes part in the work until it is closed; then finishes what it has in hand. */
export interface QueueWorker {
  close(): Promise<void>
}

/**
 * One wrapper for all workers: parse the ticket, run, log the failure, keep the worker working. `work` must survive running
 * twice, and calls `alive` when it gets on.
 */
export function openWorker<T>(
  name: QueueName,
  parse: (job: Job) => T,
  work: (ticket: T, alive: () => void) => Promise<unknown>,
  options: WorkerOptions,
): QueueWorker {
  const { log, concurrency, patience, watch } = options
  const handle = async (job: Job, desk: Desk): Promise<void> => {
    desk.took()
    if (job.name === canary) return
    const { alive, end } = desk.begin()
    try {
      await work(parse(job), alive)
    } catch (error) {
      log.error({ err: error, queue: name, job: job.id }, 'A job failed')
      throw bareError(error)
    } finally {
      end()
    }
  }
  const open = (hands: number, desk: Desk) => openInstance(name, (job) => handle(job, desk), hands, options)
  return new Watchdog({ queue: name, concurrency, patience, open, look: () => lookAt(name, options), log }, watch)
}

/** BullMQ keeps the words of a failed job in Redis, where an error text could carry a citizen's data: it learns the kind alone. */
function bareError(error: unknown): Error {
  const bare = new Error(error instanceof Error ? error.name : 'Error')
  bare.stack = ''
  return bare
}

function openInstance(
  name: QueueName,
  handle: (job: Job) => Promise<void>,
  concurrency: number,
  { redisUrl, prefix, log }: QueueOptions,
): Instance {
  const worker = new Worker(name, handle, {
    connection: { url: redisUrl, ...waits },
    prefix,
    concurrency,
    lockDuration: 60_000,
    stalledInterval: 15_000,
    maxStalledCount: 1,
  })
  worker.on('error', (error) => log.debug({ err: error, queue: name }, 'Worker lost Redis'))
  const { client, blockingClient } = worker.getBackend()
  const connections = [client, ...(blockingClient ? [blockingClient] : [])]
  connections.forEach(hush)
  return {
    get concurrency() {
      return worker.concurrency
    },
    set concurrency(value) {
      worker.concurrency = value
    },
    async close(force) {
      await worker.close(force)
      if (force) void bury(connections)
    },
  }
}

/** A reconnection that was under way when the worker was closed by force brings its connection back to life, unseen. */
async function bury(connections: readonly Connection[]): Promise<void> {
  await sleep(5_000, undefined, { ref: false })
  for (const one of connections) one.then((known) => known.disconnect()).catch(() => undefined)
}

function lookAt(name: QueueName, options: QueueOptions): Outlook {
  const queue = openQueue(name, options)
  // A queue waits for its first connection without an end.
  const soon = <T>(asked: Promise<T>) => inTime(asked, 5_000)
  return {
    waiting: () => soon(queue.isPaused().then((paused) => (paused ? null : queue.getWaitingCount()))),
    sendCanary: () => soon(queue.add(canary, {}, { removeOnFail: true }).then(() => undefined)),
    close: () => void queue.close(),
  }
}

/** Fails when Redis does not answer in time. */
export async function inTime<T>(asked: Promise<T>, milliseconds: number): Promise<T> {
  asked.catch(() => undefined)
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('Redis does not answer')), milliseconds)
  return Promise.race([asked, late]).finally(() => clearTimeout(timer))
}

export interface QueueView extends QueueLine {
  readonly queue: QueueName
}

interface NamedQueue {
  readonly name: QueueName
  readonly queue: Queue
}

/** The queues as they stand in Redis, seen over one connection. Fails when Redis does not answer in time. */
export class QueueDesk {
  readonly #queues: readonly NamedQueue[]

  constructor(redis: Redis, prefix: string) {
    this.#queues = queueNames.map((name) => ({ name, queue: new Queue(name, { connection: redis, prefix }) }))
    for (const { queue } of this.#queues) queue.on('error', () => undefined)
  }

  /** Jobs by queue and state. */
  counts(): Promise<{ queue: QueueName; counts: Record<string, number> }[]> {
    const count = async ({ name, queue }: NamedQueue) => ({
      queue: name,
      counts: await queue.getJobCounts('waiting', 'active', 'delayed', 'failed'),
    })
    return inTime(Promise.all(this.#queues.map(count)), 3_000)
  }

  views(): Promise<QueueView[]> {
    return inTime(Promise.all(this.#queues.map(({ name, queue }) => viewOf(name, queue))), 10_000)
  }

  /** The queues with their schedules and what failed last. */
  async state(): Promise<QueueState> {
    const each = <T>(ask: (named: NamedQueue) => Promise<readonly T[]>) =>
      inTime(Promise.all(this.#queues.map(ask)), 5_000).then((lists) => lists.flat())
    const [queues, schedules, failed] = await Promise.all([this.views(), each(schedulesOf), each(failedOf)])
    return { queues, schedules, failed }
  }

  /** For a program that shows queues by itself. */
  queues(): Queue[] {
    return this.#queues.map(({ queue }) => queue)
  }

  /**
   * Empties the push queues and makes everything due again that was handed out: a running relay fills them anew from the
   * ledger. Tickets in workers' hands stay good, because what counts is the claim in the ledger. Safe at any time.
   */
  async rebuild(sql: Sql, actor: string, why: string): Promise<{ tickets: number; lanes: number }> {
    let tickets = 0
    for (const { name, queue } of this.#queues)
      if (urgencies.some((urgency) => pushQueues[urgency] === name)) tickets += await inTime(emptied(queue), 60_000)
    const lanes = await forgetHandOuts(sql)
    await sql`
      insert into audit (actor, action, subject, detail)
      values (${actor}, 'queues.rebuilt', ${Object.values(pushQueues).join(',')}, ${sql.json({ why, tickets, lanes })})`
    return { tickets, lanes }
  }

  async close(): Promise<void> {
    await Promise.all(this.#queues.map(({ queue }) => queue.close()))
  }
}

async function viewOf(name: QueueName, queue: Queue): Promise<QueueView> {
  const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'failed')
  const [oldest] = await queue.getJobs(['waiting'], 0, 0, true)
  const workers = await queue.getWorkers().catch(() => null)
  return {
    queue: name,
    waiting: counts['waiting'] ?? 0,
    active: counts['active'] ?? 0,
    delayed: counts['delayed'] ?? 0,
    failed: counts['failed'] ?? 0,
    oldestSeconds: oldest ? Math.max(0, Math.round((Date.now() - oldest.timestamp) / 1000)) : null,
    isPaused: await queue.isPaused(),
    workers: workers?.every(({ name: told }) => told === queue.name) ? workers.length : null,
  }
}

async function schedulesOf({ name, queue }: NamedQueue): Promise<ScheduleLine[]> {
  const schedules = await queue.getJobSchedulers(0, 99)
  return schedules.map(({ key, pattern, next }) => ({
    queue: name,
    name: shownName(key),
    pattern: pattern ?? '',
    next: next === undefined ? null : new Date(next),
  }))
}

async function failedOf({ name, queue }: NamedQueue): Promise<FailedTicket[]> {
  const jobs = await queue.getJobs(['failed'], 0, shownFailed - 1, false)
  return jobs.map((job) => ({
    queue: name,
    id: job.id ?? '',
    name: shownName(job.name),
    kind: failureKind(job.failedReason),
    attempts: job.attemptsMade,
    dossiers: dossiersIn(job.data),
    failedAt: job.finishedOn === undefined ? null : new Date(job.finishedOn),
  }))
}

const shownFailed = 20

async function emptied(queue: Queue): Promise<number> {
  const { waiting = 0, delayed = 0 } = await queue.getJobCounts('waiting', 'delayed')
  await queue.drain(true)
  const failed = await queue.clean(0, 0, 'failed')
  // Nothing here ever pauses a queue: whoever did wants it to go on now.
  if (await queue.isPaused()) await queue.resume()
  return waiting + delayed + failed.length
}

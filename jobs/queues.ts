import { Queue, Worker, type Job } from 'bullmq'
import { Redis } from 'ioredis'
import type { Urgency } from '../src/delivery/model.ts'
import type { Logger } from '../src/platform/log.ts'

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

/** A connection that fails fast: whoever adds jobs must notice at once that Redis is away, and the ledger still knows the work. */
export function openRedis(url: string, log: Logger): Redis {
  const redis = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 5_000 })
  redis.on('error', (error) => log.debug({ err: error }, 'Redis is away'))
  return redis
}

export function openQueue(name: QueueName, { redisUrl, prefix, log }: QueueOptions): Queue {
  const queue = new Queue(name, {
    connection: { url: redisUrl, enableOfflineQueue: false, maxRetriesPerRequest: 1 },
    prefix,
    // The ledger keeps the evidence and the retries; a job is only a ticket.
    defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: { age: 3600, count: 1000 } },
  })
  queue.on('error', (error) => log.debug({ err: error, queue: name }, 'Queue is away'))
  return queue
}

export interface WorkerOptions extends QueueOptions {
  readonly concurrency: number
}

/**
 * One wrapper for all workers: parse the ticket, run, log the failure. `work` must survive running twice. BullMQ keeps the
 * words of a failed job in Redis, where an error text could carry a citizen's data: it is told the kind of error alone.
 */
export function openWorker<T>(
  name: QueueName,
  parse: (job: Job) => T,
  work: (ticket: T, job: Job) => Promise<unknown>,
  { redisUrl, prefix, log, concurrency }: WorkerOptions,
): Worker {
  const worker = new Worker(
    name,
    async (job) => {
      try {
        await work(parse(job), job)
      } catch (error) {
        log.error({ err: error, queue: name, job: job.id }, 'A job failed')
        const bare = new Error(error instanceof Error ? error.name : 'Error')
        bare.stack = ''
        throw bare
      }
    },
    {
      connection: { url: redisUrl, maxRetriesPerRequest: null },
      prefix,
      concurrency,
      lockDuration: 60_000,
      stalledInterval: 15_000,
      maxStalledCount: 1,
    },
  )
  worker.on('error', (error) => log.debug({ err: error, queue: name }, 'Worker lost Redis'))
  return worker
}

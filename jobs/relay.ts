import { setTimeout as sleep } from 'node:timers/promises'
import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { sweepBlocked } from '../src/delivery/lanes.ts'
import { urgencies, type Urgency } from '../src/delivery/model.ts'
import { expireLeases, forgetHandOuts, handOut } from '../src/delivery/store.ts'
import type { CatalogueSource } from '../src/procedures/store.ts'
import type { Sql } from '../src/platform/database.ts'
import type { Logger } from '../src/platform/log.ts'

export interface RelayDeps {
  readonly sql: Sql
  readonly redis: Redis
  readonly queues: Readonly<Record<Urgency, Queue>>
  readonly catalogue: CatalogueSource
  readonly prefix: string
  /** Dossiers per batch. */
  readonly batch: number
  /** Batches kept waiting in each queue: enough to keep all workers busy, few enough that fresh changes pass soon. */
  readonly depth: number
  /** A hand-out that no worker picked up is made again after this time, in milliseconds. */
  readonly holdFor: number
  /** Makes the schedules in Redis what the configuration says: at the start, and whenever Redis turns out to be empty. */
  readonly makeSchedules: () => Promise<void>
  readonly log: Logger
}

export interface Relay {
  stop(): Promise<void>
}

const idle = 100
const sweepEvery = 2_000

/**
 * Turns due lanes of the ledger into jobs, and mends what silence leaves behind: expired leases, lanes whose obstacle is
 * gone. The ledger is the outbox; this loop may die, run twice or lose Redis at any point without losing work.
 */
export function startRelay(deps: RelayDeps): Relay {
  const stopping = new AbortController()
  const loop = run(deps, stopping.signal)
  return {
    async stop() {
      stopping.abort()
      await loop
    },
  }
}

async function run(deps: RelayDeps, signal: AbortSignal): Promise<void> {
  let sweptAt = 0
  let quiet = true
  let scheduled = false
  while (!signal.aborted) {
    let handed = 0
    try {
      if (Date.now() - sweptAt > sweepEvery) {
        await sweep(deps)
        sweptAt = Date.now()
      }
      if (!scheduled) await deps.makeSchedules()
      scheduled = true
      handed = await fill(deps)
      quiet = true
    } catch (error) {
      // Said once per outage; the gap in movement is what readiness and alerts watch.
      if (quiet) deps.log.warn({ err: error }, 'The relay cannot reach the ledger or Redis; it goes on trying')
      quiet = false
      await sleep(500, undefined, { signal }).catch(() => undefined)
    }
    if (handed === 0) await sleep(idle, undefined, { signal }).catch(() => undefined)
  }
}

async function sweep({ sql, catalogue, log }: RelayDeps): Promise<void> {
  const lost = await expireLeases(sql)
  if (lost > 0) log.warn({ lanes: lost }, 'Workers went silent; their dossiers are looked up')
  const released = await sweepBlocked(sql, await catalogue.fresh())
  if (released > 0) log.info({ lanes: released }, 'Dossiers were released because their obstacle is gone')
}

/** Fills the queues up to their depth; returns the number of jobs added. */
async function fill(deps: RelayDeps): Promise<number> {
  const { sql, redis, prefix } = deps
  if ((await redis.set(`${prefix}:marker`, '1', 'NX')) === 'OK') {
    const again = await forgetHandOuts(sql)
    await deps.makeSchedules()
    if (again > 0) deps.log.warn({ lanes: again }, 'Redis was empty; work was handed out again from the ledger')
  }
  let added = 0
  for (const urgency of urgencies) added += await fillOne(deps, urgency)
  return added
}

async function fillOne({ sql, queues, batch, depth, holdFor }: RelayDeps, urgency: Urgency): Promise<number> {
  const queue = queues[urgency]
  const room = depth - (await queue.getWaitingCount())
  if (room <= 0) return 0
  const batches = await handOut(sql, { urgency, limit: room * batch, batch, holdFor })
  if (batches.length === 0) return 0
  try {
    await queue.addBulk(batches.map(({ operation, ids }) => ({ name: operation, data: { ids } })))
  } catch (error) {
    // Perhaps they were added all the same: a lane that is handed out twice is claimed once.
    await forgetHandOuts(
      sql,
      batches.flatMap(({ ids }) => ids),
    )
    throw error
  }
  return batches.length
}

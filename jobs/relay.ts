import { setTimeout as sleep } from 'node:timers/promises'
import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { createSweeper } from '../src/delivery/lanes.ts'
import { urgencies, type Urgency } from '../src/delivery/model.ts'
import { releaseReplays } from '../src/delivery/release.ts'
import { expireLeases, forgetHandOuts, handOut, type Turns } from '../src/delivery/store.ts'
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
  /** Would a call of this urgency be let go now? */
  readonly isOpen: (urgency: Urgency) => Promise<boolean>
  /** Told after each turn that went through. */
  readonly beat: () => Promise<void>
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
      // A turn that waits for a Redis that never came ends when its queues are closed.
      await Promise.race([loop, sleep(5_000, undefined, { ref: false })])
    },
  }
}

async function run(deps: RelayDeps, signal: AbortSignal): Promise<void> {
  const sweepBlocked = createSweeper(deps.sql)
  let sweptAt = Number.NEGATIVE_INFINITY
  let quiet = true
  let scheduled = false
  const turns: Turns = new Map()
  while (!signal.aborted) {
    let handed = 0
    try {
      // By a clock that nobody sets: a sweep must not wait until a corrected time of day has caught up.
      if (performance.now() - sweptAt > sweepEvery) {
        await sweep(deps, sweepBlocked)
        sweptAt = performance.now()
      }
      if (!scheduled) await deps.makeSchedules()
      scheduled = true
      handed = await fill(deps, turns)
      quiet = true
      await deps.beat()
    } catch (error) {
      // Said once per outage; the gap in movement is what readiness and alerts watch.
      if (quiet) deps.log.warn({ err: error }, 'The relay cannot reach the ledger or Redis; it goes on trying')
      quiet = false
      // Whatever was under way may not have come to its end: making schedules again changes nothing that fits.
      scheduled = false
      await sleep(500, undefined, { signal }).catch(() => undefined)
    }
    if (handed === 0) await sleep(idle, undefined, { signal }).catch(() => undefined)
  }
}

async function sweep(
  { sql, catalogue, log }: RelayDeps,
  sweepBlocked: ReturnType<typeof createSweeper>,
): Promise<void> {
  const lost = await expireLeases(sql)
  if (lost > 0) log.warn({ lanes: lost }, 'Workers went silent; their dossiers are looked up')
  const released = await sweepBlocked(await catalogue.fresh())
  if (released > 0) log.info({ lanes: released }, 'Dossiers were released because their obstacle is gone')
  await releaseReplays(sql)
}

/** Fills the queues up to their depth; returns the number of jobs added. */
async function fill(deps: RelayDeps, turns: Turns): Promise<number> {
  const { sql, redis, prefix } = deps
  if ((await redis.set(`${prefix}:marker`, '1', 'NX')) === 'OK') {
    const again = await forgetHandOuts(sql)
    await deps.makeSchedules()
    if (again > 0) deps.log.warn({ lanes: again }, 'Redis was empty; work was handed out again from the ledger')
  }
  let added = 0
  for (const urgency of urgencies) added += await fillOne(deps, urgency, turns)
  return added
}

async function fillOne(
  { sql, queues, batch, depth, holdFor, isOpen }: RelayDeps,
  urgency: Urgency,
  turns: Turns,
): Promise<number> {
  const queue = queues[urgency]
  const room = depth - (await queue.getWaitingCount())
  // In one large hand-out a dossier costs a fraction of what it costs in many small ones.
  if (room < depth / 2 || !(await isOpen(urgency))) return 0
  const batches = await handOut(sql, { urgency, limit: room * batch, batch, holdFor, turns })
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

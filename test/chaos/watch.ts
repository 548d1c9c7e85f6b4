import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import postgres from 'postgres'
import { personalMark } from './plan.ts'
import type { Stage } from './stage.ts'

/** What is looked at while the run goes on, because afterwards it would be gone. */
export interface Watch {
  /** Lanes by state, as last seen. */
  lanes(): Readonly<Record<string, number>>
  openLanes(): number
  /** Asks now; null while the database is away. */
  ask(): Promise<Readonly<Record<string, number>> | null>
  /** Dossiers that were `sending` long after their lease, while nothing kept the sweep from running. */
  readonly stuck: ReadonlySet<string>
  /** Looks at the leases that counted: done while the database and a scheduler had been up for a while. */
  readonly judged: { count: number }
  /** Keys or files in which personal data was seen. */
  readonly leaks: ReadonlySet<string>
  readonly bytesSearched: { count: number }
  /** Something strikes that keeps leases from being swept or being looked at; ends with `calm`. */
  disturbed(): void
  calm(): void
  /** Searches all that Redis holds at this moment. */
  searchRedis(): Promise<void>
  /** Searches what Redis wrote down and what the processes logged, once more at the end. */
  searchFiles(): void
  stop(): Promise<void>
}

/** A lease that ended longer ago than this, in seconds, should be free: the sweep comes every two. */
const grace = 5
const every = 500

export function startWatch(stage: Stage): Watch {
  const stopping = new AbortController()
  const stuck = new Set<string>()
  const leaks = new Set<string>()
  const judged = { count: 0 }
  const bytesSearched = { count: 0 }
  let lanes: Readonly<Record<string, number>> = {}
  let calmSince = performance.now()
  const ask = async () => {
    try {
      const rows = await soon(
        glance(
          stage.servers.databaseUrl,
          (sql) => sql<{ state: string; count: number }[]>`
            select state, count(*)::int as count from deliveries where state in ('waiting', 'unknown', 'sending') group by 1`,
        ),
      )
      return (lanes = Object.fromEntries(rows.map(({ state, count }) => [state, count])))
    } catch {
      calmSince = Math.max(calmSince, performance.now())
      return null
    }
  }
  const look = async () => {
    if ((await ask()) === null || performance.now() - calmSince < (grace + 1) * 1000) return
    const rows = await soon(
      glance(
        stage.servers.databaseUrl,
        (sql) => sql<{ code: string }[]>`
          select d.code from deliveries l join dossiers d on d.id = l.dossier_id
          where l.state = 'sending' and l.lease_until < now() - ${grace} * interval '1 second'`,
      ),
    )
    judged.count += 1
    for (const { code } of rows) stuck.add(code)
  }
  const found = (where: string, bytes: Buffer) => {
    bytesSearched.count += bytes.length
    if (bytes.includes(personalMark)) leaks.add(where)
  }
  const loops = [
    repeat(stopping.signal, every, look),
    repeat(stopping.signal, 4_000, () => searchRedis(stage.servers.redisUrl, found)),
  ]
  return {
    lanes: () => lanes,
    openLanes: () => Object.values(lanes).reduce((sum, count) => sum + count, 0),
    ask,
    stuck,
    judged,
    leaks,
    bytesSearched,
    disturbed: () => (calmSince = Number.POSITIVE_INFINITY),
    calm: () => (calmSince = performance.now()),
    searchRedis: () => searchRedis(stage.servers.redisUrl, found),
    searchFiles() {
      const logs = readdirSync(stage.crew.logs).map((name) => join(stage.crew.logs, name))
      for (const file of [...stage.servers.redisFiles(), ...logs]) searchFile(file, found)
    },
    async stop() {
      stopping.abort()
      await Promise.all(loops)
    },
  }
}

/**
 * Asks over a connection of its own, made for this question: none is left from before a restart. Types are not fetched: that
 * question of the driver's own is nobody's to answer for when the connection breaks.
 */
async function glance<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, fetch_types: false, connect_timeout: 5, onnotice: () => undefined })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 1 }).catch(() => undefined)
  }
}

/** A server that is struck may never answer. */
async function soon<T>(answer: Promise<T>): Promise<T> {
  const tooLate = new AbortController()
  answer.catch(() => undefined)
  try {
    return await Promise.race([
      answer,
      sleep(5_000, undefined, { signal: tooLate.signal, ref: false }).then(() =>
        Promise.reject(new Error('No answer')),
      ),
    ])
  } finally {
    tooLate.abort()
  }
}

async function repeat(signal: AbortSignal, pause: number, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    // What is struck cannot be asked; it is asked again.
    await work().catch(() => undefined)
    await sleep(pause, undefined, { signal }).catch(() => undefined)
  }
}

/** Every key with its value, in Redis' own packed form, which keeps texts readable. */
async function searchRedis(url: string, found: (where: string, bytes: Buffer) => void): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, commandTimeout: 3_000, retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    for await (const keys of redis.scanStream({ count: 500 }) as AsyncIterable<string[]>)
      for (const key of keys) {
        found(`key ${key}`, Buffer.from(key))
        found(`key ${key}`, Buffer.from(JSON.stringify(await valueOf(redis, key))))
      }
  } finally {
    redis.disconnect()
  }
}

const pieceSize = 16 * 1024 * 1024

/** Piece by piece, because a long run's file is larger than what can be held; pieces overlap by what is looked for. */
function searchFile(file: string, found: (where: string, bytes: Buffer) => void): void {
  const overlap = Buffer.byteLength(personalMark) - 1
  const piece = Buffer.alloc(pieceSize)
  const open = openSync(file, 'r')
  try {
    for (let [from, read] = [0, pieceSize]; read === pieceSize; from += pieceSize - overlap) {
      read = readSync(open, piece, 0, pieceSize, from)
      found(file, piece.subarray(0, read))
    }
  } finally {
    closeSync(open)
  }
}

async function valueOf(redis: Redis, key: string): Promise<unknown> {
  const readers: Readonly<Record<string, () => Promise<unknown>>> = {
    string: () => redis.get(key),
    hash: () => redis.hgetall(key),
    list: () => redis.lrange(key, 0, -1),
    set: () => redis.smembers(key),
    zset: () => redis.zrange(key, '0', '-1'),
    stream: () => redis.xrange(key, '-', '+'),
  }
  return (await readers[await redis.type(key)]?.()) ?? ''
}

import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { createPace, type PaceOptions, type SharedPace } from '../../src/delivery/pace.ts'
import type { CallReport, Slot } from '../../src/delivery/portal.ts'
import { openDatabase, type Sql } from '../../src/platform/database.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { startServers, type House } from './house.ts'

export const ok: CallReport = { class: 'ok' }
export const cut: CallReport = { class: 'unknown', failure: 'portal-cut' }
export const busy: CallReport = { class: 'busy', failure: 'portal-busy' }

export const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Slots that left at about the same time, each with its answer. */
export async function say(pace: SharedPace, answer: CallReport, times = 1): Promise<void> {
  const slots: Slot[] = []
  for (let count = 0; count < times; count += 1) slots.push(await pace.take('any', 'fresh'))
  await Promise.all(slots.map((slot) => slot.done(answer)))
}

/** The servers of a file that looks at the pace alone; each test finds them without one. */
export function usePace() {
  const held = {} as { house: House; redis: Redis; sql: Sql }
  beforeAll(async () => {
    held.house = await startServers({ tables: 'perhaps' })
    held.redis = new Redis(held.house.redisUrl)
    held.sql = openDatabase({ url: held.house.databaseUrl, pool: 4 })
    await migrate(held.sql)
  })
  afterAll(async () => {
    held.redis?.disconnect()
    await held.sql?.end()
    await held.house?.stop()
  })

  const paceKeys = async () =>
    (await held.redis.keys(`${held.house.queuePrefix}:pace:*`)).sort((a, b) => a.length - b.length)
  const stateKey = async () => (await paceKeys())[0]!
  /** A Redis shared with others is only emptied of our keys. */
  const flush = async () =>
    process.env['REDIS_URL'] ? held.redis.unlink(...(await paceKeys()), 'none') : held.redis.flushall()
  // What was learned is forgotten as well.
  afterEach(async () => {
    await flush()
    await held.sql`delete from portal_pace`
  })

  const paceOf = (options: Partial<PaceOptions> = {}) =>
    createPace({
      redis: held.redis,
      sql: held.sql,
      prefix: held.house.queuePrefix,
      endpoint: 'http://portal.example.invalid/',
      ceiling: 1000,
      breaker: { failures: 3, pauses: [300, 60_000] },
      patience: 5000,
      longestCall: 10_000,
      ...options,
    })
  /** The first call after a flush waits a second; most tests begin after it. */
  const begin = async (options?: Partial<PaceOptions>) => {
    const pace = paceOf(options)
    await (await pace.take('any', 'fresh')).done(ok)
    return pace
  }
  const changeState = async (fields: Record<string, number | string>) => held.redis.hset(await stateKey(), fields)
  const redisNow = async () => {
    const [seconds, micros] = await held.redis.time()
    return Number(seconds) * 1000 + Number(micros) / 1000
  }
  return { held, paceKeys, flush, paceOf, begin, changeState, redisNow }
}

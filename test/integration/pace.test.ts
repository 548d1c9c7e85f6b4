import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createPace, type PaceOptions } from '../../src/delivery/pace.ts'
import { PaceClosed, type Answer, type Pace } from '../../src/delivery/portal.ts'
import { startServers, type House } from '../support/house.ts'

let house: House
let redis: Redis
beforeAll(async () => {
  house = await startServers()
  redis = new Redis(house.redisUrl)
})
afterAll(async () => {
  redis?.disconnect()
  await house?.stop()
})

const key = () => `${house.queuePrefix}:pace`
/** A Redis shared with others is only emptied of our keys. */
const flush = () => (process.env['REDIS_URL'] ? redis.unlink(key()) : redis.flushall())
afterEach(flush)

const paceOf = (options: Partial<PaceOptions> = {}) =>
  createPace({
    redis,
    prefix: house.queuePrefix,
    ceiling: 1000,
    breaker: { failures: 3, pauses: [300, 60_000] },
    patience: 5000,
    ...options,
  })
type Verdict = Pick<Answer, 'class' | 'failure' | 'retryAfter'>
const say = (pace: Pace, verdict: Verdict, times = 1) =>
  Promise.all(Array.from({ length: times }, () => pace.report('any', verdict)))
const ok: Verdict = { class: 'ok' }
const cut: Verdict = { class: 'unknown', failure: 'portal-cut' }
const busy: Verdict = { class: 'busy', failure: 'portal-busy' }
const refusedConnection: Verdict = { class: 'busy', failure: 'portal-unreachable' }
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
/** The first call after a flush waits a second; most tests begin after it. */
const begin = async (options?: Partial<PaceOptions>) => {
  const pace = paceOf(options)
  await pace.take('any', 'fresh')
  return pace
}

/** Twenty processes' worth of takers for some time; returns when each was let go. */
async function departures(options: Partial<PaceOptions>, each: number): Promise<number[]> {
  const left: number[] = []
  const connections = Array.from({ length: 4 }, () => new Redis(house.redisUrl))
  const taker = async (index: number) => {
    const pace = paceOf({ ...options, redis: connections[index % connections.length]! })
    for (let count = 0; count < each; count += 1) {
      await pace.take('any', 'fresh')
      left.push(performance.now())
    }
  }
  await Promise.all(Array.from({ length: 20 }, (_, index) => taker(index)))
  connections.forEach((connection) => connection.disconnect())
  return left.sort((a, b) => a - b)
}

/** Timers fire late on a busy machine, which moves two departures towards each other. */
const timerTolerance = 150
const mostInOneSecond = (times: readonly number[]) =>
  Math.max(
    ...times.map((start) => times.filter((time) => time >= start && time < start + 1000 - timerTolerance).length),
  )

describe('the ceiling', () => {
  it('is never passed in any second by twenty takers over several connections, and is reached', async () => {
    const times = await departures({ ceiling: 30 }, 5)
    expect(times).toHaveLength(100)
    expect(mostInOneSecond(times)).toBeLessThanOrEqual(30)
    expect(times.at(-1)! - times[0]!).toBeGreaterThanOrEqual((99 / 30) * 1000 - timerTolerance)
    expect(times.at(-1)! - times[0]!).toBeLessThan((99 / 30) * 1000 + 700)
  })

  it('may be less than one call a second', async () => {
    const pace = await begin({ ceiling: 0.5 })
    const start = performance.now()
    await pace.take('any', 'fresh')
    expect(performance.now() - start).toBeGreaterThan(1900)
  })

  it('a caller that would wait longer than its patience is told how long', async () => {
    const pace = paceOf({ ceiling: 0.1, patience: 1500 })
    const error = await pace.take('any', 'fresh').then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(PaceClosed)
    expect((error as PaceClosed).wait).toBeGreaterThan(8000)
  })

  it('holds across a flush: the first call waits a second', async () => {
    const pace = await begin()
    await say(pace, { ...busy, retryAfter: 60_000 })
    await flush()
    expect(await pace.state()).toEqual({ rate: 1000, ceiling: 1000, open: true, reason: null, closedFor: 0 })
    const start = performance.now()
    await pace.take('any', 'fresh')
    expect(performance.now() - start).toBeGreaterThan(900)
  })
})

describe('the rate', () => {
  it('falls by a third when the portal is busy, once a second at most, and not below its floor', async () => {
    const pace = await begin({ ceiling: 100 })
    await say(pace, busy, 5)
    expect((await pace.state()).rate).toBeCloseTo(67, 1)
    await redis.hset(key(), 'rate', 0.2, 'lowered', 0)
    await say(pace, busy)
    expect((await pace.state()).rate).toBeCloseTo(0.2, 5)
  })

  it('rises with good answers, never past the ceiling; a lower ceiling counts at once', async () => {
    const pace = await begin({ ceiling: 100 })
    await say(pace, busy)
    await say(pace, ok)
    const { rate } = await pace.state()
    expect(rate).toBeGreaterThan(67)
    expect(rate).toBeLessThan(70)
    await say(pace, ok, 100)
    expect((await pace.state()).rate).toBe(100)
    expect((await paceOf({ ceiling: 10 }).state()).rate).toBe(10)
  })

  it('the portal refusing content is a good answer, our own pace is none', async () => {
    const pace = await begin()
    for (const answer of ['exists', 'absent', 'refused', 'transient'] as const)
      await say(pace, { class: answer, failure: 'portal-refused' }, 5)
    await say(pace, { class: 'busy', failure: 'portal-pace' }, 30)
    expect(await pace.state()).toMatchObject({ open: true, rate: 1000 })
  })
})

describe('Retry-After', () => {
  it('closes the gate for that long, for all', async () => {
    const pace = await begin()
    await say(pace, { ...busy, retryAfter: 700 })
    const state = await paceOf().state()
    expect(state).toMatchObject({ open: false, reason: 'portal-busy' })
    expect(state.closedFor).toBeGreaterThan(500)
    await expect(paceOf().take('any', 'fresh')).rejects.toMatchObject({ name: 'PaceClosed' })
    await say(pace, ok)
    await expect(pace.take('any', 'fresh')).rejects.toBeInstanceOf(PaceClosed)
    await pause(750)
    await pace.take('any', 'fresh')
  })

  it('a shorter one does not shorten a longer one', async () => {
    const pace = await begin()
    await say(pace, { ...busy, retryAfter: 5000 })
    await say(pace, { ...busy, retryAfter: 100 })
    expect((await pace.state()).closedFor).toBeGreaterThan(4500)
  })

  it('holds back also those who already wait for their turn', async () => {
    const pace = await begin({ ceiling: 5 })
    const waiting = Array.from({ length: 5 }, () =>
      pace.take('any', 'fresh').then(
        () => 'left',
        () => 'held back',
      ),
    )
    await pause(50)
    await say(pace, { ...busy, retryAfter: 10_000 })
    expect(await Promise.all(waiting)).not.toContain('left')
  })

  it('is not cut short by the breaker', async () => {
    const pace = await begin()
    await say(pace, { ...cut, retryAfter: 30_000 }, 3)
    expect((await pace.state()).closedFor).toBeGreaterThan(25_000)
  })
})

describe('the breaker', () => {
  it('opens after N failures in a row, not before', async () => {
    const pace = await begin()
    await say(pace, cut, 2)
    await say(pace, ok)
    await say(pace, cut)
    await say(pace, refusedConnection)
    expect((await pace.state()).open).toBe(true)
    await say(pace, refusedConnection)
    expect(await pace.state()).toMatchObject({ open: false, reason: 'portal-unreachable' })
    await expect(pace.take('any', 'fresh')).rejects.toBeInstanceOf(PaceClosed)
  })

  it('lets one probe through and no more; a good answer closes it', async () => {
    const pace = await begin()
    await say(pace, cut, 3)
    await pause(350)
    const probes = await Promise.allSettled(Array.from({ length: 10 }, () => pace.take('any', 'fresh')))
    expect(probes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    await say(pace, ok)
    expect((await pace.state()).open).toBe(true)
    await Promise.all(Array.from({ length: 5 }, () => pace.take('any', 'fresh')))
    await say(pace, cut, 2)
    expect((await pace.state()).open).toBe(true)
  })

  it('a failed probe opens it again for the next, longer pause', async () => {
    const pace = await begin()
    await say(pace, cut, 3)
    await pause(350)
    await pace.take('any', 'fresh')
    await say(pace, cut)
    expect((await pace.state()).closedFor).toBeGreaterThan(50_000)
  })

  it('calls that were under way when it opened are no failed probes', async () => {
    const pace = await begin()
    await say(pace, cut, 8)
    expect((await pace.state()).closedFor).toBeLessThanOrEqual(300)
  })

  it('answers nobody can read open it only after twenty', async () => {
    const pace = await begin()
    await say(pace, { class: 'unrecognised', failure: 'portal-unrecognised' }, 19)
    expect((await pace.state()).open).toBe(true)
    await say(pace, { class: 'unrecognised', failure: 'portal-unrecognised' })
    expect((await pace.state()).open).toBe(false)
  })

  it('forgets with a flush and opens again by the same rule', async () => {
    const pace = await begin()
    await say(pace, cut, 3)
    await flush()
    await pace.take('any', 'fresh')
    await say(pace, cut, 2)
    expect((await pace.state()).open).toBe(true)
    await say(pace, cut)
    expect((await pace.state()).open).toBe(false)
  })
})

it('without Redis no call leaves, and a report is no error', async () => {
  const gone = new Redis('redis://127.0.0.1:1', {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  })
  gone.on('error', () => undefined)
  const pace = paceOf({ redis: gone })
  await expect(pace.take('any', 'fresh')).rejects.toBeInstanceOf(PaceClosed)
  await expect(say(pace, ok)).resolves.toBeDefined()
  gone.disconnect()
})

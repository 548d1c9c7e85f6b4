import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createPace, type PaceOptions, type SharedPace } from '../../src/delivery/pace.ts'
import { PaceClosed, type CallReport, type Slot } from '../../src/delivery/portal.ts'
import { openDatabase, type Sql } from '../../src/platform/database.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { startServers, type House } from '../support/house.ts'

let house: House
let redis: Redis
let sql: Sql
beforeAll(async () => {
  house = await startServers()
  redis = new Redis(house.redisUrl)
  sql = openDatabase({ url: house.databaseUrl, pool: 4 })
  await migrate(sql)
})
afterAll(async () => {
  redis?.disconnect()
  await sql?.end()
  await house?.stop()
})

const paceKeys = async () => (await redis.keys(`${house.queuePrefix}:pace:*`)).sort((a, b) => a.length - b.length)
const stateKey = async () => (await paceKeys())[0]!
/** A Redis shared with others is only emptied of our keys. */
const flush = async () => (process.env['REDIS_URL'] ? redis.unlink(...(await paceKeys()), 'none') : redis.flushall())
/** What was learned is forgotten as well. */
const begone = async () => {
  await flush()
  await sql`delete from portal_pace`
}
afterEach(begone)

const paceOf = (options: Partial<PaceOptions> = {}) =>
  createPace({
    redis,
    sql,
    prefix: house.queuePrefix,
    endpoint: 'http://portal.example.invalid/',
    ceiling: 1000,
    breaker: { failures: 3, pauses: [300, 60_000] },
    patience: 5000,
    longestCall: 10_000,
    ...options,
  })
/** Slots that left at about the same time, each with its answer. */
const say = async (pace: SharedPace, answer: CallReport, times = 1) => {
  const slots: Slot[] = []
  for (let count = 0; count < times; count += 1) slots.push(await pace.take('any', 'fresh'))
  await Promise.all(slots.map((slot) => slot.done(answer)))
}
const ok: CallReport = { class: 'ok' }
const cut: CallReport = { class: 'unknown', failure: 'portal-cut' }
const busy: CallReport = { class: 'busy', failure: 'portal-busy' }
const refusedConnection: CallReport = { class: 'busy', failure: 'portal-unreachable' }
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
/** The first call after a flush waits a second; most tests begin after it. */
const begin = async (options?: Partial<PaceOptions>) => {
  const pace = paceOf(options)
  await (await pace.take('any', 'fresh')).done(ok)
  return pace
}
const changeState = async (fields: Record<string, number>) => redis.hset(await stateKey(), fields)
const redisNow = async () => {
  const [seconds, micros] = await redis.time()
  return Number(seconds) * 1000 + Number(micros) / 1000
}

/** Twenty processes' worth of takers for some time; returns when each was let go. */
async function departures(options: Partial<PaceOptions>, each: number): Promise<number[]> {
  const left: number[] = []
  const connections = Array.from({ length: 4 }, () => new Redis(house.redisUrl))
  const taker = async (index: number) => {
    const pace = paceOf({ ...options, redis: connections[index % connections.length]! })
    for (let count = 0; count < each; count += 1) {
      const slot = await pace.take('any', 'fresh')
      left.push(performance.now())
      await slot.done(ok)
    }
  }
  await Promise.all(Array.from({ length: 20 }, (_, index) => taker(index)))
  connections.forEach((connection) => connection.disconnect())
  return left.sort((a, b) => a - b)
}

/** Timers fire late on a busy machine, which moves two departures towards each other. */
const timerTolerance = 150
/** The embedded queue server answers late when it is asked little. */
const promptness = process.env['REDIS_URL'] ? 1 : 0.3
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
    expect(times.at(-1)! - times[0]!).toBeLessThan(((99 / 30) * 1000 + 5000) / promptness)
  })

  it('may be less than one call a second', async () => {
    const pace = await begin({ ceiling: 0.5 })
    const start = performance.now()
    await pace.take('any', 'fresh')
    expect(performance.now() - start).toBeGreaterThan(1400)
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
    await flush()
    expect(await pace.state()).toMatchObject({ ceiling: 1000, open: true, reason: null, closedFor: 0, inFlight: 0 })
    const start = performance.now()
    await pace.take('any', 'fresh')
    expect(performance.now() - start).toBeGreaterThan(900)
  })

  it('a server that was started anew counts as empty: its state may be older than the last call', async () => {
    const pace = await begin()
    await redis.hset(await stateKey(), { server: 'another', seen: (await redisNow()) - 1000 })
    const start = performance.now()
    await pace.take('any', 'fresh')
    expect(performance.now() - start).toBeGreaterThan(900)
  })

  it('a clock that goes back does not shut the gate for as long as it went', async () => {
    const pace = await begin()
    const ahead = (await redisNow()) + 3_600_000
    await changeState({ seen: ahead, next: ahead, gate: ahead + 300 })
    const { closedFor } = await pace.state()
    expect(closedFor).toBeGreaterThan(0)
    expect(closedFor).toBeLessThanOrEqual(300)
    await pause(400)
    await pace.take('any', 'fresh')
  })

  it('each endpoint has its own pace', async () => {
    const pace = await begin()
    await say(pace, { ...busy, retryAfter: 60_000 })
    expect((await pace.state()).open).toBe(false)
    expect((await paceOf({ endpoint: 'http://other.example.invalid/' }).state()).open).toBe(true)
  })
})

/** A portal that takes so many calls in any second, as the sandbox counts them. */
function hiddenLimit(perSecond: number) {
  const taken: number[] = []
  return {
    perSecond,
    call(): CallReport {
      const now = performance.now()
      while (taken.length > 0 && taken[0]! <= now - 1000) taken.shift()
      if (taken.length >= this.perSecond) return busy
      taken.push(now)
      return ok
    },
  }
}

/** Twenty callers against such a portal; counts what was taken and refused in the last `measured` of the time. */
async function callFor(milliseconds: number, limit: ReturnType<typeof hiddenLimit>, measured: number) {
  const pace = paceOf()
  const ends = performance.now() + milliseconds
  const seen = { taken: 0, refused: 0, calls: 0 }
  const caller = async () => {
    while (performance.now() < ends) {
      const slot = await pace.take('any', 'fresh')
      const counts = performance.now() > ends - measured && performance.now() < ends
      await pause(20)
      const answer = limit.call()
      await pause(30)
      await slot.done(answer)
      seen.calls += 1
      if (answer === busy) seen.refused += 1
      else if (counts) seen.taken += 1
    }
  }
  await Promise.all(Array.from({ length: 20 }, caller))
  return { ...seen, perSecond: seen.taken / (measured / 1000) }
}

describe('the rate', () => {
  it('finds a limit it was not told, and follows it down', async () => {
    const limit = hiddenLimit(40)
    const first = await callFor(8000, limit, 4000)
    expect(first.perSecond).toBeGreaterThan(30 * promptness)
    expect(first.refused).toBeLessThan(first.calls * 0.15)
    expect(await paceOf().state()).toMatchObject({ ceiling: 1000, open: true, moved: { from: expect.any(Number) } })
    limit.perSecond = 20
    const second = await callFor(6000, limit, 2500)
    expect(second.perSecond).toBeGreaterThan(14 * promptness)
    expect((await paceOf().state()).rate).toBeLessThan(21)
  })

  it('feels its way up again after ten clean seconds', async () => {
    const pace = await begin()
    await changeState({ rate: 19.4, mark: 20, holdUntil: (await redisNow()) + 60_000, cutAt: 0 })
    const limit = hiddenLimit(1000)
    await callFor(2500, limit, 1000)
    expect((await pace.state()).rate).toBeCloseTo(19.4, 1)
    await changeState({ holdUntil: 0 })
    await callFor(3500, limit, 1000)
    const { rate, moved } = await pace.state()
    expect(rate).toBeGreaterThan(19.5)
    expect(moved?.why).toBe('probe')
  })

  it('falls with each refusal that is new, not with those of calls that had left before', async () => {
    const pace = await begin({ ceiling: 40 })
    const slots = await Promise.all(Array.from({ length: 6 }, () => pace.take('any', 'fresh')))
    await slots[5]!.done(busy)
    const { rate } = await pace.state()
    expect(rate).toBeLessThan(40)
    expect(rate).toBeGreaterThanOrEqual(19.9)
    await slots[0]!.done(busy)
    await slots[1]!.done(ok)
    expect((await pace.state()).rate).toBeGreaterThanOrEqual(rate / 2)
    expect((await pace.state()).moved).toMatchObject({ why: 'portal-busy', from: 40 })
  })

  it('falls when answers become slow, and with a time-out, but not with large batches as such', async () => {
    const pace = await begin({ ceiling: 100 })
    await changeState({ rate: 50, mark: 51 })
    await say(pace, { ...ok, milliseconds: 100 }, 60)
    await say(pace, { ...ok, milliseconds: 2_000, items: 50 }, 3)
    expect((await pace.state()).moved?.why).toBe('start')
    await say(pace, { class: 'unknown', failure: 'portal-timeout', milliseconds: 10_000 })
    expect((await pace.state()).moved).toMatchObject({ why: 'portal-timeout', from: 50 })
    await changeState({ rate: 50, softAt: 0 })
    await say(pace, { ...ok, milliseconds: 6_000 })
    expect((await pace.state()).moved).toMatchObject({ why: 'slow', from: 50 })
  })

  it('a lower ceiling counts at once', async () => {
    await begin({ ceiling: 100 })
    expect((await paceOf({ ceiling: 10 }).state()).rate).toBe(10)
  })

  it('the portal refusing content is a good answer, our own pace is none', async () => {
    const pace = await begin()
    const { rate } = await pace.state()
    for (const answer of ['exists', 'absent', 'refused', 'transient'] as const)
      await say(pace, { class: answer, failure: 'portal-refused' }, 5)
    await say(pace, { class: 'busy', failure: 'portal-pace' }, 10)
    expect((await pace.state()).open).toBe(true)
    expect((await pace.state()).rate).toBeGreaterThanOrEqual(rate)
  })

  it('comes back from the ledger after a flush', async () => {
    const pace = await begin()
    await sql`insert into portal_pace (endpoint, rate, mark) values ('http://portal.example.invalid/', 7.5, 7.7)`
    await flush()
    await pace.take('any', 'fresh')
    expect((await pace.state()).rate).toBeCloseTo(7.5, 2)
  })
})

describe('slots', () => {
  it('are in flight until their word, of all processes; who says nothing is forgotten', async () => {
    const pace = await begin()
    const other = paceOf()
    const slot = await pace.take('any', 'fresh')
    const abandoned = await other.take('any', 'backfill')
    await other.take('any', 'fresh')
    await pause(30)
    expect((await other.state()).inFlight).toBe(3)
    await slot.done(ok)
    await abandoned.unused()
    expect((await pace.state()).inFlight).toBe(1)
    const flight = (await paceKeys()).find((key) => key.endsWith(':flight'))!
    const [silent] = await redis.zrange(flight, '0', '0')
    await redis.zadd(flight, String((await redisNow()) - 1), silent!)
    expect((await pace.state()).inFlight).toBe(0)
  })

  it('a fresh call passes waiting backfill, which keeps a tenth', async () => {
    const left = { fresh: 0, backfill: 0 }
    const ends = performance.now() + 5000
    const caller = async (urgency: 'fresh' | 'backfill') => {
      const pace = paceOf({ ceiling: 40, patience: 30_000 })
      while (performance.now() < ends) {
        const slot = await pace.take('any', urgency)
        if (performance.now() < ends) left[urgency] += 1
        await slot.done(ok)
      }
    }
    const callers = Array.from({ length: 20 }, (_, index) => caller(index % 2 ? 'backfill' : 'fresh'))
    await Promise.all(callers)
    expect(left.fresh).toBeGreaterThan(70 * promptness)
    expect(left.backfill).toBeGreaterThan(3)
    expect(left.backfill).toBeLessThan(left.fresh / 4)
  })

  it('backfill alone has the whole pace', async () => {
    const pace = await begin({ ceiling: 40 })
    const start = performance.now()
    const takers = Array.from({ length: 8 }, async () => {
      for (let count = 0; count < 10; count += 1) await (await pace.take('any', 'backfill')).done(ok)
    })
    await Promise.all(takers)
    expect(performance.now() - start).toBeLessThan((2000 * 1.6) / promptness)
  })
})

describe('the quota of a day', () => {
  const quota = { callsPerDay: 30 }
  const takeAll = async (pace: SharedPace, urgency: 'fresh' | 'backfill') => {
    for (let taken = 0; ; taken += 1) {
      const slot = await pace.take('any', urgency).catch((error: unknown) => error)
      if (slot instanceof PaceClosed) return { taken, closed: slot }
      await (slot as Slot).done(ok)
    }
  }

  it('is never passed, and its last tenth is for fresh changes', async () => {
    const pace = paceOf(quota)
    expect((await takeAll(pace, 'backfill')).taken).toBe(27)
    expect(await pace.ready('backfill')).toMatchObject({ open: false, reason: 'daily-quota' })
    expect(await pace.ready('fresh')).toEqual({ open: true })
    const { taken, closed } = await takeAll(pace, 'fresh')
    expect(taken).toBe(3)
    expect(closed.message).toContain('daily-quota')
    const { reason, quota: day, opensAt } = await pace.state()
    expect({ reason, day }).toEqual({ reason: 'daily-quota', day: { limit: 30, used: 30 } })
    const midnight = new Date(opensAt!.getTime() + 7 * 3_600_000)
    expect((Math.round(midnight.getTime() / 1000) / 60) % 1440).toBeCloseTo(0, 1)
  })

  it('outlives Redis: a flush loses calls, and never wins some', async () => {
    const pace = paceOf({ ...quota, callsPerDay: 400 })
    for (let count = 0; count < 6; count += 1) await say(pace, ok)
    await flush()
    await sql`update portal_pace set quota_granted = 398`
    expect((await takeAll(pace, 'fresh')).taken).toBe(2)
    expect((await pace.state()).quota).toEqual({ limit: 400, used: 400 })
  })

  it('a slot that was not used is given back, and a new day begins with the whole quota', async () => {
    const pace = paceOf({ callsPerDay: 2 })
    await (await pace.take('any', 'fresh')).unused()
    expect((await takeAll(pace, 'fresh')).taken).toBe(2)
    await sql`update portal_pace set quota_day = quota_day - 1`
    await changeState({ day: 1 })
    expect((await takeAll(pace, 'fresh')).taken).toBe(2)
  })
})

describe('quiet hours', () => {
  /** Minutes of the day in Vietnam, so many from now. */
  const at = async (minutes: number) =>
    (((Math.floor(((await redisNow()) / 60_000 + 7 * 60) % 1440) + minutes) % 1440) + 1440) % 1440

  it('close the gate for all calls until they end, also where two windows touch', async () => {
    const quietHours = [
      { from: await at(-60), to: await at(30) },
      { from: await at(30), to: await at(90) },
    ]
    const pace = await begin().then(() => paceOf({ quietHours }))
    for (const urgency of ['fresh', 'backfill'] as const) {
      await expect(pace.take('any', urgency)).rejects.toBeInstanceOf(PaceClosed)
      expect(await pace.ready(urgency)).toMatchObject({ open: false, reason: 'quiet-hours' })
    }
    const { closedFor, reason } = await pace.state()
    expect(reason).toBe('quiet-hours')
    expect(closedFor / 60_000).toBeGreaterThan(88)
    expect(closedFor / 60_000).toBeLessThanOrEqual(90)
  })

  it('leave the gate open outside', async () => {
    const pace = await begin({ quietHours: [{ from: await at(5), to: await at(-5) }] })
    expect(await pace.ready('fresh')).toEqual({ open: true })
    expect((await pace.state()).rested).toBeGreaterThan(4 * 60_000)
  })
})

describe('Retry-After', () => {
  it('closes the gate for that long, for all', async () => {
    const pace = await begin()
    const slot = await pace.take('any', 'fresh')
    await say(pace, { ...busy, retryAfter: 1500 })
    const state = await paceOf().state()
    expect(state).toMatchObject({ open: false, reason: 'portal-busy' })
    expect(state.closedFor).toBeGreaterThan(500)
    await expect(paceOf().take('any', 'fresh')).rejects.toMatchObject({ name: 'PaceClosed' })
    await slot.done(ok)
    await expect(pace.take('any', 'fresh')).rejects.toBeInstanceOf(PaceClosed)
    await pause(state.closedFor + 50)
    await pace.take('any', 'fresh')
  })

  it('a shorter one does not shorten a longer one', async () => {
    const pace = await begin()
    const slot = await pace.take('any', 'fresh')
    await say(pace, { ...busy, retryAfter: 15_000 })
    await slot.done({ ...busy, retryAfter: 100 })
    expect((await pace.state()).closedFor).toBeGreaterThan(10_000)
  })

  it('holds back also those who already wait for their turn', async () => {
    const pace = await begin({ ceiling: 2 })
    const slot = await pace.take('any', 'fresh')
    const waiting = Array.from({ length: 5 }, () =>
      pace.take('any', 'fresh').then(
        () => 'left',
        () => 'held back',
      ),
    )
    await slot.done({ ...busy, retryAfter: 10_000 })
    expect(await Promise.all(waiting)).not.toContain('left')
  })

  it('is not cut short by the breaker, nor by a flush', async () => {
    const pace = await begin()
    await say(pace, { ...cut, retryAfter: 30_000 })
    expect((await pace.state()).closedFor).toBeGreaterThan(20_000)
    await flush()
    await expect(pace.take('any', 'fresh')).rejects.toMatchObject({ name: 'PaceClosed' })
    expect((await pace.state()).closedFor).toBeGreaterThan(15_000)
  })

  it('counts also when its call left before a flush', async () => {
    const pace = await begin()
    const slot = await pace.take('any', 'fresh')
    await flush()
    await slot.done({ ...busy, retryAfter: 30_000 })
    await expect(pace.take('any', 'fresh')).rejects.toBeInstanceOf(PaceClosed)
  })
})

describe('the breaker', () => {
  /** Long enough that the first pause cannot end while a busy machine looks at it. */
  const pauses = [1_000, 60_000]
  const breaker = { failures: 3, pauses }

  it('opens after N failures in a row, not before', async () => {
    const pace = await begin({ breaker })
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
    const through = probes.flatMap((probe) => (probe.status === 'fulfilled' ? [probe.value] : []))
    expect(through).toHaveLength(1)
    expect((await pace.ready('fresh')).open).toBe(false)
    await through[0]!.done(ok)
    expect(await pace.ready('fresh')).toEqual({ open: true })
    await say(pace, cut, 2)
    expect((await pace.state()).open).toBe(true)
  })

  it('a failed probe opens it again for the next, longer pause; one that did not leave makes room for another', async () => {
    const pace = await begin()
    await say(pace, cut, 3)
    await pause(350)
    await (await pace.take('any', 'fresh')).unused()
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
    const pace = await begin({ breaker: { failures: 3, pauses: [60_000] } })
    await say(pace, cut, 3)
    await flush()
    await say(pace, cut, 2)
    expect((await pace.state()).open).toBe(true)
    await say(pace, cut)
    expect((await pace.state()).open).toBe(false)
  })
})

it('without Redis no call leaves, and a report is no error', async () => {
  const line = new Redis(house.redisUrl, { retryStrategy: () => null, maxRetriesPerRequest: 0 })
  line.on('error', () => undefined)
  const pace = paceOf({ redis: line })
  const slot = await pace.take('any', 'fresh')
  line.disconnect()
  await expect(pace.take('any', 'fresh')).rejects.toBeInstanceOf(PaceClosed)
  expect(await pace.ready('fresh')).toMatchObject({ open: false, reason: 'portal-pace' })
  await expect(slot.done(ok)).resolves.toBeUndefined()
  await expect(slot.unused()).resolves.toBeUndefined()
})

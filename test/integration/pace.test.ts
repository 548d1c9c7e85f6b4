import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import type { PaceOptions } from '../../src/delivery/pace.ts'
import { PaceClosed, type CallReport } from '../../src/delivery/portal.ts'
import { busy, ok, pause, say, usePace } from '../support/pace.ts'

const { held, paceKeys, flush, paceOf, begin, changeState, redisNow } = usePace()

/** Twenty processes' worth of takers for some time; returns when each was let go. */
async function departures(options: Partial<PaceOptions>, each: number): Promise<number[]> {
  const left: number[] = []
  const connections = Array.from({ length: 4 }, () => new Redis(held.house.redisUrl))
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
    await changeState({ server: 'another', seen: (await redisNow()) - 1000 })
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
    // Near the new limit and far from the old one; a step beyond it is how the pace finds out.
    expect((await paceOf().state()).rate).toBeLessThan(25)
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
    await held.sql`insert into portal_pace (endpoint, rate, mark) values ('http://portal.example.invalid/', 7.5, 7.7)`
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
    const [silent] = await held.redis.zrange(flight, '0', '0')
    await held.redis.zadd(flight, String((await redisNow()) - 1), silent!)
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

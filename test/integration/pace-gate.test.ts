import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import type { SharedPace } from '../../src/delivery/pace.ts'
import { PaceClosed, type CallReport, type Slot } from '../../src/delivery/portal.ts'
import { busy, cut, ok, pause, say, usePace } from '../support/pace.ts'

const { held, flush, paceOf, begin, changeState, redisNow } = usePace()
const refusedConnection: CallReport = { class: 'busy', failure: 'portal-unreachable' }

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
    await held.sql`update portal_pace set quota_granted = 398`
    expect((await takeAll(pace, 'fresh')).taken).toBe(2)
    expect((await pace.state()).quota).toEqual({ limit: 400, used: 400 })
  })

  it('a slot that was not used is given back, and a new day begins with the whole quota', async () => {
    const pace = paceOf({ callsPerDay: 2 })
    await (await pace.take('any', 'fresh')).unused()
    expect((await takeAll(pace, 'fresh')).taken).toBe(2)
    await held.sql`update portal_pace set quota_day = quota_day - 1`
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
  const line = new Redis(held.house.redisUrl, { retryStrategy: () => null, maxRetriesPerRequest: 0 })
  line.on('error', () => undefined)
  const pace = paceOf({ redis: line })
  const slot = await pace.take('any', 'fresh')
  line.disconnect()
  await expect(pace.take('any', 'fresh')).rejects.toBeInstanceOf(PaceClosed)
  expect(await pace.ready('fresh')).toMatchObject({ open: false, reason: 'portal-pace' })
  await expect(slot.done(ok)).resolves.toBeUndefined()
  await expect(slot.unused()).resolves.toBeUndefined()
})

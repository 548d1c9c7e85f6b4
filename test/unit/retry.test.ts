import { describe, expect, it } from 'vitest'
import { defaultBreakerPolicy, defaultLeasePolicy, defaultRetryPolicy, defaultWatchPolicy } from '../../config/retry.ts'
import { lookUpWait, waitAfter, withJitter } from '../../src/delivery/retry.ts'

const middle = () => 0.5
describe('waits', () => {
  it.each([
    [1, 10],
    [2, 30],
    [3, 120],
    [4, 600],
    [5, 1800],
    [6, 3600],
    [7, 10_800],
    [8, 21_600],
    [9, 43_200],
  ])('after the failed attempt %i: %i s', (attempts, seconds) =>
    expect(waitAfter(defaultRetryPolicy, attempts, middle)).toBe(seconds * 1000),
  )

  it('the tenth failed attempt is the last', () => expect(waitAfter(defaultRetryPolicy, 10)).toBeNull())

  it.each([
    [1, 2],
    [2, 10],
    [3, 30],
    [4, 120],
    [5, 600],
    [6, 600],
    [1000, 600],
  ])('before the look-up %i: %i s, without end', (doubts, seconds) =>
    expect(lookUpWait(defaultRetryPolicy, doubts, middle)).toBe(seconds * 1000),
  )

  it('jitter reaches from -20 % to +20 %', () => {
    expect(withJitter(1000, 0.2, () => 0)).toBe(800)
    expect(withJitter(1000, 0.2, () => 0.5)).toBe(1000)
    expect(withJitter(1000, 0.2, () => 0.999_999)).toBe(1200)
    const drawn = new Set(Array.from({ length: 50 }, () => waitAfter(defaultRetryPolicy, 1)))
    expect(drawn.size).toBeGreaterThan(5)
  })

  it('waits that use no attempt are short', () => expect(defaultRetryPolicy.busyWait).toBe(2_000))

  it('a policy without look-up waits looks again at once', () =>
    expect(lookUpWait({ ...defaultRetryPolicy, lookUpWaits: [] }, 3)).toBe(0))

  it('a lease outlives the longest call by its margin', () =>
    expect(defaultLeasePolicy.for - defaultLeasePolicy.margin).toBeGreaterThanOrEqual(60_000))
  it('a lease lasts 90 s, and what nobody took up is handed out again after a minute', () =>
    expect(defaultLeasePolicy).toEqual({ for: 90_000, margin: 15_000, handOut: 60_000 }))
  it('a dead worker is known after ten seconds, a silent one after three beats of 15 s', () =>
    expect(defaultWatchPolicy).toEqual({ look: 2_500, idle: 10_000, canary: 10_000, beat: 15_000, restarts: 3 }))
  it('the breaker opens at the fifth failure and waits longer each time, up to a minute', () =>
    expect(defaultBreakerPolicy).toEqual({ failures: 5, pauses: [2_000, 5_000, 15_000, 30_000, 60_000] }))
})

import { describe, expect, it } from 'vitest'
import { plansAt } from '../../jobs/upkeep.ts'

describe('what is done by the clock', () => {
  const now = new Date('2026-03-01T18:00:00Z') // 01:00 on the second in Vietnam
  const turnsOf = (times: { cataloguePull: string; reconcileAt: string; publicFiguresAt: string; counters: boolean }) =>
    Object.fromEntries(plansAt(times, now).map(({ task, turns }) => [task, turns]))

  it('is due by Vietnam time, before and after a moment', () => {
    expect(
      turnsOf({ cataloguePull: '0 0 2 * * *', reconcileAt: '00:30', publicFiguresAt: '06:00', counters: true }),
    ).toEqual({
      'pull-catalogue': {
        pattern: '0 0 2 * * *',
        previous: new Date('2026-02-28T19:00:00Z'),
        next: new Date('2026-03-01T19:00:00Z'),
      },
      reconcile: {
        pattern: '0 30 0 * * *',
        previous: new Date('2026-03-01T17:30:00Z'),
        next: new Date('2026-03-02T17:30:00Z'),
      },
      'public-figures': {
        pattern: '0 0 6 * * *',
        previous: new Date('2026-02-28T23:00:00Z'),
        next: new Date('2026-03-01T23:00:00Z'),
      },
      counters: {
        pattern: '0 0 7 * * *',
        previous: new Date('2026-03-01T00:00:00Z'),
        next: new Date('2026-03-02T00:00:00Z'),
      },
      rotate: {
        pattern: '0 30 3 * * *',
        previous: new Date('2026-02-28T20:30:00Z'),
        next: new Date('2026-03-01T20:30:00Z'),
      },
    })
  })

  it('is nothing where it is switched off, and says so where it cannot be read', () => {
    const turns = turnsOf({ cataloguePull: 'nightly', reconcileAt: 'off', publicFiguresAt: 'off', counters: false })
    expect(turns).toMatchObject({
      reconcile: null,
      'pull-catalogue': { pattern: 'nightly', previous: null, next: null },
    })
  })
})

import { describe, expect, it } from 'vitest'
import { agreementOf, wilson } from '../../src/reconciliation/agreement.ts'

describe('Wilson interval', () => {
  // Reference values from the closed formula with z = 1.96, widened to one decimal.
  it.each([
    [0, 10, 0, 27.8],
    [10, 10, 72.2, 100],
    [5, 10, 23.6, 76.4],
    [81, 263, 25.5, 36.7],
    [985, 1000, 97.5, 99.1],
  ])('%i of %i lies between %d and %d', (agreed, observed, low, high) => {
    expect(wilson(agreed, observed)).toEqual({ low, high })
  })

  it('says nothing without observations', () => {
    expect(wilson(0, 0)).toBeNull()
  })

  it('always holds the rate itself and stays within 0 and 100', () => {
    for (let observed = 1; observed < 60; observed += 1)
      for (let agreed = 0; agreed <= observed; agreed += 1) {
        const { low, high } = wilson(agreed, observed)!
        const rate = (agreed * 100) / observed
        expect(low).toBeGreaterThanOrEqual(0)
        expect(low).toBeLessThanOrEqual(rate)
        expect(high).toBeGreaterThanOrEqual(rate)
        expect(high).toBeLessThanOrEqual(100)
      }
  })
})

describe('agreement', () => {
  const counts = { equal: 95, different: 2, 'missing-there': 2, 'missing-here': 1, unknown: 7 }

  it('leaves unanswered look-ups out and gives an interval only for a sample', () => {
    expect(agreementOf(counts, false)).toEqual({ answered: 100, agreed: 95, rate: 95, interval: null })
    expect(agreementOf(counts, true).interval).toEqual(wilson(95, 100))
  })

  it('claims nothing when nothing was answered', () => {
    const silent = { equal: 0, different: 0, 'missing-there': 0, 'missing-here': 0, unknown: 7 }
    expect(agreementOf(silent, true)).toEqual({ answered: 0, agreed: 0, rate: null, interval: null })
  })
})

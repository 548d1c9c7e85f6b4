import { describe, expect, it } from 'vitest'
import { AlertRulesError, defaultAlertRules, readAlertRules, ruleWords } from '../../config/alerts.ts'
import { advance, directionOf, type Alert, type Notice } from '../../src/events/alerts.ts'

const rule = { for: 60, remindEvery: 600, recoverFor: 120 }
const start = Date.UTC(2026, 0, 5, 1)
const every = 15

/** Looks at these counts (0 = the condition does not hold), one every 15 seconds; tells what was said and when. */
function watch(counts: readonly number[], timing: typeof rule | undefined = rule, from: Alert | null = null) {
  let alert = from
  const said: [seconds: number, notice: Notice][] = []
  for (const [index, count] of counts.entries()) {
    const sighting = count === 0 ? null : { key: 'k', rule: 'r', count, code: 'portal-refused', sample: `H34-${index}` }
    const step = advance(alert, sighting, timing, new Date(start + index * every * 1000))
    alert = step.alert
    if (step.notice) said.push([index * every, step.notice])
  }
  return { alert, said }
}
const times = (count: number, value: number) => Array.from({ length: count }, () => value)

describe('an alert', () => {
  it('is told once the condition has held for as long as the rule says', () => {
    expect(watch(times(4, 3)).said).toEqual([])
    expect(watch(times(5, 3)).said).toEqual([[60, 'raised']])
    expect(watch(times(10, 3)).said).toEqual([[60, 'raised']])
  })

  it('is not told about a condition that flickers', () => {
    const { alert, said } = watch([3, 3, 3, 0, 3, 3, 3, 0, 3, 3])
    expect(said).toEqual([])
    expect(alert).toMatchObject({ state: 'pending', trend: [3, 3] })
    expect(watch([3, 0]).alert).toBeNull()
  })

  it('is told at once where the rule says so', () => {
    expect(watch([1], { ...rule, for: 0 }).said).toEqual([[0, 'raised']])
  })

  it('keeps the first and the last error, the count and a sample', () => {
    const { alert } = watch([2, 3, 4, 5, 9])
    expect(alert).toMatchObject({
      state: 'firing',
      count: 9,
      trend: [2, 3, 4, 5, 9],
      firstError: { code: 'portal-refused', at: new Date(start).toISOString(), sample: 'H34-0' },
      lastError: { sample: 'H34-4' },
    })
  })

  it('is told again while it lasts, and not when that is not wanted', () => {
    expect(watch(times(90, 1)).said).toEqual([
      [60, 'raised'],
      [660, 'reminder'],
      [1260, 'reminder'],
    ])
    expect(watch(times(90, 1), { ...rule, remindEvery: 0 }).said).toEqual([[60, 'raised']])
  })

  it('is over when the condition has been gone for long enough', () => {
    const gone = watch([...times(5, 1), ...times(8, 0)])
    expect(gone.said).toEqual([[60, 'raised']])
    const over = watch([...times(5, 1), ...times(9, 0)])
    expect(over.said).toEqual([
      [60, 'raised'],
      [195, 'recovered'],
    ])
    expect(over.alert).toMatchObject({ state: 'recovered', count: 0, recoveredAt: new Date(start + 195_000) })
  })

  it('goes on when the condition comes back before that', () => {
    const { alert, said } = watch([...times(5, 1), ...times(7, 0), ...times(5, 2)])
    expect(said).toEqual([[60, 'raised']])
    expect(alert).toMatchObject({ state: 'firing', clearSince: null })
  })

  it('begins anew after it was over', () => {
    const { said, alert } = watch([...times(5, 1), ...times(9, 0), ...times(5, 1)])
    expect(said.map(([, notice]) => notice)).toEqual(['raised', 'recovered', 'raised'])
    expect(alert?.firstAt).toEqual(new Date(start + 14 * every * 1000))
  })

  it('ends at once when its rule is taken away', () => {
    const { alert } = watch(times(5, 1))
    expect(advance(alert, null, undefined, new Date(start + 75_000)).notice).toBe('recovered')
  })

  it('remembers the last twenty looks', () => {
    expect(watch(Array.from({ length: 30 }, (_, index) => index + 1)).alert?.trend).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 11),
    )
  })
})

it.each([
  [[1, 1, 5, 9], 'rising'],
  [[9, 5, 1, 1], 'falling'],
  [[5, 5, 5, 5], 'steady'],
  [[5], 'steady'],
] as const)('the trend of %j is %s', (counts, direction) => expect(directionOf(counts)).toBe(direction))

describe('the file of rules', () => {
  const problemOf = (value: unknown) => {
    try {
      readAlertRules(typeof value === 'string' ? value : JSON.stringify(value))
    } catch (error) {
      return error instanceof AlertRulesError ? error.message : 'another error'
    }
    return null
  }

  it('changes, switches off and adds', () => {
    const rules = readAlertRules(
      JSON.stringify({
        rules: {
          'dossiers-parked': { count: 50 },
          'workers-lost': false,
          'agency-missing': { kind: 'stopped', state: 'blocked', reason: 'unknown-agency', count: 5, for: 0 },
        },
      }),
    )
    expect(rules.get('dossiers-parked')).toEqual({ ...defaultAlertRules.get('dossiers-parked'), count: 50 })
    expect(rules.has('workers-lost')).toBe(false)
    expect(rules.get('agency-missing')).toMatchObject({ count: 5, for: 0, recoverFor: 120 })
    expect(rules.size).toBe(defaultAlertRules.size)
  })

  it.each([
    ['not JSON', 'not valid JSON'],
    [{}, 'rules:'],
    [{ rules: { 'dossiers-parked': { count: 0 } } }, 'rules.dossiers-parked.count:'],
    [{ rules: { 'dossiers-parked': { cuont: 3 } } }, 'rules.dossiers-parked.cuont:'],
    [{ rules: { mine: { kind: 'nonsense' } } }, 'rules.mine.kind:'],
    [{ rules: { mine: { kind: 'waiting-age', urgency: 'fresh' } } }, 'rules.mine.seconds:'],
    [{ rules: { 'Bad Name': false } }, 'rules.Bad Name:'],
    [{ rules: {}, more: 1 }, 'more:'],
  ])('that is wrong names its field: %j', (value, words) => expect(problemOf(value)).toContain(words))

  it('names all problems at once', () => {
    const text = problemOf({ rules: { 'dossiers-parked': { count: 0 }, 'portal-refuses': { share: 2 } } })
    expect(text).toContain('dossiers-parked.count')
    expect(text).toContain('portal-refuses.share')
  })
})

it('has words in both languages for every kind of rule', () => {
  for (const { kind } of defaultAlertRules.values())
    for (const words of [ruleWords[kind].vi, ruleWords[kind].en]) {
      expect(words.title).not.toBe('')
      expect(words.next).not.toBe('')
    }
})

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PublicReportMapError, readPublicReportMap, reportsAsked } from '../../config/public-figures.ts'
import { compare, ownFigures, periodFrom, periodOf, periodsOn, unitsOn } from '../../src/scoring/public-compare.ts'
import {
  fellToNothing,
  figureIn,
  lostUnits,
  mappedFell,
  nodesOf,
  valueAt,
  withoutUnits,
} from '../../src/scoring/public-values.ts'

const least = { root: 1, timeType: { month: 'M' }, firstPage: 0, rows: { others: 'children' } }
const map = (more: Record<string, unknown> = {}) => readPublicReportMap(JSON.stringify({ ...least, ...more }))
const problems = (more: Record<string, unknown>) => {
  try {
    map(more)
    return ''
  } catch (error) {
    expect(error).toBeInstanceOf(PublicReportMapError)
    return (error as Error).message
  }
}
const figure = { report: 'transparency', what: 'sync', in: 'unit', source: 's', date: '2026-10', confidence: 'B' }

describe('the mapping of public figures', () => {
  it('guesses nothing: it must say what the field does not know, and names what is wrong', () => {
    for (const missing of Object.keys(least)) expect(problems({ [missing]: undefined })).toContain(missing)
    expect(problems({ timeType: {} })).toContain('timeType')
    expect(problems({ rows: { transparency: 'children' } })).toContain('rows.others')
    expect(problems({ figures: [figure] })).toContain('figures.0')
    expect(problems({ figures: [{ ...figure, rate: 'a.b' }] })).toContain('figures.0.rateIs')
    expect(problems({ figures: [{ ...figure, numerator: 'a..b' }] })).toContain('figures.0.numerator')
    expect(problems({ units: [{ code: 'H34.01', id: 1, from: '2026-02-01', to: '2026-02-01' }] })).toContain(
      'units.0.to',
    )
    expect(() => readPublicReportMap('{')).toThrow('not valid JSON')
    expect(map()).toMatchObject({ ok: ['OK', 200], figures: [], units: [] })
  })

  it('asks for the satisfaction only when it is known how dates are written', () => {
    expect(reportsAsked(map())).toHaveLength(6)
    expect(reportsAsked(map({ dates: 'dd/MM/yyyy' }))).toContain('handling-satisfaction')
  })

  it('that comes with the sandbox can be read', () => {
    const file = new URL('../../adapters/sandbox/data/public-report.json', import.meta.url)
    expect(readPublicReportMap(readFileSync(file, 'utf8')).figures.length).toBeGreaterThan(0)
  })

  it('has the ids of the day', () => {
    const units = [
      { code: 'H34.01', id: 7, to: '2026-01-01' },
      { code: 'H34.01', id: 'u-7', from: '2026-01-01' },
    ]
    const ids = (day: string) => unitsOn(map({ units }), day).map(({ id }) => id)
    expect(ids('2025-12-31')).toEqual([1, 7])
    expect(ids('2026-01-01')).toEqual([1, 'u-7'])
  })
})

describe('periods', () => {
  it('are those that run and those before, over the turn of the year', () => {
    const all = map({ timeType: { month: 1, quarter: 2, year: 3 } })
    expect(periodsOn(all, '2026-01-15').map(({ key, from, to }) => [key, from, to])).toEqual([
      ['2026-01', '2026-01-01', '2026-02-01'],
      ['2025-12', '2025-12-01', '2026-01-01'],
      ['2026-Q1', '2026-01-01', '2026-04-01'],
      ['2025-Q4', '2025-10-01', '2026-01-01'],
      ['2026', '2026-01-01', '2027-01-01'],
      ['2025', '2025-01-01', '2026-01-01'],
    ])
    for (const period of periodsOn(all, '2026-01-15')) expect(periodFrom(period.key)).toEqual(period)
    for (const wrong of ['', '2026-13', '2026-Q5', '26']) expect(periodFrom(wrong)).toBeNull()
  })
})

describe('a figure in an answer', () => {
  const page = {
    departmentId: 1,
    overview: { total: 9, rate: '85.5', text: '1.234,5' },
    evaluation: [
      { code: 'A', n: 3 },
      { code: 'B.1', n: 4 },
      { code: 'C', n: 5 },
      { code: 'C', n: 6 },
    ],
    children: [
      { departmentId: 'U-7', n: 2, children: [{ departmentId: 8, n: 1 }] },
      { departmentId: 9, n: 4 },
    ],
  }

  it('is a number at a path, and what may be read in two ways is none', () => {
    expect(valueAt(page, 'overview.total')).toBe(9)
    expect(valueAt(page, 'overview.rate')).toBe(85.5)
    expect(valueAt(page, 'overview.text')).toBeNull()
    expect(valueAt(page, 'evaluation[code=A].n')).toBe(3)
    expect(valueAt(page, 'evaluation[code=B.1].n')).toBe(4)
    expect(valueAt(page, 'evaluation[code=C].n')).toBeNull()
    expect(valueAt(page, 'evaluation.n')).toBeNull()
    expect(valueAt(page, 'toString.length')).toBeNull()
  })

  it('is a unit’s own, wherever it stands, whichever way its id is written; parts are never summed', () => {
    const own = { ...figure, numerator: 'n' } as Parameters<typeof figureIn>[0]
    const of = (id: string | number) => figureIn(own, [page], id, false).numerator
    expect([of('u-7'), of('8'), of(9), of(77)]).toEqual([2, 1, 4, null])
    expect(figureIn({ ...own, in: 'answer', numerator: 'overview.total' }, [page], 1, true).numerator).toBe(9)
    expect(figureIn({ ...own, in: 'answer', numerator: 'overview.total' }, [page], 9, false).numerator).toBeNull()
    // Told twice, once otherwise: nobody knows which holds.
    expect(figureIn(own, [page, { children: [{ departmentId: 9, n: 5 }] }], 9, false).numerator).toBeNull()
    expect(figureIn({ ...own, rate: 'r', rateIs: 'share' }, [{ departmentId: 2, r: 0.5 }], 2, false).rate).toBe(50)
    expect(withoutUnits(nodesOf([page], 'u-7')[0]!)).toEqual({ departmentId: 'U-7', n: 2, children: '[1]' })
  })
})

describe('an answer that was made without data', () => {
  const answer = (...numbers: number[]) => [
    { maximum: 6, children: numbers.map((n, id) => ({ departmentId: `u${id}`, n })) },
  ]

  it('is one in which all that changed fell to nothing', () => {
    expect(fellToNothing(answer(1, 2, 3, 4), answer(0, 0, 0, 0))).toBe(true)
    expect(fellToNothing(answer(1, 2, 3, 4), [{}])).toBe(true)
    expect(fellToNothing(answer(1, 2, 3, 4), answer(0, 0, 0, 5))).toBe(false)
    expect(fellToNothing(answer(1, 2, 3, 4), answer(1, 2, 0, 4))).toBe(false)
    expect(fellToNothing(answer(0, 0, 0), answer(0, 0, 0))).toBe(false)
    expect(fellToNothing(answer(0, 1, 1, 1), answer(2, 0, 0, 0))).toBe(false)
  })

  it('or in which all that is mapped did', () => {
    const [sync] = map({
      figures: [{ ...figure, in: 'answer', numerator: 'overview.n', denominator: 'overview.all' }],
    }).figures
    const told = (n: number, all: number, other: number) => [{ overview: { n, all, other } }]
    expect(mappedFell([sync!], 1, told(3, 4, 1), told(0, 0, 2))).toBe(true)
    expect(mappedFell([sync!], 1, told(3, 4, 1), [{}])).toBe(true)
    expect(mappedFell([sync!], 1, told(3, 4, 1), told(0, 4, 2))).toBe(false)
    expect(mappedFell([sync!], 1, told(0, 0, 1), told(0, 0, 0))).toBe(false)
    expect(mappedFell([], 1, told(3, 4, 1), told(0, 0, 0))).toBe(false)
  })

  it('or from which units are gone, but not one in another order', () => {
    expect(lostUnits(answer(1, 2, 3), answer(1, 2))).toBe(true)
    const children = (ids: number[]) => [{ children: ids.map((departmentId) => ({ departmentId })) }]
    const many = Array.from({ length: 20 }, (_, id) => id)
    expect(lostUnits(children(many), children(many.toReversed()))).toBe(false)
    expect(lostUnits(children(many), children(many.slice(1)))).toBe(false)
    expect(lostUnits(children(many), children(many.slice(3)))).toBe(true)
  })
})

describe('a comparison', () => {
  const period = periodOf('month', '2026-11-26')
  const at = { month: '2026-11', marks: `1${'?'.repeat(9)}` }
  const cells = [
    { agency: 'H34.01', count: 2, ...at },
    { agency: '000.05.01.H34', count: 3, ...at },
    { agency: 'H34.011', count: 5, ...at },
  ]

  it('counts a unit with those beneath it, in either notation', () => {
    const received = (code: string | null) => ownFigures(cells, { code, id: 1 }, period).figures[0]!.numerator
    expect([received(null), received('H34.01'), received('H34.01.05'), received('H34.99')]).toEqual([10, 5, 3, 0])
  })

  it('has no difference where one side is unknown', () => {
    const asked = map({ figures: [{ ...figure, rate: 'r', rateIs: 'percent' }] })
    const answers = [{ report: 'transparency' as const, unitId: '1', pages: [{ departmentId: 1, r: 60 }] }]
    const ours = ownFigures(cells, { code: null, id: 1 }, period)
    const none = { numerator: null, denominator: null, rate: null }
    const unit = { code: null, id: 1 }
    expect(compare(asked, unit, answers, undefined)[0]).toMatchObject({ ours: null, difference: none })
    expect(compare(asked, unit, [], ours)[0]).toMatchObject({ portal: none, difference: none })
    const [both] = compare(asked, unit, answers, ours)
    expect(both).toMatchObject({ portal: { numerator: null, rate: 60 }, difference: { numerator: null } })
    expect(both!.difference.rate).toEqual({ low: 60 - both!.ours!.rate!.high, high: 60 - both!.ours!.rate!.low })
  })
})

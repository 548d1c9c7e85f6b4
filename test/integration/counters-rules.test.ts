import {
  array,
  boolean,
  constant,
  constantFrom,
  integer,
  oneof,
  option,
  record,
  sample,
  tuple,
  type Arbitrary,
} from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { statuses, type Status } from '../../config/statuses.ts'
import { courseOf, placeIn, type Facts, type Place, type Reading } from '../../src/counters/model.ts'
import { belongsTo, figuresOf, monthAfter, parts, spanOf } from '../../src/counters/figures.ts'
import { countCells, dossiersIn } from '../../src/counters/store.ts'
import { DossierContent } from '../../src/dossiers/model.ts'
import { change, startProvince, step, type Province } from '../support/province.ts'

/** Moments of five months, most of them near the edges of months in Vietnam. */
const moment = tuple(
  integer({ min: 3, max: 8 }),
  oneof(integer({ min: -48, max: 48 }), integer({ min: -720, max: 720 })),
).map(([month, hours]) => new Date(Date.UTC(2020, month, 1, -7) + hours * 3_600_000).toISOString())
const maybe = <T>(value: Arbitrary<T>) => option(value, { nil: undefined })
const supplement = record({
  id: constant('S'),
  requestedBy: constant('B'),
  content: constant('Bổ sung'),
  requestedAt: moment,
  receivedAt: maybe(moment),
  done: maybe(boolean()),
})
const pushed = record({
  status: oneof(constantFrom(...statuses), constant('Từ lạ')),
  level: constantFrom(undefined, undefined, 'ministry', 'province'),
  receivedAt: moment,
  changedAt: moment,
  promisedAt: maybe(moment),
  finishedAt: maybe(maybe(moment)),
  returnedAt: maybe(maybe(moment)),
  refusedAt: maybe(moment),
  supplements: maybe(array(supplement, { maxLength: 3 })),
  steps: array(tuple(moment, constantFrom(...statuses, 'supplement-requested' as const)), { maxLength: 5 })
    // Two of one moment have no order of their own.
    .map((all) => [...new Map(all).entries()].map(([at, status], place) => step(at, status, `Bước ${place}`))),
})

const readings: Reading[] = [
  { ministries: 'counted', notAccepted: 'handled' },
  { ministries: 'left-out', notAccepted: 'never-received' },
]

describe('the monthly counters in SQL', () => {
  let province: Province
  const seed = Date.now()
  const changes = sample(pushed, { numRuns: 600, seed }).map((one) => change(one))
  beforeAll(async () => {
    // What is counted here needs no portal.
    province = await startProvince({ settings: { ROLES: 'api' } })
    await province.push(changes)
  })
  afterAll(() => province.close())

  const queryOf = (month: string, reading: Reading) => ({
    month: spanOf(month, Date.parse('2021-01-01T00:00:00Z')),
    reading,
    changes: [],
    byProcedure: false,
  })

  function factsOf({ code: _code, changedAt, steps, ...content }: Record<string, unknown>): Facts {
    const known = DossierContent.parse(content)
    const status = statuses.find((one) => one === known.status) ?? null
    const said = steps as { at: string; status: Status }[]
    return {
      course: courseOf(known, status),
      receivedAt: Date.parse(known.receivedAt),
      promisedAt: known.promisedAt === undefined ? null : Date.parse(known.promisedAt),
      changedAt: Date.parse(changedAt as string),
      steps: said.map(({ at, ...one }) => ({ ...one, at: Date.parse(at) })).toSorted((a, b) => a.at - b.at),
      isMinistry: known.level === 'ministry',
    }
  }

  async function placesInLedger(month: string, reading: Reading) {
    const query = queryOf(month, reading)
    const cells = await countCells(province.ground.sql, query)
    const { dossiers } = await dossiersIn(province.ground.sql, query, cells, { limit: 1000 })
    expect(dossiers).toHaveLength(cells.reduce((sum, { count }) => sum + count, 0))
    return { cells, places: new Map(dossiers.map((one) => [one.code, one])) }
  }

  it('say of each dossier and each month what the rules say', async () => {
    const seen = new Set<string>()
    for (const reading of readings)
      for (const month of ['2020-02', '2020-04', '2020-05', '2020-06', '2020-07', '2020-08', '2020-12']) {
        const { places } = await placesInLedger(month, reading)
        for (const { place, endedAt, receivedAt } of places.values())
          if (place === 'pending' && endedAt !== null) expect(endedAt >= receivedAt && endedAt >= month).toBe(true)
        for (const one of changes) {
          const rule = placeIn(factsOf(one), queryOf(month, reading).month, reading)
          seen.add(`${rule.place} ${'timing' in rule ? rule.timing : ''}`)
          expect({ [one.code]: asRule(places.get(one.code)), of: one, month, seed }).toEqual({
            [one.code]: asShown(rule),
            of: one,
            month,
            seed,
          })
        }
      }
    // The generator reaches every kind of answer.
    expect([...seen].toSorted()).toEqual(
      [
        ...['handled', 'pending'].flatMap((place) =>
          ['in-time', 'late', 'no-promise', 'supplement-untold'].map((timing) => `${place} ${timing}`),
        ),
        'none ',
        'unplaced ',
      ].toSorted(),
    )
  })

  it('carry over exactly what was pending at the end of the month before', async () => {
    for (const reading of readings)
      for (const month of ['2020-04', '2020-05', '2020-06', '2020-07', '2020-08']) {
        const { cells } = await placesInLedger(month, reading)
        const { cells: next } = await placesInLedger(monthAfter(month, 1), reading)
        expect(figuresOf(next).carried).toBe(figuresOf(cells).pending.total)
        expect(figuresOf(next).carried).toBeGreaterThan(0)
      }
  })

  it('open each number to as many dossiers, page by page', async () => {
    const query = queryOf('2020-06', readings[0]!)
    const cells = await countCells(province.ground.sql, query)
    for (const part of parts) {
      const own = cells.filter(belongsTo[part])
      const found = new Set<string>()
      let cursor: string | undefined
      do {
        const page = await dossiersIn(province.ground.sql, query, own, { cursor, limit: 37 })
        for (const { code } of page.dossiers) found.add(code)
        cursor = page.next ?? undefined
      } while (cursor !== undefined)
      expect(found.size).toBe(own.reduce((sum, { count }) => sum + count, 0))
    }
  })
})

type Shown = Awaited<ReturnType<typeof dossiersIn>>['dossiers'][number]

const asRule = (shown: Shown | undefined) =>
  shown === undefined
    ? { place: 'none' }
    : shown.place === 'unplaced'
      ? { place: 'unplaced', reason: shown.reason }
      : {
          place: shown.place,
          timing: shown.timing,
          ...(shown.place === 'pending' ? { waiting: shown.waiting } : { endedAt: shown.endedAt }),
        }

const asShown = (rule: Place) =>
  'carried' in rule
    ? {
        place: rule.place,
        timing: rule.timing,
        ...(rule.place === 'pending' ? { waiting: rule.waiting } : { endedAt: new Date(rule.endedAt).toISOString() }),
      }
    : rule

import { describe, expect, it } from 'vitest'
import { dialects, type Counters } from '../../config/dialects.ts'
import type { Status } from '../../config/statuses.ts'
import {
  figuresOf,
  monthAfter,
  sentFigures,
  sentUnits,
  spanOf,
  unitQuery,
  unitsOf,
} from '../../src/counters/figures.ts'
import { courseColumns, courseOf, placeIn, type Facts, type Place } from '../../src/counters/model.ts'
import { fateOf, hashOf, type Report } from '../../src/counters/reports.ts'
import type { Cell } from '../../src/counters/store.ts'
import { DossierContent } from '../../src/dossiers/model.ts'
import { createUnitRegister, type Agency, type Succession } from '../../src/organisations/model.ts'
import type { Catalogue } from '../../src/procedures/model.ts'

/** Noon in Vietnam, of 2020; or a time of the day. */
const on = (day: string, time = '12:00') => `2020-${day}T${time}:00+07:00`
const later = Date.parse('2021-01-01T00:00:00Z')
const july = spanOf('2020-07', later)
const reading = { ministries: 'counted', notAccepted: 'handled' } as const

interface Given extends Record<string, unknown> {
  readonly status?: Status | 'Từ lạ'
  readonly steps?: readonly (readonly [at: string, status: Status | null])[]
  readonly changedAt?: string
}

function factsOf({ steps = [], changedAt = on('12-01'), ...given }: Given): Facts {
  const content = DossierContent.parse({
    procedureCode: '1.000001',
    agencyCode: 'H34.01',
    status: 'processing',
    owner: { type: 'citizen' },
    receivedAt: on('07-02'),
    promisedAt: on('07-10'),
    ...given,
  })
  return {
    course: courseOf(content, content.status === 'Từ lạ' ? null : (content.status as Status)),
    receivedAt: Date.parse(content.receivedAt),
    promisedAt: content.promisedAt === undefined ? null : Date.parse(content.promisedAt),
    changedAt: Date.parse(changedAt),
    steps: steps.map(([at, status]) => ({ at: Date.parse(at), status })),
    isMinistry: content.level === 'ministry',
  }
}

const wordsOf = (place: Place): string => {
  if (place.place === 'none') return 'none'
  if (place.place === 'unplaced') return place.reason
  return [
    place.carried ? 'carried' : 'received',
    place.place,
    place.timing,
    ...(place.place === 'pending' && place.waiting ? ['waiting'] : []),
  ].join(' ')
}
const asked = (from: string, to?: string, done?: boolean) => ({
  id: 'S',
  requestedBy: 'B',
  content: 'Bổ sung',
  requestedAt: on(from),
  receivedAt: to && on(to),
  done,
})

const cases: [what: string, given: Given, july: string][] = [
  ['is pending past its promise', {}, 'received pending late'],
  ['is pending before its promise', { promisedAt: on('08-10') }, 'received pending in-time'],
  [
    'was promised for the first moment of the next month',
    { promisedAt: on('08-01', '00:00') },
    'received pending in-time',
  ],
  ['was promised for the moment before', { promisedAt: '2020-07-31T23:59:59.999+07:00' }, 'received pending late'],
  ['was promised nothing', { promisedAt: undefined }, 'received pending no-promise'],

  ['was received in the first moment of the month', { receivedAt: on('07-01', '00:00') }, 'received pending late'],
  ['was received in the last moment before', { receivedAt: '2020-06-30T23:59:59.999+07:00' }, 'carried pending late'],
  ['was received at the end of the month', { receivedAt: on('08-01', '00:00') }, 'none'],
  [
    'was received on the month’s last evening, of August in no zone but its own',
    { receivedAt: on('07-31', '23:30') },
    'received pending late',
  ],

  ['was finished on its day', { finishedAt: on('07-10'), status: 'finished' }, 'received handled in-time'],
  ['was finished a moment later', { finishedAt: on('07-10', '12:01'), status: 'finished' }, 'received handled late'],
  [
    'was finished, then returned late',
    { finishedAt: on('07-09'), returnedAt: on('07-20'), status: 'returned' },
    'received handled in-time',
  ],
  [
    'was returned, without a word on its end',
    { returnedAt: on('07-09'), status: 'returned' },
    'received handled in-time',
  ],
  [
    'was finished, by the day alone, before the hour of its reception',
    { finishedAt: on('07-02', '00:00'), status: 'finished' },
    'received handled in-time',
  ],
  [
    'was finished in the first moment of the next month',
    { finishedAt: on('08-01', '00:00'), status: 'finished' },
    'received pending late',
  ],
  [
    'was carried over and finished in the first moment',
    { receivedAt: on('06-02'), finishedAt: on('07-01', '00:00'), status: 'finished' },
    'carried handled in-time',
  ],
  [
    'was finished in the month before',
    { receivedAt: on('06-02'), finishedAt: on('06-30', '23:59'), status: 'finished' },
    'none',
  ],
  [
    'ended by a date, whatever its status',
    { finishedAt: on('07-09'), status: 'payment-requested' },
    'received handled in-time',
  ],

  ['was refused', { status: 'not-accepted', refusedAt: on('07-03') }, 'received handled in-time'],
  ['was refused before its reception', { status: 'not-accepted', refusedAt: on('07-01') }, 'none'],
  ['was withdrawn by a step', { status: 'withdrawn', steps: [[on('07-04'), 'withdrawn']] }, 'received handled in-time'],
  ['was withdrawn before its acceptance', { status: 'withdrawn', steps: [[on('07-01'), 'withdrawn']] }, 'none'],
  ['is new', { status: 'new' }, 'none'],
  ['has a status nobody mapped', { status: 'Từ lạ' }, 'status-unmapped'],
  ['has a status nobody mapped, and an end', { status: 'Từ lạ', finishedAt: on('07-09') }, 'received handled in-time'],

  [
    'ended, and only a step says when',
    {
      status: 'finished',
      steps: [
        [on('07-03'), 'processing'],
        [on('07-09'), 'finished'],
      ],
    },
    'received handled in-time',
  ],
  ['ended, and nobody says when', { status: 'stopped' }, 'end-unknown'],
  ['ended some time before the month', { status: 'stopped', receivedAt: on('05-01'), changedAt: on('06-20') }, 'none'],
  [
    'was opened again, and goes on',
    {
      steps: [
        [on('07-05'), 'finished'],
        [on('07-06'), 'processing'],
      ],
    },
    'received pending late',
  ],
  [
    'was opened again, and ended late',
    {
      status: 'finished',
      steps: [
        [on('07-05'), 'finished'],
        [on('07-06'), 'processing'],
        [on('07-20'), 'finished'],
      ],
    },
    'received handled late',
  ],
  [
    'was opened again after the month',
    {
      status: 'finished',
      steps: [
        [on('07-05'), 'finished'],
        [on('08-06'), 'processing'],
        [on('08-20'), 'finished'],
      ],
    },
    'received pending late',
  ],

  [
    'waited for the citizen long enough',
    { supplements: [asked('07-05', '07-15')], finishedAt: on('07-20'), status: 'finished' },
    'received handled in-time',
  ],
  [
    'waited a day too short',
    { supplements: [asked('07-05', '07-14')], finishedAt: on('07-20'), status: 'finished' },
    'received handled late',
  ],
  [
    'waited twice at the same time',
    { supplements: [asked('07-05', '07-15'), asked('07-05', '07-15')], finishedAt: on('07-21'), status: 'finished' },
    'received handled late',
  ],
  ['waits over the end of the month', { supplements: [asked('07-05', '08-20')] }, 'received pending in-time waiting'],
  ['was asked again only after the month', { supplements: [asked('08-05', '08-20')] }, 'received pending late'],
  [
    'waits, and was late when it was asked',
    { supplements: [asked('07-15', '08-20')] },
    'received pending late waiting',
  ],
  [
    'waits still',
    { status: 'supplement-requested', supplements: [asked('07-05')] },
    'received pending in-time waiting',
  ],
  [
    'waited for what never came',
    { status: 'stopped', refusedAt: on('07-30'), supplements: [asked('07-05')] },
    'received handled in-time',
  ],
  [
    'goes on after what came at a time nobody told',
    { supplements: [asked('07-05')] },
    'received pending supplement-untold',
  ],
  [
    'goes on after what is said to have come',
    { supplements: [asked('07-05', undefined, true)] },
    'received pending supplement-untold',
  ],
  [
    'is in time without what nobody told',
    { supplements: [asked('07-05')], promisedAt: on('08-10') },
    'received pending in-time',
  ],
  ['was not asked yet at the end of the month', { supplements: [asked('08-05')] }, 'received pending late'],

  [
    'waited by its steps',
    {
      steps: [
        [on('07-05'), 'supplement-requested'],
        [on('08-20'), 'processing'],
      ],
    },
    'received pending in-time waiting',
  ],
  [
    'waits by its steps',
    { status: 'supplement-requested', steps: [[on('07-05'), 'supplement-requested']] },
    'received pending in-time waiting',
  ],
  [
    'was asked by a step, and goes on',
    { steps: [[on('07-05'), 'supplement-requested']] },
    'received pending supplement-untold',
  ],
  ['waits, and no step says since when', { status: 'supplement-requested' }, 'received pending supplement-untold'],
]

describe('a dossier that', () => {
  it.each(cases)('%s', (_what, given, expected) =>
    expect(wordsOf(placeIn(factsOf(given), july, reading))).toBe(expected),
  )

  it('was not judged yet cannot be told', () =>
    expect(placeIn({ ...factsOf({}), course: null }, july, reading)).toEqual({
      place: 'unplaced',
      reason: 'not-judged',
    }))

  it('was not accepted, or is of a ministry, counts as the dialect reads it', () => {
    const refused = factsOf({ status: 'not-accepted', refusedAt: on('07-03') })
    expect(placeIn(refused, july, { ...reading, notAccepted: 'never-received' })).toEqual({ place: 'none' })
    const ministry = factsOf({ level: 'ministry' })
    expect(placeIn(ministry, july, reading).place).toBe('pending')
    expect(placeIn(ministry, july, { ...reading, ministries: 'left-out' })).toEqual({ place: 'none' })
  })

  it('is looked at in a month that goes on is compared with now', () => {
    const month = spanOf('2020-07', Date.parse(on('07-08')))
    expect(wordsOf(placeIn(factsOf({}), month, reading))).toBe('received pending in-time')
    expect(placeIn(factsOf({ receivedAt: on('07-09') }), month, reading)).toEqual({ place: 'none' })
  })

  it('is kept leaves no personal data in clear', () => {
    const { course } = factsOf({
      supplements: [asked('07-05', '07-15'), asked('07-20')],
      owner: { type: 'citizen', name: 'Bí Mật' },
    })
    expect(courseColumns(course!)).toEqual({
      courseRevision: 1,
      endKind: 'open',
      endedAt: null,
      pauses: '{[2020-07-05T05:00:00.000Z,2020-07-15T05:00:00.000Z)}',
      pausesUntoldFrom: '2020-07-20T05:00:00.000Z',
    })
  })
})

const cell = (change: Partial<Cell> = {}): Cell => ({
  agency: 'H34.01',
  procedure: '',
  epoch: 0,
  place: 'pending',
  carried: false,
  timing: 'in-time',
  waiting: false,
  reason: null,
  count: 1,
  ...change,
})
const counters: Counters = { ...dialects.get('sandbox')!.counters! }
const agency = (code: string, name: string, more: Partial<Agency> = {}): Agency => ({
  code,
  name,
  level: 'province',
  ...more,
})
const catalogueOf = (agencies: readonly Agency[], successions: readonly Succession[] = []): Catalogue => ({
  version: 1,
  national: new Map(),
  mappings: new Map(),
  register: createUnitRegister(agencies, successions),
  rejected: new Set(),
  statuses: new Map(),
})

describe('the figures', () => {
  it('know months of Vietnam', () => {
    expect([monthAfter('2020-12', 1), monthAfter('2020-01', -1), monthAfter('2020-07', -24)]).toEqual([
      '2021-01',
      '2019-12',
      '2018-07',
    ])
    expect(new Date(july.start).toISOString()).toBe('2020-06-30T17:00:00.000Z')
    expect(july.until).toBe(july.end)
  })

  it('add up, or are not given', () => {
    const cells = [
      cell({ count: 3 }),
      cell({ carried: true, place: 'handled', timing: 'late', count: 2 }),
      cell({ timing: 'no-promise', count: 4 }),
      cell({ timing: 'late', waiting: true, count: 1 }),
      cell({ place: 'unplaced', timing: null, reason: 'end-unknown', count: 5 }),
    ]
    expect(figuresOf(cells)).toEqual({
      received: 8,
      carried: 2,
      total: 10,
      handled: { total: 2, inTime: 0, late: 2, untold: 0 },
      pending: { total: 8, inTime: 3, late: 1, untold: 4, waiting: 1 },
      unplaced: { total: 5, 'not-judged': 0, 'status-unmapped': 0, 'end-unknown': 5 },
    })
    expect(() => figuresOf([cell({ timing: null })])).toThrow('do not add up')
  })

  it('are not sent while something cannot be told, unless the dialect says how it counts', () => {
    const figures = figuresOf([
      cell({ timing: 'no-promise', count: 4 }),
      cell({ place: 'handled', timing: 'supplement-untold', count: 3 }),
      cell({ place: 'unplaced', timing: null, reason: 'not-judged', count: 5 }),
    ])
    expect(sentFigures(figures, counters)).toBeNull()
    expect(sentFigures(figures, { ...counters, untoldEnd: 'left-out' })).toBeNull()
    expect(sentFigures(figures, { ...counters, untoldTime: 'late' })).toBeNull()
    const left = { ...counters, untoldEnd: 'left-out' } as const
    const common = { received: 7, carried: 0 }
    expect(sentFigures(figures, { ...left, untoldTime: 'late' })).toEqual({
      ...common,
      handledInTime: 0,
      handledLate: 3,
      pendingInTime: 0,
      pendingLate: 4,
    })
    expect(sentFigures(figures, { ...left, untoldTime: 'in-time' })).toEqual({
      ...common,
      handledInTime: 3,
      handledLate: 0,
      pendingInTime: 4,
      pendingLate: 0,
    })
  })

  it('belong to the units of the month, under the names of its last day', () => {
    const old = agency('H34.02', 'Sở Xây dựng', { validTo: '2020-07-20' })
    const heir = agency('H34.03', 'Sở Hạ tầng', { formerNames: [{ until: '2020-08-01', name: 'Sở Giao thông' }] })
    const catalogue = catalogueOf(
      [old, heir],
      [{ oldCode: 'H34.02', newCode: 'H34.03', day: '2020-07-20', transfer: 'whole', procedureCode: null }],
    )
    const query = unitQuery(catalogue, july)
    expect(query).toEqual({ changes: [Date.parse('2020-07-20T00:00:00+07:00')], byProcedure: false })
    const units = unitsOf(
      [
        cell({ agency: 'H34.02', place: 'handled', count: 2 }),
        cell({ agency: 'H34.02', carried: true, epoch: 1, count: 3 }),
        cell({ agency: 'H34.03', carried: true, epoch: 1, count: 4 }),
        cell({ agency: 'X', count: 7 }),
      ],
      { catalogue, month: july, ...query },
    )
    expect(
      units.map(({ code, name, why, total, takenOver, handedOver }) => [code, name, why, total, takenOver, handedOver]),
    ).toEqual([
      ['H34.02', 'Sở Xây dựng', null, 2, 0, 3],
      ['H34.03', 'Sở Giao thông', null, 7, 3, 0],
      ['X', null, 'unknown-agency', 7, 0, 0],
    ])
    const rows = sentUnits(units, counters, { catalogue, month: july })!
    expect(rows.map(({ code, figures }) => [code, figures.received + figures.carried])).toEqual([
      ['H34.02', 2],
      ['H34.03', 7],
    ])
  })

  it('hold those of units below, and units with nothing, where the dialect says so', () => {
    const catalogue = catalogueOf([
      agency('000.00.00.H34', 'UBND tỉnh'),
      agency('H34.01', 'Sở Tư pháp'),
      agency('H34.01.05', 'Trung tâm'),
      agency('H34.010', 'Sở khác'),
      agency('H34.09', 'Đã giải thể', { validTo: '2020-07-01' }),
    ])
    const units = unitsOf([cell({ count: 2 }), cell({ agency: '000.05.01.H34', count: 3 })], {
      catalogue,
      month: july,
      changes: [],
    })
    const rows = (change: Partial<Counters>) =>
      sentUnits(units, { ...counters, ...change }, { catalogue, month: july })!.map(({ code, figures }) => [
        code,
        figures.received,
      ])
    expect(rows({})).toEqual([
      ['H34.01', 2],
      ['H34.01.05', 3],
    ])
    expect(rows({ children: 'included' })).toEqual([
      ['000.00.00.H34', 5],
      ['H34.01', 5],
      ['H34.01.05', 3],
    ])
    expect(rows({ zeroUnits: 'sent' })).toEqual([
      ['000.00.00.H34', 0],
      ['H34.01', 2],
      ['H34.01.05', 3],
      ['H34.010', 0],
    ])
  })

  it('leave out units of which nothing but what cannot be told is there, where that is left out', () => {
    const catalogue = catalogueOf([agency('H34.01', 'Sở Tư pháp')])
    const untold = cell({ place: 'unplaced', timing: null, reason: 'end-unknown' })
    const units = unitsOf([untold], { catalogue, month: july, changes: [] })
    const rows = (change: Partial<Counters>, sentBefore?: ReadonlySet<string>) =>
      sentUnits(units, { ...counters, ...change }, { catalogue, month: july, ...(sentBefore && { sentBefore }) })
    expect(rows({})).toBeNull()
    expect(rows({ untoldEnd: 'left-out' })).toEqual([])
    expect(rows({ untoldEnd: 'left-out' }, new Set(['H34.01']))).toHaveLength(1)
  })

  it('go again only when they, or the name, are others', () => {
    const figures = { received: 1, carried: 0, handledInTime: 1, handledLate: 0, pendingInTime: 0, pendingLate: 0 }
    const unit = { code: 'H34.01', name: 'Sở Tư pháp', figures }
    const newest = (change: Partial<Report>) => ({ ...unit, state: 'sent', ...change }) as Report
    expect(fateOf(unit, undefined)).toBe('first')
    expect(fateOf(unit, newest({}))).toBe('same')
    expect(fateOf(unit, newest({ name: 'Tên cũ' }))).toBe('again')
    expect(fateOf(unit, newest({ figures: { ...figures, handledLate: 1 } }))).toBe('again')
    expect(fateOf(unit, newest({ state: 'refused' }))).toBe('again')
    for (const state of ['waiting', 'unknown'] as const) expect(fateOf(unit, newest({ state }))).toBe('unsettled')
    const hash = hashOf('2020-07', '1', [unit])
    expect(hashOf('2020-07', '1', [{ ...unit, figures: { ...figures } }])).toBe(hash)
    const others = [hashOf('2020-08', '1', [unit]), hashOf('2020-07', '2', [unit]), hashOf('2020-07', '1', [])]
    expect(new Set([hash, ...others]).size).toBe(4)
  })
})

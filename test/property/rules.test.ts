import {
  anything,
  array,
  assert,
  boolean,
  constant,
  constantFrom,
  date,
  integer,
  jsonValue,
  option,
  property,
  record,
  string,
  tuple,
} from 'fast-check'
import { expect, test } from 'vitest'
import { defaultRetryPolicy } from '../../config/retry.ts'
import { statuses, statusMoves } from '../../config/statuses.ts'
import { lookUpWait, waitAfter } from '../../src/delivery/retry.ts'
import { DossierChange, isLegalMove, isOlder, vietnamDate } from '../../src/dossiers/model.ts'

const status = constantFrom(...statuses)
const maybeStatus = option(status)

test('a status move is legal exactly when it is listed, repeated, first or unmapped', () => {
  assert(
    property(maybeStatus, maybeStatus, (from, to) => {
      const listed = from !== null && to !== null && statusMoves[from].includes(to)
      expect(isLegalMove(from, to)).toBe(from === null || to === null || from === to || listed)
    }),
  )
})

test('no list of moves names its own status, one twice, or leads back to "new"', () => {
  assert(
    property(status, (from) => {
      const moves = statusMoves[from]
      expect(moves).not.toContain(from)
      expect(moves).not.toContain('new')
      expect(new Set(moves).size).toBe(moves.length)
      if (moves.length === 0) expect(from).toBe('returned')
    }),
  )
})

const instant = date({
  min: new Date('1975-01-01T00:00:00Z'),
  max: new Date('2099-12-31T00:00:00Z'),
  noInvalidDate: true,
}).map((value) => value.toISOString())
// Few different values, so that ties and cycles come up.
const age = (version: 'always' | 'never' | 'maybe') =>
  record({
    version:
      version === 'never'
        ? constant(null)
        : version === 'always'
          ? integer({ min: 0, max: 4 })
          : option(integer({ min: 0, max: 4 })),
    changedAt: integer({ min: 0, max: 4 }).map((minute) => `2020-07-03T02:0${minute}:00.000Z`),
  })

test('nothing is older than itself, and of two at most one is older', () => {
  assert(
    property(age('maybe'), age('maybe'), (one, other) => {
      expect(isOlder(one, one)).toBe(false)
      expect(isOlder(one, other) && isOlder(other, one)).toBe(false)
    }),
  )
})

test('among changes that all have a version, or all have none, "older" is one strict order without gaps', () => {
  for (const kind of ['always', 'never'] as const)
    assert(
      property(age(kind), age(kind), age(kind), (a, b, c) => {
        if (isOlder(a, b) && isOlder(b, c)) expect(isOlder(a, c)).toBe(true)
        const same = a.version === b.version && a.changedAt === b.changedAt
        expect(isOlder(a, b) || isOlder(b, a)).toBe(!same)
      }),
      { numRuns: 500 },
    )
})

test('times compare as instants, whatever offset they were written with', () => {
  assert(
    property(instant, instant, integer({ min: -11, max: 13 }), (one, other, hours) => {
      const sign = hours < 0 ? '-' : '+'
      const shifted = new Date(Date.parse(one) + hours * 3_600_000)
        .toISOString()
        .replace('Z', `${sign}${String(Math.abs(hours)).padStart(2, '0')}:00`)
      const parsed = DossierChange.safeParse({ ...minimal, changedAt: shifted })
      expect(parsed.data?.changedAt).toBe(one)
      expect(isOlder({ version: null, changedAt: one }, { version: null, changedAt: other })).toBe(
        Date.parse(one) < Date.parse(other),
      )
    }),
  )
})

test('the Vietnam date is the date seven hours later', () => {
  assert(
    property(instant, (value) => {
      const shown = new Intl.DateTimeFormat('sv-SE', { timeZone: '+07:00' }).format(new Date(value))
      expect(vietnamDate(value)).toBe(shown)
    }),
  )
})

const minimal = {
  code: 'H34-1',
  changedAt: '2020-07-03T02:00:00.000Z',
  procedureCode: '1.000010',
  agencyCode: 'H34.01',
  status: 'new',
  owner: { type: 'citizen' },
  receivedAt: '2020-07-03T02:00:00.000Z',
}
const written = tuple(instant, boolean()).map(([value, vietnam]) =>
  vietnam ? new Date(Date.parse(value) + 7 * 3_600_000).toISOString().replace('Z', '+07:00') : value,
)
const words = string({ unit: 'grapheme', minLength: 0, maxLength: 20 }).map(
  (value) => `x${value.replaceAll('\u0000', '')}`,
)
const sometimes = <T>(values: Parameters<typeof option<T>>[0]) => option(values, { nil: undefined })
const paper = record(
  {
    name: words,
    deleted: boolean(),
    reused: constantFrom('no', 'yes', 'with-replacement'),
    url: constant('https://a.vn/b'),
  },
  { requiredKeys: ['name'] },
)
const validChange = record(
  {
    code: string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 }).map((value) => value.replaceAll(/\s/g, '-')),
    changedAt: written,
    version: sometimes(integer({ min: 0 })),
    backfill: boolean(),
    procedureCode: words,
    agencyCode: constantFrom('H34.01', 'H34.02'),
    level: constantFrom('ministry', 'province', 'district', 'commune'),
    status: words,
    owner: record(
      {
        type: constantFrom('citizen', 'enterprise'),
        name: words,
        identities: array(record({ type: constantFrom('1', '2'), number: words }), { maxLength: 3 }),
      },
      { requiredKeys: ['type'] },
    ),
    summary: words,
    receivedAt: written,
    promisedAt: written,
    papers: array(paper, { maxLength: 4 }),
    fees: array(record({ name: words, amount: integer({ min: 0 }) }), { maxLength: 3 }),
    supplements: array(
      record({
        id: words,
        requestedBy: words,
        content: words,
        requestedAt: written,
        papers: array(paper, { maxLength: 2 }),
      }),
      { maxLength: 2 },
    ),
    steps: array(
      record(
        { at: written, status: words, officer: words, content: words, dueAt: written },
        { requiredKeys: ['at', 'status', 'officer', 'content'] },
      ),
      { maxLength: 4 },
    ),
  },
  { requiredKeys: ['code', 'changedAt', 'procedureCode', 'agencyCode', 'status', 'owner', 'receivedAt'] },
)

test('a change that was read is read again as the same', () => {
  assert(
    property(validChange, (change) => {
      const once = DossierChange.parse(change)
      expect(DossierChange.parse(once)).toEqual(once)
      expect(JSON.stringify(DossierChange.parse(JSON.parse(JSON.stringify(once))))).toBe(JSON.stringify(once))
    }),
  )
})

test('the order in which fields are written does not matter', () => {
  assert(
    property(validChange, integer(), (change, seed) => {
      const shuffled = (value: unknown): unknown => {
        if (Array.isArray(value)) return value.map(shuffled)
        if (typeof value !== 'object' || value === null) return value
        const entries = Object.entries(value).map(([key, inner]) => [key, shuffled(inner)] as const)
        return Object.fromEntries(
          seed % 2 === 0 ? entries.toReversed() : entries.toSorted(([a], [b]) => (a < b ? -1 : 1)),
        )
      }
      expect(JSON.stringify(DossierChange.parse(shuffled(change)))).toBe(JSON.stringify(DossierChange.parse(change)))
    }),
  )
})

test('anything at all is read or refused, never an exception; what is read can be stored', () => {
  const check = (value: unknown) => {
    const parsed = DossierChange.safeParse(value)
    if (!parsed.success) {
      expect(parsed.error.issues.length).toBeGreaterThan(0)
      return
    }
    const text = JSON.stringify(parsed.data)
    expect(text.isWellFormed()).toBe(true)
    expect(text.replaceAll('\\\\', '')).not.toContain('\\u0000')
    expect(text.replaceAll('\\\\', '')).not.toMatch(/\\ud[89a-f]/)
  }
  assert(property(anything(), check), { numRuns: 500 })
  const field = constantFrom(...Object.keys(DossierChange.shape))
  const value = jsonValue({ noUnicodeString: false })
  assert(
    property(field, value, (name, value) => check({ ...minimal, [name]: value })),
    { numRuns: 1000 },
  )
  const odd = string({ unit: 'binary', maxLength: 10 }).chain((text) =>
    constantFrom(text, `${text}\u0000`, `\ud800${text}`),
  )
  assert(
    property(field, odd, (name, value) =>
      check({ ...minimal, [name]: value, owner: { type: 'citizen', name: value } }),
    ),
  )
})

test('a wait lies within its jitter; the policy gives up after its list, a look-up never', () => {
  const policy = record({
    waits: array(integer({ min: 1, max: 1e8 }), { maxLength: 10 }),
    jitter: constantFrom(0, 0.1, 0.2, 0.5, 1),
    lookUpWaits: array(integer({ min: 1, max: 1e8 }), { minLength: 1, maxLength: 6 }),
    busyWait: integer({ min: 0, max: 1e6 }),
  })
  const chance = integer({ min: 0, max: 999_999 }).map((value) => value / 1e6)
  assert(
    property(policy, integer({ min: 1, max: 20 }), chance, (policy, attempts, random) => {
      const within = (wait: number, base: number) => {
        expect(wait).toBeGreaterThanOrEqual(Math.floor(base * (1 - policy.jitter)))
        expect(wait).toBeLessThanOrEqual(Math.ceil(base * (1 + policy.jitter)))
      }
      const wait = waitAfter(policy, attempts, () => random)
      if (attempts > policy.waits.length) expect(wait).toBeNull()
      else within(wait!, policy.waits[attempts - 1]!)
      within(
        lookUpWait(policy, attempts, () => random),
        policy.lookUpWaits[Math.min(attempts, policy.lookUpWaits.length) - 1]!,
      )
    }),
  )
})

test('by default waits grow from seconds to hours and last about a day', () => {
  const { waits, lookUpWaits } = defaultRetryPolicy
  for (const list of [waits, lookUpWaits]) expect(list).toEqual([...list].sort((a, b) => a - b))
  expect(waits[0]).toBeLessThanOrEqual(60_000)
  const hours = waits.reduce((sum, wait) => sum + wait) / 3_600_000
  expect(hours).toBeGreaterThan(20)
  expect(hours).toBeLessThan(28)
})

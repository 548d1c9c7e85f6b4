import { describe, expect, it } from 'vitest'
import { replayLimits, skipWords } from '../../config/replays.ts'
import { skipReason, type LaneNow, type ReplayItem } from '../../src/delivery/release.ts'
import { checkFilter, ReplayFilter } from '../../src/delivery/replay-filter.ts'
import { findingsOf, Refusal } from '../../src/platform/problems.ts'

function refusalOf(filter: unknown): { code: string; field: string | undefined } | null {
  const parsed = ReplayFilter.safeParse(filter)
  if (!parsed.success) {
    const [first] = findingsOf(parsed.error, 'filter')
    return { code: first!.code, field: first!.field }
  }
  try {
    checkFilter(parsed.data)
    return null
  } catch (error) {
    if (error instanceof Refusal) return { code: error.code, field: error.field }
    throw error
  }
}

const quarter = { from: '2026-01-01', to: '2026-04-03' }

describe('the filter of a replay', () => {
  it.each([
    ['an agency', { agency: 'H34.01' }],
    ['a procedure', { procedure: '1.000002' }],
    ['a reason', { reason: 'portal-refused' }],
    ["the portal's code", { error: '-10' }],
    ['codes', { codes: ['000.00.01.H34-1'] }],
    ['a short period', quarter],
    ['an open period beside a criterion', { agency: 'H34.01', from: '2020-01-01' }],
    ['blocked ones of an agency', { state: 'blocked', agency: 'H34.01' }],
    ['delivered ones by code', { state: 'delivered', codes: ['000.00.01.H34-1'] }],
    ['delivered ones of an agency and a period', { state: 'delivered', agency: 'H34.01', ...quarter }],
    ['delivered ones of a period, said in full', { state: 'delivered', allOfPeriod: true, ...quarter }],
  ])('may be %s', (_what, filter) => {
    expect(refusalOf(filter)).toBeNull()
  })

  it.each([
    ['nothing', {}],
    ['a state alone', { state: 'parked' }],
    ['a period without an end', { from: '2026-01-01' }],
    ['a period without a beginning', { to: '2026-01-01' }],
    ['a longer period alone', { from: '2026-01-01', to: '2026-04-04' }],
    ['delivered ones of an agency, for all time', { state: 'delivered', agency: 'H34.01' }],
    ['delivered ones of a period and no more', { state: 'delivered', ...quarter }],
    [
      'delivered ones of a longer period',
      { state: 'delivered', agency: 'H34.01', from: '2026-01-01', to: '2026-04-04' },
    ],
    ['delivered ones of a period without an end', { state: 'delivered', procedure: '1.000002', from: '2026-01-01' }],
    ['all delivered ones without a period', { state: 'delivered', allOfPeriod: true }],
  ])('is too broad with %s', (_what, filter) => {
    expect(refusalOf(filter)).toEqual({ code: 'replay-too-broad', field: 'filter' })
  })

  it.each([
    ['an empty agency', { agency: '' }, 'invalid-field', 'filter.agency'],
    ['a blank procedure', { procedure: ' ' }, 'invalid-field', 'filter.procedure'],
    ['an empty reason', { reason: '' }, 'invalid-field', 'filter.reason'],
    ['a reason nobody knows', { reason: 'bad-luck' }, 'invalid-field', 'filter.reason'],
    ['a misspelt field', { agencyCode: 'H34.01' }, 'unknown-field', 'filter.agencyCode'],
    ['an empty list of codes', { codes: [] }, 'invalid-field', 'filter.codes'],
    ['a blank code', { codes: ['a', ''] }, 'invalid-field', 'filter.codes[1]'],
    ['a day that does not exist', { from: '2026-02-30', to: '2026-03-01' }, 'invalid-field', 'filter.from'],
    ['a period backwards', { from: '2026-02-01', to: '2026-02-01' }, 'invalid-field', 'filter.from'],
    ['a state that waits', { state: 'waiting', agency: 'H34.01' }, 'invalid-field', 'filter.state'],
    ['allOfPeriod for stopped ones', { allOfPeriod: true, ...quarter }, 'invalid-field', 'filter.allOfPeriod'],
    [
      'a reason of delivered ones',
      { state: 'delivered', reason: 'portal-refused', ...quarter },
      'invalid-field',
      'filter.reason',
    ],
    ['an error of delivered ones', { state: 'delivered', error: '-1', ...quarter }, 'invalid-field', 'filter.error'],
  ])('names the field of %s', (_what, filter, code, field) => {
    expect(refusalOf(filter)).toEqual({ code, field })
  })

  it('takes at most so many codes', () => {
    const codes = Array.from({ length: replayLimits.codes + 1 }, (_, index) => `c${index}`)
    expect(refusalOf({ codes })).toEqual({ code: 'invalid-field', field: 'filter.codes' })
    expect(refusalOf({ codes: codes.slice(1) })).toBeNull()
  })
})

describe('a dossier of a replay, looked at again before it goes', () => {
  const item: ReplayItem = { wasState: 'parked', wasReason: 'portal-refused', changeId: 7 }
  const lane = (now: Partial<LaneNow>): LaneNow => ({
    state: 'parked',
    reason: 'portal-refused',
    wantedChangeId: 7,
    ...now,
  })

  it('goes when it is as the operator saw it', () => {
    expect(skipReason(item, lane({}))).toBeNull()
    const delivered: ReplayItem = { wasState: 'delivered', wasReason: null, changeId: 7 }
    expect(skipReason(delivered, lane({ state: 'delivered', reason: null }))).toBeNull()
  })

  it.each([
    ['already-delivered', { state: 'delivered', reason: null }],
    ['already-delivered', { state: 'delivered', reason: null, wantedChangeId: 8 }],
    ['already-waiting', { state: 'waiting' }],
    ['already-waiting', { state: 'sending' }],
    ['in-doubt', { state: 'unknown' }],
    ['in-doubt', { state: 'unknown', wantedChangeId: 8 }],
    ['changed-since', { wantedChangeId: 8 }],
    ['changed-since', { reason: 'retries-exhausted' }],
    ['changed-since', { state: 'blocked' }],
  ] as const)('is left out: %s %o', (why, now) => {
    expect(skipReason(item, lane(now))).toBe(why)
    expect(skipWords[why].vi).not.toBe('')
  })

  it('a delivered one with a newer change is left out', () => {
    const delivered: ReplayItem = { wasState: 'delivered', wasReason: null, changeId: 7 }
    expect(skipReason(delivered, lane({ state: 'delivered', reason: null, wantedChangeId: 8 }))).toBe('changed-since')
  })
})

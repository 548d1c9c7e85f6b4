import { describe, expect, it } from 'vitest'
import { DossierChange, DossierContent, isOlder, Step, vietnamDate } from '../../src/dossiers/model.ts'

const change = (more: Record<string, unknown> = {}) => ({
  code: 'H34-1',
  changedAt: '2020-07-03T09:00:00+07:00',
  procedureCode: '1.000010',
  agencyCode: 'H34.01',
  status: 'new',
  owner: { type: 'citizen' },
  receivedAt: '2020-07-03T09:00:00+07:00',
  ...more,
})
const fieldOf = (value: unknown) => DossierChange.safeParse(value).error?.issues[0]?.path.join('.')

describe('times', () => {
  it.each([
    ['2020-07-03T09:00:00+07:00', '2020-07-03T02:00:00.000Z'],
    ['2020-07-03T02:00:00Z', '2020-07-03T02:00:00.000Z'],
    ['2020-07-03T09:00:00.123456+07:00', '2020-07-03T02:00:00.123Z'],
    ['2020-02-29T00:00:00+07:00', '2020-02-28T17:00:00.000Z'],
    ['1975-01-01T00:00:00Z', '1975-01-01T00:00:00.000Z'],
    ['2099-12-31T23:59:59Z', '2099-12-31T23:59:59.000Z'],
  ])('%s is %s', (given, kept) => expect(DossierChange.parse(change({ changedAt: given })).changedAt).toBe(kept))

  it.each([
    '',
    '2020-02-30T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2020-13-01T00:00:00Z',
    '2020-07-03T24:00:00Z',
    '2020-07-03T09:60:00Z',
    '2020-07-03 09:00:00Z',
    '2020-07-03T09:00:00',
    '1974-12-31T23:59:59Z',
    '2100-01-01T00:00:00Z',
    ' 2020-07-03T09:00:00Z',
    0,
    null,
  ])('%s is none', (given) => expect(fieldOf(change({ changedAt: given }))).toBe('changedAt'))
})

describe('the change', () => {
  it('content holds neither code, time, version, backfill nor steps: they are not hashed', () => {
    const own = Object.keys(DossierChange.shape).filter((key) => !(key in DossierContent.shape))
    expect(own.sort()).toEqual(['backfill', 'changedAt', 'code', 'steps', 'version'])
  })
  it('takes our statuses and words of others, but no blank ones', () => {
    for (const status of ['new', 'Đang xử lý']) expect(fieldOf(change({ status }))).toBeUndefined()
    for (const status of ['', ' ', 'x'.repeat(101)]) expect(fieldOf(change({ status }))).toBe('status')
  })
  it.each(['a b', '', '\t', 'a\u0000', 'a\u200bb', '\ud800', 'x'.repeat(101)])('the code %j is none', (code) =>
    expect(fieldOf(change({ code }))).toBe('code'),
  )
  it.each(['H34-1', 'Hồ-sơ/2020', '😀', 'x'.repeat(100)])('the code %s is one', (code) =>
    expect(fieldOf(change({ code }))).toBeUndefined(),
  )
  it.each(['ftp://a', 'javascript:alert(1)', 'http://', 'https://a b', 'a.vn'])('the link %s is none', (url) =>
    expect(fieldOf(change({ papers: [{ name: 'Đơn', url }] }))).toBe('papers.0.url'),
  )
  it('a step needs its time, status, officer and words', () => {
    const step = { at: '2020-07-03T09:00:00Z', status: 'new', officer: '', content: 'x' }
    expect(Step.safeParse(step).success).toBe(true)
    for (const key of Object.keys(step)) expect(Step.safeParse({ ...step, [key]: undefined }).success).toBe(false)
    expect(Step.safeParse({ ...step, content: ' ' }).success).toBe(false)
  })
})

describe('older', () => {
  const [early, late] = ['2020-07-03T02:00:00.000Z', '2020-07-03T02:00:00.001Z']
  it.each([
    [null, early, null, late, true],
    [null, early, null, early, false],
    [1, late, 2, early, true],
    [2, early, 1, late, false],
    [1, early, 1, late, true],
    [null, early, 5, late, true],
    [9, late, null, early, false],
  ])('version %s at %s against %s at %s: %s', (version, changedAt, currentVersion, currentAt, expected) =>
    expect(isOlder({ version, changedAt }, { version: currentVersion, changedAt: currentAt })).toBe(expected),
  )
})

it('a day in Vietnam begins at 17:00 UTC', () => {
  expect(vietnamDate('2020-12-31T16:59:59.999Z')).toBe('2020-12-31')
  expect(vietnamDate('2020-12-31T17:00:00.000Z')).toBe('2021-01-01')
})

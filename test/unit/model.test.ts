import { describe, expect, it } from 'vitest'
import { DossierChange, DossierContent, isOlder, moment, Step, vietnamDate } from '../../src/dossiers/model.ts'

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
/** A change that says everything that can be said, once. */
const at = '2020-07-03T02:00:00.000Z'
const paper = {
  id: '1',
  name: 'Đơn',
  deleted: false,
  paperCode: 'G1',
  url: 'http://a.vn/1',
  digitised: true,
  reused: 'yes',
  fromNationalStore: true,
  replacementResultCode: 'K1',
}
const fee = { name: 'Lệ phí', code: 'P1', collection: 'c', amount: 10_000, kind: 'k' }
const everything = {
  code: 'H34-1',
  changedAt: at,
  version: 3,
  backfill: true,
  procedureCode: '1.000010',
  procedureName: 'Cấp phiếu',
  agencyCode: 'H34.01',
  intakeAgencyCode: 'H34.02',
  receivingAgencyCode: 'H34.03',
  level: 'province',
  status: 'processing',
  channel: 'online',
  submittedThrough: 'national-portal',
  receiptNumber: '12',
  owner: {
    type: 'citizen',
    name: 'Nguyễn Văn Mẫu',
    idNumber: '001099000001',
    portalAccountId: 'x',
    email: 'a@example.com',
    phone: '0900000000',
    fax: '0',
    identities: [{ type: '1', number: '001099000001' }],
  },
  summary: 's',
  note: 'n',
  otherInformation: 'o',
  submittedAt: at,
  receivedAt: at,
  promisedAt: at,
  finishedAt: at,
  returnedAt: at,
  refusedAt: at,
  returnMethod: 'in-person',
  returnNote: 'r',
  papers: [paper],
  fees: [fee],
  otherAttachments: [{ name: 'Ảnh', quantity: 2, kind: 'k' }],
  supplements: [
    {
      id: '1',
      requestedBy: 'A',
      content: 'c',
      requestedAt: at,
      receivedBy: 'B',
      receptionNote: 'n',
      receivedAt: at,
      done: true,
      papers: [paper],
      fees: [fee],
      promisedBefore: at,
      promisedAfter: at,
    },
  ],
  results: [{ name: 'Phiếu', id: '1', paperCode: 'G2', resultCode: 'K2', url: 'https://a.vn/2' }],
  hasDigitisedPapers: true,
  verifiedWithVneid: true,
  paidOnline: 'on-portal',
  databases: ['dc'],
  steps: [
    {
      at,
      status: 'received',
      officer: 'A',
      position: 'p',
      department: 'd',
      content: 'c',
      startedAt: at,
      dueAt: at,
    },
  ],
}
/** The change with another value at one place, for example `papers.0.name`. */
function withValue(path: string, value: unknown): Record<string, unknown> {
  const copy: Record<string, unknown> = structuredClone(everything)
  const names = path.split('.')
  const last = names.pop()!
  const holder = names.reduce((inner, name) => inner[name] as Record<string, unknown>, copy)
  holder[last] = value
  return copy
}
const refusalOf = (value: unknown) => DossierChange.safeParse(value).error?.issues[0]?.message
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
  it('keeps everything that can be said, as it was said', () =>
    expect(DossierChange.parse(everything)).toEqual(everything))

  it.each([
    ['level', ['ministry', 'province', 'district', 'commune']],
    ['channel', ['counter', 'online', 'post']],
    ['submittedThrough', ['national-portal', 'local']],
    ['returnMethod', ['in-person', 'post']],
    ['paidOnline', ['no', 'on-portal', 'local-gateway']],
    ['owner.type', ['citizen', 'enterprise', 'state-body', 'organisation']],
    ['papers.0.reused', ['no', 'yes', 'with-replacement']],
  ])('%s is one of %j', (path, words) => {
    for (const word of words) expect(fieldOf(withValue(path, word))).toBeUndefined()
    for (const word of ['', 'other']) expect(fieldOf(withValue(path, word))).toBe(path)
  })

  it.each([
    ['version', 0, Number.MAX_SAFE_INTEGER],
    ['fees.0.amount', 0, 1e15],
    ['otherAttachments.0.quantity', 0, 100_000],
  ])('%s lies between %i and %i', (path, least, most) => {
    for (const value of [least, most]) expect(fieldOf(withValue(path, value))).toBeUndefined()
    for (const value of [least - 1, most + 1, 0.5, '1']) expect(fieldOf(withValue(path, value))).toBe(path)
  })

  it.each([
    ['papers', 500],
    ['fees', 100],
    ['otherAttachments', 200],
    ['supplements', 100],
    ['supplements.0.papers', 200],
    ['supplements.0.fees', 50],
    ['results', 100],
    ['databases', 50],
    ['owner.identities', 20],
    ['steps', 1000],
  ])('%s holds up to %i', (path, most) => {
    const one = path.split('.').reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], everything)
    const many = (length: number) =>
      withValue(
        path,
        Array.from({ length }, () => (one as unknown[])[0]),
      )
    for (const length of [0, most]) expect(fieldOf(many(length))).toBeUndefined()
    expect(fieldOf(many(most + 1))).toBe(path)
  })

  it.each([
    ['summary', 20_000],
    ['papers.0.url', 2000],
    ['papers.0.name', 4000],
    ['agencyCode', 50],
  ])('%s holds up to %i characters', (path, most) => {
    const long = (length: number) => withValue(path, 'https://a'.padEnd(length, 'x'))
    expect(fieldOf(long(most))).toBeUndefined()
    expect(fieldOf(long(most + 1))).toBe(path)
  })

  it.each(['papers.0', 'fees.0', 'supplements.0', 'results.0', 'owner', 'owner.identities.0', 'steps.0'])(
    'refuses a field of %s that it does not know, by name',
    (path) => expect(refusalOf(withValue(`${path}.nmae`, 'x'))).toContain('"nmae"'),
  )

  it.each([
    ['summary', 'a\u0000', 'must not contain a NUL character'],
    ['summary', '\ud800', 'must be well-formed Unicode'],
    ['procedureCode', ' \t', 'must not be blank'],
    ['agencyCode', 'a b', 'must not contain spaces or control characters'],
    ['papers.0.url', 'ftp://a', 'must be an http or https address'],
    ['changedAt', '1974-12-31T23:59:59Z', 'must lie between 1975 and 2100'],
  ])('%s = %j is refused: it %s', (path, value, words) => expect(refusalOf(withValue(path, value))).toBe(words))

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
  it.each(['ftp://a', 'javascript:alert(1)', 'http://', 'https://a b', 'a.vn', 'see https://a.vn'])(
    'the link %s is none',
    (url) => expect(fieldOf(change({ papers: [{ name: 'Đơn', url }] }))).toBe('papers.0.url'),
  )
  it('a step needs its time, status, officer and words', () => {
    const step = { at: '2020-07-03T09:00:00Z', status: 'new', officer: '', content: 'x' }
    expect(Step.safeParse(step).success).toBe(true)
    for (const key of Object.keys(step)) expect(Step.safeParse({ ...step, [key]: undefined }).success).toBe(false)
    expect(Step.safeParse({ ...step, content: ' ' }).success).toBe(false)
  })
})

it('is documented as a date and time', () => expect(moment.meta()).toEqual({ format: 'date-time' }))

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
    [1, early, null, late, true],
    [null, late, 5, early, false],
  ])('version %s at %s against %s at %s: %s', (version, changedAt, currentVersion, currentAt, expected) =>
    expect(isOlder({ version, changedAt }, { version: currentVersion, changedAt: currentAt })).toBe(expected),
  )
})

it('a day in Vietnam begins at 17:00 UTC', () => {
  expect(vietnamDate('2020-12-31T16:59:59.999Z')).toBe('2020-12-31')
  expect(vietnamDate('2020-12-31T17:00:00.000Z')).toBe('2021-01-01')
})

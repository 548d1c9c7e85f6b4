import { describe, expect, it } from 'vitest'
import { judge, type Purpose, type Reading } from '../../adapters/portal/answers.ts'
import type { HttpAnswer } from '../../adapters/portal/http.ts'
import { dialects, type AnswerRule } from '../../config/dialects.ts'

const purposes: readonly Purpose[] = ['create', 'update', 'steps', 'read', 'login']
const json: Reading = { kind: 'json', code: '7', message: 'Lỗi', session: null, rows: null }
const http = (status: number | null, trouble: HttpAnswer['trouble'] = null): HttpAnswer => ({
  requestOut: new Date(0),
  responseIn: null,
  status,
  text: '',
  bytesIn: 0,
  retryAfter: undefined,
  trouble,
})

interface Case {
  service?: string
  purpose?: Purpose
  answer?: HttpAnswer
  reading?: Partial<Reading>
}
/** The verdict under these rules and no others, as `class failure`. */
function verdict(rules: AnswerRule[], { service = 'S', purpose = 'create', answer = http(200), reading }: Case = {}) {
  const dialect = { ...dialects.get('xrd-2022')!, answers: rules }
  const found = judge(service, purpose, answer, { ...json, ...reading }, dialect)
  return [found.class, found.failure].filter((one) => one !== undefined).join(' ')
}

describe('no answer', () => {
  it.each([
    ['unreachable', 'busy portal-unreachable'],
    ['timeout', 'unknown portal-timeout'],
    ['unreadable', 'unknown portal-unreadable'],
    ['cut', 'unknown portal-cut'],
    [null, 'unknown portal-cut'],
  ] as const)('%s: %s, whatever the rules say', (trouble, expected) =>
    expect(verdict([{ means: 'refused' }], { answer: http(null, trouble) })).toBe(expected),
  )
})

describe('an answer that no rule knows', () => {
  it.each([
    [200, 'unrecognised portal-unrecognised'],
    [299, 'unrecognised portal-unrecognised'],
    [300, 'busy portal-unreachable'],
    [302, 'busy portal-unreachable'],
    [399, 'busy portal-unreachable'],
    [400, 'unrecognised portal-unrecognised'],
    [499, 'unrecognised portal-unrecognised'],
    [500, 'unknown portal-error'],
    [599, 'unknown portal-error'],
  ])('under HTTP %i: %s', (status, expected) => expect(verdict([], { answer: http(status) })).toBe(expected))

  it('the HTTP status counts more than the form', () => {
    expect(verdict([], { answer: http(404), reading: { kind: 'unreadable' } })).toBe('unrecognised portal-unrecognised')
    expect(verdict([], { answer: http(302), reading: { kind: 'fault' } })).toBe('busy portal-unreachable')
  })

  it.each<[Reading['kind'], HttpAnswer['trouble'], string]>([
    ['fault', null, 'unknown portal-error'],
    ['unreadable', null, 'unknown portal-unreadable'],
    ['json', 'cut', 'unknown portal-unreadable'],
    ['ok-text', null, 'unrecognised portal-unrecognised'],
  ])('of the form %s with the trouble %s: %s', (kind, trouble, expected) =>
    expect(verdict([], { answer: http(200, trouble), reading: { kind } })).toBe(expected),
  )

  it('rows without a code answer a read, and nothing else', () => {
    const reading = { code: null, rows: [] }
    expect(verdict([], { purpose: 'read', reading })).toBe('ok')
    expect(verdict([], { purpose: 'read', reading: { ...reading, rows: null } })).toMatch(/^unrecognised/)
    expect(verdict([], { purpose: 'read', reading: { ...reading, code: '7' } })).toMatch(/^unrecognised/)
    for (const purpose of purposes.filter((one) => one !== 'read'))
      expect(verdict([], { purpose, reading })).toMatch(/^unrecognised/)
  })

  it('rows of an answer that broke off answer nothing', () =>
    expect(verdict([], { purpose: 'read', answer: http(200, 'cut'), reading: { code: null, rows: [] } })).toBe(
      'unknown portal-unreadable',
    ))
})

describe('which rule decides', () => {
  const known = (rule: Omit<AnswerRule, 'means'>, one: Case = {}) =>
    verdict([{ ...rule, means: 'refused' }], one) === 'refused portal-refused'

  it('the first that matches', () => {
    const rules: AnswerRule[] = [{ codes: ['8'], means: 'busy' }, { codes: ['7'], means: 'transient' }, { means: 'ok' }]
    expect(verdict(rules)).toBe('transient portal-later')
  })

  it('before the form is looked at', () => {
    expect(known({}, { reading: { kind: 'unreadable' } })).toBe(true)
    expect(known({}, { answer: http(503) })).toBe(true)
  })

  it('a rule for some services keeps to them', () => {
    expect(known({ services: ['R', 'S'] })).toBe(true)
    expect(known({ services: ['R'] })).toBe(false)
    expect(known({ services: [] })).toBe(false)
  })

  it('a rule for some HTTP statuses keeps to them', () => {
    expect(known({ httpStatus: [409, 200] })).toBe(true)
    expect(known({ httpStatus: [409] })).toBe(false)
  })

  it('a rule for some codes keeps to them, and never matches an answer without one', () => {
    expect(known({ codes: ['-3', '7'] })).toBe(true)
    expect(known({ codes: ['-3'] })).toBe(false)
    expect(known({ codes: ['7', 'null'] }, { reading: { code: null } })).toBe(false)
  })

  it('a phrase is found anywhere in the message, in any case and any form of Unicode', () => {
    const reading = { message: 'Hồ sơ ĐÃ TỒN TẠI trên hệ thống'.normalize('NFD') }
    expect(known({ phrase: 'đã tồn tại' }, { reading })).toBe(true)
    expect(known({ phrase: 'Đã Tồn Tại'.normalize('NFD') }, { reading: { message: 'đã tồn tại' } })).toBe(true)
    expect(known({ phrase: 'không tồn tại' }, { reading })).toBe(false)
    expect(known({ phrase: 'e' }, { reading: { message: null } })).toBe(false)
  })

  it('all conditions of a rule must hold', () => {
    const rule = { services: ['S'], httpStatus: [200], codes: ['7'], phrase: 'lỗi' }
    expect(known(rule)).toBe(true)
    expect(known(rule, { service: 'R' })).toBe(false)
    expect(known(rule, { answer: http(400) })).toBe(false)
    expect(known(rule, { reading: { code: '8' } })).toBe(false)
    expect(known(rule, { reading: { message: 'khác' } })).toBe(false)
  })

  it.each([
    [199, false],
    [200, true],
    [299, true],
    [300, false],
    [500, false],
  ])('"ok" under HTTP %i counts: %s', (status, counts) =>
    expect(verdict([{ codes: ['7'], means: 'ok' }], { answer: http(status) }) === 'ok').toBe(counts),
  )

  it('"ok" under a failed HTTP status counts when the rule names that status; other meanings always do', () => {
    expect(verdict([{ httpStatus: [409], means: 'ok' }], { answer: http(409) })).toBe('ok')
    expect(verdict([{ means: 'exists' }], { answer: http(409) })).toBe('exists')
  })
})

describe('what a rule means for each purpose', () => {
  const unrecognised = 'unrecognised portal-unrecognised'
  it.each<[AnswerRule['means'], ...string[]]>([
    // create, update, steps, read, login
    ['ok', 'ok', 'ok', 'ok', 'ok', 'ok'],
    ['exists', 'exists', 'ok', 'ok', unrecognised, unrecognised],
    ['absent', unrecognised, 'absent', 'absent', 'absent', unrecognised],
    ['session-expired', ...purposes.map(() => 'session-expired')],
    ['refused', ...purposes.map(() => 'refused portal-refused')],
    ['transient', ...purposes.map(() => 'transient portal-later')],
    ['busy', ...purposes.map(() => 'busy portal-busy')],
    ['unknown', ...purposes.map(() => 'unknown portal-error')],
  ])('%s', (means, ...expected) =>
    expect(purposes.map((purpose) => verdict([{ means }], { purpose }))).toEqual(expected),
  )
})

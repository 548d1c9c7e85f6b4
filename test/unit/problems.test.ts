import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { failures, type FailureCode } from '../../config/failures.ts'
import { findingsOf, problemDocument, Refusal } from '../../src/platform/problems.ts'

describe('the catalogue of failures', () => {
  it.each(Object.entries(failures))('%s has words in both languages and a status', (code, { status, vi, en }) => {
    expect(code).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/)
    expect(status).toBeGreaterThanOrEqual(200)
    expect(status).toBeLessThan(600)
    for (const text of [vi.cause, vi.next, en.cause, en.next]) expect(text.trim().length).toBeGreaterThan(3)
    expect(vi.cause).not.toBe(en.cause)
    expect(vi.cause + vi.next).toMatch(/[ăâđêôơưàáảãạèéẻẽẹìíỉĩịòóỏõọùúủũụỳýỷỹỵấầẩẫậắằẳẵặếềểễệốồổỗộớờởỡợứừửữự]/i)
  })
})

describe('a problem document', () => {
  it('holds what RFC 9457 asks for, and the words', () => {
    const refusal = new Refusal('missing-field', 'receivedAt is required', {
      field: 'receivedAt',
      findings: [{ code: 'missing-field', field: 'receivedAt', detail: 'receivedAt is required' }],
    })
    expect(problemDocument(refusal, 'request-1')).toEqual({
      type: 'urn:dvcqg-adapter:problem:missing-field',
      title: failures['missing-field'].en.cause,
      status: 422,
      code: 'missing-field',
      detail: 'receivedAt is required',
      field: 'receivedAt',
      cause: { vi: failures['missing-field'].vi.cause, en: failures['missing-field'].en.cause },
      next: { vi: failures['missing-field'].vi.next, en: failures['missing-field'].en.next },
      requestId: 'request-1',
      findings: refusal.findings,
    })
  })

  it('leaves out what it does not have', () => {
    const document = problemDocument(new Refusal('not-found', 'none'))
    for (const key of ['field', 'findings', 'requestId']) expect(document).not.toHaveProperty(key)
  })
})

const Shape = z.strictObject({
  name: z.string().max(5),
  inner: z.strictObject({ list: z.array(z.strictObject({ amount: z.number().min(0) })) }).optional(),
  word: z.union([z.enum(['a', 'b']), z.string().max(3)]).optional(),
})
const findings = (value: unknown, prefix?: string) => findingsOf(Shape.safeParse(value).error!, prefix)

describe('findings', () => {
  it.each<[string, unknown, FailureCode, string]>([
    ['missing', {}, 'missing-field', 'name'],
    ['wrong type', { name: 5 }, 'invalid-field', 'name'],
    ['null', { name: null }, 'invalid-field', 'name'],
    ['too long', { name: 'secret-value' }, 'invalid-field', 'name'],
    [
      'deep in a list',
      { name: 'x', inner: { list: [{ amount: 1 }, { amount: -1 }] } },
      'invalid-field',
      'inner.list[1].amount',
    ],
    ['missing in a list', { name: 'x', inner: { list: [{}] } }, 'missing-field', 'inner.list[0].amount'],
    ['unknown', { name: 'x', nmae: 'secret-value' }, 'unknown-field', 'nmae'],
    ['unknown inside', { name: 'x', inner: { list: [], age: 'secret-value' } }, 'unknown-field', 'inner.age'],
    ['in no member of a union', { name: 'x', word: 'secret-value' }, 'invalid-field', 'word'],
  ])('%s', (_name, value, code, field) => {
    const found = findings(value)
    expect(found).toEqual([{ code, field, detail: expect.stringContaining(field) }])
    expect(JSON.stringify(found)).not.toContain('secret-value')
  })

  it('name the place in front when there is one', () => {
    expect(findings({ name: 5 }, 'changes[3]')[0]?.field).toBe('changes[3].name')
  })

  it('a value that is no object at all has no field', () => {
    expect(findings('secret-value')).toEqual([
      { code: 'invalid-field', detail: expect.not.stringContaining('secret-value') },
    ])
  })

  it('are at most twenty, and few per object, with short names', () => {
    const many = findings({ name: 'x', inner: { list: Array.from({ length: 100 }, () => ({ amount: -1 })) } })
    expect(many).toHaveLength(20)
    const unknown = findings({
      name: 'x',
      ...Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`.padEnd(5000, 'x'), 1])),
    })
    expect(unknown).toHaveLength(5)
    expect(unknown.every(({ field }) => field!.length <= 100)).toBe(true)
  })
})

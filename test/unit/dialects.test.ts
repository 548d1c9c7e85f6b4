import { describe, expect, it } from 'vitest'
import { Dialect, dialects, readDialectFile } from '../../config/dialects.ts'

describe('the built-in dialects', () => {
  it.each([...dialects])('%s is complete and consistent', (name, dialect) => {
    expect(Dialect.parse(dialect)).toEqual(dialect)
    expect(dialect.name).toBe(name)
    expect(dialect.answers.some(({ means }) => means === 'ok')).toBe(true)
    expect(dialect.answers.some(({ means, httpStatus }) => means === 'busy' && httpStatus?.includes(503))).toBe(true)
    // The first rule that matches decides: one that fits everything of a code must not stand before a narrower one.
    for (const [index, rule] of dialect.answers.entries())
      for (const earlier of dialect.answers.slice(0, index)) {
        const wider =
          earlier.phrase === undefined &&
          earlier.httpStatus === undefined &&
          earlier.services === undefined &&
          (earlier.codes === undefined ||
            (rule.codes !== undefined && rule.codes.every((code) => earlier.codes!.includes(code))))
        expect(wider).toBe(false)
      }
  })
  it('the default exists', () => expect(dialects.has('xrd-2022')).toBe(true))
})

describe('a dialect file', () => {
  const read = (value: unknown) => readDialectFile(JSON.stringify(value))
  it('changes what it names and keeps the rest', () => {
    const base = dialects.get('xrd-2022')!
    const changed = read({ extends: 'xrd-2022', name: 'ours', timeouts: { call: 5000 }, providerUrl: 'http://a' })
    expect(changed).toEqual({
      ...base,
      name: 'ours',
      timeouts: { ...base.timeouts, call: 5000 },
      providerUrl: 'http://a',
    })
  })
  it('that changes nothing but its name is as good as its base', () =>
    expect(read({ extends: 'xrd-2022', name: 'x' })).toEqual({ ...dialects.get('xrd-2022')!, name: 'x' }))
  it('says in part how monthly counters are read, or that there are none', () => {
    const base = dialects.get('xrd-2022')!.counters!
    expect(base.kind).toBeNull()
    const known = read({ extends: 'xrd-2022', name: 'ours', counters: { kind: '1', zeroUnits: 'sent' } })
    expect(known.counters).toEqual({ ...base, kind: '1', zeroUnits: 'sent' })
    expect(read({ extends: 'xrd-2022', name: 'ours', counters: null }).counters).toBeNull()
    expect(read({ extends: 'gateway-paths', name: 'ours', counters: base }).counters).toEqual(base)
    expect(() => read({ extends: 'gateway-paths', name: 'ours', counters: { kind: '1' } })).toThrow(Error)
  })
  it('replaces a list as a whole', () => {
    const answers = [{ codes: ['7'], means: 'ok' }]
    expect(read({ extends: 'xrd-2022', name: 'ours', answers }).answers).toEqual(answers)
  })
  it.each<[string, unknown]>([
    ['an unknown base', { extends: 'nothing', name: 'x' }],
    ['no base', { name: 'x' }],
    ['no name', { extends: 'xrd-2022' }],
    ['a misspelt field', { extends: 'xrd-2022', name: 'x', timeout: {} }],
    ['a misspelt field inside', { extends: 'xrd-2022', name: 'x', timeouts: { cal: 1 } }],
    ['a wrong value', { extends: 'xrd-2022', name: 'x', batch: { steps: 11 } }],
    ['a wrong meaning', { extends: 'xrd-2022', name: 'x', answers: [{ means: 'fine' }] }],
    ['no object', 5],
  ])('%s is refused', (_name, value) => expect(() => read(value)).toThrow(Error))
  it('broken JSON is refused', () => expect(() => readDialectFile('{')).toThrow(Error))
})

import { describe, expect, it } from 'vitest'
import { createVault, randomSecret, sha256 } from '../../src/platform/crypto.ts'

const key = (id: string, fill: number) => ({ id, key: Buffer.alloc(32, fill) })

describe('the vault', () => {
  const vault = createVault([key('k1', 1)])
  it('needs a key', () => expect(() => createVault([])).toThrow(/At least one/))
  it('keeps nothing readable', () => {
    const sealed = vault.seal('Nguyễn Văn Mẫu '.repeat(3), 'change:1')
    expect(sealed.includes('Nguyễn')).toBe(false)
    expect(sealed.includes('Mẫu')).toBe(false)
    expect(sealed.subarray(0, 4).toString('latin1')).toBe('\u0001\u0002k1')
  })
  it('compresses long content', () => expect(vault.seal('Nguyễn Văn Mẫu '.repeat(1000), 'x').length).toBeLessThan(1000))
  it('a key that is not known any more is named, the content is not', () => {
    expect(() => createVault([key('k2', 1)]).open(vault.seal('Mẫu', 'x'), 'x')).toThrow(/"k1", which is not configured/)
  })
  it('the same id with another key does not open', () =>
    expect(() => createVault([key('k1', 2)]).open(vault.seal('a', 'x'), 'x')).toThrow(Error))
  it('an empty, a short, a foreign value does not open', () => {
    for (const value of [
      Buffer.alloc(0),
      Buffer.from([1]),
      Buffer.from([1, 2]),
      Buffer.from('\u0001\u0002k1'),
      Buffer.from('plain text'),
    ])
      expect(() => vault.open(value, 'x')).toThrow(Error)
  })
  it('the fingerprint depends on the oldest key only', () => {
    expect(createVault([key('k2', 2), key('k1', 1)]).fingerprint('a')).toEqual(vault.fingerprint('a'))
    expect(createVault([key('k1', 1), key('k2', 2)]).fingerprint('a')).not.toEqual(vault.fingerprint('a'))
    expect(vault.fingerprint('a')).toHaveLength(32)
    expect(vault.fingerprint('a')).not.toEqual(sha256('a'))
  })
})

it('secrets are long, safe in a URL, and never the same', () => {
  const secrets = Array.from({ length: 100 }, randomSecret)
  expect(new Set(secrets).size).toBe(100)
  for (const secret of secrets) expect(secret).toMatch(/^[A-Za-z0-9_-]{43}$/)
})

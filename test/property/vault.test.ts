import { array, assert, integer, property, string } from 'fast-check'
import { expect, test } from 'vitest'
import { createVault } from '../../src/platform/crypto.ts'

const keyOf = (id: string, fill: number) => ({ id, key: Buffer.alloc(32, fill) })
const vault = createVault([keyOf('k1', 1)])
const text = string({ unit: 'grapheme', maxLength: 200 })

test('what is sealed opens to the same text, only in its own place', () => {
  assert(
    property(text, text, text, (clear, place, other) => {
      const sealed = vault.seal(clear, place)
      expect(vault.open(sealed, place)).toBe(clear)
      if (place !== other) expect(() => vault.open(sealed, other)).toThrow(Error)
    }),
  )
})

test('a changed bit, a missing end or an added byte is noticed', () => {
  assert(
    property(text, integer({ min: 0, max: 1e6 }), integer({ min: 0, max: 7 }), (clear, position, bit) => {
      const sealed = vault.seal(clear, 'change:1')
      const changed = Buffer.from(sealed)
      changed[position % sealed.length]! ^= 1 << bit
      expect(() => vault.open(changed, 'change:1')).toThrow(Error)
      expect(() => vault.open(sealed.subarray(0, position % sealed.length), 'change:1')).toThrow(Error)
      expect(() => vault.open(Buffer.concat([sealed, Buffer.from([bit])]), 'change:1')).toThrow(Error)
    }),
  )
})

test('equal texts are sealed differently each time and have one fingerprint; other texts another', () => {
  assert(
    property(text, text, (one, other) => {
      expect(vault.seal(one, 'x').equals(vault.seal(one, 'x'))).toBe(false)
      expect(vault.fingerprint(one).equals(vault.fingerprint(other))).toBe(one === other)
    }),
  )
})

test('after a rotation old values open, new ones use the new key, and fingerprints stay', () => {
  assert(
    property(array(text, { minLength: 1, maxLength: 5 }), (texts) => {
      const rotated = createVault([keyOf('k2', 2), keyOf('k1', 1)])
      for (const clear of texts) {
        expect(rotated.open(vault.seal(clear, 'x'), 'x')).toBe(clear)
        expect(rotated.fingerprint(clear).equals(vault.fingerprint(clear))).toBe(true)
        expect(() => vault.open(rotated.seal(clear, 'x'), 'x')).toThrow(/k2/)
      }
    }),
    { numRuns: 30 },
  )
})

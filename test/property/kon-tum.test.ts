import { array, assert, constantFrom, double, integer, property } from 'fast-check'
import { expect, test } from 'vitest'
import { konTum } from '../../src/demo/kon-tum/generator.ts'
import { localName } from '../../src/demo/kon-tum/procedures.ts'
import { Random, Sampler } from '../../src/demo/kon-tum/random.ts'

const seeds = integer({ min: 0, max: 2 ** 31 - 1 })

test('at any seed and small size the parts add up to the total and no code occurs twice', () => {
  assert(
    property(seeds, double({ min: 0.004, max: 0.03, noNaN: true }), (seed, scale) => {
      const province = konTum({ seed, scale })
      const { truth, localProcedures } = province
      const { resolvable, noNationalCode, predatesPublication, unsendable } = truth
      const defects = Object.values(unsendable).reduce((sum, count) => sum + count, 0)
      expect(resolvable + noNationalCode + predatesPublication + defects).toBe(truth.total)
      expect(truth.total).toBe(Math.round(77_240 * scale))
      const codes = Array.from(province.dossiers(), ({ code }) => code)
      expect(new Set(codes).size).toBe(truth.total)
      expect(codes).toHaveLength(truth.total)
      expect(new Set(localProcedures.map(({ code }) => code)).size).toBe(localProcedures.length)
    }),
    { numRuns: 15 },
  )
})

const toneless = (text: string) =>
  text
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/&#4[01];|[^\p{L}\p{N}]/gu, '')
    .toLowerCase()

test('a local name keeps every letter of the national one, in order', () => {
  const name = 'Cấp lại giấy phép hoạt động (cơ sở tư nhân), hòa giải thuộc Ủy ban nhân dân'
  assert(
    property(seeds, constantFrom('province', 'district', 'commune'), (seed, level) => {
      expect(toneless(localName(name, level, new Random(seed, 'name')))).toContain(toneless(name))
    }),
  )
})

test('a sampler draws every item with weight and none without', () => {
  assert(
    property(seeds, array(integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), (seed, weights) => {
      const items = weights.map((weight, index) => ({ weight: index % 2 === 0 ? weight : 0, index }))
      const random = new Random(seed, 'sampler')
      const sampler = new Sampler(items, ({ weight }) => weight)
      const drawn = new Set(Array.from({ length: 2000 }, () => sampler.pick(random).index))
      expect([...drawn].sort((left, right) => left - right)).toEqual(
        items.filter(({ weight }) => weight > 0).map(({ index }) => index),
      )
    }),
    { numRuns: 30 },
  )
})

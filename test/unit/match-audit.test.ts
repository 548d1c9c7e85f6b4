import { describe, expect, it } from 'vitest'
import { createUnitRegister } from '../../src/organisations/model.ts'
import { audited, matchRate } from '../../src/procedures/audit.ts'
import type { Catalogue, Mapping } from '../../src/procedures/model.ts'

const national = (code: string, open = true) =>
  [code, { code, name: code, fieldCode: '', fieldName: '', publishedOn: null, endsOn: null, open }] as const
const mapping = (localCode: string, more: Partial<Mapping> = {}): Mapping => ({
  localCode,
  nationalCode: '1.000001',
  source: null,
  agencyCode: null,
  level: null,
  validFrom: null,
  validTo: null,
  ...more,
})
const catalogue = (mappings: readonly Mapping[]): Catalogue => ({
  version: 1,
  national: new Map([national('1.000001'), national('1.000002', false)]),
  mappings: Map.groupBy(mappings, ({ localCode }) => localCode),
  rejected: new Set(),
  register: createUnitRegister([]),
  statuses: new Map(),
})
const use = (agencyCode: string, localCode: string, more: object = {}) => ({
  agencyCode,
  agencyName: null,
  level: 'province' as const,
  dossierLevel: 'province' as const,
  localCode,
  name: null,
  source: 'one-stop',
  dossiers: 1,
  ...more,
})
const today = '2026-11-26'

describe('the audit of codes', () => {
  it('counts codes by agency and level, and its parts add up', () => {
    const rows = [
      use('A', '1.000001', { dossiers: 5 }),
      use('A', 'T1', { dossiers: 2 }),
      use('A', 'T2', { source: null, dossiers: 0 }),
      use('B', 'T1', { level: 'commune', dossiers: 7 }),
    ]
    const { total, byLevel, byAgency, unmatched } = audited(
      catalogue([mapping('T1', { agencyCode: 'A' })]),
      rows,
      today,
    )
    expect(total).toEqual({ codes: 4, matched: 2, dossiers: 14, matchedDossiers: 7 })
    expect(byLevel.map(({ level, codes, matched }) => [level, codes, matched])).toEqual([
      ['province', 3, 2],
      ['commune', 1, 0],
    ])
    expect(byAgency.map(({ agencyCode, codes, matched }) => [agencyCode, codes, matched])).toEqual([
      ['A', 3, 2],
      ['B', 1, 0],
    ])
    expect(
      unmatched.map(({ agencyCode, localCode, dossiers, reason }) => [agencyCode, localCode, dossiers, reason]),
    ).toEqual([
      ['B', 'T1', 7, 'no-national-code'],
      ['A', 'T2', 0, 'no-national-code'],
    ])
  })

  it('counts a code of two systems once, and as matching only when it does for both', () => {
    const rows = [
      use('A', 'T1', { source: 'one' }),
      use('A', 'T1', { source: 'two' }),
      use('A', 'T1', { source: null, dossiers: 0 }),
    ]
    const half = audited(catalogue([mapping('T1', { source: 'one' })]), rows, today)
    expect(half.total).toEqual({ codes: 1, matched: 0, dossiers: 2, matchedDossiers: 0 })
    const both = [mapping('T1', { source: 'one' }), mapping('T1', { source: 'two' })]
    expect(audited(catalogue(both), rows, today).total).toMatchObject({ codes: 1, matched: 1 })
  })

  it.each([
    ['a mapping that ended', 'T1', [mapping('T1', { validTo: '2026-01-01' })], 'no-national-code'],
    ['a procedure that was withdrawn', '1.000002', [], 'procedure-closed'],
    [
      'two mappings that disagree',
      'T1',
      [mapping('T1'), mapping('T1', { nationalCode: '1.000002' })],
      'ambiguous-national-code',
    ],
  ])('does not count %s', (_what, code, mappings, reason) => {
    expect(audited(catalogue(mappings), [use('A', code)], today).unmatched).toMatchObject([{ reason }])
  })

  it('reaches 100 % only when all match, and says nothing of nothing', () => {
    expect(matchRate({ codes: 10_000, matched: 9_999, dossiers: 0, matchedDossiers: 0 })).toBe(99.9)
    expect(matchRate({ codes: 3, matched: 3, dossiers: 0, matchedDossiers: 0 })).toBe(100)
    expect(matchRate(audited(catalogue([]), [], today).total)).toBeNull()
  })
})

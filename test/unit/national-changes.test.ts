import { describe, expect, it } from 'vitest'
import { changesOf, type KnownProcedure } from '../../src/procedures/national-changes.ts'

const known = (more: Partial<KnownProcedure> = {}): KnownProcedure => ({
  code: '1.000001',
  name: 'Cấp giấy phép',
  fieldCode: 'G01',
  fieldName: 'Xây dựng',
  publishedOn: '2021-05-06',
  open: true,
  levels: ['province'],
  missingSince: null,
  endsOn: null,
  legalBases: null,
  ...more,
})
const basis = (number: string, name = number) => ({ number, name, issuedBy: '', issuedOn: null, effectiveOn: null })
const { code, name } = known()
const row = { code, name }

describe('what a new list changes', () => {
  it('is nothing where it says the same, or says nothing', () => {
    expect(changesOf([known()], [row])).toEqual([])
    expect(changesOf([known()], [{ ...row, fieldCode: '', publishedOn: null, levels: [] }])).toEqual([])
    expect(changesOf([known({ open: false })], [row])).toEqual([])
  })

  it('is no change where something is learned for the first time', () => {
    const unknown = known({ fieldCode: '', fieldName: '', publishedOn: null, levels: [] })
    expect(
      changesOf([unknown], [{ ...row, fieldCode: 'G01', publishedOn: '2021-05-06', levels: ['commune'] }]),
    ).toEqual([])
  })

  it.each([
    ['new', [], row, null, name],
    ['renamed', [known()], { ...row, name: 'Cấp lại giấy phép' }, name, 'Cấp lại giấy phép'],
    ['republished', [known()], { ...row, publishedOn: '2026-01-02' }, '2021-05-06', '2026-01-02'],
    ['withdrawn', [known()], { ...row, open: false }, null, null],
    ['reopened', [known({ open: false })], { ...row, open: true }, null, null],
    ['moved', [known()], { ...row, levels: ['commune', 'province'] }, 'province', 'commune, province'],
    ['other-field', [known()], { ...row, fieldCode: 'G02', fieldName: 'Đất đai' }, 'Xây dựng', 'Đất đai'],
    ['end-set', [known()], { ...row, endsOn: '2026-12-01' }, null, '2026-12-01'],
    ['end-set', [known({ endsOn: '2026-12-01' })], { ...row, endsOn: '2027-01-01' }, '2026-12-01', '2027-01-01'],
    ['end-set', [known({ endsOn: '2026-12-01' })], { ...row, endsOn: null }, '2026-12-01', null],
    [
      'legal-basis',
      [known({ legalBases: [basis('45/2020/NĐ-CP'), basis('1/2019/TT')] })],
      { ...row, legalBases: [basis('61/2018/NĐ-CP'), basis('', 'Luật Xây dựng')] },
      '1/2019/TT; 45/2020/NĐ-CP',
      '61/2018/NĐ-CP; Luật Xây dựng',
    ],
    ['legal-basis', [known({ legalBases: [basis('1/2019/TT')] })], { ...row, legalBases: [] }, '1/2019/TT', null],
    ['found', [known({ missingSince: new Date() })], row, null, name],
  ] as const)('%s', (kind, before, came, from, to) => {
    expect(changesOf(before, [came])).toEqual([{ code, kind, before: from, after: to }])
  })

  it('is no legal basis where its record is seen for the first time, or lists the same in another order', () => {
    const bases = [basis('2/2020/TT'), basis('1/2019/TT')]
    expect(changesOf([known()], [{ ...row, legalBases: bases }])).toEqual([])
    expect(changesOf([known({ legalBases: bases })], [{ ...row, legalBases: bases.toReversed() }])).toEqual([])
    expect(changesOf([known({ legalBases: bases })], [row])).toEqual([])
  })

  it('is another field by name only while no list has said its code', () => {
    const byName = { ...row, fieldName: 'Đất đai' }
    expect(changesOf([known()], [byName])).toEqual([])
    expect(changesOf([known({ fieldCode: '' })], [byName])).toEqual([
      { code, kind: 'other-field', before: 'Xây dựng', after: 'Đất đai' },
    ])
  })

  it('may be several at once, and is the same whatever the order of levels', () => {
    const came = { ...row, name: 'Tên mới', open: false }
    expect(changesOf([known()], [came]).map(({ kind }) => kind)).toEqual(['renamed', 'withdrawn'])
    const both = known({ levels: ['commune', 'province'] })
    expect(changesOf([both], [{ ...row, levels: ['province', 'commune'] }])).toEqual([])
  })

  it('names what it lacks once, and never what was withdrawn', () => {
    const list = [
      known(),
      known({ code: '1.000002', open: false }),
      known({ code: '1.000003', missingSince: new Date() }),
    ]
    expect(changesOf(list, [])).toEqual([{ code, kind: 'missing', before: name, after: null }])
  })
})

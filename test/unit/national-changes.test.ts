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
  ...more,
})
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
    ['found', [known({ missingSince: new Date() })], row, null, name],
  ] as const)('%s', (kind, before, came, from, to) => {
    expect(changesOf(before, [came])).toEqual([{ code, kind, before: from, after: to }])
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

import { describe, expect, it } from 'vitest'
import { entriesOf, type NationalRow } from '../../src/procedures/files.ts'
import { createMatcher, reasonsInWords, type NationalEntry } from '../../src/procedures/suggest.ts'

const row = (code: string, name: string, more: Partial<NationalRow> = {}): NationalRow => ({
  code,
  name,
  field: '',
  level: '',
  agency: '',
  online_level: '',
  as_of: '2026-07',
  published_on: '',
  ends_on: '',
  ...more,
})

const rows = [
  row('1.000001', 'Cấp giấy phép lái xe', { field: 'Đường bộ', level: 'Cấp tỉnh' }),
  row('1.000002', 'Cấp lại giấy phép lái xe', { field: 'Đường bộ', level: 'Cấp tỉnh' }),
  row('1.000003', 'Công nhận giống cây trồng lâm nghiệp', { level: 'Cấp bộ' }),
  row('1.000004', 'Công nhận giống cây trồng lâm nghiệp', { level: 'Cấp tỉnh' }),
  row('1.000005', 'Sửa lỗi sai sót trong giao dịch'),
  row('1.000005', 'Sửa lỗi sai sót trong hợp đồng đã chứng thực', { as_of: '2024' }),
  row('1.000006', 'Chứng thực việc sửa đổi, bổ sung, hủy bỏ giao dịch'),
  row('1.000007', 'Xếp hạng di tích lịch sử', { level: 'Cấp bộ' }),
  row('1.000008', 'Giao đất cho cộng đồng dân cư', { as_of: '2023' }),
]
const matcher = createMatcher(entriesOf(rows))
const suggest = (code: string, name: string, more = {}, asked = {}) =>
  matcher.suggest({ code, name, ...more }, { top: 5, ...asked })
const reasonsFor = (code: string, name: string) =>
  suggest(code, name).candidates[0]!.reasons.map((reason) => reason.code)

describe('suggestions for a local procedure', () => {
  it('accepts where the code inside the local code and the name say the same', () => {
    const { decision, candidates } = suggest('1.000002.000.00.00.H34', 'Thủ tục cấp lại GPLX')
    expect(decision).toBe('accept')
    expect(candidates[0]).toMatchObject({ code: '1.000002', decision: 'accept' })
    expect(candidates.slice(1).map((one) => one.decision)).not.toContain('accept')
  })

  it('never accepts a name alone, were it the same to the letter', () => {
    for (const code of ['2020.GPLX.01', '', '2018M.05']) {
      const { decision, candidates } = suggest(code, 'Cấp lại giấy phép lái xe')
      expect([decision, candidates[0]!.code]).toEqual(['review', '1.000002'])
    }
    expect(suggest('1.000002', 'Cấp lại giấy phép lái xe', {}, { evidence: 'name' }).decision).toBe('review')
  })

  it('asks a person where the code says one procedure and the name another', () => {
    const { decision, candidates } = suggest('1.000005', 'Chứng thực việc sửa đổi, bổ sung, hủy bỏ giao dịch')
    expect(decision).toBe('review')
    expect(candidates.map(({ code }) => code)).toEqual(expect.arrayContaining(['1.000005', '1.000006']))
    const printed = candidates.find(({ code }) => code === '1.000005')!
    expect(printed.reasons.map((reason) => reason.code)).toEqual(
      expect.arrayContaining(['code-inside', 'name-says-other']),
    )
  })

  it('asks a person where grade, act or level differ, though the code agrees', () => {
    expect(suggest('1.000001', 'Cấp lại giấy phép lái xe').decision).toBe('review')
    expect(suggest('1.000004', 'Công nhận giống cây trồng lâm nghiệp (cấp xã)').decision).toBe('review')
  })

  it('does not accept what only a ministry does, nor what was withdrawn', () => {
    expect(suggest('1.000007', 'Xếp hạng di tích lịch sử').decision).toBe('review')
    const closed = createMatcher(entriesOf(rows).map((entry): NationalEntry => ({ ...entry, open: false })))
    expect(closed.suggest({ code: '1.000002', name: 'Cấp lại giấy phép lái xe' }, { top: 1 }).decision).toBe('review')
  })

  it('does not accept a repaired code unless the names say the same', () => {
    const spreadsheet = createMatcher(entriesOf([row('1.000650', 'Đăng ký giám hộ'), ...rows]))
    const ask = (name: string) => spreadsheet.suggest({ code: '1.00065', name }, { top: 1 }).decision
    expect(ask('Đăng ký giám hộ')).toBe('accept')
    expect(ask('Đăng ký giám hộ cho trẻ em')).toBe('review')
  })

  it('puts a procedure of the province before one of a ministry with the same name', () => {
    expect(
      suggest('', 'Công nhận giống cây trồng lâm nghiệp')
        .candidates.map(({ code }) => code)
        .slice(0, 2),
    ).toEqual(['1.000004', '1.000003'])
  })

  it('knows former names and says so', () => {
    expect(suggest('', 'Sửa lỗi sai sót trong hợp đồng đã chứng thực').candidates[0]).toMatchObject({
      code: '1.000005',
      name: 'Sửa lỗi sai sót trong giao dịch',
    })
    expect(reasonsFor('', 'Sửa lỗi sai sót trong hợp đồng đã chứng thực')).toContain('former-name')
  })

  it('takes what persons decided for the same code elsewhere as evidence beyond the name', () => {
    const asked = { decided: new Map([['1.000001', 3]]) }
    expect(suggest('2020.GPLX.01', 'Cấp giấy phép lái xe', {}, asked).decision).toBe('accept')
    expect(suggest('2020.GPLX.01', 'Cấp lại giấy phép lái xe', {}, asked).decision).toBe('review')
    const apart = { decided: new Map([...asked.decided, ['1.000002', 1]]) }
    expect(suggest('2020.GPLX.01', 'Cấp giấy phép lái xe', {}, apart).decision).toBe('review')
  })

  it('says that the code inside is in no list, and does not take another for it', () => {
    const { decision, remarks } = suggest('1.999999.H34', 'Cấp lại giấy phép lái xe')
    expect(decision).toBe('review')
    expect(remarks).toEqual([{ code: 'code-unknown', values: { code: '1.999999' } }])
  })

  it('has nothing to say on a name without a word in common', () => {
    expect(suggest('2018.X.1', 'Zzz')).toMatchObject({ decision: 'none', candidates: [] })
    expect(suggest('', '')).toMatchObject({ decision: 'none', candidates: [] })
  })

  it('counts field, level and agency in favour', () => {
    const plain = suggest('', 'Cấp giấy phép lái').candidates[0]!
    const more = suggest('', 'Cấp giấy phép lái', { field: 'đường bộ', levels: new Set(['province']) }).candidates[0]!
    expect(more.score).toBeGreaterThan(plain.score)
    expect(more.reasons.map((reason) => reason.code)).toEqual(expect.arrayContaining(['same-field', 'same-level']))
  })

  it('says why in words, what favours first', () => {
    const { reasons } = suggest('1.000001', 'Cấp lại giấy phép lái xe').candidates.find(
      ({ code }) => code === '1.000001',
    )!
    expect(reasonsInWords(reasons, 'vi')).toMatch(
      /^mã quốc gia nằm trong mã địa phương; .* — nhưng: khác việc: “cấp lại” \/ “cấp”/,
    )
    expect(reasonsInWords(reasons, 'en')).toMatch(/^the local code holds this national code; .* — but: different act/)
  })
})

describe('the catalogue that rows make', () => {
  it('puts the newest name first, and one that many codes bear last', () => {
    const slip = ['1', '2', '3', '4', '5'].map((digit) => row(`2.00000${digit}`, 'Công bố danh mục'))
    const [first] = entriesOf([...slip, row('2.000001', 'Cấp phép', { as_of: '2024' })])
    expect(first!.names).toEqual(['Cấp phép', 'Công bố danh mục'])
  })

  it('calls current what a list of the last year has, and what has no date', () => {
    const current = entriesOf([...rows, row('1.000009', 'Không ngày', { as_of: '' })])
    expect(current.filter((entry) => !entry.current).map(({ code }) => code)).toEqual(['1.000008'])
  })
})

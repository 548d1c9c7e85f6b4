import { describe, expect, it } from 'vitest'
import { folded, readName, syllable } from '../../src/procedures/names.ts'
import { contrastsOf, readLevels, traitsOf } from '../../src/procedures/traits.ts'

const said = (name: string) => readName(name).words.join(' ')

describe('two ways to write one name', () => {
  it.each([
    ['the two tone styles', 'Hoà giải tranh chấp', 'Hòa giải tranh chấp'],
    ['i and y', 'Kĩ thuật, đăng kí', 'Kỹ thuật, đăng ký'],
    ['decomposed letters', 'Cấp giấy phép'.normalize('NFD'), 'Cấp giấy phép'],
    ['entities', 'C&#7845;p gi&#7845;y ph&eacute;p &#40;m&#7899;i&#41;', 'Cấp giấy phép (mới)'],
    ['capitals, spaces and line breaks', 'CẤP  GIẤY\nPHÉP', 'Cấp giấy phép'],
    ['the Icelandic letter for đ', 'Ðăng ký', 'Đăng ký'],
    ['invisible signs', 'Cấp\u200B giấy\u00AD phép', 'Cấp giấy phép'],
    ['short forms', 'Cấp GCN QSDĐ do UBND', 'Cấp giấy chứng nhận quyền sử dụng đất do Ủy ban nhân dân'],
    ['short forms with a sign', 'Sở GD&ĐT', 'Sở Giáo dục và Đào tạo'],
    ['"Thủ tục" before it', 'Thủ tục hành chính: Cấp giấy phép', 'Cấp giấy phép'],
    ['numbers before it', '2. Thủ tục cấp giấy phép', 'Cấp giấy phép'],
    [
      'the heading of a decision before it',
      'II. LĨNH VỰC PHÍ (02 Quy trình) Quy trình số: 01 1. Quy trình giải quyết thủ tục hành chính: Cấp giấy phép',
      'Cấp giấy phép',
    ],
    ['the word for a code behind it', 'Cấp giấy phép – Mã TTHC', 'Cấp giấy phép'],
    ['footnotes, stars and points behind it', 'Cấp giấy phép[1]*****; ', 'Cấp giấy phép'],
    ['dates', 'trước ngày 01 tháng 8 năm 2024', 'trước ngày 1/8/2024'],
  ])('%s', (_, one, other) => {
    expect(said(one)).toBe(said(other))
  })

  it('keeps what tells names apart', () => {
    expect(said('Thủ tục')).toBe(said('thủ tục'))
    expect(said('Cấp lại giấy phép')).not.toBe(said('Cấp giấy phép'))
    expect(said('Má')).not.toBe(said('Mà'))
    expect(readName('Quy trình').words).not.toEqual([])
    expect(readName('???')).toMatchObject({ words: [] })
  })

  it('reads what is far too long in no time, and only its beginning', () => {
    const long = `Cấp phép ${'. '.repeat(1_000_000)}x`
    expect(said(long)).toBe(said('Cấp phép'))
    expect(readName('- '.repeat(1_000_000)).words).toEqual([])
  })

  it('moves the tone behind the syllable and folds it away', () => {
    expect([syllable('hoà'), syllable('hòa'), syllable('kỹ'), syllable('quý')]).toEqual(['hoa1', 'hoa1', 'ki3', 'qui2'])
    expect([folded('hoa1'), folded(syllable('đất')), folded('2024')]).toEqual(['hoa', 'dat', '2024'])
  })
})

describe('what tells two like names apart', () => {
  const between = (local: string, national: string) =>
    contrastsOf(traitsOf(readName(local)), traitsOf(readName(national)))

  it.each([
    ['Cấp giấy phép lái xe', 'Cấp lại giấy phép lái xe', 'act', 'cấp', 'cấp lại'],
    ['Xóa đăng ký phương tiện', 'Đăng ký phương tiện', 'act', 'xóa', 'đăng ký'],
    ['Gia hạn thị thực', 'Cấp thị thực', 'act', 'gia hạn', 'cấp'],
    ['Chứng chỉ hạng I', 'Chứng chỉ hạng II', 'grade', 'hạng 1', 'hạng 2'],
    ['Công trình nhóm A', 'Công trình nhóm B', 'grade', 'nhóm A', 'nhóm B'],
    ['Giải quyết khiếu nại lần đầu', 'Giải quyết khiếu nại lần thứ hai', 'grade', 'lần ĐẦU', 'lần THỨ HAI'],
    ['Cấp phép nhập khẩu giống', 'Cấp phép xuất khẩu giống', 'side', 'nhập khẩu', 'xuất khẩu'],
    ['Trường công lập', 'Trường ngoài công lập', 'side', 'công lập', 'ngoài công lập'],
    ['Hỗ trợ dự án (cấp tỉnh)', 'Hỗ trợ dự án (cấp xã)', 'level', 'province', 'commune'],
  ])('%s / %s', (local, national, kind, ours, theirs) => {
    expect(between(local, national)[0]).toEqual({ kind, hard: true, local: ours, national: theirs })
  })

  it.each([
    ['Cấp mới giấy phép', 'Cấp giấy phép'],
    ['Cấp lại giấy phép', 'Cấp, cấp lại giấy phép'],
    ['Cảng cá loại III', 'Cảng cá loại 3'],
    ['Hỗ trợ dự án (cấp huyện)', 'Hỗ trợ dự án (cấp xã)'],
    ['Phân cấp quản lý', 'Phân cấp quản lý'],
  ])('no contrast: %s / %s', (local, national) => {
    expect(between(local, national)).toEqual([])
  })

  it('calls a difference soft where one of them is silent or does more', () => {
    expect(between('Cấp, gia hạn giấy phép', 'Gia hạn giấy phép')).toMatchObject([{ kind: 'act', hard: false }])
    expect(between('Cảng cá', 'Cảng cá loại 1')).toMatchObject([{ kind: 'grade', hard: false, local: '' }])
    expect(between('Việc phải xin phép', 'Việc không phải xin phép')).toMatchObject([{ kind: 'negation', hard: false }])
  })

  it('reads the levels of a cell', () => {
    expect([...readLevels('Cấp bộ, Cấp Tỉnh, Cơ quan khác')]).toEqual(['ministry', 'province'])
    expect([...readLevels('commune')]).toEqual(['commune'])
    expect([...readLevels('')]).toEqual([])
  })
})

import { describe, expect, it } from 'vitest'
import { differences } from '../../src/procedures/differences.ts'

const own = (left: string, right: string) => {
  const found = differences(left, right)
  const marked = (side: 'left' | 'right') => found[side].filter((piece) => piece.own).map(({ text }) => text)
  return [marked('left'), marked('right')]
}

describe('two names beside each other', () => {
  it('show the words that only one of them has', () => {
    expect(own('Cấp giấy phép xây dựng', 'Cấp lại giấy phép xây dựng có thời hạn')).toEqual([
      [],
      ['lại', 'có thời hạn'],
    ])
    expect(own('Đăng ký thường trú', 'Xóa đăng ký tạm trú')).toEqual([['thường'], ['Xóa', 'tạm']])
  })

  it.each([
    ['case', 'CẤP GIẤY PHÉP', 'cấp giấy phép'],
    ['tone style', 'Xóa hòa giải', 'Xoá hoà giải'],
    ['composition', 'Cấp giấy phép'.normalize('NFD'), 'Cấp giấy phép'],
    ['signs', '“Cấp” giấy phép;', 'Cấp giấy phép'],
    ['short forms', 'Cấp GCN QSDĐ', 'Cấp giấy chứng nhận quyền sử dụng đất'],
  ])('do not differ by %s', (_what, left, right) => {
    expect(own(left, right)).toEqual([[], []])
  })

  it('keep every word of both as it was written', () => {
    const { left, right } = differences('  Cấp  GPXD, nhà ở ', 'Cấp đổi: giấy phép')
    expect(left.map(({ text }) => text).join(' ')).toBe('Cấp GPXD, nhà ở')
    expect(right.map(({ text }) => text).join(' ')).toBe('Cấp đổi: giấy phép')
    expect(differences('', '')).toEqual({ left: [], right: [] })
  })
})

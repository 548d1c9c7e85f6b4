import { describe, expect, it } from 'vitest'
import { isCertain, readCode } from '../../src/procedures/codes.ts'

describe('reading a local procedure code', () => {
  it.each([
    ['1.005092', '1.005092', 'exact', null],
    ['  1.005092\t', '1.005092', 'exact', null],
    ['1.000656.000.00.00.H56', '1.000656', 'suffixed', 'H56'],
    ['2.002622.H56', '2.002622', 'suffixed', 'H56'],
    ['&#9;2.002622.h56', '2.002622', 'suffixed', 'H56'],
    ['1.001777.000.00.00.H44.01', '1.001777', 'suffixed', 'H44'],
    ['2.000033.', '2.000033', 'untidy', null],
    ['1.000.656', '1.000656', 'untidy', null],
    ['1.014.111.H05', '1.014111', 'untidy', 'H05'],
    ['1. 000 656', '1.000656', 'untidy', null],
    ['1,000656', '1.000656', 'untidy', null],
    ['(1.000656)', '1.000656', 'untidy', null],
    ['1\u200B.000656', '1.000656', 'exact', null],
    ['1.00065', '1.000650', 'damaged', null],
    ['1.0125', '1.012500', 'damaged', null],
    ['1000656', '1.000656', 'damaged', null],
    ['QT 1.004222 (mới)', '1.004222', 'embedded', null],
  ])('finds the national code in %j', (text, national, form, organisation) => {
    expect(readCode(text)).toMatchObject({ national, form, organisation })
  })

  it.each([
    '2018.CT.12',
    '2020.KS.07',
    '2020STTTT_PTTT06',
    '2021.CT.123456',
    '0.123456',
    '1.1234567',
    '11.123456',
    '1.004222 hoặc 1.004194',
    '',
    'BHXH008.01',
  ])('finds none in %j', (text) => {
    expect(readCode(text)).toMatchObject({ national: null, form: null })
  })

  it('lets a code decide only where no digit is guessed', () => {
    expect((['exact', 'suffixed', 'untidy', 'damaged', 'embedded', null] as const).filter(isCertain)).toEqual([
      'exact',
      'suffixed',
      'untidy',
    ])
  })
})

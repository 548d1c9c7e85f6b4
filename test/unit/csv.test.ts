import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readCsv } from '../../src/platform/csv.ts'
import { dayOf, describeProblem, type TableShape } from '../../src/platform/table.ts'
import { agencies, mappings, procedures } from '../../src/cli/tables.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
function problemsOf<T>(input: Uint8Array, shape: TableShape<T>) {
  const read = readCsv(input, shape)
  return read.ok ? [] : read.problems
}
const rows = [
  { code: 'H34.01', name: 'Sở Tư pháp', level: 'province' },
  { code: 'H34.02', name: 'Xã Đăk, Tờ; Kan', level: 'commune' },
]

describe('a CSV file', () => {
  it.each([
    ['commas', 'code,name,level\nH34.01,Sở Tư pháp,province\nH34.02,"Xã Đăk, Tờ; Kan",commune\n'],
    ['semicolons', 'code;name;level\nH34.01;Sở Tư pháp;province\nH34.02;"Xã Đăk, Tờ; Kan";commune\n'],
    ['tabs', 'code\tname\tlevel\nH34.01\tSở Tư pháp\tprovince\nH34.02\tXã Đăk, Tờ; Kan\tcommune'],
    [
      'a byte order mark and CRLF',
      '\uFEFFcode,name,level\r\nH34.01,Sở Tư pháp,province\r\nH34.02,"Xã Đăk, Tờ; Kan",commune\r\n',
    ],
    [
      'another order, capitals, blank rows',
      'Level, NAME ,code\n\nprovince, Sở Tư pháp ,H34.01\n,,\ncommune,"Xã Đăk, Tờ; Kan",H34.02\n',
    ],
  ])('is read with %s', (_what, text) => {
    expect(readCsv(bytes(text), agencies.shape)).toMatchObject({ ok: true, rows })
  })

  it('reports every wrong cell by its own row and column, counting blank rows, and gives no row', () => {
    const read = readCsv(
      bytes('code,name,level\n\nH34 01,A,province\nH34.02,,region\nH34.03,C,commune\n'),
      agencies.shape,
    )
    expect(read).toMatchObject({ ok: false })
    expect(
      problemsOf(bytes('code,name,level\n\nH34 01,A,province\nH34.02,,region\nH34.03,C,commune\n'), agencies.shape),
    ).toMatchObject([
      { row: 3, column: 'A', name: 'code' },
      { row: 4, column: 'B', name: 'name' },
      { row: 4, column: 'C', name: 'level' },
    ])
  })

  it('counts a cell with line breaks as one row', () => {
    expect(
      problemsOf(bytes('code,name,level\nH34.01,"Sở\nTư\npháp",province\nH34.02,B,x\n'), agencies.shape),
    ).toMatchObject([{ row: 3, column: 'C' }])
  })

  it.each([
    ['too few cells', 'code,name,level\nH34.01,A,province\nH34.02,B\n', { row: 3, column: null }],
    ['too many cells', 'code,name,level\nH34.01,A,b,province\n', { row: 2, column: null }],
    [
      'a quotation mark that is never closed',
      'code,name,level\nH34.01,A,province\nH34.02,"B,province\nH34.03,C,province\n',
      { row: 3, column: 'B' },
    ],
    ['a quotation mark in the wrong place', 'code,name,level\nH34.01,"A"x,province\n', { row: 2, column: 'B' }],
    [
      'the same code twice',
      'code,name,level\nH34.01,A,province\nH34.02,C,province\nH34.01,B,province\n',
      { row: 4, column: null },
    ],
    ['a NUL character', 'code,name,level\nH34.01,A\u0000,province\n', { row: 2, column: 'B' }],
    ['no rows', 'code,name,level\n', { row: 2 }],
    ['nothing', '', { row: 1 }],
    ['a missing column', 'code,name\nH34.01,A\n', { row: 1 }],
    ['an unknown column', 'code,name,level,agency\nH34.01,A,province,x\n', { row: 1, column: 'D', name: 'agency' }],
    ['a column twice', 'code,name,level,name\nH34.01,A,province,x\n', { row: 1, column: 'D', name: 'name' }],
  ])('is refused with %s', (_what, text, place) => {
    expect(problemsOf(bytes(text), agencies.shape)).toMatchObject([place])
  })

  it('is refused when it is not UTF-8, with the row', () => {
    const expected = [{ row: 3, detail: expect.stringContaining('UTF-8') as string }]
    const damaged = (first: string, ...bad: number[]) =>
      Buffer.concat([
        Buffer.from(`code,name,level\nH34.01,${first},province\nH34.02,S`),
        Buffer.from(bad),
        Buffer.from(',commune\n'),
      ])
    // An old font's letters; and a character of UTF-8 that was cut off.
    expect(problemsOf(damaged('A', 0xa9, 0xae), agencies.shape)).toMatchObject(expected)
    expect(problemsOf(damaged('Tối cổ', 0xe1, 0xbb), agencies.shape)).toMatchObject(expected)
  })

  it('says a problem in one sentence', () => {
    const [problem] = problemsOf(bytes('code,name,level\nH34.01,A,x\n'), agencies.shape)
    expect(describeProblem(problem!)).toBe(
      'Row 2, column C (level): It must be one of ministry, province, district, commune.',
    )
  })
})

describe('the tables', () => {
  it('read mappings with blank limits and both forms of dates', () => {
    const text =
      'local_code;national_code;agency_code;level;valid_from;valid_to;why\nT1;1.000010;;;01/07/2025;;QĐ 12\nT1;1.000005;H34.01;commune;2025-01-01;2025-07-01;\n'
    expect(readCsv(bytes(text), mappings.shape)).toMatchObject({
      ok: true,
      rows: [
        {
          localCode: 'T1',
          nationalCode: '1.000010',
          source: null,
          agencyCode: null,
          level: null,
          validFrom: '2025-07-01',
          validTo: null,
          why: 'QĐ 12',
        },
        {
          localCode: 'T1',
          nationalCode: '1.000005',
          source: null,
          agencyCode: 'H34.01',
          level: 'commune',
          validFrom: '2025-01-01',
          validTo: '2025-07-01',
          why: '',
        },
      ],
    })
  })

  it('refuse days that do not exist, periods that end before they begin, and codes that are not national', () => {
    const head = 'local_code,national_code,agency_code,level,valid_from,valid_to,why\n'
    expect(
      problemsOf(bytes(`${head}T1,10,,,31/02/2025,,\nT2,1.000010,,,2025-07-01,2025-07-01,\n`), mappings.shape),
    ).toMatchObject([
      { row: 2, column: 'B' },
      { row: 2, column: 'E', detail: 'A day is written 2026-03-31 or 31/03/2026' },
      { row: 3, column: 'F' },
    ])
  })

  it('read procedures with a blank level and agency', () => {
    expect(readCsv(bytes('code,name,level,agency_code\nT1,Khai sinh,,\n'), procedures.shape)).toMatchObject({
      ok: true,
      rows: [{ code: 'T1', name: 'Khai sinh', level: null, agencyCode: null }],
    })
  })

  it.each([
    ['2024-02-29', '2024-02-29'],
    ['1/3/2025', '2025-03-01'],
    ['2025-02-29', null],
    ['31/04/2025', null],
    ['03-2025', null],
  ])('take %s as the day %s', (text, day) => {
    expect(dayOf(text)).toBe(day)
  })
})

describe('the numbers of rows', () => {
  it("are the file's own, blank rows counted", () => {
    const shape: TableShape<{ a: string }> = { headers: ['a'], row: z.object({ a: z.string() }) }
    expect(readCsv(new TextEncoder().encode('a\nx\n\n\ny\n'), shape)).toEqual({
      ok: true,
      rows: [{ a: 'x' }, { a: 'y' }],
      numbers: [2, 5],
    })
  })
})

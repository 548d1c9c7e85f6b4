import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { nationalFile, proceduresOf } from '../../src/procedures/files.ts'
import { readTable } from '../../src/platform/files.ts'
import { describeProblem } from '../../src/platform/table.ts'

const read = (text: string) => readTable(Buffer.from(text), nationalFile)
function listOf(text: string) {
  const table = read(text)
  if (!table.ok) throw new Error(table.problems.map(describeProblem).join('\n'))
  return proceduresOf(table.rows)
}

describe('the national catalogue as a file', () => {
  it('takes the newest name as the present one, keeps the others with their days, and the newest of what is said', () => {
    const list = listOf(`code,name,field,level,as_of,published_on,ends_on,decision
1.000001,Tên  cũ,Đất đai,Cấp huyện,2024,,,x
1.000001,Tên mới &amp; gọn,Đất đai,"Cấp tỉnh, Cấp xã",2026-07,06/05/2021,2026-12-01,x
1.000001,Tên giữa,,,2025-02,,,
1.000002,Không nói gì,,,,,,
1.000003,Không hết hiệu lực,,,2026-07-31,,-,
1.000003,Tên tháng bảy,,,2026-07-01,,2026-12-01,`)
    expect(list).toEqual([
      {
        code: '1.000001',
        name: 'Tên mới & gọn',
        fieldName: 'Đất đai',
        levels: ['province', 'commune'],
        former: [
          { name: 'Tên cũ', seenOn: '2024-12-31' },
          { name: 'Tên giữa', seenOn: '2025-02-28' },
        ],
        publishedOn: '2021-05-06',
        endsOn: '2026-12-01',
      },
      { code: '1.000002', name: 'Không nói gì', fieldName: '', levels: [], former: [] },
      {
        code: '1.000003',
        name: 'Không hết hiệu lực',
        fieldName: '',
        levels: [],
        former: [{ name: 'Tên tháng bảy', seenOn: '2026-07-01' }],
        endsOn: null,
      },
    ])
  })

  it('takes a name that many codes bear only where a code has no other', () => {
    const slips = [1, 2, 3, 4, 5].map((n) => `1.00000${n},Hỗ trợ phát triển,2026-07`)
    const list = listOf(['code,name,as_of', ...slips, '1.000001,Tên thật,2024'].join('\n'))
    expect(list.find(({ code }) => code === '1.000001')).toMatchObject({ name: 'Tên thật', former: [] })
    expect(list.find(({ code }) => code === '1.000002')).toMatchObject({ name: 'Hỗ trợ phát triển' })
  })

  it('names what is wrong by row and column', () => {
    const table = read(`code,name,as_of,ends_on
1.00001,A,2026-13,2026-02-31
1.000001,,2026-02-30,soon`)
    expect(table.ok ? [] : table.problems.map(({ row, column }) => `${column}${row}`)).toEqual(
      'A2 C2 D2 B3 C3 D3'.split(' '),
    )
  })

  it('is read as ministries published it', () => {
    const list = listOf(readFileSync(new URL('../data/procedures_national.csv', import.meta.url), 'utf8'))
    expect(list).toHaveLength(4969)
    expect(list.every(({ name }) => name !== '' && !/\s{2}|&\w+;/.test(name))).toBe(true)
  })
})

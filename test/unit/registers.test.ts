import { describe, expect, it } from 'vitest'
import { createUnitRegister } from '../../src/organisations/model.ts'
import { tableBytes } from '../../src/platform/files.ts'
import { createListFiles } from '../../src/procedures/list-files.ts'
import { sameProcedure } from '../../src/procedures/model.ts'
import {
  compareRows,
  statusKey,
  unitNamesOf,
  type HeldDossier,
  type Rules,
} from '../../src/reconciliation/register-compare.ts'
import {
  hashed,
  kindOfRegister,
  RegisterFaults,
  rowsOfCsv,
  rowsOfFile,
  rowsOfLines,
  rowsOfObjects,
  type RegisterRows,
} from '../../src/reconciliation/register-reading.ts'
import { momentOf, readRow, registerColumnsIn, type RegisterRow } from '../../src/reconciliation/register-row.ts'

async function* bytesOf(text: string | Buffer, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}

const nothing = { agency: null, procedure: null, status: null, received: null, steps: null }

async function all(rows: RegisterRows): Promise<RegisterRow[]> {
  const list: RegisterRow[] = []
  for await (const some of rows) list.push(...some)
  return list
}

async function faultsOf(rows: RegisterRows): Promise<string[]> {
  const error = await all(rows).catch((thrown: unknown) => thrown)
  if (!(error instanceof RegisterFaults)) throw new Error(`No fault was found: ${String(error)}`)
  return error.problems.map(({ row, name, detail }) => `${row} ${name ?? ''}: ${detail}`)
}

describe('a register', () => {
  it('is read from CSV with Vietnamese headers in any order, and its other columns are not', async () => {
    const text =
      '\uFEFFHọ tên;SỐ BƯỚC;Mã  hồ sơ;Trạng thái;NGÀY TIẾP NHẬN;Cơ quan;Mã cơ quan;thủ tục\r\n' +
      'Nguyễn Văn A;3;H34-1;Đang xử lý;03/07/2020 08:30;Sở Tư pháp;H34.01;1.000010\r\n' +
      '"Trần\r\nThị B";;H34-2;;03/07/2020;;;\r\n\r\n'
    for (const size of [1, 7, 10_000])
      expect(await all(rowsOfCsv(bytesOf(text, size)))).toEqual([
        {
          code: 'H34-1',
          agency: 'H34.01',
          procedure: '1.000010',
          status: 'Đang xử lý',
          received: '2020-07-03T01:30Z',
          steps: 3,
        },
        { ...nothing, code: 'H34-2', received: '2020-07-03' },
      ])
  })

  it('is read from UTF-16, as older spreadsheets write it', async () => {
    const text = Buffer.concat([
      Buffer.from([0xff, 0xfe]),
      Buffer.from('mã hồ sơ\ttrạng thái\nH34-1\tXong\n', 'utf16le'),
    ])
    expect(await all(rowsOfCsv(bytesOf(text, 3)))).toEqual([{ ...nothing, code: 'H34-1', status: 'Xong' }])
  })

  it('is read from lines of JSON, codes in one form', async () => {
    const text = `${JSON.stringify({ code: 'HĐ-é'.normalize('NFD'), steps: 2, status: null, ownerName: 'Nguyễn Văn A' })}\n\n{"Mã hồ sơ":"H34-2","receivedAt":"2020-07-03T01:30:59Z"}`
    expect(await all(rowsOfLines(bytesOf(text)))).toEqual([
      { ...nothing, code: 'HĐ-é'.normalize('NFC'), steps: 2 },
      { ...nothing, code: 'H34-2', received: '2020-07-03T01:30Z' },
    ])
  })

  it('is read from a workbook, and days with times in its cells are both', async () => {
    const lists = createListFiles()
    const file = await tableBytes('xlsx', {
      headers: ['Mã hồ sơ', 'Chủ hồ sơ', 'Số bước', 'Ngày tiếp nhận'],
      rows: [['H34-1', 'Nguyễn Văn A', 4, '03/07/2020 08:30']],
    })
    const { rows, hash } = rowsOfFile(file, (bytes, columns) => lists.readColumns(bytes, columns))
    expect(await all(rows)).toEqual([{ ...nothing, code: 'H34-1', steps: 4, received: '2020-07-03T01:30Z' }])
    expect(hash()).toMatch(/^[\da-f]{64}$/)
  })

  it('names its faults by row and column, and never what stands there', async () => {
    const csv = 'code,owner,steps,received_at\nH34 1,Nguyễn Văn Bí Mật,x,32/13/2020\n,Bí Mật,1,\nH34-3,Bí Mật,,\n'
    const faults = await faultsOf(rowsOfCsv(bytesOf(csv)))
    expect(faults).toEqual([
      '2 code: A code has no spaces or control characters',
      '2 received_at: A time is written 2026-03-31 08:30 or 31/03/2026 08:30',
      '2 steps: It must be a whole number',
      '3 code: It must not be blank',
    ])
    expect(await faultsOf(rowsOfLines(bytesOf('{"code":"H34-1"}\n{"code":"Bí Mật')))).toEqual([
      expect.stringMatching(/^2 : Not valid JSON/),
    ])
    expect(await faultsOf(rowsOfLines(bytesOf('["H34-1"]')))).toEqual(['1 : A row must be a JSON object'])
    expect(await faultsOf(rowsOfCsv(bytesOf('ma,x\nH34-1,y\n')))).toEqual(['1 : The column code is missing'])
    expect(await faultsOf(rowsOfCsv(bytesOf('code,code\nH34-1,y\n')))).toEqual(['1 code: This column appears twice'])
    expect(await faultsOf(rowsOfCsv(bytesOf('code,status\nH34-1\n')))).toEqual([
      '2 : The row has 1 cells, the header has 2',
    ])
    expect(await faultsOf(rowsOfCsv(bytesOf('code\n"H34-1\n')))).toEqual([
      expect.stringContaining('A quotation mark is opened and never closed'),
    ])
    expect(await faultsOf(rowsOfCsv(bytesOf('code\n')))).toEqual([expect.stringContaining('no rows')])
    const bytes = Buffer.concat([Buffer.from('code\nH'), Buffer.from([0xff]), Buffer.from('\n')])
    expect(await faultsOf(rowsOfCsv(bytesOf(bytes)))).toEqual([expect.stringContaining('This is not UTF-8')])
  })

  it('tells at most a hundred faults, and hands out no row after the first', async () => {
    const rows = Array.from({ length: 20_000 }, (_, place) => ({ code: place < 6000 ? `H34-${place}` : '' }))
    const seen: RegisterRow[] = []
    const reading = (async () => {
      for await (const some of rowsOfObjects(rows)) seen.push(...some)
    })()
    await expect(reading).rejects.toThrow(RegisterFaults)
    expect(seen).toHaveLength(5000)
  })

  it('is judged the sooner the longer its lines are, so that they never fill the memory', async () => {
    const line = (n: number) => `${JSON.stringify({ code: `H34-${n}`, note: 'x'.repeat(200_000) })}\n`
    const text = Array.from({ length: 60 }, (_, n) => line(n)).join('')
    const parts: number[] = []
    for await (const some of rowsOfLines(bytesOf(text, 65_536))) parts.push(some.length)
    expect(parts.reduce((sum, count) => sum + count, 0)).toBe(60)
    expect(Math.max(...parts)).toBeLessThan(30)
  })

  it('takes no longer for a line without an end, or for a header that says the same a thousand times', async () => {
    expect(await faultsOf(rowsOfCsv(bytesOf('x'.repeat(400_000), 65_536)))).toEqual(['1 : The column code is missing'])
    const spellings = Array.from({ length: 60_000 }, (_, n) => `code${' '.repeat(n % 7)}`)
    expect(new Set(registerColumnsIn(spellings))).toEqual(new Set(['code']))
  })

  it('is told by how it begins, and hashed as it comes', async () => {
    expect(
      [Buffer.from('PK\u0003'), Buffer.from('\uFEFF \n{"code":1}'), Buffer.from('code\n1')].map(kindOfRegister),
    ).toEqual(['workbook', 'lines', 'csv'])
    const { bytes, hash } = hashed(bytesOf('abc', 1))
    for await (const _ of bytes);
    expect(hash()).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})

describe('a time in a register', () => {
  const received = (text: unknown) => {
    const row = readRow({ number: 1, values: { code: 'x', received_at: text } })
    return 'code' in row ? row.received : 'fault'
  }
  it.each([
    ['2020-07-03', '2020-07-03'],
    ['3/7/2020', '2020-07-03'],
    ['2020-07-03 08:30:59', '2020-07-03T01:30Z'],
    ['2020-07-03T08:30', '2020-07-03T01:30Z'],
    ['08:30 03/07/2020', '2020-07-03T01:30Z'],
    ['2020-07-03T08:30:00+07:00', '2020-07-03T01:30Z'],
    ['2020-07-03T01:30:00.123Z', '2020-07-03T01:30Z'],
    ['2020-07-03 08:30:00 +0700', '2020-07-03T01:30Z'],
    ['03/07/2020 00:00:00', '2020-07-03'],
    ['', null],
    ['31/02/2020', 'fault'],
    ['03/07/2020 25:00', 'fault'],
    ['hôm qua', 'fault'],
    [44_015, 'fault'],
    // March or July?
    ['03/07/2020 08:30 +07:00', 'fault'],
    ['1 Z', 'fault'],
    // Nobody could show them.
    ['+275760-09-13T00:00:00Z', 'fault'],
    ['9999-12-31T23:59:59-23:59', 'fault'],
  ])('%s is %s', (text, meant) => expect(received(text)).toBe(meant))

  it('of a whole register is a moment, never a day alone', () => {
    expect(momentOf('31/03/2026 17:00')).toBe('2026-03-31T10:00:00.000Z')
    expect(momentOf('2026-03-31T17:00')).toBe('2026-03-31T10:00:00.000Z')
    expect([momentOf('2026-03-31'), momentOf('xx'), momentOf('+275760-09-13T00:00:00Z')]).toEqual([null, null, null])
  })
})

const units = createUnitRegister(
  [
    { code: 'H34.01', name: 'Sở Tư pháp', level: 'province' },
    { code: '000.00.02.H34', name: 'Sở Xây dựng', level: 'province' },
    { code: 'H34.03', name: 'Sở Giao thông', level: 'province', validTo: '2025-03-01' },
    { code: 'H34.04', name: 'Sở Cũ', level: 'province', validTo: '2025-03-01' },
  ],
  [
    { oldCode: 'H34.03', newCode: '000.00.02.H34', day: '2025-03-01', transfer: 'whole', procedureCode: null },
    { oldCode: 'H34.04', newCode: 'H34.01', day: '2025-03-01', transfer: 'part', procedureCode: null },
    { oldCode: 'H34.04', newCode: '000.00.02.H34', day: '2025-03-01', transfer: 'part', procedureCode: null },
  ],
)
const rules: Rules = {
  units,
  unitNames: unitNamesOf(units),
  statuses: new Map([
    [statusKey('mot-cua', 'Đang xử lý'), 'processing'],
    [statusKey('mot-cua', 'Đã trả'), 'returned'],
  ]),
  source: null,
  asOf: '2025-06-01T00:00:00.000Z',
}
const held: HeldDossier = {
  source: 'mot-cua',
  agencyCode: 'H34.01',
  procedureCode: 'TT-1',
  nationalCode: '1.000010',
  status: 'processing',
  sourceStatus: 'processing',
  receivedAt: '2024-07-02T18:30:41.000Z',
  changedAt: '2024-08-01T00:00:00.000Z',
  steps: 3,
  before: null,
}
const row = (values: Partial<RegisterRow>): RegisterRow => ({ ...nothing, code: 'H34-1', ...values })
const judged = (
  values: Partial<RegisterRow> | readonly Partial<RegisterRow>[],
  own: Partial<HeldDossier> = {},
  by = rules,
) => {
  const { kind, fields } = compareRows(by, [values].flat().map(row), { ...held, ...own })
  return [kind, ...fields.map(({ field, why }) => (why === undefined ? field : `${field}: ${why}`))].join(', ')
}

describe('a dossier in the register and in the ledger', () => {
  it('is equal in everything that the row states, and nothing else is compared', () => {
    expect(judged({})).toBe('equal')
    const stated = {
      agency: 'H34.01',
      procedure: 'tt-1',
      status: 'PROCESSING',
      received: '2024-07-02T18:30Z',
      steps: 3,
    }
    expect(judged(stated)).toBe('equal')
    expect(compareRows(rules, [row(stated)], held).outcomes).toEqual({
      agency: 'equal',
      procedure: 'equal',
      status: 'equal',
      receivedAt: 'equal',
      steps: 'equal',
    })
    expect(compareRows(rules, [row(stated)], null)).toMatchObject({ kind: 'not-in-ledger', fields: [] })
  })

  it('names what differs, with both sides', () => {
    const { kind, fields } = compareRows(rules, [row({ steps: 4, received: '2024-07-02', agency: 'H34.77' })], held)
    expect([kind, fields]).toEqual([
      'different',
      [
        { field: 'agency', here: 'H34.01', there: 'H34.77' },
        { field: 'receivedAt', here: '2024-07-03', there: '2024-07-02' },
        { field: 'steps', here: '3', there: '4' },
      ],
    ])
  })

  it('knows a unit in either notation, by its name and by who follows it', () => {
    expect(judged({ agency: '000.00.01.H34' })).toBe('equal')
    expect(judged({ agency: 'sở  tư pháp' })).toBe('equal')
    expect(judged({ agency: 'H34.02' }, { agencyCode: 'H34.03' })).toBe('equal')
    expect(judged({ agency: 'H34.03' }, { agencyCode: '000.00.02.H34' })).toBe('equal')
    expect(judged({ agency: 'H34.02' })).toBe('different, agency')
    expect(judged({ agency: 'H34.01' }, { agencyCode: 'H34.04' })).toBe('unknown, agency: uncertain')
    expect(judged({ agency: 'Phòng Một cửa' })).toBe('unknown, agency: unlisted')
    // A register of before the merger speaks of the unit of then.
    const before = { ...rules, asOf: '2025-01-01T00:00:00.000Z' }
    expect(judged({ agency: 'H34.02' }, { agencyCode: 'H34.03' }, before)).toBe('different, agency')
  })

  it('compares statuses by their words, then by what they mean, and says when a word means nothing here', () => {
    expect(judged({ status: 'Đang xử lý'.normalize('NFD') })).toBe('equal')
    expect(judged({ status: 'đang  XỬ LÝ' }, { sourceStatus: 'Đang xử lý', status: null })).toBe('equal')
    expect(judged({ status: 'Đã trả' })).toBe('different, status')
    expect(judged({ status: 'Chờ duyệt' })).toBe('unknown, status: unmapped')
    expect(judged({ status: 'Chờ duyệt' }, { sourceStatus: 'chờ duyệt', status: null })).toBe('equal')
    expect(judged({ status: 'Chờ duyệt', steps: 9 })).toBe('different, status: unmapped, steps')
    // Another system's words are its own.
    expect(judged({ status: 'Đã trả' }, {}, { ...rules, source: 'khac' })).toBe('unknown, status: unmapped')
  })

  it('takes a code for the same procedure when it is certain, and guesses nothing', () => {
    expect(judged({ procedure: '1.000010' })).toBe('equal')
    expect(judged({ procedure: '1.00001' })).toBe('unknown, procedure: uncertain')
    expect(judged({ procedure: '1.000011' })).toBe('different, procedure')
    expect(sameProcedure(' 1.000010.000.00.00.H34', '1.000010')).toBe(true)
    expect(sameProcedure('TT-1', 'TT-2')).toBe(false)
  })

  it('says nothing of what was changed after the moment of the register', () => {
    const later = { changedAt: '2025-06-02T00:00:00.000Z' }
    expect(judged({ agency: 'H34.02', received: '2024-07-02' }, later)).toBe(
      'unknown, agency: changed-since, receivedAt: changed-since',
    )
    expect(judged({ status: 'Đã trả' }, later)).toBe('unknown, status: changed-since')
    expect(judged({ status: 'processing' }, later)).toBe('equal')
    // What it was in that moment is known.
    const before = { ...later, status: 'returned', before: { status: 'processing', sourceStatus: 'processing' } }
    expect(judged({ status: 'Đang xử lý' }, before)).toBe('equal')
    expect(judged({ status: 'Đã trả' }, before)).toBe('different, status')
  })

  it('has several rows that agree, or contradict each other', () => {
    expect(judged([{ agency: 'H34.01' }, { agency: '000.00.01.H34', steps: 3 }])).toBe('equal')
    expect(judged([{ status: 'Đang xử lý' }, { status: 'processing' }])).toBe('equal')
    expect(judged([{ steps: 3 }, { steps: 4 }])).toBe('unknown, steps: contradicts')
    expect(judged([{ agency: 'H34.02' }, { agency: '000.00.02.H34' }])).toBe('different, agency')
    expect(judged([{ steps: 3 }, { steps: 4 }, { agency: 'H34.02' }])).toBe('unknown, agency, steps: contradicts')
  })
})

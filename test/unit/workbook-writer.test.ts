import { strFromU8, unzipSync } from 'fflate'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { describe, expect, it } from 'vitest'
import { setImmediate as turn } from 'node:timers/promises'
import { sheetOf, workbook, workbookBytes, type Row, type Sheet } from '../../src/platform/workbook-writer.ts'
import { openWorkbook } from '../../src/platform/xlsx.ts'

const partsOf = (bytes: Uint8Array) =>
  Object.fromEntries(Object.entries(unzipSync(bytes)).map(([name, part]) => [name, strFromU8(part)]))

async function bytesOf(sheets: Sheet[], limits?: { rows: number; signs: number }): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of workbook(sheets, limits)) pieces.push(piece)
  return new Uint8Array(Buffer.concat(pieces))
}

const cellsOf = (bytes: Uint8Array, sheet: string) =>
  openWorkbook(bytes)
    .rows(sheet)
    .map(({ cells }) => cells)

/** The cells of a row as they stand in the sheet: format, type and what they hold. */
function typed(xml: string, row: number) {
  const tree = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', parseTagValue: false }).parse(xml)
  const found = [tree.worksheet.sheetData.row].flat().find((one: { r: string }) => Number(one.r) === row)
  return [found.c].flat().map(({ r, s, t, v, is }) => [r, Number(s), t ?? 'n', v ?? is.t])
}

const formats = { text: 2, moment: 3, day: 4, rate: 5, count: 6, number: 7 }

describe('a workbook that is written', () => {
  it('has cells of the type of what they say, moments in Vietnam time', async () => {
    const row: Row = [
      '0012',
      77_240,
      1.5,
      new Date('2026-03-01T20:30:00Z'),
      { day: '2026-03-01' },
      { rate: 87.3 },
      null,
      { rate: null },
      new Date(Number.NaN),
      new Date('1899-01-01T00:00:00Z'),
    ]
    const headers = ['Mã', 'Số', 'Phần', 'Lúc', 'Ngày', 'Tỷ lệ', 'Trống', 'Trống', 'Trống', 'Xưa']
    const bytes = new Uint8Array(await workbookBytes([sheetOf('Hồ sơ', headers, [row])]))
    const parts = partsOf(bytes)
    expect(typed(parts['xl/worksheets/sheet1.xml']!, 2)).toEqual([
      ['A2', formats.text, 'inlineStr', '0012'],
      ['B2', formats.count, 'n', '77240'],
      ['C2', formats.number, 'n', '1.5'],
      // 2 March 2026 03:30, as =DATE(2026,3,2)+TIME(3,30,0) says it.
      ['D2', formats.moment, 'n', '46083.145833333'],
      ['E2', formats.day, 'n', '46082'],
      ['F2', formats.rate, 'n', '0.873'],
      ['J2', formats.text, 'inlineStr', '1899-01-01T07:00'],
    ])
    const style = (place: number) =>
      /numFmtId="(\d+)"/.exec(parts['xl/styles.xml']!.split('<cellXfs')[1]!.match(/<xf [^>]+>/g)![place]!)![1]!
    const format = (place: number) =>
      new RegExp(`numFmtId="${style(place)}" formatCode="([^"]+)"`).exec(parts['xl/styles.xml']!)?.[1] ?? style(place)
    expect(Object.values(formats).map(format)).toEqual(['49', 'dd/mm/yyyy\\ hh:mm', 'dd/mm/yyyy', '0.0%', '3', '0'])
    expect(cellsOf(bytes, 'Hồ sơ')[1]!.slice(0, 5)).toEqual(['0012', '77240', '1.5', '2026-03-02', '2026-03-01'])
  })

  it('keeps its head in sight with a filter over all rows, on every sheet', async () => {
    const parts = partsOf(await bytesOf([sheetOf('A', ['x', 'y'], [['1', 2]]), sheetOf("Người d'ân & <b>", ['z'], [])]))
    expect(parts['xl/worksheets/sheet1.xml']).toContain('<autoFilter ref="A1:B2"/>')
    expect(parts['xl/worksheets/sheet1.xml']).toContain(
      'ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"',
    )
    expect(parts['xl/worksheets/sheet2.xml']).toContain('<autoFilter ref="A1:A1"/>')
    expect(parts['xl/workbook.xml']).toContain("'Người d''ân &amp; &lt;b&gt;'!$A$1:$A$1")
  })

  it('never makes a formula of a text, and holds any text that can be typed', async () => {
    const texts = [
      '=1+1',
      '@SUM(A1)',
      '+84',
      "'quoted",
      ' giữ  khoảng trắng ',
      '<b>&amp;"\'</b>]]>',
      '_x0041_',
      '_x0041_x0042_',
      '_x005F_',
      'Ứng dụng 🎉',
      'dòng 1\ndòng 2',
    ]
    const bytes = await bytesOf([
      sheetOf('S', ['t'], [...texts.map((text) => [text]), ['a\u0000\u0007b\uD800c\uFFFEd\r\ne']]),
    ])
    const sheet = partsOf(bytes)['xl/worksheets/sheet1.xml']!
    expect(sheet).not.toMatch(/<f[ >]/)
    expect(XMLValidator.validate(sheet)).toBe(true)
    expect(cellsOf(bytes, 'S').slice(1).flat()).toEqual([...texts.map((text) => text.trim()), 'abcd\ne'])
  })

  it('cuts a text that no cell holds, and says so', async () => {
    const long = `${'ơ'.repeat(32_740)}${'🎉'.repeat(20)}`
    const bytes = await bytesOf([sheetOf('S', ['t'], [[long], ['x'.repeat(32_767)]])])
    const [, [cut], [whole]] = cellsOf(bytes, 'S') as [string[], string[], string[]]
    expect(cut!.length).toBeLessThanOrEqual(32_767)
    expect(cut).toMatch(/^ơ+🎉* … \[cắt bớt \/ cut\]$/u)
    expect(whole).toBe('x'.repeat(32_767))
  })

  it('has names of sheets that spreadsheets take', async () => {
    const names = ["'a/b:c*[d]?\\'", 'x'.repeat(40), 'X'.repeat(40), '', '///']
    const bytes = await bytesOf(names.map((name) => sheetOf(name, ['h'], [])))
    expect(openWorkbook(bytes).sheets).toEqual([
      'a b c  d',
      'x'.repeat(31),
      `${'X'.repeat(27)} (2)`,
      'Sheet',
      'Sheet (2)',
    ])
  })

  it('goes on in a next sheet with head and filter, when one is full of rows or of signs', async () => {
    const rows = Array.from({ length: 25 }, (_, place) => [`D${place}`])
    const byRows = await bytesOf([sheetOf('Hồ sơ', ['Mã'], rows), sheetOf('Khác', ['k'], [])], { rows: 10, signs: 1e6 })
    expect(openWorkbook(byRows).sheets).toEqual(['Hồ sơ', 'Hồ sơ (2)', 'Hồ sơ (3)', 'Khác'])
    const each = ['Hồ sơ', 'Hồ sơ (2)', 'Hồ sơ (3)'].map((name) => cellsOf(byRows, name).flat())
    expect(each.map(([head]) => head)).toEqual(['Mã', 'Mã', 'Mã'])
    expect(each.flatMap((cells) => cells.slice(1))).toEqual(rows.flat())
    expect(partsOf(byRows)['xl/worksheets/sheet3.xml']).toContain('<autoFilter ref="A1:A6"/>')
    const exact = await bytesOf([sheetOf('E', ['Mã'], rows.slice(0, 10))], { rows: 10, signs: 1e6 })
    expect(openWorkbook(exact).sheets).toEqual(['E'])
    const many = Array.from({ length: 1_200 }, (_, place) => [`D${place}`])
    const bySigns = await bytesOf([sheetOf('S', ['Mã'], many)], { rows: 1e6, signs: 1_000 })
    expect(openWorkbook(bySigns).sheets).toEqual(['S', 'S (2)', 'S (3)'])
  })

  it('asks for rows only as fast as it is read, through 200,000 of them', async () => {
    const source = numbered(200_000)
    const standstills: number[] = []
    let bytes = 0
    for await (const piece of workbook([{ name: 'S', headers: ['a'], rows: source.rows }])) {
      const before = source.given
      bytes += piece.length
      if (standstills.length < 10 && before < 200_000) {
        for (let turns = 0; turns < 600; turns += 1) await turn()
        standstills.push(source.given - before)
      }
    }
    expect(Math.max(...standstills)).toBeLessThanOrEqual(30_000)
    expect([source.given, source.ended]).toEqual([200_000, true])
    expect(bytes).toBeGreaterThan(1e6)
  })

  it('asks for nothing more when its reader goes away', async () => {
    const source = numbered(Number.POSITIVE_INFINITY)
    const reader = workbook([{ name: 'S', headers: ['a'], rows: source.rows }])
    await reader.next()
    await reader.next()
    await reader.return()
    expect(source.ended).toBe(true)
    const { given } = source
    for (let turns = 0; turns < 100; turns += 1) await turn()
    expect(source.given).toBe(given)
  })

  /** Rows that hardly pack, and how far they were asked for. */
  function numbered(most: number) {
    const source = { given: 0, ended: false, rows: rows() }
    async function* rows(): AsyncGenerator<Row[]> {
      try {
        while (source.given < most) {
          await turn()
          source.given += 1_000
          const base = source.given
          yield Array.from({ length: 1_000 }, (_, place): Row => [`${Math.imul(base + place, 0x9e3779b1)}`])
        }
      } finally {
        source.ended = true
      }
    }
    return source
  }

  it('breaks off with the fault of its rows, and is no archive then', async () => {
    async function* broken(): AsyncGenerator<Row[]> {
      yield Array.from({ length: 50_000 }, (_, place): Row => [`D${place}`])
      throw new Error('the ledger went away')
    }
    const pieces: Uint8Array[] = []
    const read = async () => {
      for await (const piece of workbook([{ name: 'S', headers: ['a'], rows: broken() }])) pieces.push(piece)
    }
    await expect(read()).rejects.toThrow('the ledger went away')
    expect(pieces.length).toBeGreaterThan(0)
    expect(() => unzipSync(new Uint8Array(Buffer.concat(pieces)))).toThrow('invalid zip data')
  })
})

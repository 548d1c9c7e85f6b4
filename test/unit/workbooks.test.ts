import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { strToU8, zipSync } from 'fflate'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { mappings } from '../../src/cli/tables.ts'
import { readTable, tableBytes, writeTable } from '../../src/platform/files.ts'
import { describeProblem } from '../../src/platform/table.ts'
import { createListFiles } from '../../src/procedures/list-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'workbooks-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Sheet {
  readonly name: string
  /** The rows' own XML. */
  readonly rows: string
  readonly merges?: readonly string[]
}

/** A workbook as a spreadsheet writes it, down to its parts. */
function workbook(sheets: readonly Sheet[], more: Readonly<Record<string, string>> = {}): Uint8Array {
  const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
  const parts: Record<string, string> = {
    'xl/workbook.xml': `<workbook xmlns="${main}" xmlns:r="r"><sheets>${sheets
      .map(({ name }, place) => `<sheet name="${name}" sheetId="${place + 1}" r:id="rId${place + 1}"/>`)
      .join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships>${sheets
      .map((_, place) => `<Relationship Id="rId${place + 1}" Type="t" Target="worksheets/sheet${place + 1}.xml"/>`)
      .join('')}</Relationships>`,
    'xl/styles.xml': `<styleSheet xmlns="${main}"><numFmts><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/></cellXfs></styleSheet>`,
    ...more,
  }
  for (const [place, { rows, merges = [] }] of sheets.entries())
    parts[`xl/worksheets/sheet${place + 1}.xml`] = `<worksheet xmlns="${main}"><sheetData>${rows}</sheetData>${
      merges.length > 0 ? `<mergeCells>${merges.map((ref) => `<mergeCell ref="${ref}"/>`).join('')}</mergeCells>` : ''
    }</worksheet>`
  return zipSync(Object.fromEntries(Object.entries(parts).map(([name, text]) => [name, strToU8(text)])))
}

const text = (ref: string, value: string) => `<c r="${ref}" t="inlineStr"><is><t>${value}</t></is></c>`
const row = (number: number, ...cells: string[]) => `<row r="${number}">${cells.join('')}</row>`
const head = (number = 1) => row(number, text(`A${number}`, 'local_code'), text(`B${number}`, 'national_code'))
const read = (bytes: Uint8Array, sheet?: string) => {
  const result = readTable(bytes, mappings.shape, sheet === undefined ? {} : { sheet })
  return result.ok ? result.rows : result.problems.map(describeProblem)
}
const mapped = (localCode: string, nationalCode: string | null) => expect.objectContaining({ localCode, nationalCode })

describe('a workbook', () => {
  it('is read from shared and own texts, runs of looks and the values of formulas', () => {
    const bytes = workbook(
      [
        {
          name: 'Ánh xạ',
          rows:
            head() +
            row(2, '<c r="A2" t="s"><v>0</v></c>', '<c r="B2" t="s"><v>1</v></c>') +
            row(3, '<c r="A3" t="str"><f>"T"&amp;1</f><v>T &amp; 1</v></c>', text('B3', ' 1.000002 ')),
        },
      ],
      {
        'xl/sharedStrings.xml':
          '<sst><si><r><t xml:space="preserve">Cấp </t></r><r><t>XD&#46;1</t></r><rPh><t>x</t></rPh></si><si><t>1.000001</t></si></sst>',
      },
    )
    expect(read(bytes)).toEqual([mapped('Cấp XD.1', '1.000001'), mapped('T & 1', '1.000002')])
  })

  it('shows of a day with a time the day alone, or both where they are asked for', () => {
    const bytes = workbook([
      {
        name: 'S',
        rows:
          row(1, text('A1', 'code'), text('B1', 'Ngày tiếp nhận')) +
          row(2, text('A2', 'H34-1'), '<c r="B2" s="1"><v>44015.354166666664</v></c>') +
          row(3, text('A3', 'H34-2'), '<c r="B3" s="2"><v>44015</v></c>') +
          row(4, text('A4', 'H34-3'), '<c r="B4" t="d"><v>2020-07-03T08:30:00</v></c>'),
      },
    ])
    const shape = {
      headers: ['code'],
      optional: ['received_at'],
      aliases: { 'ngay tiep nhan': 'received_at' },
      row: z.object({ code: z.string(), received_at: z.string() }).transform((one) => one.received_at),
    }
    expect(readTable(bytes, shape, { times: true })).toMatchObject({
      rows: ['2020-07-03 08:30:00', '2020-07-03', '2020-07-03T08:30:00'],
    })
    expect(readTable(bytes, shape)).toMatchObject({ rows: ['2020-07-03', '2020-07-03', '2020-07-03'] })
  })

  it('has its header below titles, and rows keep the numbers that a spreadsheet shows', () => {
    const title = row(1, text('A1', 'DANH MỤC ÁNH XẠ'))
    const bytes = workbook([
      {
        name: 'S',
        rows:
          title +
          head(4) +
          row(5, text('A5', 'T1'), text('B5', '1.000001')) +
          row(9, text('A9', 'T2'), text('B9', 'x')),
      },
    ])
    expect(read(bytes)).toEqual([expect.stringContaining('Row 9, column B (national_code)')])
  })

  it('is looked through for the sheet that has the columns; a named one is taken as named', () => {
    const bytes = workbook([
      { name: 'Bìa', rows: row(1, text('A1', 'Kính gửi')) },
      { name: 'Mã', rows: head() + row(2, text('A2', 'T1'), text('B2', '1.000001')) },
    ])
    expect(read(bytes)).toEqual([mapped('T1', '1.000001')])
    expect(read(bytes, 'Bìa')).toEqual([expect.stringContaining('The sheet Bìa has the columns local_code')])
    expect(read(bytes, 'Không có')).toEqual([expect.stringContaining('the file has the sheets Bìa, Mã')])
  })

  it.each([
    ['a number where a code belongs', '<c r="B2"><v>1.00065</v></c>', 'drops zeros'],
    ['a number in the local code', '<c r="A2"><v>2019</v></c>', 'drops zeros'],
    ['a day where a code belongs', '<c r="B2" s="1"><v>45839</v></c>', 'holds a day'],
    ['a number that no day is', '<c r="B2" s="1"><v>84912345678</v></c>', 'drops zeros'],
    ['a day written out', '<c r="A2" t="d"><v>2026-01-02T00:00:00</v></c>', 'holds a day'],
    ['an error', '<c r="B2" t="e"><f>VLOOKUP(1,2,3)</f><v>#N/A</v></c>', '#N/A'],
    ['a formula without a value', '<c r="B2"><f>A1</f></c>', 'formula without a value'],
  ])('names the cell of %s', (_what, cell, said) => {
    const cells = cell.includes('A2') ? cell + text('B2', '1.000001') : text('A2', 'T1') + cell
    const problems = read(workbook([{ name: 'S', rows: head() + row(2, cells) }]))
    expect(problems).toEqual([expect.stringMatching(/^Row 2, column [AB] \((?:local|national)_code\): /)])
    expect(problems[0]).toContain(said)
  })

  it('names merged cells in every row they cover', () => {
    const rows = head() + row(2, text('A2', 'T1'), text('B2', '1.000001')) + row(3, text('A3', 'T2'))
    expect(read(workbook([{ name: 'S', rows, merges: ['B2:B3'] }]))).toEqual([
      'Row 2, column B (national_code): The cells B2:B3 are merged; each row needs a value of its own.',
      'Row 3, column B (national_code): The cells B2:B3 are merged; each row needs a value of its own.',
    ])
  })

  it('shows days as days, and leaves a code blank as undecided', () => {
    const header = row(
      1,
      text('A1', 'local_code'),
      text('B1', 'national_code'),
      text('C1', 'valid_from'),
      text('D1', 'valid_to'),
    )
    const rows =
      header + row(2, text('A2', 'T1'), '<c r="C2" s="1"><v>45839</v></c>', '<c r="D2" s="2"><v>46204.5</v></c>')
    expect(read(workbook([{ name: 'S', rows }]))).toEqual([
      expect.objectContaining({ localCode: 'T1', nationalCode: null, validFrom: '2025-07-01', validTo: '2026-07-01' }),
    ])
  })

  it.each([
    ['no archive', new Uint8Array([0x50, 0x4b, 1, 2, 3]), 'cannot be unpacked'],
    ['another kind of archive', zipSync({ 'a.txt': strToU8('a') }), 'not an Excel workbook'],
    ['a cut one', workbook([{ name: 'S', rows: head() }]).subarray(0, 300), 'cannot be unpacked'],
    ['broken inside', zipSync({ 'xl/workbook.xml': strToU8('<workbook><sheets') }), 'no XML'],
    ['without rows', workbook([{ name: 'S', rows: head() }]), 'no rows'],
  ])('says what is wrong with one that is %s', (_what, bytes, said) => {
    expect(read(bytes)).toEqual([expect.stringContaining(said)])
  })

  it('is read once however it is broken, and no wider than a spreadsheet', () => {
    const open = '<row r="2">'.repeat(200_000)
    expect(read(workbook([{ name: 'S', rows: head() + open }]))).toEqual([expect.stringContaining('no rows')])
    const far = row(2, text('A2', 'T1'), text('B2', '1.000001'), text('ZZZZZZZ2', 'x'))
    expect(read(workbook([{ name: 'S', rows: head() + far }]))).toEqual([mapped('T1', '1.000001')])
  })

  it('is not unpacked when it promises more than a list can be', () => {
    const bytes = Buffer.from(workbook([{ name: 'S', rows: head() }]))
    // The directory at the end of the archive tells the size of each part.
    const place = bytes.lastIndexOf('xl/worksheets/sheet1.xml')
    bytes.writeUInt32LE(0x7fff_ffff, place - 22)
    expect(read(bytes)).toEqual([expect.stringContaining('too large')])
  })

  it('that was written reads back as it was, formulas as texts', async () => {
    const file = join(folder, 'a.xlsx')
    const rows = [
      ['=1+1', '1.000650', 'vì “thế” & <vậy>'],
      ['00123', '', 'dòng 1\ndòng 2'],
    ]
    await writeTable(file, ['local_code', 'national_code', 'why'], rows, { excel: false })
    expect(read(readFileSync(file))).toEqual([
      expect.objectContaining({ localCode: '=1+1', nationalCode: '1.000650', why: 'vì “thế” & <vậy>' }),
      expect.objectContaining({ localCode: '00123', nationalCode: null, why: 'dòng 1\ndòng 2' }),
    ])
  })
})

describe('a workbook that was made to be read for ever', () => {
  it.each([
    ['rows that never open', [{ name: 'S', rows: head() + '<row '.repeat(300_000) }]],
    ['merged cells that never open', [{ name: 'S', rows: head() + '<mergeCell '.repeat(300_000) }]],
    [
      'few rows as wide as a sheet',
      [
        {
          name: 'S',
          rows: head() + '<row><c r="XFD1"><v>1</v></c></row>' + '<row><c><v>1</v></c></row>'.repeat(20_000),
        },
      ],
    ],
    ['merged cells everywhere', [{ name: 'S', rows: head(), merges: Array<string>(2_000).fill('A1:AAA900') }]],
  ])('is read to its end in time: %s', (_name, sheets) => {
    expect(read(workbook(sheets))).toEqual([expect.stringMatching(/no rows|too large/)])
  })

  it('is given up after its time, so that others get their turn', async () => {
    const lists = createListFiles({ within: 1 })
    expect(await lists.read(workbook([{ name: 'S', rows: head() }]))).toMatchObject({
      ok: false,
      problems: [{ detail: 'The sheet is too large to be a list' }],
    })
  })
})

describe('encodings of older spreadsheets', () => {
  const lines = 'local_code;national_code;why\r\nT1;1.000001;Cấp giấy phép, đổi, hủy – “ừ”\r\n'
  const expected = [expect.objectContaining({ localCode: 'T1', why: 'Cấp giấy phép, đổi, hủy – “ừ”' })]

  it('UTF-16 with a byte order mark', () => {
    expect(read(Buffer.from(`\uFEFF${lines}`, 'utf16le'))).toEqual(expected)
    expect(read(Buffer.from(`\uFEFF${lines}`, 'utf16le').swap16())).toEqual(expected)
  })

  it('Windows-1258, whose tones are signs of their own', () => {
    expect(read(windows1258(lines))).toEqual(expected)
  })

  it('and nothing that would come out as other letters', () => {
    // "Cấp" as fonts before Unicode had it.
    expect(read(Buffer.from('local_code,national_code\nC\xCAp ph\xD0p \xA9\xAE,1.000001\n', 'latin1'))).toEqual([
      expect.stringContaining('Row 2: This is not UTF-8'),
    ])
  })

  it.each(['xlsx', 'csv'] as const)(
    'comes back as it was handed out, as %s, with codes that look like formulas',
    async (format) => {
      const rows = [
        ['=1+1', '1.000001'],
        ['-12', '1.000002'],
        ["'quoted'", '1.000003'],
        ['Cấp, "lại"', '1.000004'],
      ]
      const bytes = await tableBytes(format, { headers: ['local_code', 'national_code'], rows })
      expect(read(bytes)).toEqual(rows.map(([local, national]) => mapped(local!, national!)))
      if (format === 'csv') expect(bytes.toString()).toMatch(/^\uFEFFlocal_code,national_code\n'=1\+1,/)
    },
  )

  it('of old Excel is told from text', () => {
    expect(read(Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1]))).toEqual([expect.stringContaining('(.xls)')])
  })
})

/** The platform decodes it and does not write it: letters with hats and hooks have a byte each, tones follow as signs. */
function windows1258(value: string): Uint8Array {
  const byte = new Map(
    Array.from(
      { length: 256 },
      (_, code) => [new TextDecoder('windows-1258').decode(Uint8Array.of(code)), code] as const,
    ),
  )
  const tones = new Set(['\u0300', '\u0301', '\u0303', '\u0309', '\u0323'])
  const signs = Array.from(value.normalize('NFD')).reduce<string[]>((list, sign) => {
    if (!/\p{M}/u.test(sign)) return [...list, sign]
    if (!tones.has(sign)) return [...list.slice(0, -1), (list.at(-1)! + sign).normalize('NFC')]
    return [...list, sign]
  }, [])
  // A tone may stand before the hat in canonical order (ậ): the hat belongs to the letter.
  const ordered = signs.flatMap((sign, place) => (/^\p{M}.$/u.test(sign) ? [signs[place]!] : [sign]))
  return Uint8Array.from(ordered.map((sign) => byte.get(sign) ?? 0x3f))
}

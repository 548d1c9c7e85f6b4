import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { crc32, createDeflateRaw } from 'node:zlib'
import { Zip, type ZipInputFile } from 'fflate'
import { lettersOf } from './table.ts'

/**
 * Workbooks of any length, written as their rows come: only what is on its way is held. Cells have the type of what they say, and a text is never
 * anything but a text. Packed in the threads of zlib, so that whoever else is served does not wait.
 */

/** A moment is a `Date`; spreadsheets know no zones, so it stands there in Vietnam's time. Null is an empty cell. */
export type Cell = string | number | Date | { readonly day: string } | { readonly rate: number | null } | null
export type Row = readonly Cell[]

export interface Sheet {
  readonly name: string
  readonly headers: readonly string[]
  /** In parts of any length. */
  readonly rows: Iterable<readonly Row[]> | AsyncIterable<readonly Row[]>
}

/** What a sheet may hold before the next one goes on: rows beside the head, and signs of its XML. */
interface Limits {
  readonly rows: number
  readonly signs: number
}
const ofSpreadsheets: Limits = { rows: 1_048_575, signs: 1_000_000_000 }
/** A plain archive ends at 4 GiB; a longer file would not open. */
const longestFile = 4_000_000_000

/** The bytes of a workbook, pulled at the pace of whoever reads them. Ends early only by throwing. */
export async function* workbook(
  sheets: Iterable<Sheet>,
  limits: Limits = ofSpreadsheets,
): AsyncGenerator<Uint8Array, void> {
  const archive = new Archive()
  const written: Written[] = []
  for (const { name, headers, rows } of sheets) {
    const source = new Source(rows)
    try {
      const widths = widthsOf(headers, await source.ahead(rowsMeasured))
      for (let part = 1; part === 1 || !(await source.ended()); part += 1) {
        const done: Written = { name: nameOf(name, part, written), columns: headers.length, rows: 0 }
        written.push(done)
        yield* archive.add(sheetPath(written.length), sheetXml(source, { headers, widths, limits, done }))
      }
    } finally {
      await source.close()
    }
  }
  for (const [path, text] of fixedParts(written)) yield* archive.add(path, [text])
  yield* archive.end()
}

/** A list that is at hand as a sheet. */
export const sheetOf = (name: string, headers: readonly string[], rows: readonly Row[]): Sheet => ({
  name,
  headers,
  rows: [rows],
})

/** A workbook in memory, for what is known to be short. */
export const workbookBytes = (sheets: readonly Sheet[]): Promise<Buffer> => buffer(Readable.from(workbook(sheets)))

/** The old file stays until the new one is whole. */
export async function writeWorkbook(file: string, sheets: readonly Sheet[]): Promise<void> {
  const part = `${file}.part`
  try {
    await pipeline(workbook(sheets), createWriteStream(part))
    await rename(part, file)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}

/** Rows as they are wanted, whatever the parts in which they come. */
class Source {
  readonly #parts: Iterator<readonly Row[]> | AsyncIterator<readonly Row[]>
  #part: readonly Row[] = []
  #at = 0

  constructor(rows: Sheet['rows']) {
    this.#parts = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]()
  }

  async ended(): Promise<boolean> {
    while (this.#at === this.#part.length) {
      const next = await this.#parts.next()
      if (next.done === true) return true
      this.#part = next.value
      this.#at = 0
    }
    return false
  }

  /** Some of the next rows, which stay. */
  async ahead(most: number): Promise<readonly Row[]> {
    return (await this.ended()) ? [] : this.#part.slice(this.#at, this.#at + most)
  }

  /** At most so many; none at the end. */
  async take(most: number): Promise<readonly Row[]> {
    const rows = await this.ahead(most)
    this.#at += rows.length
    return rows
  }

  async close(): Promise<void> {
    await this.#parts.return?.()
  }
}

/** An archive whose files are packed one after the other, and handed on as they are. */
class Archive {
  readonly #zip = new Zip((error, bytes) => {
    if (error) throw error
    this.#ready.push(bytes)
  })
  #ready: Uint8Array[] = []
  #length = 0

  async *add(filename: string, texts: Iterable<string> | AsyncIterable<string>): AsyncGenerator<Uint8Array, void> {
    const file: ZipInputFile = { filename, compression: deflated, size: 0, crc: 0 }
    this.#zip.add(file)
    const packer = createDeflateRaw({ level: 5, chunkSize: 65_536 })
    const packing = pipeline(Readable.from(countedBytes(file, texts)), packer)
    // What goes wrong there is thrown where the packed bytes are read.
    packing.catch(() => undefined)
    for await (const bytes of packer) {
      file.ondata!(null, bytes as Uint8Array<ArrayBuffer>, false)
      yield* this.#handOut()
    }
    await packing
    file.ondata!(null, new Uint8Array(0), true)
    yield* this.#handOut()
  }

  *end(): Generator<Uint8Array, void> {
    this.#zip.end()
    yield* this.#handOut()
  }

  *#handOut(): Generator<Uint8Array, void> {
    const ready = this.#ready
    this.#ready = []
    for (const bytes of ready) {
      this.#length += bytes.length
      if (this.#length > longestFile) throw new Error('The workbook would be larger than spreadsheets open')
      yield bytes
    }
  }
}

/** As archives name the way in which a file is packed. */
const deflated = 8

/** An archive notes of each file what it was before it was packed. */
async function* countedBytes(file: ZipInputFile, texts: Iterable<string> | AsyncIterable<string>) {
  for await (const text of texts) {
    const bytes = Buffer.from(text)
    file.size += bytes.length
    file.crc = crc32(bytes, file.crc)
    yield bytes
  }
}

interface Written {
  readonly name: string
  readonly columns: number
  rows: number
}

interface SheetPlan {
  readonly headers: readonly string[]
  readonly widths: readonly number[]
  readonly limits: Limits
  readonly done: Written
}

/** Rows that are made into one piece of text, while nothing else is done. */
const rowsAtOnce = 500

async function* sheetXml(source: Source, { headers, widths, limits, done }: SheetPlan): AsyncGenerator<string, void> {
  const columns = headers.map((_, place) => lettersOf(place))
  const texts = headers.map((header, place) => textCell(`${columns[place]}1`, header, styles.head))
  yield `${declaration}<worksheet xmlns="${main}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/><selection pane="bottomLeft"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight="15"/><cols>${widths
    .map((width, place) => `<col min="${place + 1}" max="${place + 1}" width="${width}" customWidth="1"/>`)
    .join('')}</cols><sheetData><row r="1">${texts.join('')}</row>`
  let signs = 0
  while (done.rows < limits.rows && signs < limits.signs) {
    const rows = await source.take(Math.min(rowsAtOnce, limits.rows - done.rows))
    if (rows.length === 0) break
    const text = rows.map((row, place) => rowXml(row, columns, done.rows + place + 2)).join('')
    done.rows += rows.length
    signs += text.length
    yield text
  }
  yield `</sheetData><autoFilter ref="A1:${columns.at(-1)}${done.rows + 1}"/></worksheet>`
}

function rowXml(row: Row, columns: readonly string[], number: number): string {
  const cells = row.map((cell, place) => cellXml(cell, `${columns[place]}${number}`))
  return `<row r="${number}">${cells.join('')}</row>`
}

/** Formats of cells, by their place in the part `styles`. */
const styles = { head: 1, text: 2, moment: 3, day: 4, rate: 5, count: 6, number: 7 } as const

function cellXml(cell: Cell, place: string): string {
  if (cell === null || cell === '') return ''
  if (typeof cell === 'string') return textCell(place, cell, styles.text)
  if (typeof cell === 'number') {
    if (!Number.isFinite(cell)) return ''
    return valueCell(place, cell, Number.isInteger(cell) ? styles.count : styles.number)
  }
  if (cell instanceof Date) return dateCell(place, cell.getTime() + vietnam, styles.moment)
  if ('day' in cell) return dateCell(place, Date.parse(`${cell.day}T00:00:00Z`), styles.day)
  return cell.rate === null ? '' : valueCell(place, Number((cell.rate / 100).toFixed(6)), styles.rate)
}

const valueCell = (place: string, value: number, style: number) => `<c r="${place}" s="${style}"><v>${value}</v></c>`

const vietnam = 7 * 3_600_000
/** Days of a spreadsheet between 1 January 1900, as it counts them, and 1970. */
const daysBefore1970 = 25_569
/** Before March 1900 spreadsheets count a day that never was; after 9999 they count none. */
const [firstDay, lastDay] = [61, 2_958_466]

function dateCell(place: string, local: number, style: number): string {
  const serial = local / 86_400_000 + daysBefore1970
  if (serial >= firstDay && serial < lastDay) return valueCell(place, Number(serial.toFixed(9)), style)
  return Number.isNaN(local) ? '' : textCell(place, new Date(local).toISOString().slice(0, 16), styles.text)
}

/** Signs that a cell holds at most, as spreadsheets count them. */
const longestText = 32_767
const cutMark = ' … [cắt bớt / cut]'

function textCell(place: string, text: string, style: number): string {
  const space = /^\s|\s$|\n/.test(text) ? ' xml:space="preserve"' : ''
  return `<c r="${place}" s="${style}" t="inlineStr"><is><t${space}>${escaped(shortened(text))}</t></is></c>`
}

function shortened(text: string): string {
  return text.length <= longestText ? text : `${text.slice(0, longestText - cutMark.length)}${cutMark}`
}

const special = /[&<>"\p{Cc}\p{Cs}\uFFFE\uFFFF]|_x/u
/** Control signs and halves of signs. */
const impossible = /[^\P{Cc}\t\n\r]|[\p{Cs}\uFFFE\uFFFF]/gu
const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

const quoted = (text: string) => text.replace(/[&<>"]/g, (sign) => entities[sign]!)

/** What XML cannot hold is left out; what a spreadsheet would take for a sign's number (`_x0041_`) is told to be none. */
function escaped(text: string): string {
  if (!special.test(text)) return text
  const possible = text.replace(/\r\n?/g, '\n').replace(impossible, '')
  return quoted(possible.replace(/_(?=x[0-9A-Fa-f]{4}_)/g, '_x005F_'))
}

/** Rows by which the widths of columns are chosen. */
const rowsMeasured = 200

function widthsOf(headers: readonly string[], rows: readonly Row[]): number[] {
  return headers.map((header, place) => {
    // The button of the filter stands beside the words of the head.
    const longest = rows.reduce((most, row) => Math.max(most, lengthOf(row[place] ?? null)), header.length + 2)
    return Math.min(60, longest + 2)
  })
}

function lengthOf(cell: Cell): number {
  if (typeof cell === 'string') return cell.length
  if (cell instanceof Date) return 16
  return cell === null ? 0 : 10
}

/** A name that spreadsheets take and that no sheet has yet. */
function nameOf(wanted: string, part: number, written: readonly Written[]): string {
  const clean = wanted
    .replace(impossible, '')
    .replace(/[\\/?*[\]:\n\t]/g, ' ')
    .replace(/^[' ]+|[' ]+$/g, '')
  const taken = new Set(written.map(({ name }) => name.toLowerCase()))
  for (let number = part; ; number += 1) {
    const ending = number === 1 ? '' : ` (${number})`
    const name = `${(clean || 'Sheet').slice(0, 31 - ending.length)}${ending}`
    if (!taken.has(name.toLowerCase())) return name
  }
}

const sheetPath = (number: number) => `xl/worksheets/sheet${number}.xml`

const declaration = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
const relations = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const packaged = 'http://schemas.openxmlformats.org/package/2006'
const kind = 'application/vnd.openxmlformats-officedocument.spreadsheetml'

/** What says which sheets there are: known when they are written. */
function fixedParts(sheets: readonly Written[]): [path: string, text: string][] {
  const each = (text: (sheet: Written, number: number) => string) =>
    sheets.map((sheet, place) => text(sheet, place + 1)).join('')
  const area = ({ name, columns, rows }: Written) =>
    `${quoted(`'${name.replaceAll("'", "''")}'`)}!$A$1:$${lettersOf(columns - 1)}$${rows + 1}`
  return [
    [
      'xl/workbook.xml',
      `<workbook xmlns="${main}" xmlns:r="${relations}"><sheets>${each(
        ({ name }, number) => `<sheet name="${quoted(name)}" sheetId="${number}" r:id="rId${number}"/>`,
      )}</sheets><definedNames>${each(
        (sheet, number) =>
          `<definedName name="_xlnm._FilterDatabase" localSheetId="${number - 1}" hidden="1">${area(sheet)}</definedName>`,
      )}</definedNames></workbook>`,
    ],
    [
      'xl/_rels/workbook.xml.rels',
      `<Relationships xmlns="${packaged}/relationships">${each(
        (_, number) =>
          `<Relationship Id="rId${number}" Type="${relations}/worksheet" Target="worksheets/sheet${number}.xml"/>`,
      )}<Relationship Id="rId${sheets.length + 1}" Type="${relations}/styles" Target="styles.xml"/></Relationships>`,
    ],
    ['xl/styles.xml', stylesXml],
    [
      '_rels/.rels',
      `<Relationships xmlns="${packaged}/relationships"><Relationship Id="rId1" Type="${relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    ],
    [
      '[Content_Types].xml',
      `<Types xmlns="${packaged}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${kind}.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="${kind}.styles+xml"/>${each(
        (_, number) => `<Override PartName="/${sheetPath(number)}" ContentType="${kind}.worksheet+xml"/>`,
      )}</Types>`,
    ],
  ].map(([path, text]) => [path!, `${declaration}${text}`])
}

const font = (bold: string) => `<font>${bold}<sz val="11"/><name val="Calibri"/><family val="2"/></font>`
const look = (format: number, more = '') =>
  `<xf numFmtId="${format}" fontId="0" fillId="0" borderId="0" xfId="0"${more}/>`

/** In the order of `styles`; 49 is text, 3 a number with its thousands set apart. */
const looks = [
  look(0),
  '<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>',
  ...[49, 164, 165, 166, 3, 0].map((format) => look(format, ' applyNumberFormat="1"')),
]

const stylesXml = `<styleSheet xmlns="${main}"><numFmts count="3"><numFmt numFmtId="164" formatCode="dd/mm/yyyy\\ hh:mm"/><numFmt numFmtId="165" formatCode="dd/mm/yyyy"/><numFmt numFmtId="166" formatCode="0.0%"/></numFmts><fonts count="2">${font('')}${font('<b/>')}</fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="${looks.length}">${looks.join('')}</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`

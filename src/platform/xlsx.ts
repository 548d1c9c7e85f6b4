import { strFromU8, unzipSync } from 'fflate'
import { XMLParser } from 'fast-xml-parser'
import type { Cells } from './table.ts'

/**
 * Workbooks as offices send them. What a cell shows is taken, never worked out: a formula counts by the value it was saved with. What cannot be
 * taken for what it says (a number in a code's column, an error, a merged cell) is a fault of that cell, for whoever needs it.
 */
export interface Workbook {
  readonly sheets: readonly string[]
  /** Rows with something in them, with the numbers a spreadsheet shows. */
  rows(sheet: string): Cells[]
}

/** What makes a file no workbook that can be read; said to a person. */
export class WorkbookError extends Error {}

/** Bytes of one part once it is unpacked: a sheet of 50 MB packed is some 300. More is no list of an office. */
const largestPart = 400 * 1024 * 1024
const mostRows = 500_000
/** One remark in the last column would make every row as wide: 20,000 of them took 4 GB. */
const mostCells = 40_000_000
/** As many as a spreadsheet has. */
const mostColumns = 16_384

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  textNodeName: '#text',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  removeNSPrefix: true,
  htmlEntities: true,
  isArray: (name, _path, _isLeaf, isAttribute) =>
    !isAttribute && ['c', 'r', 'xf', 'numFmt', 'sheet', 'Relationship', 'mergeCell'].includes(name),
})

type Node = Readonly<Record<string, unknown>>
const nodeOf = (value: unknown): Node => (typeof value === 'object' && value !== null ? (value as Node) : {})
const listOf = (value: unknown): Node[] => (Array.isArray(value) ? value.map(nodeOf) : [])
const attribute = (node: Node, name: string): string => (typeof node[name] === 'string' ? node[name] : '')

export const isWorkbook = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b

/** The container of Excel before 2007, in which a workbook with a password still comes. */
export const isOldWorkbook = (bytes: Uint8Array): boolean => bytes[0] === 0xd0 && bytes[1] === 0xcf && bytes[2] === 0x11

export interface OpenOptions {
  readonly largest?: number | undefined
  /** Days with a time show both. */
  readonly times?: boolean | undefined
}

export function openWorkbook(bytes: Uint8Array, { largest = largestPart, times = false }: OpenOptions = {}): Workbook {
  const part = unpacker(bytes, largest)
  const workbook = treeOf(part('xl/workbook.xml') ?? missing())
  const book = nodeOf(workbook['workbook'])
  const targets = new Map(
    listOf(nodeOf(treeOf(part('xl/_rels/workbook.xml.rels') ?? '')['Relationships'])['Relationship']).map((one) => [
      attribute(one, 'Id'),
      attribute(one, 'Target'),
    ]),
  )
  const sheets = new Map(
    listOf(nodeOf(book['sheets'])['sheet']).map((one) => [
      attribute(one, 'name'),
      targets.get(attribute(one, 'id')) ?? '',
    ]),
  )
  const from1904 = ['1', 'true'].includes(attribute(nodeOf(book['workbookPr']), 'date1904'))
  let shared: readonly string[] | undefined
  let dates: ReadonlySet<number> | undefined
  return {
    sheets: [...sheets.keys()],
    rows(sheet) {
      const target = (sheets.get(sheet) ?? '').replace(/^\/?(?:xl\/)?/, '')
      const xml = part(`xl/${target}`)
      if (xml === null) throw new WorkbookError(`The sheet ${sheet} is not in the file`)
      shared ??= sharedStrings(part('xl/sharedStrings.xml') ?? '')
      dates ??= dateStyles(part('xl/styles.xml') ?? '')
      return rowsOf(xml, { shared, dates, from1904, times })
    },
  }
}

function treeOf(xml: string): Node {
  try {
    return nodeOf(parser.parse(xml))
  } catch {
    throw new WorkbookError('The file is damaged: a part of it is no XML')
  }
}

const missing = (): never => {
  throw new WorkbookError('This is not an Excel workbook (.xlsx)')
}

/** Reads single parts, and none that would fill the memory: an archive may promise little and hold much. */
function unpacker(bytes: Uint8Array, largest: number): (name: string) => string | null {
  return (name) => {
    try {
      const found = unzipSync(bytes, {
        filter(file) {
          if (file.name !== name) return false
          if (file.originalSize > largest) throw new WorkbookError('The sheet is too large to be a list')
          return true
        },
      })[name]
      return found === undefined ? null : strFromU8(found)
    } catch (error) {
      if (error instanceof WorkbookError) throw error
      throw new WorkbookError('The file is damaged: it cannot be unpacked')
    }
  }
}

/** Parts are cut into their rows, so that no more than one is held as a tree; read once from start to end, whatever the part holds. */
function* elements(xml: string, name: string): Generator<string> {
  const opening = new RegExp(`<((?:\\w+:)?${name})(?=[\\s/>])[^<>]*>`, 'g')
  for (let start = opening.exec(xml); start !== null; start = opening.exec(xml)) {
    if (start[0].endsWith('/>')) {
      yield start[0]
      continue
    }
    const closing = `</${start[1]}>`
    const end = xml.indexOf(closing, opening.lastIndex)
    if (end === -1) return
    opening.lastIndex = end + closing.length
    yield xml.slice(start.index, opening.lastIndex)
  }
}

const sharedStrings = (xml: string): string[] =>
  [...elements(xml, 'si')].map((text) => textOf(nodeOf(treeOf(text)['si'])))

/** Text in one piece, or in runs of different looks; readings of characters (`rPh`) are not part of it. */
function textOf(node: Node): string {
  const runs = listOf(node['r']).map((run) => plain(run['t']))
  return unescaped(runs.length > 0 ? runs.join('') : plain(node['t']))
}

function plain(value: unknown): string {
  if (typeof value === 'string') return value
  const text = nodeOf(value)['#text']
  return typeof text === 'string' ? text : ''
}

/** Signs that XML cannot hold are written `_x000D_`. */
const unescaped = (text: string) =>
  text.replace(/_x([0-9A-Fa-f]{4})_/g, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)))

/** Formats that every spreadsheet has for days and times. */
const builtInDates = (id: number) => (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 58)

/** Which styles show a number as a day. */
function dateStyles(xml: string): Set<number> {
  const sheet = nodeOf(treeOf(xml)['styleSheet'])
  const own = new Set(
    listOf(nodeOf(sheet['numFmts'])['numFmt'])
      .filter((format) => /[dy]/i.test(attribute(format, 'formatCode').replace(/"[^"]*"|\[[^\]]*\]|\\./g, '')))
      .map((format) => Number(attribute(format, 'numFmtId'))),
  )
  const styles = listOf(nodeOf(sheet['cellXfs'])['xf']).map((xf) => Number(attribute(xf, 'numFmtId')))
  return new Set(styles.flatMap((id, place) => (builtInDates(id) || own.has(id) ? [place] : [])))
}

interface Reading {
  readonly shared: readonly string[]
  readonly dates: ReadonlySet<number>
  readonly from1904: boolean
  readonly times: boolean
}

interface Cell {
  readonly text: string
  readonly fault?: string
}

function rowsOf(xml: string, reading: Reading): Cells[] {
  const merged = mergedCells(xml)
  const rows: Cells[] = []
  let last = 0
  for (const text of elements(xml, 'row')) {
    const node = nodeOf(treeOf(text)['row'])
    const row = Number(attribute(node, 'r')) || last + 1
    last = row
    if (rows.length > mostRows) throw new WorkbookError(`The sheet has more than ${mostRows} rows`)
    const cells: string[] = []
    const faults = new Map<number, string>()
    for (const one of listOf(node['c'])) {
      const index = placeOf(attribute(one, 'r')) ?? cells.length
      if (index >= mostColumns) continue
      const { text: shown, fault } = cellOf(one, reading)
      while (cells.length < index) cells.push('')
      cells[index] = shown.trim()
      if (fault !== undefined) faults.set(index, fault)
    }
    for (const [place, range] of merged.get(row) ?? [])
      faults.set(place, `The cells ${range} are merged; each row needs a value of its own`)
    if (cells.some((cell) => cell !== '')) rows.push({ row, cells, faults })
  }
  return sameLength(rows)
}

/** Empty cells at the end of a row are not written. */
function sameLength(rows: readonly Cells[]): Cells[] {
  const width = rows.reduce((most, { cells }) => Math.max(most, cells.length), 0)
  if (width * rows.length > mostCells) throw new WorkbookError('The sheet is too large to be a list')
  return rows.map((row) => ({ ...row, cells: [...row.cells, ...Array<string>(width - row.cells.length).fill('')] }))
}

/** `B7` stands at 1. */
function placeOf(reference: string): number | null {
  const letters = /^[A-Z]+/.exec(reference)?.[0]
  return letters === undefined
    ? null
    : Array.from(letters).reduce((place, letter) => place * 26 + (letter.codePointAt(0)! - 64), 0) - 1
}

/** Cells of merged ranges, by row and place, each with its range. */
function mergedCells(xml: string): Map<number, Map<number, string>> {
  const rows = new Map<number, Map<number, string>>()
  let count = 0
  for (const [, range] of xml.matchAll(/<(?:\w+:)?mergeCell [^<>]*ref="([A-Z]+\d+:[A-Z]+\d+)"/g)) {
    const [from = '', to = ''] = range!.split(':')
    const [left, right] = [placeOf(from) ?? 0, placeOf(to) ?? 0]
    const [top = 0, bottom = 0] = [from, to].map((corner) => Number(/\d+$/.exec(corner)![0]))
    for (let row = top; row <= Math.min(bottom, top + mostMerged); row += 1) {
      const places = rows.get(row) ?? new Map<number, string>()
      count += Math.min(right - left, mostMerged) + 1
      if (count > mostMergedTogether) throw new WorkbookError('The sheet is too large to be a list')
      for (let place = left; place <= Math.min(right, left + mostMerged); place += 1) places.set(place, range!)
      rows.set(row, places)
    }
  }
  return rows
}

/** Somebody may merge a whole column: what is named of it is enough to find it. */
const mostMerged = 1_000
const mostMergedTogether = 5_000_000

function cellOf(node: Node, { shared, dates, from1904, times }: Reading): Cell {
  const kind = attribute(node, 't')
  const value = plain(node['v'])
  if (kind === 's') return { text: shared[Number(value)] ?? '' }
  if (kind === 'inlineStr') return { text: textOf(nodeOf(node['is'])) }
  if (kind === 'e') return { text: value, fault: `The cell shows an error (${value})` }
  if (value === '')
    return 'f' in node
      ? { text: '', fault: 'The cell holds a formula without a value; open the file in a spreadsheet and save it' }
      : { text: '' }
  if (kind === 'str') return { text: unescaped(value) }
  if (kind === 'b') return { text: value === '1' ? 'TRUE' : 'FALSE' }
  if (kind === 'd') return { text: times ? value : value.slice(0, 10), fault: dayFault }
  const serial = Number(value)
  if (dates.has(Number(attribute(node, 's'))) && serial >= 0 && serial < lastDay)
    return { text: shownOf(serial, { from1904, times }), fault: dayFault }
  return { text: value, fault: numberFault }
}

/** Said only where a code or a text belongs: see `readTable`. */
export const numberFault =
  'The cell holds a number, from which a spreadsheet drops zeros; format the column as text and enter it again'

export const dayFault = 'The cell holds a day, not a code; format the column as text and enter it again'

/** 31 December 9999, the last day that spreadsheets count. */
const lastDay = 2_958_466

/** Days since 1900 as spreadsheets count them (with a 29 February 1900 that never was), or since 1904. */
function shownOf(serial: number, { from1904, times }: Pick<Reading, 'from1904' | 'times'>): string {
  const epoch = from1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, 30)
  const hasTime = times && !Number.isInteger(serial)
  // Fractions of a day are never exact: to the second they are.
  const seconds = hasTime ? Math.round(serial * 86_400) : Math.floor(serial) * 86_400
  const [day, time] = new Date(epoch + seconds * 1000).toISOString().split('T') as [string, string]
  return hasTime ? `${day} ${time.slice(0, 8)}` : day
}

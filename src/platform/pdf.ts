import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import PdfKit from 'pdfkit'

/**
 * Paper for printing and for screen readers: A4, tagged (headings, tables, figures with words for them), with its language and title. The font
 * has all signs of Vietnamese; only those that are used are put into the file.
 */

export interface PaperWish {
  readonly title: string
  readonly language: string
  readonly made: Date
  /** At the foot of every page, beside its number. */
  readonly foot: string
  readonly pageOf: (page: number, pages: number) => string
}

export interface Column {
  readonly head: string
  readonly width: number
  /** Numbers stand at the right. */
  readonly number?: boolean
}

export interface TableCell {
  readonly text: string
  /** In small letters below. */
  readonly more?: string
  readonly bold?: boolean
  /** Colour of a small square before it. */
  readonly mark?: string
  /** A small bar below. */
  readonly bar?: { readonly percent: number | null; readonly colour: string }
}

export interface TextStyle {
  readonly size?: number
  readonly bold?: boolean
  readonly colour?: string
  readonly align?: 'left' | 'right' | 'center'
  readonly width?: number
  readonly lines?: number
}

export const colours = {
  ink: '#16202a',
  soft: '#52606d',
  line: '#d9e0e6',
  track: '#e3e9ee',
  good: '#0b7a4b',
  causes: ['#c2410c', '#b7791f', '#7c3aed', '#be185d', '#2563eb', '#0e7490', '#65700f', '#64748b'],
} as const

const fonts = {
  plain: fileURLToPath(import.meta.resolve('@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf')),
  bold: fileURLToPath(import.meta.resolve('@expo-google-fonts/inter/600SemiBold/Inter_600SemiBold.ttf')),
} as const

const [pageWidth, pageHeight] = [595.28, 841.89]
const [side, top, bottom] = [48, 48, 60]
/** What can be written on, from side to side. */
export const paperWidth = pageWidth - 2 * side
const textSize = 9.5
const lineGap = 1.5
/** Lines of a cell, which has room for no novel. */
const mostLines = 3
/** Signs of a text, and of a word: one that has no end is measured anew for each of its signs. */
const longestText = 4_000
const endlessWord = /(\S{200})\S+/g

/** Digits of one width, and no point that creeps under the digit before it. */
const figures = { features: { tnum: true, kern: false } as unknown as PDFKit.Mixins.OpenTypeFeatures[] }
const featuresOf = (text: string) => (/^[\d.,%<–\s]+$/.test(text) ? figures : {})

type Doc = InstanceType<typeof PdfKit>
type Element = ReturnType<Doc['struct']>

export class Paper {
  readonly #doc: Doc
  readonly #root: Element
  readonly #wish: PaperWish
  readonly #known = new Map<string, boolean>()
  #y = top

  constructor(wish: PaperWish) {
    this.#wish = wish
    this.#doc = new PdfKit({
      size: 'A4',
      margins: { top, bottom, left: side, right: side },
      font: fonts.plain,
      lang: wish.language,
      tagged: true,
      displayTitle: true,
      pdfVersion: '1.7',
      subset: 'PDF/UA' as 'PDF/A-1',
      bufferPages: true,
      info: {
        Title: wish.title.normalize('NFC'),
        CreationDate: wish.made,
        ModDate: wish.made,
        Producer: 'dvcqg-adapter',
      },
    })
    this.#root = this.#doc.struct('Document')
    this.#doc.addStructure(this.#root)
  }

  heading(level: 1 | 2, text: string, together = 80): void {
    const size = level === 1 ? 18 : 12.5
    this.#space(level === 1 ? 0 : 16)
    this.#ensure(together)
    this.#tagged(this.#root, `H${level}`, {}, () => this.#write(text, side, this.#y, { size, bold: true }))
    this.#y += this.#heightOf(text, { size, bold: true }) + 4
  }

  paragraph(text: string, style: TextStyle = {}): void {
    const height = this.#heightOf(text, style)
    this.#ensure(height)
    this.#tagged(this.#root, 'P', {}, () => this.#write(text, side, this.#y, style))
    this.#y += height + 3
  }

  /** A drawing, with the words that say the same. `draw` gets its left upper corner. */
  figure(alt: string, height: number, draw: (canvas: Canvas, x: number, y: number) => void): void {
    this.#ensure(height)
    const y = this.#y
    const bbox = [side, y, side + paperWidth, y + height]
    const canvas: Canvas = {
      doc: this.#doc,
      text: (words, x, top, style = {}) => this.#write(words, x, top, style),
    }
    this.#tagged(this.#root, 'Figure', { alt: this.#shown(alt), bbox }, () => draw(canvas, side, y))
    this.#y += height
  }

  /** Its head is repeated on every page. */
  table(columns: readonly Column[], rows: readonly (readonly TableCell[])[]): void {
    const table = this.#doc.struct('Table')
    this.#root.add(table)
    const head = columns.map(({ head }) => ({ text: head }))
    this.#row(table, columns, head, true)
    for (const row of rows) {
      if (!this.#fits(this.#rowHeight(columns, row))) {
        this.#newPage()
        this.#artifact(() => this.#rowTexts(columns, head, headStyle))
        this.#closeRow(this.#rowHeight(columns, head))
      }
      this.#row(table, columns, row, false)
    }
    table.end()
  }

  async bytes(): Promise<Buffer> {
    const { start, count } = this.#doc.bufferedPageRange()
    for (let page = start; page < start + count; page += 1) {
      this.#doc.switchToPage(page)
      this.#doc.page.margins.bottom = 0
      const y = pageHeight - bottom + 22
      const style = { size: 8, colour: colours.soft, lines: 1 }
      const number = this.#wish.pageOf(page + 1, count)
      this.#artifact(() => {
        this.#write(this.#wish.foot, side, y, { ...style, width: paperWidth - 90 })
        this.#write(number, side + paperWidth - 90, y, { ...style, width: 90, align: 'right' })
      })
    }
    this.#root.end()
    this.#doc.end()
    return buffer(this.#doc)
  }

  #row(table: Element, columns: readonly Column[], cells: readonly TableCell[], isHead: boolean): void {
    const row = this.#doc.struct('TR')
    table.add(row)
    this.#rowTexts(columns, cells, isHead ? headStyle : {}, (place, write) => {
      const names = isHead ? 'Column' : place === 0 ? 'Row' : null
      this.#tagged(row, names === null ? 'TD' : 'TH', names === null ? {} : { scope: names }, write)
    })
    row.end()
    this.#artifact(() => this.#marks(columns, cells))
    this.#closeRow(this.#rowHeight(columns, cells))
  }

  #rowTexts(
    columns: readonly Column[],
    cells: readonly TableCell[],
    style: TextStyle,
    around: (place: number, write: () => void) => void = (_place, write) => write(),
  ): void {
    for (const { place, x, cell, column } of placesOf(columns, cells)) {
      const own = { ...styleOf(cell, column), ...style, ...(column.number && { align: 'right' as const }) }
      const y = this.#y + cellPadding
      around(place, () => {
        this.#write(cell.text, x, y, own)
        if (cell.more !== undefined)
          this.#write(cell.more, x, y + this.#heightOf(cell.text, own), moreStyle(cell, column))
      })
    }
  }

  #marks(columns: readonly Column[], cells: readonly TableCell[]): void {
    for (const { x, cell, column } of placesOf(columns, cells)) {
      const y = this.#y + cellPadding
      if (cell.mark !== undefined) this.#doc.rect(x - markRoom, y + 2, 8, 8).fill(cell.mark)
      if (cell.bar === undefined) continue
      const [below, length] = [y + this.#heightOf(cell.text, styleOf(cell, column)) + 1, column.width - cellGap]
      this.#doc.rect(x, below, length, 3).fill(colours.track)
      this.#doc.rect(x, below, (length * (cell.bar.percent ?? 0)) / 100, 3).fill(cell.bar.colour)
    }
  }

  #rowHeight(columns: readonly Column[], cells: readonly TableCell[]): number {
    const heights = placesOf(columns, cells).map(({ cell, column }) => {
      const below = cell.more === undefined ? 0 : this.#heightOf(cell.more, moreStyle(cell, column))
      return this.#heightOf(cell.text, styleOf(cell, column)) + below + (cell.bar === undefined ? 0 : 6)
    })
    return Math.max(...heights) + 2 * cellPadding
  }

  #closeRow(height: number): void {
    this.#y += height
    this.#artifact(() => {
      this.#doc
        .moveTo(side, this.#y)
        .lineTo(side + paperWidth, this.#y)
        .lineWidth(0.5)
        .stroke(colours.line)
    })
  }

  #tagged(parent: Element, type: string, options: object, draw: () => void): void {
    parent.add(this.#doc.struct(type, options, draw))
  }

  /** What is read out to nobody. */
  #artifact(draw: () => void): void {
    this.#doc.markContent('Artifact', { type: 'Layout' })
    draw()
    this.#doc.endMarkedContent()
  }

  #write(text: string, x: number, y: number, style: TextStyle): void {
    const { align = 'left', width = paperWidth, colour = colours.ink } = style
    const height = this.#heightOf(text, style)
    this.#font(style)
      .fillColor(colour)
      .text(this.#shown(text), x, y, { width, align, lineGap, height: height + 1, ellipsis: true, ...featuresOf(text) })
  }

  #heightOf(text: string, style: TextStyle): number {
    const { width = paperWidth, lines = 40, align = 'left' } = style
    const doc = this.#font(style)
    const line = doc.currentLineHeight(true) + lineGap
    return Math.min(lines * line, doc.heightOfString(this.#shown(text), { width, align, lineGap, ...featuresOf(text) }))
  }

  #font({ size = textSize, bold = false }: TextStyle): Doc {
    return this.#doc.font(bold ? fonts.bold : fonts.plain).fontSize(size)
  }

  /** One sign for what can be written as two; a box for what the font does not have. */
  #shown(text: string): string {
    const words = text
      .slice(0, longestText)
      .normalize('NFC')
      .replace(/[\s\p{Cc}]+/gu, ' ')
    return Array.from(words.replace(endlessWord, '$1…'), (sign) => (this.#has(sign) ? sign : '□')).join('')
  }

  #has(sign: string): boolean {
    const known = this.#known.get(sign)
    if (known !== undefined) return known
    const { font } = (this.#doc as unknown as { _font: { font: { hasGlyphForCodePoint(code: number): boolean } } })
      ._font
    const has = font.hasGlyphForCodePoint(sign.codePointAt(0)!)
    this.#known.set(sign, has)
    return has
  }

  #fits = (height: number): boolean => this.#y + height <= pageHeight - bottom

  #ensure(height: number): void {
    if (!this.#fits(height)) this.#newPage()
  }

  #newPage(): void {
    this.#doc.addPage()
    this.#y = top
  }

  #space(height: number): void {
    if (this.#y > top) this.#y += height
  }
}

/** What a figure is drawn with. */
export interface Canvas {
  readonly doc: Doc
  readonly text: (words: string, x: number, y: number, style?: TextStyle) => void
}

const cellGap = 8
const cellPadding = 4
const markRoom = 14

function placesOf(columns: readonly Column[], cells: readonly TableCell[]) {
  let left = side
  return columns.map((column, place) => {
    const cell = cells[place]!
    const x = left + (cell.mark === undefined ? 0 : markRoom)
    left += column.width
    return { place, x, cell, column }
  })
}

const roomOf = ({ mark }: TableCell, { width }: Column) => width - cellGap - (mark === undefined ? 0 : markRoom)
const headStyle: TextStyle = { bold: true, colour: colours.soft, size: 7.5 }
/** Signs of a number that have room in the narrowest column; a longer one is set smaller, never broken. */
const roomForDigits = 9
const styleOf = (cell: TableCell, column: Column): TextStyle => ({
  size: column.number ? (8.5 * roomForDigits) / Math.max(roomForDigits, cell.text.length) : 8.5,
  width: roomOf(cell, column),
  lines: mostLines,
  bold: cell.bold ?? false,
})
const moreStyle = (cell: TableCell, column: Column): TextStyle => ({
  size: 7.5,
  colour: colours.soft,
  width: roomOf(cell, column),
  lines: mostLines,
})

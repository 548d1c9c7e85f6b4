import { Readable } from 'node:stream'
import { csvLines } from '../platform/csv.ts'
import { tableBytes, tableFormats, type TableFormat } from '../platform/files.ts'
import type { Table } from '../platform/table.ts'
import { workbook } from '../platform/workbook-writer.ts'
import type { Download } from './console.ts'
import { momentWords } from './words.ts'

/** Lists as files that somebody takes away. */

export interface LongList {
  /** Of the sheet. */
  readonly title: string
  readonly headers: readonly string[]
  /** In parts of any length; moments are shown in Vietnam's time. */
  readonly rows: AsyncIterable<readonly Row[]>
}
type Row = readonly (string | number | Date)[]

/** A list of any length, made while it is taken away: a file of a million rows needs no more memory than a short one. */
export function longListFile(name: string, format: TableFormat, { title, headers, rows }: LongList): Download {
  const content = format === 'xlsx' ? workbook([{ name: title, headers, rows }]) : csvLines(headers, inWords(rows))
  return { ...fileOf(name, format), bytes: Readable.from(content, { objectMode: false }) }
}

async function* inWords(parts: LongList['rows']) {
  for await (const part of parts)
    yield part.map((row) => row.map((cell) => (cell instanceof Date ? momentWords(cell.toISOString()) : cell)))
}

/** A list that is known to be short: it takes no turn among the long ones. */
export const shortListFile = async (name: string, format: TableFormat, table: Table): Promise<Download> => ({
  ...fileOf(name, format),
  bytes: await tableBytes(format, table),
})

const fileOf = (name: string, format: TableFormat) => ({ name: `${name}.${format}`, type: tableFormats[format] })

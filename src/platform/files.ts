import { z } from 'zod'
import { csvBytes, readCsv, writeCsv } from './csv.ts'
import {
  failed,
  judgeTable,
  namesIn,
  problem,
  type Cells,
  type Table,
  type TableResult,
  type TableShape,
} from './table.ts'
import { dayFault, isOldWorkbook, isWorkbook, numberFault, openWorkbook, WorkbookError, type Workbook } from './xlsx.ts'
import { sheetOf, workbookBytes, writeWorkbook } from './workbook-writer.ts'

/** Rows down to which a sheet's header is looked for: offices put titles above it. */
const titles = 20

interface ReadOptions {
  readonly sheet?: string
  /** Most bytes of a sheet once it is unpacked, where less than any list is allowed. */
  readonly largest?: number
  /** A cell with a day and a time shows both; otherwise the day alone. */
  readonly times?: boolean
}

const oldWorkbook =
  'This is a workbook of old Excel (.xls), or one with a password; save it as an Excel workbook (.xlsx) without one'

/**
 * Reads a list, as CSV or as an Excel workbook: told apart by what the file is, not by its name. Of a workbook the named sheet is taken, else
 * the first that has the columns. Either every row is right, or the problems of all of them come back and no row does.
 */
export function readTable<T>(
  bytes: Uint8Array,
  shape: TableShape<T>,
  { sheet, largest, times }: ReadOptions = {},
): TableResult<T> {
  if (isOldWorkbook(bytes)) return failed([problem(1, null, oldWorkbook)])
  if (!isWorkbook(bytes)) return readCsv(bytes, shape)
  try {
    const workbook = openWorkbook(bytes, { largest, times })
    const table = tableIn(workbook, shape, sheet)
    if (table === null) {
      const sheets = workbook.sheets.join(', ')
      const wanted = sheet === undefined ? 'No sheet' : `The sheet ${sheet}`
      return failed([
        problem(1, null, `${wanted} has the columns ${shape.headers.join(', ')}; the file has the sheets ${sheets}`),
      ])
    }
    return judgeTable(
      table.map((row) => withoutNumbers(row, namesIn(table[0]!, shape.aliases))),
      shape,
    )
  } catch (error) {
    if (error instanceof WorkbookError) return failed([problem(1, null, error.message)])
    throw error
  }
}

type Headed = Pick<TableShape<unknown>, 'headers' | 'aliases'>

function tableIn(workbook: Workbook, { headers, aliases }: Headed, sheet: string | undefined): Cells[] | null {
  for (const name of sheet === undefined ? workbook.sheets : workbook.sheets.filter((one) => one === sheet)) {
    const rows = workbook.rows(name)
    const place = rows
      .slice(0, titles)
      .findIndex((row) => headers.every((header) => namesIn(row, aliases).includes(header)))
    if (place !== -1) return cut(rows.slice(place))
  }
  return null
}

/** Columns behind the last named one hold remarks of nobody's table. */
function cut(rows: readonly Cells[]): Cells[] {
  const width = rows[0]!.cells.findLastIndex((cell) => cell !== '') + 1
  return rows
    .map((row) => ({ ...row, cells: row.cells.slice(0, width) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''))
}

/** A number or a day is a fault where a code belongs; elsewhere it says what it shows. */
function withoutNumbers(row: Cells, names: readonly string[]): Cells {
  const faults = [...(row.faults ?? [])].filter(
    ([place, fault]) => (fault !== numberFault && fault !== dayFault) || /(?:^|_)code$/.test(names[place] ?? ''),
  )
  return { ...row, faults: new Map(faults) }
}

/** Lists that are handed out, for spreadsheets, with their media type. */
export const tableFormats = {
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  csv: 'text/csv; charset=utf-8',
} as const
export type TableFormat = keyof typeof tableFormats
/** As an address names one of them. */
export const tableFormat = z.enum(Object.keys(tableFormats) as TableFormat[])

/** The name of a sheet that stands alone. */
const onlySheet = 'Danh sách'

/** A list as the file it is handed out as: a workbook, or CSV that a spreadsheet opens rightly. */
export const tableBytes = (format: TableFormat, { headers, rows }: Table): Promise<Buffer> =>
  format === 'xlsx' ? workbookBytes([sheetOf(onlySheet, headers, rows)]) : csvBytes(headers, rows)

/** Writes a list: a workbook where the name ends in `.xlsx`, else CSV. */
export async function writeTable(
  file: string,
  headers: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  { excel }: { excel: boolean },
): Promise<void> {
  if (/\.xlsx$/i.test(file)) await writeWorkbook(file, [sheetOf(onlySheet, headers, rows)])
  else await writeCsv(file, headers, [rows], { excel })
}

import { z } from 'zod'
import type { Language } from '../console/words.ts'
import type { Sql } from '../platform/database.ts'
import type { Refusal } from '../platform/problems.ts'
import type { Table, TableProblem, TableShape } from '../platform/table.ts'
import type { Advice } from './advice.ts'
import { blankIsNull, cellText, codeCell, dayCell, levelCell, localCodeCell, needed } from './cells.ts'
import { NationalCode } from './codes.ts'
import { listMappings } from './decisions.ts'
import type { LocalCode } from './local.ts'
import type { Mapping } from './model.ts'
import { reasonsInWords } from './suggest.ts'

/** Mappings as lists: what an office gets to fill in or to edit, and what it gives back. */

export type MappingRow = Omit<Mapping, 'nationalCode'> & { readonly nationalCode: string | null; readonly why: string }

/** What a worksheet says to whoever fills it in; not read back. */
const remarks = ['local_name', 'waiting', 'proposals']

export const mappingList: TableShape<MappingRow> = {
  headers: ['local_code', 'national_code'],
  optional: ['source', 'agency_code', 'level', 'valid_from', 'valid_to', 'why', ...remarks],
  row: z
    .object({
      local_code: localCodeCell(100),
      national_code: blankIsNull(NationalCode),
      source: blankIsNull(needed(50)).default(null),
      agency_code: blankIsNull(codeCell(50)).default(null),
      level: blankIsNull(levelCell).default(null),
      valid_from: blankIsNull(dayCell).default(null),
      valid_to: blankIsNull(dayCell).default(null),
      why: cellText().default(''),
    })
    .refine(({ valid_from: from, valid_to: to }) => from === null || to === null || from < to, {
      path: ['valid_to'],
      message: 'It must lie after valid_from; the mapping ends before this day',
    })
    .transform((row) => ({
      localCode: row.local_code,
      nationalCode: row.national_code,
      source: row.source,
      agencyCode: row.agency_code,
      level: row.level,
      validFrom: row.valid_from,
      validTo: row.valid_to,
      why: row.why,
    })),
  key: ({ why: _why, ...row }) => JSON.stringify(Object.values(row)),
}

/** A worksheet comes back half filled: what nobody decided says nothing. */
export const isUndecided = ({ nationalCode }: MappingRow) => nationalCode === null

export const decidedRows = (rows: readonly MappingRow[]): (Mapping & { readonly why: string })[] =>
  rows.flatMap(({ nationalCode, ...row }) => (nationalCode === null ? [] : [{ ...row, nationalCode }]))

/** What the ledger refuses, by the file's own rows; `numbers` are those of the rows that came before it. */
export const refusedRows = ({ findings }: Refusal, numbers: readonly number[]): TableProblem[] =>
  findings.map(({ field = '', detail }) => {
    const [, place] = /\.(\d+)$/.exec(field) ?? []
    return { row: numbers[Number(place)] ?? 1, column: null, name: null, detail }
  })

/** All mappings, in the columns that come back. */
export async function mappingTable(sql: Sql): Promise<Table> {
  const list = await listMappings(sql)
  return {
    headers: ['local_code', 'national_code', 'source', 'agency_code', 'level', 'valid_from', 'valid_to', 'why'],
    rows: list.map((one) => [
      one.localCode,
      one.nationalCode,
      ...[one.source, one.agencyCode, one.level, one.validFrom, one.validTo].map((cell) => cell ?? ''),
      one.why,
    ]),
  }
}

/** Proposals shown for each code of a worksheet. */
const proposed = 3
/** Codes compared together: few messages, progress that moves, and somebody else's question in between. */
const atOnce = 100

/** Codes that wait, with proposals, for an office to fill in. */
export async function worksheetTable(
  advice: Advice,
  locals: readonly LocalCode[],
  language: Language,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<Table> {
  const rows: (string | number)[][] = []
  for (let from = 0; from < locals.length; from += atOnce) {
    const some = locals.slice(from, from + atOnce)
    const suggestions = await advice.suggest(
      some.map(({ code, name }) => ({ code, name: name ?? '' })),
      proposed,
    )
    for (const [place, { candidates }] of suggestions.entries()) {
      const { code, name, waiting } = some[place]!
      const lines = candidates.map(
        (one) => `${one.code} ${one.name} (${Math.round(one.score * 100)}: ${reasonsInWords(one.reasons, language)})`,
      )
      rows.push([code, '', '', name ?? '', waiting, lines.join('\n')])
    }
    onProgress(rows.length, locals.length)
  }
  return { headers: ['local_code', 'national_code', 'why', ...remarks], rows }
}

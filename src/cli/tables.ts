import { z } from 'zod'
import { statuses } from '../../config/statuses.ts'
import { levels } from '../organisations/model.ts'
import { importAgencies, importLocalProcedures, importStatuses, type LocalProcedure } from '../procedures/store.ts'
import { acceptAll, type Look } from '../procedures/decisions.ts'
import { NationalCode } from '../procedures/codes.ts'
import type { Mapping } from '../procedures/model.ts'
import type { Sql } from '../platform/database.ts'
import { type TableShape } from '../platform/table.ts'
import { dayOf } from './options.ts'

/** The tables a province imports, row by row, and what storing them means. */
export interface TableImport<T> {
  readonly shape: TableShape<T>
  /** Rows that say nothing yet: a worksheet comes back half filled. */
  readonly undecided?: (row: T) => boolean
  /** Whether dossiers may be blocked for want of these rows. */
  readonly releases: boolean
  /** Stores the rows and returns how many were new or different; what decides about codes looks at their dossiers. */
  store(sql: Sql, rows: readonly T[], by: string, look: Look): Promise<number>
}

const sound = z
  .string()
  .refine((value) => !value.includes('\u0000'), { message: 'A NUL character cannot be stored' })
  .max(2000, { message: 'At most 2000 characters' })
const needed = sound.min(1, { message: 'It must not be blank' })
const code = needed.regex(/^[^\s\p{C}]*$/u, { message: 'A code has no spaces or control characters' })
/** Real lists hold codes with spaces and brackets inside. */
const localCode = needed.regex(/^[^\p{C}]*$/u, { message: 'A code has no control characters' })
const blankIsNull = <T extends z.ZodType>(schema: T) =>
  z.union([z.literal('').transform(() => null), schema], { error: (issue) => unionMessage(issue) })

/** The complaint of the member that is not the blank one. */
function unionMessage(issue: z.core.$ZodRawIssue): string | undefined {
  return issue.code === 'invalid_union' ? issue.errors.at(-1)?.[0]?.message : undefined
}

const level = z.enum(levels, { error: `It must be one of ${levels.join(', ')}` })
const status = z.enum(statuses, { error: `It must be one of ${statuses.join(', ')}` })
const day = z.string().transform((value, context) => {
  const found = dayOf(value)
  if (found !== null) return found
  context.addIssue({ code: 'custom', message: 'A day is written 2026-03-31 or 31/03/2026' })
  return z.NEVER
})

export const agencies: TableImport<{ code: string; name: string; level: (typeof levels)[number] }> = {
  shape: {
    headers: ['code', 'name', 'level'],
    row: z.object({ code, name: needed, level }),
    key: (row) => row.code,
  },
  releases: true,
  store: (sql, rows) => importAgencies(sql, rows),
}

export const procedures: TableImport<LocalProcedure> = {
  shape: {
    headers: ['code', 'name', 'level', 'agency_code'],
    row: z
      .object({ code: localCode, name: needed, level: blankIsNull(level), agency_code: blankIsNull(code) })
      .transform(({ agency_code: agencyCode, ...row }) => ({ ...row, agencyCode })),
    key: (row) => row.code,
  },
  releases: false,
  store: (sql, rows) => importLocalProcedures(sql, rows),
}

type MappingRow = Omit<Mapping, 'nationalCode'> & { readonly nationalCode: string | null; readonly why: string }

/** What a worksheet says to whoever fills it in; not read back. */
export const worksheetRemarks = ['local_name', 'waiting', 'proposals'] as const

export const mappings: TableImport<MappingRow> = {
  shape: {
    headers: ['local_code', 'national_code'],
    optional: ['source', 'agency_code', 'level', 'valid_from', 'valid_to', 'why', ...worksheetRemarks],
    row: z
      .object({
        local_code: localCode,
        national_code: blankIsNull(NationalCode),
        source: blankIsNull(needed).default(null),
        agency_code: blankIsNull(code).default(null),
        level: blankIsNull(level).default(null),
        valid_from: blankIsNull(day).default(null),
        valid_to: blankIsNull(day).default(null),
        why: sound.default(''),
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
  },
  releases: true,
  undecided: ({ nationalCode }) => nationalCode === null,
  store: (sql, rows, by, look) => acceptAll(sql, decided(rows), by, 'import', look),
}

export const decided = (rows: readonly MappingRow[]): (Mapping & { readonly why: string })[] =>
  rows.flatMap(({ nationalCode, ...row }) => (nationalCode === null ? [] : [{ ...row, nationalCode }]))

export const statusWords: TableImport<{ source: string; localStatus: string; status: (typeof statuses)[number] }> = {
  shape: {
    headers: ['source', 'local_status', 'status'],
    row: z
      .object({ source: needed, local_status: needed, status })
      .transform(({ local_status: localStatus, ...row }) => ({ ...row, localStatus })),
    key: (row) => JSON.stringify([row.source, row.localStatus]),
  },
  releases: true,
  store: (sql, rows) => importStatuses(sql, rows),
}

import { z } from 'zod'
import { statuses } from '../../config/statuses.ts'
import { importCommunes, type CommuneRow } from '../organisations/communes.ts'
import { levels, transfers, type Succession } from '../organisations/model.ts'
import { importAgencies, succeed, type AgencyRow } from '../organisations/store.ts'
import { importLocalProcedures, type LocalProcedure } from '../procedures/local-lists.ts'
import { importStatuses } from '../procedures/store.ts'
import { acceptAll } from '../procedures/decisions.ts'
import { NationalCode } from '../procedures/codes.ts'
import { onlineLevels, type Mapping, type OnlineLevel } from '../procedures/model.ts'
import type { Sql } from '../platform/database.ts'
import { dayOf } from '../platform/day.ts'
import { type TableShape } from '../platform/table.ts'
import { UsageError } from './exits.ts'

export interface ImportOptions {
  /** Changed names are corrections of mistakes. */
  readonly corrections?: boolean
  /** The day that the whole list speaks of. */
  readonly day?: string
  /** The list is all that its systems have. */
  readonly whole?: boolean
  /** It became much shorter, and that is right. */
  readonly shrunk?: boolean
}

/** The tables a province imports, row by row, and what storing them means. */
export interface TableImport<T> {
  readonly shape: TableShape<T>
  /** Rows that say nothing yet: a worksheet comes back half filled. */
  readonly undecided?: (row: T) => boolean
  /** Whether dossiers may be blocked for want of these rows. */
  readonly releases: boolean
  /** Stores the rows and returns how many were new or different. */
  store(sql: Sql, rows: readonly T[], by: string, options: ImportOptions): Promise<number>
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

const yesNo = z
  .string()
  .toLowerCase()
  .transform((value, context) => {
    if (['yes', 'có', 'co', '1', 'x'].includes(value)) return true
    if (['no', 'không', 'khong', '0'].includes(value)) return false
    context.addIssue({ code: 'custom', message: 'It must be yes or no (có, không)' })
    return z.NEVER
  })

export const agencies: TableImport<AgencyRow> = {
  shape: {
    headers: ['code', 'name', 'level'],
    optional: ['valid_from', 'valid_to', 'renamed_on', 'beneficiary_account'],
    row: z
      .object({
        code,
        name: needed,
        level,
        valid_from: blankIsNull(day).default(null),
        valid_to: blankIsNull(day).default(null),
        renamed_on: blankIsNull(day).default(null),
        beneficiary_account: blankIsNull(yesNo).default(null),
      })
      .transform(({ valid_from, valid_to, renamed_on, beneficiary_account, ...row }) => ({
        ...row,
        validFrom: valid_from,
        validTo: valid_to,
        renamedOn: renamed_on,
        beneficiaryAccount: beneficiary_account,
      })),
    key: (row) => row.code,
  },
  releases: true,
  store: (sql, rows, _by, { corrections = false }) => importAgencies(sql, rows, { corrections }),
}

const transfer = z.enum(transfers, { error: `It must be one of ${transfers.join(', ')}` })

type SuccessionRow = Omit<Succession, 'newCode'> & { readonly newCode: string | null; readonly why: string }

/** What a worksheet says to whoever fills it in; not read back. */
export const successionRemarks = ['old_name', 'waiting', 'proposals'] as const

export const successions: TableImport<SuccessionRow> = {
  shape: {
    headers: ['old_code', 'new_code', 'day'],
    optional: ['transfer', 'procedure_code', 'why', ...successionRemarks],
    row: z
      .object({
        old_code: code,
        new_code: blankIsNull(code),
        day: blankIsNull(day),
        transfer: z.union([z.literal('').transform(() => 'whole' as const), transfer]).default('whole'),
        procedure_code: blankIsNull(localCode).default(null),
        why: sound.default(''),
      })
      .refine((row) => row.new_code === null || row.day !== null, { path: ['day'], message: 'It must not be blank' })
      .transform((row) => ({
        oldCode: row.old_code,
        newCode: row.new_code,
        day: row.day ?? '',
        transfer: row.transfer,
        procedureCode: row.procedure_code,
        why: row.why,
      })),
    key: (row) => JSON.stringify([row.oldCode, row.newCode, row.day, row.transfer, row.procedureCode]),
  },
  releases: true,
  undecided: ({ newCode }) => newCode === null,
  async store(sql, rows, by) {
    const wishes = rows.flatMap(({ why: _why, newCode, ...row }) => (newCode === null ? [] : [{ ...row, newCode }]))
    return (await succeed(sql, wishes, { by, why: rows.find(({ why }) => why !== '')?.why ?? 'import' })).changed
  },
}

/** The form in which the country's changes of 2025 are published. */
export const communes: TableImport<CommuneRow> = {
  shape: {
    headers: [
      'old_code',
      'old_name',
      'old_district',
      'old_province',
      'new_code',
      'new_name',
      'new_province',
      'transfer',
    ],
    ignoresOthers: true,
    row: z
      .object({
        old_code: sound,
        old_name: sound,
        old_district: needed,
        old_province: needed,
        new_code: code,
        new_name: needed,
        new_province: needed,
        transfer,
      })
      .transform((row) => ({
        oldCode: row.old_code,
        oldName: row.old_name,
        oldDistrict: row.old_district,
        oldProvince: row.old_province,
        newCode: row.new_code,
        newName: row.new_name,
        newProvince: row.new_province,
        transfer: row.transfer,
      })),
    key: (row) => `${row.oldCode}|${row.newCode}`,
  },
  releases: false,
  async store(sql, rows, _by, { day: since }) {
    if (since === undefined)
      throw new UsageError(['--day says since when the new communes exist, for example 2025-07-01.'])
    return importCommunes(sql, since, rows)
  },
}

/** As lists of the field write it, and as we do. */
const onlineWords: Readonly<Record<string, OnlineLevel>> = {
  toan_trinh: 'full',
  mot_phan: 'partial',
  truc_tuyen: 'online',
  khong_truc_tuyen: 'none',
  ...Object.fromEntries(onlineLevels.map((one) => [one, one])),
}
const onlineLevel = z.string().transform((value, context) => {
  const found = onlineWords[value]
  if (found !== undefined) return found
  context.addIssue({ code: 'custom', message: `It must be one of ${Object.keys(onlineWords).join(', ')}` })
  return z.NEVER
})

export const procedures: TableImport<LocalProcedure> = {
  shape: {
    headers: ['code', 'name'],
    optional: ['level', 'agency_code', 'source', 'field', 'online_level'],
    row: z
      .object({
        code: localCode,
        name: needed,
        level: blankIsNull(level).default(null),
        agency_code: blankIsNull(code).default(null),
        source: blankIsNull(needed).default(null),
        field: sound.default(''),
        online_level: blankIsNull(onlineLevel).default(null),
      })
      .transform(({ agency_code: agencyCode, online_level, ...row }) => ({
        ...row,
        agencyCode,
        onlineLevel: online_level,
      })),
    key: ({ code: own, source, agencyCode }) => JSON.stringify([own, source, agencyCode]),
  },
  releases: false,
  store: (sql, rows, _by, { whole, shrunk }) => importLocalProcedures(sql, rows, { whole, shrunk }),
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
  store: (sql, rows, by) => acceptAll(sql, decided(rows), by, 'import'),
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

import { z } from 'zod'
import { statuses } from '../../config/statuses.ts'
import { importCommunes, type CommuneRow } from '../organisations/communes.ts'
import { transfers, type Succession } from '../organisations/model.ts'
import { importAgencies, succeed, type AgencyRow } from '../organisations/store.ts'
import { importLocalProcedures, type LocalProcedure } from '../procedures/local-lists.ts'
import { importStatuses } from '../procedures/store.ts'
import { acceptAll, type Look } from '../procedures/decisions.ts'
import { blankIsNull, cellText, codeCell, dayCell, levelCell, localCodeCell, needed } from '../procedures/cells.ts'
import { decidedRows, isUndecided, mappingList, type MappingRow } from '../procedures/mapping-list.ts'
import { onlineLevels, type OnlineLevel } from '../procedures/model.ts'
import type { Sql } from '../platform/database.ts'
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
  /** Stores the rows and returns how many were new or different; what decides about codes looks at their dossiers. */
  store(
    sql: Sql,
    rows: readonly T[],
    how: ImportOptions & { readonly by: string; readonly look: Look },
  ): Promise<number>
}

const status = z.enum(statuses, { error: `It must be one of ${statuses.join(', ')}` })

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
        code: codeCell(),
        name: needed(),
        level: levelCell,
        valid_from: blankIsNull(dayCell).default(null),
        valid_to: blankIsNull(dayCell).default(null),
        renamed_on: blankIsNull(dayCell).default(null),
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
  store: (sql, rows, { corrections = false }) => importAgencies(sql, rows, { corrections }),
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
        old_code: codeCell(),
        new_code: blankIsNull(codeCell()),
        day: blankIsNull(dayCell),
        transfer: z.union([z.literal('').transform(() => 'whole' as const), transfer]).default('whole'),
        procedure_code: blankIsNull(localCodeCell()).default(null),
        why: cellText().default(''),
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
  async store(sql, rows, { by }) {
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
        old_code: cellText(),
        old_name: cellText(),
        old_district: needed(),
        old_province: needed(),
        new_code: codeCell(),
        new_name: needed(),
        new_province: needed(),
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
  async store(sql, rows, { day: since }) {
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
        code: localCodeCell(),
        name: needed(),
        level: blankIsNull(levelCell).default(null),
        agency_code: blankIsNull(codeCell()).default(null),
        source: blankIsNull(needed()).default(null),
        field: cellText().default(''),
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
  store: (sql, rows, { whole, shrunk }) => importLocalProcedures(sql, rows, { whole, shrunk }),
}

export const mappings: TableImport<MappingRow> = {
  shape: mappingList,
  releases: true,
  undecided: isUndecided,
  store: (sql, rows, { by, look }) => acceptAll(sql, decidedRows(rows), by, 'import', look),
}

export const statusWords: TableImport<{ source: string; localStatus: string; status: (typeof statuses)[number] }> = {
  shape: {
    headers: ['source', 'local_status', 'status'],
    row: z
      .object({ source: needed(), local_status: needed(), status })
      .transform(({ local_status: localStatus, ...row }) => ({ ...row, localStatus })),
    key: (row) => JSON.stringify([row.source, row.localStatus]),
  },
  releases: true,
  store: (sql, rows) => importStatuses(sql, rows),
}

import { z } from 'zod'
import { statuses } from '../../config/statuses.ts'
import type { levels } from '../organisations/model.ts'
import { importAgencies, importLocalProcedures, importStatuses, type LocalProcedure } from '../procedures/store.ts'
import { acceptAll, type Look } from '../procedures/decisions.ts'
import { blankIsNull, codeCell, levelCell, localCodeCell, needed } from '../procedures/cells.ts'
import { decidedRows, isUndecided, mappingList, type MappingRow } from '../procedures/mapping-list.ts'
import type { Sql } from '../platform/database.ts'
import { type TableShape } from '../platform/table.ts'

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

const status = z.enum(statuses, { error: `It must be one of ${statuses.join(', ')}` })

export const agencies: TableImport<{ code: string; name: string; level: (typeof levels)[number] }> = {
  shape: {
    headers: ['code', 'name', 'level'],
    row: z.object({ code: codeCell(), name: needed(), level: levelCell }),
    key: (row) => row.code,
  },
  releases: true,
  store: (sql, rows) => importAgencies(sql, rows),
}

export const procedures: TableImport<LocalProcedure> = {
  shape: {
    headers: ['code', 'name', 'level', 'agency_code'],
    row: z
      .object({
        code: localCodeCell(),
        name: needed(),
        level: blankIsNull(levelCell),
        agency_code: blankIsNull(codeCell()),
      })
      .transform(({ agency_code: agencyCode, ...row }) => ({ ...row, agencyCode })),
    key: (row) => row.code,
  },
  releases: false,
  store: (sql, rows) => importLocalProcedures(sql, rows),
}

export const mappings: TableImport<MappingRow> = {
  shape: mappingList,
  releases: true,
  undecided: isUndecided,
  store: (sql, rows, by, look) => acceptAll(sql, decidedRows(rows), by, 'import', look),
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

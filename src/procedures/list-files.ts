import { failed, problem, type TableResult, type TableShape } from '../platform/table.ts'
import { Endless, threadFor } from '../platform/thread.ts'
import type { MappingRow } from './mapping-list.ts'

/**
 * Lists from files, read in a thread of their own: a workbook of ten thousand rows takes a second, in which an API must
 * go on answering; and the thread's memory is bounded, whatever an archive unpacks to.
 */
export interface ListFiles {
  /** Mappings. */
  read(bytes: Uint8Array): Promise<TableResult<MappingRow>>
  /** The texts of some columns; no other column is read, because nobody knows what it holds. */
  readColumns(bytes: Uint8Array, columns: Columns): Promise<TableResult<ColumnTexts>>
}

export interface Columns extends Pick<TableShape<unknown>, 'headers' | 'aliases'> {
  readonly optional: readonly string[]
  /** Days with a time show both. */
  readonly times: boolean
}
export type ColumnTexts = Readonly<Record<string, string | undefined>>

export type Order =
  | { readonly kind: 'mappings'; readonly bytes: Uint8Array }
  | { readonly kind: 'columns'; readonly bytes: Uint8Array; readonly columns: Columns }

/** Megabytes. A workbook of ten thousand rows with proposals needs some 150. */
const memory = 768

/** `within`: milliseconds for one list. */
export function createListFiles({ within }: { readonly within?: number } = {}): ListFiles {
  const inThread = threadFor<TableResult<unknown>>(new URL('./list-thread.ts', import.meta.url), memory, within)
  const read = async <T>(order: Order): Promise<TableResult<T>> => {
    try {
      return (await inThread(order)) as TableResult<T>
    } catch (error) {
      if (!(error instanceof Endless) && (error as { code?: unknown }).code !== 'ERR_WORKER_OUT_OF_MEMORY') throw error
      return failed([problem(1, null, 'The sheet is too large to be a list')])
    }
  }
  return {
    read: (bytes) => read<MappingRow>({ kind: 'mappings', bytes }),
    readColumns: (bytes, columns) => read<ColumnTexts>({ kind: 'columns', bytes, columns }),
  }
}

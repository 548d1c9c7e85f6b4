import { parentPort, workerData } from 'node:worker_threads'
import { z } from 'zod'
import { readTable } from '../platform/files.ts'
import type { TableResult } from '../platform/table.ts'
import type { Columns, ColumnTexts, Order } from './list-files.ts'
import { mappingList } from './mapping-list.ts'

/** The far side of list-files.ts: one order, one reply, and it ends. */

/** Bytes of a sheet once it is unpacked: some hundred thousand rows. */
const largest = 64 * 1024 * 1024

/** Sheets of many rows and few columns. */
const largestOfColumns = 256 * 1024 * 1024

function readColumns(bytes: Uint8Array, { headers, optional, aliases, times }: Columns): TableResult<ColumnTexts> {
  const text = z.string().optional()
  const row = z.object(Object.fromEntries([...headers, ...optional].map((name) => [name, text])))
  const shape = { headers, optional, ignoresOthers: true, row, ...(aliases && { aliases }) }
  return readTable<ColumnTexts>(bytes, shape, { largest: largestOfColumns, times })
}

function replyTo(order: Order): TableResult<unknown> {
  if (order.kind === 'mappings') return readTable(order.bytes, mappingList, { largest })
  return readColumns(order.bytes, order.columns)
}

parentPort!.postMessage(replyTo(workerData as Order))

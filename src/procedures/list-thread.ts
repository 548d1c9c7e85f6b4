import { parentPort, workerData } from 'node:worker_threads'
import { z } from 'zod'
import { readTable, tableBytes } from '../platform/files.ts'
import type { TableShape } from '../platform/table.ts'
import { codeCell } from './cells.ts'
import type { Order } from './list-files.ts'
import { mappingList } from './mapping-list.ts'

/** The far side of list-files.ts: one order, one reply, and it ends. */

/** Bytes of a sheet once it is unpacked: some hundred thousand rows. */
const largest = 64 * 1024 * 1024

/** A province's own register of dossiers: their codes. */
const register: TableShape<string> = {
  headers: ['code'],
  ignoresOthers: true,
  row: z.object({ code: codeCell(100) }).transform(({ code }) => code),
}

async function replyTo(order: Order): Promise<unknown> {
  if (order.kind === 'write') return tableBytes(order.format, order.table)
  if (order.kind === 'mappings') return readTable(order.bytes, mappingList, { largest })
  const read = readTable(order.bytes, register, { largest })
  // A register has some hundred thousand rows; where each stood is not asked.
  return read.ok ? { ...read, numbers: [] } : read
}

parentPort!.postMessage(await replyTo(workerData as Order))

import { parentPort, workerData } from 'node:worker_threads'
import { readTable, tableBytes } from '../platform/files.ts'
import type { Order } from './list-files.ts'
import { mappingList } from './mapping-list.ts'

/** The far side of list-files.ts: one order, one reply, and it ends. */

/** Bytes of a sheet once it is unpacked: some hundred thousand rows. */
const largest = 64 * 1024 * 1024

const order = workerData as Order
const reply =
  order.kind === 'read' ? readTable(order.bytes, mappingList, { largest }) : await tableBytes(order.format, order.table)
parentPort!.postMessage(reply)

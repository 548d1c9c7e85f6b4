import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Language } from '../console/words.ts'
import { Refusal } from '../platform/problems.ts'
import type { SyncRateReport } from './model.ts'

export interface PdfOrder {
  readonly report: SyncRateReport
  readonly language: Language
}

/** Who wait for theirs, at most: some seconds. */
const mostWaiting = 3
const limits = { maxOldGenerationSizeMb: 256 }

let waiting = 0
/** One after the other: more at once would only take memory. */
let turn: Promise<unknown> = Promise.resolve()

/** The report on paper, set in a thread of its own: that takes most of a second, in which an API must go on answering. */
export async function paperReport(report: SyncRateReport, language: Language): Promise<Buffer> {
  if (waiting >= mostWaiting) throw new Refusal('downloads-busy', `${mostWaiting} reports are being set`)
  waiting += 1
  const mine = turn.then(() => inThread({ report, language }))
  turn = mine.catch(() => undefined)
  try {
    return await mine
  } finally {
    waiting -= 1
  }
}

async function inThread(order: PdfOrder): Promise<Buffer> {
  const worker = new Worker(new URL('./report-pdf-thread.ts', import.meta.url), {
    workerData: order,
    resourceLimits: limits,
  })
  const [bytes] = (await once(worker, 'message')) as [Uint8Array]
  return Buffer.from(bytes)
}

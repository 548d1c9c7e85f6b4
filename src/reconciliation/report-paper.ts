import type { Language } from '../console/words.ts'
import { Refusal } from '../platform/problems.ts'
import { threadFor } from '../platform/thread.ts'
import type { SyncRateReport } from './model.ts'

export interface PdfOrder {
  readonly report: SyncRateReport
  readonly language: Language
}

/** Who wait for theirs, at most: some seconds. */
const mostWaiting = 3
let waiting = 0

const memory = 256
const inThread = threadFor<Uint8Array>(new URL('./report-pdf-thread.ts', import.meta.url), memory)

/** The report on paper, set in a thread of its own: that takes most of a second, in which an API must go on answering. */
export async function paperReport(report: SyncRateReport, language: Language): Promise<Buffer> {
  if (waiting >= mostWaiting) throw new Refusal('downloads-busy', `${mostWaiting} reports are being set`)
  waiting += 1
  try {
    return Buffer.from(await inThread({ report, language } satisfies PdfOrder))
  } finally {
    waiting -= 1
  }
}

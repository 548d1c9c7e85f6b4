import { parentPort, workerData } from 'node:worker_threads'
import type { PdfOrder } from './report-paper.ts'
import { reportPdf } from './report-pdf.ts'

/** The far side of report-paper.ts: one order, one reply, and it ends. */
const { report, language } = workerData as PdfOrder
parentPort!.postMessage(await reportPdf(report, language))

import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import type { DossierChange } from '../dossiers/model.ts'

const Answer = z.object({ result: z.enum(['stored', 'unchanged', 'superseded', 'refused']) })
type Result = z.output<typeof Answer>['result']
export type Intake = Readonly<Record<Result, number>>

const linesPerWrite = 50

/**
 * Pushes changes as a one-stop system would: one request to /v1/dossiers/stream, results read while dossiers are written.
 * The next dossiers are made only when the connection takes them.
 */
export async function pushAll(
  api: { readonly url: string; readonly key: string; readonly signal: AbortSignal },
  changes: Iterable<DossierChange>,
  onAnswers: (answered: number) => void,
): Promise<Intake> {
  const call = request(`${api.url}/v1/dossiers/stream`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/x-ndjson' },
    signal: api.signal,
  })
  const answers = once(call, 'response').then(([response]) => readAnswers(response as IncomingMessage, onAnswers))
  const [counts] = await Promise.all([answers, pipeline(Readable.from(linesOf(changes), { highWaterMark: 2 }), call)])
  return counts
}

function* linesOf(changes: Iterable<DossierChange>): Generator<string> {
  let lines: string[] = []
  for (const change of changes) {
    lines.push(`${JSON.stringify(change)}\n`)
    if (lines.length < linesPerWrite) continue
    yield lines.join('')
    lines = []
  }
  if (lines.length > 0) yield lines.join('')
}

async function readAnswers(response: IncomingMessage, onAnswers: (answered: number) => void): Promise<Intake> {
  if (response.statusCode !== 200) throw new Error(`The intake answered ${response.statusCode}`)
  const counts = { stored: 0, unchanged: 0, superseded: 0, refused: 0 }
  let answered = 0
  for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
    counts[Answer.parse(JSON.parse(line)).result] += 1
    answered += 1
    if (answered % 500 === 0) onAnswers(answered)
  }
  onAnswers(answered)
  return counts
}

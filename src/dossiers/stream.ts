import type { FailureCode } from '../../config/failures.ts'
import type { ApiClient } from '../platform/auth.ts'
import { decodeUtf8, parseJson } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import type { Intake, IntakeResult } from './intake.ts'
import { linesOf, type Line } from './lines.ts'

export type LineResult = IntakeResult & { line: number }

/** Lines stored by one transaction. */
const batchSize = 500

export interface StreamOptions {
  readonly maxLineBytes: number
}

/**
 * Stores a stream of changes, one JSON object a line, and yields one result per line in the same order. A line that
 * cannot be read is refused by itself. A result is yielded only after its batch is committed.
 */
export async function* storeStream(
  intake: Intake,
  client: ApiClient,
  source: AsyncIterable<Uint8Array>,
  { maxLineBytes }: StreamOptions,
): AsyncGenerator<LineResult[]> {
  let batch: { line: number; value: unknown; refusal: Refusal | null }[] = []
  for await (const line of linesOf(source, maxLineBytes)) {
    batch.push({ line: line.number, ...read(line, maxLineBytes) })
    if (batch.length < batchSize) continue
    yield await storeBatch(intake, client, batch)
    batch = []
  }
  if (batch.length > 0) yield await storeBatch(intake, client, batch)
}

function read(line: Line, maxLineBytes: number): { value: unknown; refusal: Refusal | null } {
  if ('tooLong' in line)
    return { value: null, refusal: new Refusal('line-too-long', `The line is longer than ${maxLineBytes} bytes`) }
  try {
    return { value: parseJson(decodeUtf8(line.bytes)), refusal: null }
  } catch (error) {
    if (error instanceof Refusal) return { value: null, refusal: error }
    throw error
  }
}

async function storeBatch(
  intake: Intake,
  client: ApiClient,
  batch: readonly { line: number; value: unknown; refusal: Refusal | null }[],
): Promise<LineResult[]> {
  const readable = batch.filter(({ refusal }) => refusal === null)
  const stored = await intake.push(
    client,
    readable.map(({ value }) => value),
    { oneRequest: false },
  )
  const byLine = new Map(readable.map(({ line }, index) => [line, stored[index]!]))
  return batch.map(({ line, refusal }) => ({
    line,
    ...(refusal ? refused(refusal.code, refusal.message) : byLine.get(line)!),
  }))
}

const refused = (code: FailureCode, detail: string): IntakeResult => ({
  code: null,
  result: 'refused',
  findings: [{ code, detail }],
})

import type { FailureCode } from '../../config/failures.ts'
import type { ApiClient } from '../platform/auth.ts'
import { decodeUtf8, parseJson } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import type { Intake, IntakeResult } from './intake.ts'
import { linesOf, type Line } from './lines.ts'

export type LineResult = IntakeResult & { line: number }

/** Lines stored by one transaction. */
const batchSize = 500
/** A slow client gets its answers after this long at the latest, in milliseconds, without waiting for a full batch. */
const lull = 100

export interface StreamOptions {
  readonly maxLineBytes: number
}

interface Read {
  readonly line: number
  readonly value: unknown
  readonly refusal: Refusal | null
}

/**
 * Stores a stream of changes, one JSON object a line, and yields one result per line in the same order. A line that
 * cannot be read is refused by itself. A result is yielded only after its batch is committed. While one batch is being
 * committed the next is read and judged; never more than these two are held.
 */
export async function* storeStream(
  intake: Intake,
  client: ApiClient,
  source: AsyncIterable<Uint8Array>,
  { maxLineBytes }: StreamOptions,
): AsyncGenerator<LineResult[]> {
  const reading = batches(linesOf(source, maxLineBytes), maxLineBytes)
  let storing: Promise<LineResult[]> | null = null
  for (let next = reading.next(); ;) {
    // A client may wait for its answers before it sends more: a commit is told as soon as it is done.
    if (storing && (await firstOf(storing, next)) === 'stored') {
      yield await storing
      storing = null
    }
    const got = await next
    if (got.done) break
    const batch = got.value
    const prepared = intake.prepare(
      client,
      batch.flatMap(({ refusal, value }) => (refusal ? [] : [value])),
    )
    next = reading.next()
    if (storing) yield await storing
    storing = intake.store(client, prepared).then((results) => withLines(batch, results))
  }
  if (storing) yield await storing
}

/** Which of the two settles first; the other one's failure is met when it is awaited. */
async function firstOf(storing: Promise<unknown>, next: Promise<unknown>): Promise<'stored' | 'read'> {
  storing.catch(() => undefined)
  next.catch(() => undefined)
  return Promise.race([storing.then(() => 'stored' as const), next.then(() => 'read' as const)])
}

async function* batches(lines: AsyncIterator<Line>, maxLineBytes: number): AsyncGenerator<Read[]> {
  let batch: Read[] = []
  let deadline: Promise<'lull'> | null = null
  let next = lines.next()
  for (;;) {
    const got = await (deadline ? Promise.race([next, deadline]) : next)
    if (got !== 'lull') {
      if (got.done) break
      batch.push({ line: got.value.number, ...read(got.value, maxLineBytes) })
      next = lines.next()
      deadline ??= new Promise((resolve) => setTimeout(resolve, lull, 'lull' as const))
    }
    if (got === 'lull' || batch.length === batchSize) {
      yield batch
      batch = []
      deadline = null
    }
  }
  if (batch.length > 0) yield batch
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

function withLines(batch: readonly Read[], results: readonly IntakeResult[]): LineResult[] {
  let position = 0
  return batch.map(({ line, refusal }) => ({
    line,
    ...(refusal ? refused(refusal.code, refusal.message) : results[position++]!),
  }))
}

const refused = (code: FailureCode, detail: string): IntakeResult => ({
  code: null,
  result: 'refused',
  findings: [{ code, detail }],
})

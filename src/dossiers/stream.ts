import type { FailureCode } from '../../config/failures.ts'
import type { ApiClient } from '../platform/auth.ts'
import { decodeUtf8, parseJson } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import type { Intake, IntakeResult, Judgement } from './intake.ts'
import { linesOf, type Line } from '../platform/lines.ts'

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
  readonly judgement: Judgement
}

/**
 * Stores a stream of changes, one JSON object a line, and yields one result per line in the same order. A line that
 * cannot be read is refused by itself. A result is yielded only after its batch is committed. While one batch is being
 * committed the next is read and judged, chunk by chunk; never more than these two are held.
 */
export async function* storeStream(
  intake: Intake,
  client: ApiClient,
  source: AsyncIterable<Uint8Array>,
  { maxLineBytes }: StreamOptions,
): AsyncGenerator<LineResult[]> {
  const read = (line: Line) => ({ line: line.number, judgement: judge(intake, client, line, maxLineBytes) })
  const reading = batches(linesOf(source, maxLineBytes), read)
  let storing: Promise<LineResult[]> | null = null
  for (let next = reading.next(); ;) {
    // A client may wait for its answers before it sends more: a commit is told as soon as it is done.
    if (storing && (await firstOf(storing, next)) === 'stored') {
      yield await storing
      storing = null
    }
    const got = await next
    if (got.done) break
    next = reading.next()
    if (storing) yield await storing
    storing = store(intake, got.value)
  }
  if (storing) yield await storing
}

async function store(intake: Intake, batch: readonly Read[]): Promise<LineResult[]> {
  const results = await intake.store(batch.map(({ judgement }) => judgement))
  return batch.map(({ line }, position) => ({ line, ...results[position]! }))
}

/** Which of the two settles first; the other one's failure is met when it is awaited. */
async function firstOf(storing: Promise<unknown>, next: Promise<unknown>): Promise<'stored' | 'read'> {
  storing.catch(() => undefined)
  next.catch(() => undefined)
  return Promise.race([storing.then(() => 'stored' as const), next.then(() => 'read' as const)])
}

async function* batches(chunks: AsyncIterator<Line[]>, read: (line: Line) => Read): AsyncGenerator<Read[]> {
  let batch: Read[] = []
  let deadline: Promise<'lull'> | null = null
  let next = chunks.next()
  for (;;) {
    const got = await (deadline ? Promise.race([next, deadline]) : next)
    if (got !== 'lull') {
      if (got.done) break
      batch = batch.concat(got.value.map(read))
      next = chunks.next()
    }
    while (batch.length >= (got === 'lull' ? 1 : batchSize)) {
      yield batch.slice(0, batchSize)
      batch = batch.slice(batchSize)
      deadline = null
    }
    if (batch.length > 0) deadline ??= new Promise((resolve) => setTimeout(resolve, lull, 'lull' as const))
  }
  if (batch.length > 0) yield batch
}

function judge(intake: Intake, client: ApiClient, line: Line, maxLineBytes: number): Judgement {
  try {
    if ('tooLong' in line) throw new Refusal('line-too-long', `The line is longer than ${maxLineBytes} bytes`)
    return intake.judge(client, parseJson(decodeUtf8(line.bytes)))
  } catch (error) {
    if (error instanceof Refusal) return { refused: refused(error.code, error.message) }
    throw error
  }
}

const refused = (code: FailureCode, detail: string): IntakeResult => ({
  code: null,
  result: 'refused',
  findings: [{ code, detail }],
})

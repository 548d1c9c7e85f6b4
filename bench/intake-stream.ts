import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { clock } from './clock.ts'
import { dossiers } from './dossiers.ts'
import { inTurns, least, rowOf, type Row, type Stage } from './harness.ts'
import { waiting, type Ledger } from './ledger.ts'

const stepsPerDossier = 2
const linesPerWrite = 100

/**
 * Dossiers with their steps, stored through one NDJSON stream; against bare `unnest` writes of the same rows into the same
 * tables over one connection, a thousand dossiers per transaction. The limit leaves out HTTP, parsing, validation, judging,
 * hashing and encryption: its values, ids included, are ready before its clock starts. Four streams against four
 * connections are shown for comparison.
 */
export async function intakeStream(stage: Stage): Promise<Row[]> {
  const ledger = await stage.ledger()
  const api = await stage.roles(ledger, null, { ROLES: 'api' })
  const count = stage.size(20_000, 1_000)
  const supply = { next: 1 }
  const rows: Row[] = []
  for (const lines of stage.embedded ? [1] : [1, 4]) {
    const turns = await inTurns(
      stage,
      () => bare(ledger, taken(supply, count), count, lines),
      () => ours(api.url, ledger.key, taken(supply, count), count, lines),
    )
    const name = lines === 1 ? 'intake-stream' : `intake-stream, ${lines} streams`
    const notes = [`${count} dossiers with ${stepsPerDossier} steps each per round, over ${lines} connection(s)`]
    rows.push(rowOf(name, 'rows/s', lines === 1 ? least(0.5) : null, turns, notes))
  }
  return rows
}

function taken(supply: { next: number }, count: number): number {
  const from = supply.next
  supply.next += count
  return from
}

async function ours(url: string, key: string, from: number, count: number, lines: number): Promise<number> {
  const share = Math.ceil(count / lines)
  const bodies = Array.from({ length: lines }, (_, line) =>
    body(from + line * share, Math.min(share, count - line * share)),
  )
  const begun = clock()
  const stored = await Promise.all(bodies.map((parts) => push(url, key, parts)))
  const seconds = (clock() - begun) / 1000
  const total = stored.reduce((sum, one) => sum + one, 0)
  if (total !== count) throw new Error(`${count} dossiers were pushed, ${total} stored`)
  return count / seconds
}

/** Ready before the clock starts: what it costs a one-stop system to write its dossiers is not ours. */
function body(from: number, count: number): Buffer[] {
  const lines = [...dossiers(from, count, { steps: stepsPerDossier })].map((change) => `${JSON.stringify(change)}\n`)
  return Array.from({ length: Math.ceil(count / linesPerWrite) }, (_, part) =>
    Buffer.from(lines.slice(part * linesPerWrite, (part + 1) * linesPerWrite).join('')),
  )
}

/** One stream, written as fast as it is taken; returns how many lines were answered "stored". */
async function push(url: string, key: string, parts: readonly Buffer[]): Promise<number> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' }
  const call = request(`${url}/v1/dossiers/stream`, { method: 'POST', headers })
  const answer = once(call, 'response').then(([response]) => countStored(response as IncomingMessage))
  for (const part of parts) if (!call.write(part)) await once(call, 'drain')
  call.end()
  return answer
}

async function countStored(response: IncomingMessage): Promise<number> {
  if (response.statusCode !== 200) throw new Error(`The intake answered ${response.statusCode}`)
  let text = ''
  for await (const part of response.setEncoding('utf8')) text += String(part)
  return text.split('"result":"stored"').length - 1
}

async function bare(ledger: Ledger, from: number, count: number, lines: number): Promise<number> {
  const groups = await ledger.prepare({ from, count, wish: { steps: stepsPerDossier }, lane: waiting }, 1_000)
  const begun = clock()
  const hand = async () => {
    for (let group = groups.pop(); group; group = groups.pop()) await ledger.write(group)
  }
  await Promise.all(Array.from({ length: lines }, hand))
  const seconds = (clock() - begun) / 1000
  await ledger.settleIds()
  return count / seconds
}

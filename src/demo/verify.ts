import { hash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { dossierPayload, stepPayload } from '../../adapters/portal/wire.ts'
import { expectedAtPortal } from '../delivery/expected.ts'
import type { Ground } from '../main.ts'

/** Every dossier the ledger calls delivered against what the portal holds. All but the first two must be 0. */
export interface Verification {
  readonly dossiers: number
  readonly steps: number
  /** Delivered by the ledger, not at the portal. */
  readonly lost: number
  /** At the portal, not delivered by the ledger. */
  readonly invented: number
  /** Any field of the content differs. */
  readonly different: number
  readonly missingSteps: number
  readonly duplicateSteps: number
  /** At the portal, unknown to the ledger or not delivered by it. */
  readonly inventedSteps: number
  /** Dossiers that hold the right steps in another order. */
  readonly reordered: number
}
type Counts = { -readonly [K in keyof Verification]: number }

export const isClean = ({ dossiers: _dossiers, steps: _steps, ...wrong }: Verification): boolean =>
  Object.values(wrong).every((count) => count === 0)

/** Contents as digests: a hundred thousand dossiers side by side need little memory. */
interface Held {
  readonly payload: string
  readonly steps: readonly string[]
}

const HeldLine = z.object({ code: z.string(), payload: z.unknown(), steps: z.array(z.unknown()) })
const digest = (value: unknown): string => hash('sha1', JSON.stringify(value), 'base64')

const lotSize = 1000

/** Goes through the whole ledger and renders for each dossier what the adapter must have sent. */
export async function verify(
  ground: Ground,
  controlUrl: string,
  onProgress: (checked: number) => void,
): Promise<Verification> {
  const [last] = await ground.sql<{ id: number }[]>`select coalesce(max(id), 0) as id from dossiers`
  const held = await readHeld(controlUrl)
  const counts: Counts = {
    dossiers: 0,
    steps: 0,
    lost: 0,
    invented: 0,
    different: 0,
    missingSteps: 0,
    duplicateSteps: 0,
    inventedSteps: 0,
    reordered: 0,
  }
  let next = expectedFrom(ground, 0)
  for (let from = 0; from <= last!.id; from += lotSize) {
    const lot = await next
    // The database reads the next lot while this one is compared.
    next = expectedFrom(ground, from + lotSize)
    for (const { code, payload, steps } of lot) {
      compare({ payload, steps }, held.get(code), counts)
      held.delete(code)
    }
    onProgress(counts.dossiers)
  }
  await next
  counts.invented = held.size
  return counts
}

async function readHeld(controlUrl: string): Promise<Map<string, Held>> {
  const answer = await fetch(`${controlUrl}/dossiers`)
  if (!answer.ok || !answer.body) throw new Error(`The sandbox does not show its dossiers: ${answer.status}`)
  const held = new Map<string, Held>()
  const input = Readable.fromWeb(answer.body)
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    const { code, payload, steps } = HeldLine.parse(JSON.parse(line))
    held.set(code, { payload: digest(payload), steps: steps.map(digest) })
  }
  return held
}

async function expectedFrom(ground: Ground, from: number): Promise<(Held & { code: string })[]> {
  const { sql, vault, dialect } = ground
  const rows = await sql<{ id: number }[]>`
    select dossier_id as id from deliveries
    where dossier_id >= ${from} and dossier_id < ${from + lotSize} and delivered_change_id is not null`
  const ids = rows.map(({ id }) => id)
  if (ids.length === 0) return []
  const expected = await expectedAtPortal(sql, vault, await ground.catalogue.current(), ids)
  return [...expected.values()].flatMap((one) => {
    if (one === null || typeof one === 'string') return []
    const steps = one.steps.map((step) => digest(stepPayload(step, dialect)))
    return [{ code: one.dossier.code, payload: digest(dossierPayload(one.dossier, dialect)), steps }]
  })
}

function compare(expected: Held, held: Held | undefined, counts: Counts): void {
  counts.dossiers += 1
  counts.steps += expected.steps.length
  if (held === undefined) {
    counts.lost += 1
    return
  }
  if (held.payload !== expected.payload) counts.different += 1
  if (held.steps.join() === expected.steps.join()) return
  const [here, there] = [tally(expected.steps), tally(held.steps)]
  let unequal = 0
  for (const step of new Set([...here.keys(), ...there.keys()])) {
    const surplus = (there.get(step) ?? 0) - (here.get(step) ?? 0)
    if (surplus < 0) counts.missingSteps -= surplus
    else if (surplus > 0) counts[here.has(step) ? 'duplicateSteps' : 'inventedSteps'] += surplus
    unequal += Math.abs(surplus)
  }
  if (unequal === 0) counts.reordered += 1
}

function tally(steps: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const step of steps) counts.set(step, (counts.get(step) ?? 0) + 1)
  return counts
}

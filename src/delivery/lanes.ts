import type { LaneWish, Lanes } from '../dossiers/lanes.ts'
import type { Level } from '../organisations/model.ts'
import type { Sql, Tx } from '../platform/database.ts'
import type { Catalogue, Release } from '../procedures/model.ts'
import { assess, translated } from './assess.ts'
import type { StepsAfterRefused } from './model.ts'
import type { Portal } from './portal.ts'
import {
  armLanes,
  blockedBeforeDecision,
  blockedBeforeGeneral,
  blockedUnder,
  reassessed,
  settleCodes,
  wakeLanes,
  type BlockedLane,
  type Concerned,
} from './store.ts'

/** Delivery's side of intake's port: each wish is assessed by the catalogue last loaded, and the lane says so at once. */
export function createLanes(
  catalogue: () => Catalogue,
  problemsOf: Portal['problems'],
  stepsAfterRefused: StepsAfterRefused,
): Lanes {
  return {
    arm(tx, wishes) {
      const known = catalogue()
      const judge = (wish: LaneWish) => ({ wish, assessment: assess(known, problemsOf, wish) })
      return armLanes(tx, known.version, wishes.map(judge))
    },
    wake: (tx, news) => wakeLanes(tx, news, stepsAfterRefused),
  }
}

/** Lanes looked at together. */
const atOnce = 2000

/**
 * Looks again at every lane that was blocked under a catalogue older than what concerns it, and releases those whose obstacle is
 * gone. Only clear columns are read: what an officer must correct in the content is judged again when the content changes,
 * or at the send.
 */
export async function sweepBlocked(sql: Sql, catalogue: Catalogue): Promise<number> {
  let released = 0
  for (const next of [blockedBeforeGeneral, blockedBeforeDecision])
    for await (const lanes of pages((after) => next(sql, after, atOnce)))
      released += await reassessed(sql, catalogue.version, judged(catalogue, lanes))
  await settleCodes(sql, catalogue.version)
  return released
}

/** Milliseconds after which a sweep looks again though nothing changed: for a lane that was blocked by the catalogue before and committed late. */
const lateFor = 10_000

/**
 * A sweep for whoever asks all the time: it looks through the blocked lanes when the catalogue has moved, and every few seconds for late
 * ones. Without that, a province with a million blocked dossiers would read them every second.
 */
export function createSweeper(sql: Sql): (catalogue: Catalogue) => Promise<number> {
  let swept = { version: -1, at: 0 }
  return async (catalogue) => {
    const at = performance.now()
    if (swept.version === catalogue.version && at - swept.at < lateFor) return 0
    const released = await sweepBlocked(sql, catalogue)
    swept = { version: catalogue.version, at }
    return released
  }
}

async function* pages(next: (after: number) => Promise<BlockedLane[]>): AsyncGenerator<BlockedLane[]> {
  for (let after = 0; ;) {
    const lanes = await next(after)
    if (lanes.length === 0) return
    yield lanes
    after = lanes.at(-1)!.id
  }
}

/** What `releaseUnder` would do by this catalogue; changes nothing. */
export const releaseForeseen = (sql: Sql | Tx, catalogue: Catalogue, some: Concerned): Promise<Release> =>
  release(sql, catalogue, some, () => Promise.resolve())

/**
 * Releases these blocked lanes at once. The relay's sweep does the same within a second; whoever
 * comes first, the counts are those of the catalogue.
 */
export const releaseUnder = (sql: Sql, catalogue: Catalogue, some: Concerned): Promise<Release> =>
  release(sql, catalogue, some, async (lanes) => {
    await reassessed(sql, catalogue.version, lanes)
  })

async function release(
  sql: Sql | Tx,
  catalogue: Catalogue,
  some: Concerned,
  act: (lanes: readonly Judged[]) => Promise<void>,
): Promise<Release> {
  const still: Record<string, number> = {}
  let [blocked, released] = [0, 0]
  for await (const lanes of pages((after) => blockedUnder(sql, some, after, atOnce))) {
    const verdicts = judged(catalogue, lanes)
    await act(verdicts)
    blocked += lanes.length
    for (const { reason } of verdicts)
      if (reason === null) released += 1
      else still[reason] = (still[reason] ?? 0) + 1
  }
  return { blocked, released, still }
}

interface Judged {
  readonly id: number
  /** The reason it was blocked for. */
  readonly was: string
  /** Null: nothing is in its way. */
  readonly reason: string | null
  readonly nationalCode: string | null
}

const judged = (catalogue: Catalogue, lanes: readonly BlockedLane[]): Judged[] =>
  lanes.map((lane) => ({ id: lane.id, was: lane.reason, ...obstacleOf(catalogue, lane) }))

function obstacleOf(catalogue: Catalogue, lane: BlockedLane): { reason: string | null; nationalCode: string | null } {
  const known = translated(catalogue, {
    ...lane,
    level: (lane.level as Level | null) ?? undefined,
    status: lane.sourceStatus,
    receivedAt: lane.receivedAt.toISOString(),
    changedAt: lane.changedAt.toISOString(),
  })
  if (!known.found) return { reason: known.obstacle.reason, nationalCode: known.nationalCode }
  // Where the content itself is at fault no catalogue can mend it; where a name of the catalogue was missing, it may have come.
  const ofCatalogue = lane.field?.startsWith('procedure.') === true || lane.field === 'agencyName'
  const ofContent = !ofCatalogue && (lane.reason === 'missing-for-portal' || lane.reason === 'invalid-for-portal')
  return { reason: ofContent ? lane.reason : null, nationalCode: known.procedure.code }
}

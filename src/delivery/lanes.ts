import type { LaneWish, Lanes } from '../dossiers/lanes.ts'
import { vietnamDate } from '../dossiers/model.ts'
import type { Sql } from '../platform/database.ts'
import { findNational, statusOf, type Catalogue } from '../procedures/model.ts'
import { assess } from './assess.ts'
import type { StepsAfterRefused } from './model.ts'
import type { Portal } from './portal.ts'
import { armLanes, blockedBefore, reassessed, wakeLanes, type BlockedLane } from './store.ts'

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

/**
 * Looks again at every lane that was blocked under an older catalogue, and releases those whose obstacle is gone. Only
 * clear columns are read: what an officer must correct in the content is judged again when the content changes, or at the send.
 */
export async function sweepBlocked(sql: Sql, catalogue: Catalogue): Promise<number> {
  let released = 0
  for (let after = 0; ;) {
    const lanes = await blockedBefore(sql, catalogue.version, after, 2000)
    if (lanes.length === 0) return released
    released += await reassessed(
      sql,
      catalogue.version,
      lanes.map((lane) => ({ id: lane.id, was: lane.reason, ...obstacleOf(catalogue, lane) })),
    )
    after = lanes.at(-1)!.id
  }
}

function obstacleOf(catalogue: Catalogue, lane: BlockedLane): { reason: string | null; nationalCode: string | null } {
  const agency = catalogue.agencies.get(lane.agencyCode)
  const procedure = findNational(catalogue, {
    procedureCode: lane.procedureCode,
    agencyCode: lane.agencyCode,
    level: (lane.level as never) ?? agency?.level ?? null,
    receivedOn: vietnamDate(lane.receivedAt.toISOString()),
  })
  if (!procedure.found) return { reason: procedure.reason, nationalCode: procedure.nationalCode ?? null }
  const nationalCode = procedure.procedure.code
  if (!statusOf(catalogue, lane.source, lane.sourceStatus)) return { reason: 'unmapped-status', nationalCode }
  if (!agency) return { reason: 'unknown-agency', nationalCode }
  // Where the content itself is at fault no catalogue can mend it; where a name of the catalogue was missing, it may have come.
  const ofCatalogue = lane.field?.startsWith('procedure.') === true || lane.field === 'agencyName'
  const ofContent = !ofCatalogue && (lane.reason === 'missing-for-portal' || lane.reason === 'invalid-for-portal')
  return { reason: ofContent ? lane.reason : null, nationalCode }
}

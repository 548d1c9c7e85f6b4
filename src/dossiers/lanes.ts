import type { Tx } from '../platform/database.ts'
import type { DossierContent } from './model.ts'

/**
 * The port through which intake tells delivery that the portal should learn something. Called inside intake's transaction:
 * a dossier and its lane are stored together or not at all.
 */
export interface Lanes {
  /** The newest content of these dossiers changed: it is wanted at the portal, with fresh attempts. */
  arm(tx: Tx, wishes: readonly LaneWish[]): Promise<Map<number, LaneView>>
  /** These dossiers got new steps and nothing else; a lane that had finished starts again. */
  wake(tx: Tx, news: readonly StepNews[]): Promise<Map<number, LaneView>>
}

export interface StepNews {
  readonly dossierId: number
  /** How many steps are new. */
  readonly count: number
  readonly backfill: boolean
}

export interface LaneWish {
  readonly dossierId: number
  readonly code: string
  readonly source: string
  readonly changeId: number
  /** As the list of agencies writes it. */
  readonly agencyCode: string
  readonly content: DossierContent
  /** When the one-stop system made the change. */
  readonly changedAt: string
  readonly newSteps: number
  readonly backfill: boolean
}

export interface LaneView {
  readonly state: string
  readonly reason: string | null
  readonly field: string | null
}

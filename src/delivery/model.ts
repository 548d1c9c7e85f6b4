import type { FailureCode } from '../../config/failures.ts'

export const laneStates = ['waiting', 'sending', 'unknown', 'blocked', 'parked', 'delivered'] as const
export type LaneState = (typeof laneStates)[number]

/** What the next call for a lane would be. */
export type Operation = 'create' | 'update' | 'steps' | 'look-up'

/** After a step that the portal refused, later steps of the dossier wait for a person, or go without it. */
export const stepsAfterRefused = ['wait', 'go'] as const
export type StepsAfterRefused = (typeof stepsAfterRefused)[number]

/** Fresh changes of the day go before backfill (old dossiers pushed in bulk, and resends), which always keeps a share. */
export const urgencies = ['fresh', 'backfill'] as const
export type Urgency = (typeof urgencies)[number]
export const priorities: Readonly<Record<Urgency, number>> = { fresh: 0, backfill: 1 }

/** How the way to the portal and the portal itself answered lately, told apart as far as a call tells them apart. */
export interface PortalHealth {
  /** The beginning of what was looked at. */
  readonly since: string
  readonly calls: number
  /** Of the calls: those the portal took and answered by the protocol. */
  readonly good: number
  /** The others by what was wrong, the most frequent first; with `good` they add up to `calls`. */
  readonly failures: readonly { readonly failure: FailureCode; readonly count: number }[]
  /** Milliseconds within which 95 of 100 answers came; null without an answer. */
  readonly slowest: number | null
  /**
   * Whether the newest call got any HTTP answer: then the connector and the security server in front of the portal could be reached.
   * What an answer of theirs looks like is nowhere public, so an error behind them counts as the portal's.
   */
  readonly reached: boolean | null
}

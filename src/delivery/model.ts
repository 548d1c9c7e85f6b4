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

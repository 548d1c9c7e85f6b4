export const laneStates = ['waiting', 'sending', 'unknown', 'blocked', 'parked', 'delivered'] as const
export type LaneState = (typeof laneStates)[number]

/** What the next call for a lane would be. */
export type Operation = 'create' | 'update' | 'steps' | 'look-up'

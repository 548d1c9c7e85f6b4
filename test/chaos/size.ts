import type { Role } from './crew.ts'

/** What a run is made of, so that its length and what it is under grow together. */
export interface Size {
  /** Calls per second. */
  readonly ceiling: number
  /** Times each possible strike comes. */
  readonly cycles: number
  /** Open lanes beyond which clients wait: pushing then follows delivery, and every strike finds both at work. */
  readonly mostOpen: number
  /** Dossiers per call. */
  readonly batch: number
  /** Batches in hand at the same time in one worker. */
  readonly hands: number
  readonly count: Readonly<Record<Role, number>>
}

const within = (least: number, value: number, most: number) => Math.min(most, Math.max(least, Math.round(value)))

/**
 * A short run is slow, so that strikes find work in every moment of it. A long one would take days at that pace: its ceiling
 * grows until two cores are what bounds it, its batches until they are the product's own. Whatever a strike costs does not grow, so it comes
 * more often.
 */
export function sizeOf(events: number, embedded: boolean): Size {
  const cycles = within(1, Math.sqrt(events / 5_000), 1_000)
  const few = { api: 1, worker: 2, scheduler: 1 }
  if (embedded) return { ceiling: 20, cycles, mostOpen: 3_000, batch: 10, hands: 3, count: few }
  const ceiling = within(40, 100 * Math.sqrt(events / 20_000), 300)
  return {
    ceiling,
    cycles,
    mostOpen: within(3_000, events / 100, 10_000),
    batch: within(10, events / 2_000, 50),
    hands: Math.max(3, Math.ceil(ceiling / 30)),
    count: { api: 2, worker: 3, scheduler: 2 },
  }
}

import { randomUUID } from 'node:crypto'
import type { Urgency } from './model.ts'

/** A slot as Redis gave it. Times by `performance.now()`, durations in milliseconds. */
export interface GivenSlot {
  readonly kind: 'slot'
  readonly token: string
  /** When the call leaves, by Redis' clock. */
  readonly at: string
  readonly round: string
  readonly epoch: string
  readonly interval: number
  readonly asked: number
  readonly answered: number
  /** From `answered` until the call may leave. */
  readonly wait: number
  /** What the way to Redis usually takes. */
  readonly usual: number
}

/** Not now. */
export type Refusal =
  | { readonly kind: 'again'; readonly wait: number }
  | { readonly kind: 'closed'; readonly wait: number; readonly why: string }

export type Turn = GivenSlot | Refusal

/** Slots one after the other, at least one. */
export type Given = Refusal | readonly GivenSlot[]

interface Source {
  take(urgency: Urgency, token: string, atMost: number, soon: number): Promise<Given>
  unused(token: string, epoch: string): Promise<unknown>
}

/** Slots are taken ahead no further than this: what closes the gate or lowers the pace meanwhile comes this late at most. */
const soon = 10
const most = 16

/**
 * The slots of one process and one urgency. At hundreds of calls a second a trip to Redis for each would cost as much as the call: a
 * busy process takes with one trip what it is going to need in the next ten milliseconds. Where trips overlap, because they
 * take long or calls are few, each brings one slot. A slot that nobody came for is given back.
 */
export function createStock(source: Source, urgency: Urgency) {
  // Whoever waits has a trip of its own under way; what trips bring goes to who has waited longest.
  const queue: { readonly got: (turn: Turn) => void; readonly failed: (error: unknown) => void }[] = []
  let stock: GivenSlot[] = []
  let trips = 0
  let expiry: NodeJS.Timeout | null = null
  let askedAt = Number.NEGATIVE_INFINITY
  let gap = 1_000
  const giveBack = (slots: readonly GivenSlot[]) => {
    for (const { token, epoch } of slots) source.unused(token, epoch).catch(() => undefined)
  }
  const dropStale = () => {
    const now = performance.now()
    const isStale = ({ answered, wait }: GivenSlot) => now - answered - wait > soon
    giveBack(stock.filter(isStale))
    stock = stock.filter((slot) => !isStale(slot))
  }
  const keep = (slots: readonly GivenSlot[]) => {
    stock.push(...slots)
    if (stock.length === 0) return
    expiry ??= setTimeout(() => {
      expiry = null
      dropStale()
      keep([])
    }, 2 * soon)
  }
  const hand = (slots: readonly GivenSlot[]) => {
    const served = queue.splice(0, slots.length)
    for (const [index, { got }] of served.entries()) got(slots[index]!)
    keep(slots.slice(served.length))
  }
  const ask = async (): Promise<void> => {
    const atMost = trips === 0 ? Math.max(1, Math.min(most, Math.floor(soon / gap))) : 1
    trips += 1
    try {
      const given = await source.take(urgency, randomUUID(), atMost, soon)
      if ('kind' in given) queue.shift()?.got(given)
      else hand(given)
    } catch (error) {
      queue.shift()?.failed(error)
    }
    trips -= 1
  }
  return {
    /** The next slot, or why there is none. */
    next(): Promise<Turn> {
      const now = performance.now()
      gap += (Math.min(now - askedAt, 1_000) - gap) * 0.2
      askedAt = now
      dropStale()
      const slot = stock.shift()
      if (slot) return Promise.resolve(slot)
      return new Promise((got, failed) => {
        queue.push({ got, failed })
        void ask()
      })
    },
    /** The portal asks for less: what was taken ahead is given back. */
    clear() {
      giveBack(stock.splice(0))
    },
  }
}

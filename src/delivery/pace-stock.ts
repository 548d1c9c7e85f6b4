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
  /** For so many callers, and at most so many more slots that begin within `soon` milliseconds. */
  take(urgency: Urgency, token: string, callers: number, more: number, soon: number): Promise<Given>
  unused(token: string, epoch: string): Promise<unknown>
}

/** Slots are taken for nobody yet no further ahead than this: what closes the gate or lowers the pace meanwhile comes this late at most. */
const soon = 10
const most = 16

/**
 * One counter for all hands of a process and one urgency. At hundreds of calls a second a trip to Redis for each would cost as much as
 * the call: those who ask while one is under way share the next, and a busy process takes what it is going to need in the
 * next ten milliseconds. A slot that nobody came for is given back.
 */
export function createStock(source: Source, urgency: Urgency) {
  const queue: { readonly got: (turn: Turn) => void; readonly failed: (error: unknown) => void }[] = []
  let stock: GivenSlot[] = []
  let asking = false
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
  const keep = (slots: GivenSlot[]) => {
    stock.push(...slots)
    expiry ??= setTimeout(() => {
      expiry = null
      dropStale()
      if (stock.length > 0) keep([])
    }, 2 * soon)
  }
  const ask = async (): Promise<void> => {
    asking = true
    while (queue.length > 0) {
      const callers = queue.length
      const more = Math.max(0, Math.min(most, Math.floor(soon / gap)) - callers)
      try {
        const given = await source.take(urgency, randomUUID(), callers, more, soon)
        if (!('kind' in given)) hand(given)
        else if (given.kind === 'again') queue.shift()!.got(given)
        else for (const { got } of queue.splice(0)) got(given)
      } catch (error) {
        for (const { failed } of queue.splice(0)) failed(error)
      }
    }
    asking = false
  }
  const hand = (given: readonly GivenSlot[]) => {
    const served = queue.splice(0, given.length)
    for (const [index, { got }] of served.entries()) got(given[index]!)
    if (given.length > served.length) keep(given.slice(served.length))
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
        if (!asking) void ask()
      })
    },
    /** The portal asks for less: what was taken ahead is given back. */
    clear() {
      giveBack(stock.splice(0))
    },
  }
}

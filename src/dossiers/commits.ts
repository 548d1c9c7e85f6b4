import { isDatabaseDown } from '../platform/database.ts'
import type { Accepted, IntakeResult } from './intake.ts'

/** Most changes in one transaction. */
const together = 200
/** Transactions side by side: while one is being committed the next is written. */
const hands = 2

interface Entry {
  readonly item: Accepted
  readonly done: (result: IntakeResult) => void
  readonly failed: (error: unknown) => void
}

type Store = (items: readonly Accepted[]) => Promise<IntakeResult[]>

/**
 * Stores changes of many requests. Resolves when the change is committed.
 *
 * The requests of one process share their commits: while transactions run, what comes in meanwhile waits for the next one,
 * which takes it all. Two changes of one dossier are never in the ledger's hands at the same time, and go in the order in
 * which they came.
 */
export function shareCommits(store: Store): (item: Accepted) => Promise<IntakeResult> {
  let waiting: Entry[] = []
  const inHand = new Set<string>()
  let running = 0
  const take = (): Entry[] => {
    const passed = new Set(inHand)
    const taken: Entry[] = []
    const left: Entry[] = []
    for (const entry of waiting) {
      const { code } = entry.item.change
      if (taken.length < together && !passed.has(code)) taken.push(entry)
      else left.push(entry)
      passed.add(code)
    }
    waiting = left
    return taken
  }
  const run = async () => {
    running += 1
    // Whatever has arrived by now is read first, so that it goes with the first one.
    await new Promise((resolve) => setImmediate(resolve))
    for (let entries = take(); entries.length > 0; entries = take()) {
      for (const { item } of entries) inHand.add(item.change.code)
      await storeOrHalve(store, entries)
      for (const { item } of entries) inHand.delete(item.change.code)
    }
    running -= 1
  }
  return (item) =>
    new Promise((done, failed) => {
      waiting.push({ item, done, failed })
      if (running < hands) void run()
    })
}

/** What fails together is halved until the guilty one stands alone: nobody pays for a neighbour. Never throws. */
async function storeOrHalve(store: Store, entries: readonly Entry[]): Promise<void> {
  try {
    const results = await store(entries.map(({ item }) => item))
    for (const [position, { done }] of entries.entries()) done(results[position]!)
  } catch (error) {
    if (entries.length === 1 || isDatabaseDown(error)) {
      for (const { failed } of entries) failed(error)
      return
    }
    const middle = Math.ceil(entries.length / 2)
    await storeOrHalve(store, entries.slice(0, middle))
    await storeOrHalve(store, entries.slice(middle))
  }
}

import type { Vault } from '../platform/crypto.ts'
import type { Sql } from '../platform/database.ts'
import { recordOutcomes, type Outcome } from './store.ts'

/**
 * Records what calls brought about. Resolves when it is in the ledger, with the lanes that are still in the worker's hands.
 *
 * The hands of one process share their commits: while one statement runs, the outcomes that come in meanwhile wait for the
 * next, which takes them all. A hand still goes on only after its own outcome is in the ledger; but eight hands cost the
 * database little more than one.
 */
export type Recorder = (outcome: Outcome) => Promise<number[]>

interface Entry {
  readonly outcome: Outcome
  readonly done: (inHand: number[]) => void
  readonly failed: (error: unknown) => void
}

/** Most outcomes in one statement. */
const together = 64

export function createRecorder(sql: Sql, vault: Vault): Recorder {
  const waiting: Entry[] = []
  let running = false
  const run = async () => {
    running = true
    while (waiting.length > 0) await record(sql, vault, waiting.splice(0, together))
    running = false
  }
  return (outcome) =>
    new Promise((done, failed) => {
      waiting.push({ outcome, done, failed })
      if (!running) void run()
    })
}

/** What fails together is tried one by one: nobody pays for a neighbour's failure. Never throws. */
async function record(sql: Sql, vault: Vault, entries: readonly Entry[]): Promise<void> {
  try {
    const inHand = await recordOutcomes(
      sql,
      vault,
      entries.map(({ outcome }) => outcome),
    )
    for (const [index, { done }] of entries.entries()) done(inHand[index]!)
  } catch (error) {
    if (entries.length === 1) return entries[0]!.failed(error)
    for (const entry of entries) await record(sql, vault, [entry])
  }
}

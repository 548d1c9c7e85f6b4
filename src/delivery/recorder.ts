import type { Outcome } from './store.ts'

/**
 * Records what calls brought about. The hands of one process share their statements, and the calls of one hand as well: what a
 * call brought about waits for company, a quarter of a second at most and never longer than its hand: fifty dossiers with two
 * steps each are eleven calls, and as a rule one statement.
 */
export interface Recorder {
  /** Resolves when the outcome is in the ledger, with those of its lanes that are no longer in the worker's hands. */
  note(outcome: Outcome): Promise<number[]>
  /** The hand with this token waits: its outcomes are written with the next statement. */
  hurry(token: string): void
}

interface Entry {
  readonly outcome: Outcome
  readonly done: (left: number[]) => void
  readonly failed: (error: unknown) => void
}

/** Longest wait for company, in milliseconds. */
const gathers = 250
/** Most outcomes in one statement, and the number of lanes from which on it takes no more: large ones keep all others waiting. */
const together = 100
const lanesTogether = 100

/** Writes outcomes in one transaction; answers, for each of them, the lanes that left the worker's hands. */
type Write = (outcomes: readonly Outcome[]) => Promise<number[][]>

export function createRecorder(write: Write): Recorder {
  let waiting: Entry[] = []
  const hurried = new Set<string>()
  let timer: NodeJS.Timeout | null = null
  let isDue = false
  let isRunning = false
  /** Those of hands that wait; all, when the first of them has waited long enough or there are many. Each hand's in their order. */
  const take = (): Entry[] => {
    const all = isDue || waiting.length >= together
    const [taken, left]: [Entry[], Entry[]] = [[], []]
    let lanes = 0
    for (const entry of waiting) {
      const isWanted = all || hurried.has(entry.outcome.token)
      if (!isWanted || taken.length === together || lanes >= lanesTogether) left.push(entry)
      else {
        taken.push(entry)
        lanes += entry.outcome.taken.length
      }
    }
    waiting = left
    // What is due and found no room goes next.
    isDue = all && left.length > 0
    return taken
  }
  const run = async () => {
    isRunning = true
    for (let entries = take(); entries.length > 0; entries = take()) await record(write, entries)
    isRunning = false
    hurried.clear()
    if (waiting.length > 0) timer ??= setTimeout(due, gathers)
  }
  const due = () => {
    timer = null
    isDue = true
    if (!isRunning) void run()
  }
  return {
    note: (outcome) =>
      new Promise((done, failed) => {
        waiting.push({ outcome, done, failed })
        timer ??= setTimeout(due, gathers)
        if (!isRunning && waiting.length >= together) void run()
      }),
    hurry(token) {
      hurried.add(token)
      // Whoever else comes to its end in this moment goes with it.
      if (!isRunning) setImmediate(() => void (isRunning || run()))
    },
  }
}

/** What fails together is tried one by one: nobody pays for a neighbour's failure. Never throws. */
async function record(write: Write, entries: readonly Entry[]): Promise<void> {
  try {
    const left = await write(entries.map(({ outcome }) => outcome))
    for (const [index, { done }] of entries.entries()) done(left[index]!)
  } catch (error) {
    if (entries.length === 1) return entries[0]!.failed(error)
    for (const entry of entries) await record(write, [entry])
  }
}

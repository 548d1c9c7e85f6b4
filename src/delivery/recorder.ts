import { isDatabaseDown } from '../platform/database.ts'
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
  const broken: Broken = new Set()
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
    for (let entries = take(); entries.length > 0; entries = take()) await record(write, entries, broken)
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

/** Hands of which an outcome could not be recorded. Theirs that follow would tell a story with a gap: a step sent and not known. */
type Broken = Set<string>

/** Tokens kept: a hand lives as long as its lease, and few of them break. */
const mostBroken = 10_000

/**
 * What fails together is tried one by one, so that nobody pays for a neighbour's failure; but not after a lost connection, because
 * all of it may have been committed, and would count twice. Once an outcome of a hand has failed, its later ones fail too, and
 * the hand has its lanes looked up. Never throws.
 */
async function record(write: Write, entries: readonly Entry[], broken: Broken): Promise<void> {
  const [sound, gaps] = [[], []] as [Entry[], Entry[]]
  for (const entry of entries) (broken.has(entry.outcome.token) ? gaps : sound).push(entry)
  for (const { failed } of gaps) failed(new Error('An earlier outcome of this hand could not be recorded'))
  if (sound.length === 0) return
  try {
    const left = await write(sound.map(({ outcome }) => outcome))
    for (const [index, { done }] of sound.entries()) done(left[index]!)
  } catch (error) {
    if (sound.length > 1 && !isDatabaseDown(error)) {
      for (const entry of sound) await record(write, [entry], broken)
      return
    }
    for (const { outcome, failed } of sound) {
      broken.add(outcome.token)
      failed(error)
    }
    for (const token of broken) if (broken.size > mostBroken) broken.delete(token)
  }
}

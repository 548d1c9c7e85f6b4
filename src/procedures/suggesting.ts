import { Worker } from 'node:worker_threads'
import type { Asked, LocalEntry, NationalEntry, Suggestion } from './suggest.ts'

/**
 * Suggestions from a thread of their own: indexing a catalogue takes a second and a long list many, in which an API must go on
 * answering; and the thread's memory is bounded, whatever is asked.
 */
export interface Suggesting {
  /** Replaces the catalogue; questions asked later are answered from it. */
  load(entries: readonly NationalEntry[]): Promise<void>
  /** One suggestion per question, in their order. Throws when the thread died; it is dead then. */
  suggest(questions: readonly Question[]): Promise<readonly Suggestion[]>
  stop(): Promise<void>
}

export interface Question {
  readonly local: LocalEntry
  readonly asked: Asked
}

export interface Order {
  readonly number: number
  readonly entries: readonly NationalEntry[] | null
  readonly questions: readonly Question[]
}

export interface Reply {
  readonly number: number
  readonly suggestions: readonly Suggestion[]
}

/** Megabytes. A catalogue of 5,000 procedures with 8,000 names needs 60; young ones beyond a few only make the process larger. */
const limits = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 8 }

export function startSuggesting(): Suggesting {
  const worker = new Worker(new URL('./suggest-thread.ts', import.meta.url), { resourceLimits: limits })
  const open = new Map<number, PromiseWithResolvers<readonly Suggestion[]>>()
  let last = 0
  let dead: Error | undefined
  const die = (error: Error) => {
    dead = error
    for (const { reject } of open.values()) reject(error)
    open.clear()
  }
  worker
    .on('message', ({ number, suggestions }: Reply) => {
      open.get(number)?.resolve(suggestions)
      open.delete(number)
      // An idle thread keeps no process alive that has nothing else to do.
      if (open.size === 0) worker.unref()
    })
    .on('error', (error) => die(error instanceof Error ? error : new Error(String(error))))
    .on('exit', () => die(dead ?? new Error('The thread for suggestions has ended')))
  const send = (order: Omit<Order, 'number'>): Promise<readonly Suggestion[]> => {
    if (dead) return Promise.reject(dead)
    const number = ++last
    const waiting = Promise.withResolvers<readonly Suggestion[]>()
    open.set(number, waiting)
    worker.ref()
    worker.postMessage({ number, ...order } satisfies Order)
    return waiting.promise
  }
  return {
    async load(entries) {
      await send({ entries, questions: [] })
    },
    suggest: (questions) => send({ entries: null, questions }),
    async stop() {
      await worker.terminate()
    },
  }
}

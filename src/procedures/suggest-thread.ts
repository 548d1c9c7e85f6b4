import { parentPort } from 'node:worker_threads'
import { createMatcher, type Matcher } from './suggest.ts'
import type { Order, Reply } from './suggesting.ts'

/** The far side of suggesting.ts: one catalogue at a time, questions in the order in which they come. */

let matcher: Matcher | undefined

parentPort!.on('message', ({ number, entries, questions }: Order) => {
  if (entries) matcher = createMatcher(entries)
  const reply: Reply = { number, suggestions: questions.map(({ local, asked }) => matcher!.suggest(local, asked)) }
  parentPort!.postMessage(reply)
})

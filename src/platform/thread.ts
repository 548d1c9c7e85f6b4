import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Milliseconds, many times what the longest work takes: those who wait behind what never ends would wait for ever. */
const patience = 300_000

/** It did not end in its time. */
export class Endless extends Error {}

/**
 * Work that takes most of a second, in a thread of its own in which everything else goes on: a new thread for each order, with bounded memory (in
 * megabytes). One order after the other, because two at once would need twice the memory. The file takes the order from `workerData`, posts one reply and ends.
 */
export function threadFor<Reply>(file: URL, megabytes: number, within = patience): (order: unknown) => Promise<Reply> {
  let turn: Promise<unknown> = Promise.resolve()
  return (order) => {
    const mine = turn.then(async () => {
      const worker = new Worker(file, { workerData: order, resourceLimits: { maxOldGenerationSizeMb: megabytes } })
      const signal = AbortSignal.timeout(within)
      try {
        const [reply] = (await once(worker, 'message', { signal })) as [Reply]
        return reply
      } catch (error) {
        void worker.terminate()
        throw signal.aborted ? new Endless('The thread did not end in its time') : error
      }
    })
    turn = mine.catch(() => undefined)
    return mine
  }
}

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/**
 * Work that takes most of a second, in a thread of its own in which everything else goes on: a new thread for each order, with bounded memory (in
 * megabytes). One order after the other, because two at once would need twice the memory. The file takes the order from `workerData`, posts one reply and ends.
 */
export function threadFor<Reply>(file: URL, megabytes: number): (order: unknown) => Promise<Reply> {
  let turn: Promise<unknown> = Promise.resolve()
  return (order) => {
    const mine = turn.then(async () => {
      const worker = new Worker(file, { workerData: order, resourceLimits: { maxOldGenerationSizeMb: megabytes } })
      const [reply] = (await once(worker, 'message')) as [Reply]
      return reply
    })
    turn = mine.catch(() => undefined)
    return mine
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { WatchPolicy } from '../../config/retry.ts'
import { Watchdog, type Desk, type Watch, type Watched } from '../../jobs/watchdog.ts'
import { createLog } from '../../src/platform/log.ts'

const policy: WatchPolicy = { look: 10, idle: 50, canary: 30, beat: 10, restarts: 3 }
const soon = { timeout: 5_000, interval: 5 }
/** Long enough for several judgements. */
const aWhile = () => sleep(policy.idle * 4)

interface Opened {
  concurrency: number
  readonly desk: Desk
  readonly closed: boolean[]
}

const open: Watchdog[] = []
const letGo: (() => void)[] = []
afterEach(async () => {
  for (const end of letGo.splice(0)) end()
  await Promise.all(open.splice(0).map((watchdog) => watchdog.close()))
})

/** A watchdog over instances that do nothing by themselves, and a queue that says what the test wants. */
function guard({ concurrency = 2, patience = 60_000 }: Partial<Watched> = {}) {
  const instances: Opened[] = []
  const queue = { waiting: 0 as number | null, away: false, readOnly: false, canaries: 0, looks: 0 }
  const beat = vi.fn<Watch['beat']>(async () => undefined)
  const onRestart = vi.fn<Watch['onRestart']>()
  const giveUp = vi.fn<Watch['giveUp']>()
  const watched: Watched = {
    queue: 'push',
    concurrency,
    patience,
    log: createLog('silent'),
    open(hands, desk) {
      const one = { concurrency: hands, desk, closed: [] as boolean[] }
      instances.push(one)
      return {
        get concurrency() {
          return one.concurrency
        },
        set concurrency(value) {
          one.concurrency = value
        },
        close: async (force) => void one.closed.push(force),
      }
    },
    look: () => ({
      async waiting() {
        queue.looks += 1
        if (queue.away) throw new Error('away')
        return queue.waiting
      },
      async sendCanary() {
        if (queue.away || queue.readOnly) throw new Error('away')
        queue.canaries += 1
      },
      close: () => undefined,
    }),
  }
  const watchdog = new Watchdog(watched, { policy, beat, onRestart, giveUp })
  open.push(watchdog)
  const begin = (index = instances.length - 1) => {
    instances[index]!.desk.took()
    const run = instances[index]!.desk.begin()
    letGo.push(run.end)
    return run
  }
  return { watchdog, instances, queue, beat, onRestart, giveUp, begin }
}

describe('the watchdog of a worker', () => {
  it('opens it anew when tickets wait beside a free hand and none is taken', async () => {
    const { instances, queue, onRestart, begin } = guard()
    begin()
    queue.waiting = 3
    await vi.waitFor(() => expect(instances.length).toBeGreaterThan(1), soon)
    expect(instances[0]!.closed).toEqual([true])
    expect(onRestart).toHaveBeenCalledWith('push')
  })

  it.each([
    ['its hands are full', (one: ReturnType<typeof guard>) => void [one.begin(), one.begin()]],
    ['Redis does not answer', ({ queue }: ReturnType<typeof guard>) => void (queue.away = true)],
    ['Redis can be read and not written', ({ queue }: ReturnType<typeof guard>) => void (queue.readOnly = true)],
    ['somebody paused the queue', ({ queue }: ReturnType<typeof guard>) => void (queue.waiting = null)],
    ['nothing waits', ({ queue }: ReturnType<typeof guard>) => void (queue.waiting = 0)],
  ])('leaves it alone when %s', async (_why, arrange) => {
    const one = guard()
    one.queue.waiting = 3
    arrange(one)
    await vi.waitFor(() => expect(one.queue.looks).toBeGreaterThan(12), soon)
    expect(one.instances).toHaveLength(1)
    expect(one.giveUp).not.toHaveBeenCalled()
  })

  it('leaves it alone while it takes tickets, however many wait', async () => {
    const { instances, queue } = guard()
    queue.waiting = 1000
    const taking = setInterval(() => instances[0]!.desk.took(), 1)
    await vi.waitFor(() => expect(queue.looks).toBeGreaterThan(12), soon)
    clearInterval(taking)
    expect(instances).toHaveLength(1)
  })

  it('sends canaries where nothing waits, and calls only movement a heartbeat', async () => {
    const { instances, queue, beat } = guard()
    await vi.waitFor(() => expect(queue.canaries).toBeGreaterThan(2), soon)
    expect(beat).not.toHaveBeenCalled()
    instances[0]!.desk.took()
    await vi.waitFor(() => expect(beat).toHaveBeenCalledWith('push'), soon)
    const before = beat.mock.calls.length
    await aWhile()
    expect(beat.mock.calls.length).toBe(before)
  })

  it('calls a job that gets on a heartbeat, and one that hangs none', async () => {
    const { beat, begin } = guard({ patience: 300 })
    const job = begin()
    const signs = setInterval(() => job.alive(), 5)
    await aWhile()
    expect(beat.mock.calls.length).toBeGreaterThan(2)
    clearInterval(signs)
    await sleep(400)
    const before = beat.mock.calls.length
    await aWhile()
    expect(beat.mock.calls.length).toBe(before)
  })

  it('takes what an old instance has in hand off the hands of the new one, until it ends', async () => {
    const { instances, queue, begin } = guard({ concurrency: 4 })
    const left = begin(0)
    queue.waiting = 1
    await vi.waitFor(() => expect(instances.length).toBe(2), soon)
    queue.waiting = 0
    expect(instances[1]!.concurrency).toBe(3)
    expect(() => instances[0]!.desk.begin()).toThrow('given up')
    left.end()
    expect(instances[1]!.concurrency).toBe(4)
  })

  it('replaces hands that hang once, and gives up when the new ones hang as well', async () => {
    const { instances, giveUp, begin } = guard({ patience: 50 })
    begin(0)
    begin(0)
    await vi.waitFor(() => expect(instances.length).toBe(2), soon)
    expect(instances[1]!.concurrency).toBe(2)
    await aWhile()
    expect(giveUp).not.toHaveBeenCalled()
    begin(1)
    begin(1)
    await vi.waitFor(() => expect(giveUp).toHaveBeenCalledWith('push', expect.stringContaining('hang')), soon)
    expect(instances).toHaveLength(2)
  })

  it('does not call it hung while one hand gets on', async () => {
    const { instances, begin } = guard({ patience: 300 })
    begin(0)
    const other = begin(0)
    const signs = setInterval(() => other.alive(), 5)
    await sleep(700)
    clearInterval(signs)
    expect(instances).toHaveLength(1)
  })

  it('gives up when opening it anew does not help', async () => {
    const { instances, queue, giveUp } = guard()
    queue.waiting = 1
    await vi.waitFor(() => expect(giveUp).toHaveBeenCalledWith('push', expect.stringContaining('no tickets')), soon)
    expect(instances).toHaveLength(1 + policy.restarts)
  })

  it('counts restarts in a row only', async () => {
    const { instances, queue, giveUp } = guard()
    queue.waiting = 1
    for (let time = 1; time <= policy.restarts + 2; time += 1) {
      await vi.waitFor(() => expect(instances.length).toBeGreaterThan(time), soon)
      instances.at(-1)!.desk.took()
    }
    expect(giveUp).not.toHaveBeenCalled()
  })

  it('closes in order: what is in hand is finished first', async () => {
    const { watchdog, instances, begin } = guard()
    begin()
    await watchdog.close()
    expect(instances[0]!.closed).toEqual([false])
  })
})

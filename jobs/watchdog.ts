import { setTimeout as sleep } from 'node:timers/promises'
import type { WatchPolicy } from '../config/retry.ts'
import type { Logger } from '../src/platform/log.ts'

/** A worker of the queue library. After it was closed by force its connections are of no use to anybody. */
export interface Instance {
  /** How many jobs it may have in hand. */
  concurrency: number
  close(force: boolean): Promise<unknown>
}

/** A look at a queue on a connection that is not the worker's. Each call fails when Redis does not answer in time. */
export interface Outlook {
  /** Tickets that wait; null when somebody paused the queue, so that waiting means nothing. */
  waiting(): Promise<number | null>
  /** Adds a ticket that any worker takes and that carries nothing. Also shows that Redis can be written. */
  sendCanary(): Promise<void>
  close(): void
}

/** What the workers of a process share. */
export interface Watch {
  readonly policy: WatchPolicy
  /** Work was seen to move on this queue. */
  readonly beat: (queue: string) => Promise<void>
  readonly onRestart: (queue: string) => void
  /** Nothing in this process helps any more: it should end and be started again. */
  readonly giveUp: (queue: string, why: string) => void
}

export interface Watched {
  readonly queue: string
  readonly concurrency: number
  /** A job without a sign of life for this long is hung, in milliseconds. */
  readonly patience: number
  readonly open: (concurrency: number, desk: Desk) => Instance
  readonly look: () => Outlook
  readonly log: Logger
}

/** Where an instance reports what it does. */
export interface Desk {
  /** A ticket was taken, be it a canary. */
  took(): void
  /** A job begins. Throws when this instance was given up meanwhile: its job is somebody else's now. */
  begin(): Run
}

export interface Run {
  /** A sign of life. */
  readonly alive: () => void
  readonly end: () => void
}

/** A job in hand. `written` off: it was hung when its instance was given up, and its hand was replaced. */
interface InHand {
  lastSign: number
  written: boolean
}

/**
 * Keeps a worker working. After a fail-over or on a half-open connection it can look alive and take nothing, so it is judged
 * by movement, against what is seen of the queue on another connection: tickets wait, it has a free hand, and takes none.
 * Then it is closed by force and opened anew. A ticket it had in hand is free to be taken again; the ledger's leases see to it
 * that nothing is sent twice. What waits behind full hands, or for the gate to the portal, is no sign of death.
 *
 * A job that is hung cannot be ended, and goes on holding its hand. When all hands hold hung jobs, the worker gets new ones,
 * once: hung jobs and new hands together are never more than twice the configured number. What an instance left behind
 * alive is taken off its successor's hands until it ends. When nothing of this helps, the process has to end.
 */
export class Watchdog {
  readonly #watched: Watched
  readonly #watch: Watch
  readonly #stopping = new AbortController()
  readonly #hands = new Set<InHand>()
  readonly #left = new Set<InHand>()
  #instance: Instance
  #generation = 0
  #taken = 0
  #takenAtLook = 0
  #takenAtBeat = 0
  #idleLooks = 0
  #restarts = 0
  #canaryAt = Number.NEGATIVE_INFINITY
  #outlook: Outlook | null = null

  constructor(watched: Watched, watch: Watch) {
    this.#watched = watched
    this.#watch = watch
    this.#instance = watched.open(watched.concurrency, this.#desk())
    void this.#run()
  }

  /** Takes no more jobs and waits for those in hand. */
  async close(): Promise<void> {
    this.#stopping.abort()
    const closing = this.#instance.close(false).catch(() => undefined)
    // On a dead connection an instance waits for ever to say that it has finished.
    await Promise.race([closing, this.#emptyHanded()])
    this.#forgetOutlook()
  }

  async #emptyHanded(): Promise<void> {
    while (this.#hands.size > 0) await sleep(100, undefined, { ref: false })
    await sleep(3_000, undefined, { ref: false })
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await sleep(this.#watch.policy.look, undefined, { signal, ref: false }).catch(() => undefined)
      if (signal.aborted) return
      await this.#look().catch((error: unknown) => {
        // Redis does not answer us either: nothing can be said about the worker.
        this.#watched.log.debug({ err: error, queue: this.#watched.queue }, 'The watchdog cannot see the queue')
        this.#idleLooks = 0
        this.#forgetOutlook()
      })
    }
  }

  #forgetOutlook(): void {
    this.#outlook?.close()
    this.#outlook = null
  }

  async #look(): Promise<void> {
    const { policy } = this.#watch
    await this.#prove()
    this.#outlook ??= this.#watched.look()
    const waiting = await this.#outlook.waiting()
    const took = this.#taken > this.#takenAtLook
    this.#takenAtLook = this.#taken
    if (took) this.#restarts = 0
    if (this.#allHung()) return this.#replaceHung()
    const beside = waiting !== null && waiting > 0 && !took && this.#hands.size < this.#instance.concurrency
    this.#idleLooks = beside ? this.#idleLooks + 1 : 0
    if (this.#idleLooks * policy.look >= policy.idle) return this.#replaceDead(this.#outlook)
    if (waiting === 0 && performance.now() - this.#canaryAt >= policy.canary) {
      await this.#outlook.sendCanary()
      this.#canaryAt = performance.now()
    }
  }

  /** A heartbeat is written for what was seen to move, never because the process is there. */
  async #prove(): Promise<void> {
    const busy = [...this.#hands].some((one) => !this.#isHung(one))
    if (!busy && this.#taken === this.#takenAtBeat) return
    this.#takenAtBeat = this.#taken
    await this.#watch.beat(this.#watched.queue)
  }

  #isHung({ lastSign }: InHand): boolean {
    return performance.now() - lastSign > this.#watched.patience
  }

  #allHung(): boolean {
    return this.#hands.size >= this.#instance.concurrency && [...this.#hands].every((one) => this.#isHung(one))
  }

  async #replaceDead(outlook: Outlook): Promise<void> {
    // A Redis that can be read and not written (a replica after a fail-over) is not the worker's fault.
    await outlook.sendCanary()
    if (this.#restarts >= this.#watch.policy.restarts)
      return this.#watch.giveUp(this.#watched.queue, 'it takes no tickets, however often it is opened anew')
    await this.#replace('it took no tickets')
  }

  async #replaceHung(): Promise<void> {
    const hung = [...this.#hands, ...this.#left].filter((one) => one.written || this.#isHung(one))
    if (hung.length > this.#watched.concurrency)
      return this.#watch.giveUp(this.#watched.queue, 'its jobs hang, the new ones as well')
    for (const one of hung) one.written = true
    await this.#replace('all its jobs hang')
  }

  async #replace(why: string): Promise<void> {
    if (this.#stopping.signal.aborted) return
    const { queue, log } = this.#watched
    this.#restarts += 1
    this.#generation += 1
    this.#idleLooks = 0
    for (const one of this.#hands) this.#left.add(one)
    this.#hands.clear()
    log.error({ queue, why, leftBehind: this.#left.size, inARow: this.#restarts }, 'A worker is opened anew')
    this.#watch.onRestart(queue)
    const closing = this.#instance.close(true).catch(() => undefined)
    await Promise.race([closing, sleep(2_000, undefined, { ref: false })])
    if (!this.#stopping.signal.aborted) this.#instance = this.#watched.open(this.#free(), this.#desk())
  }

  /** Hands that are not held by what former instances left behind. */
  #free(): number {
    const held = [...this.#left].filter((one) => !one.written).length
    return Math.max(1, this.#watched.concurrency - held)
  }

  #desk(): Desk {
    const generation = this.#generation
    return {
      took: () => {
        if (generation === this.#generation) this.#taken += 1
      },
      begin: () => {
        if (generation !== this.#generation) throw new Error('This worker was given up')
        const one: InHand = { lastSign: performance.now(), written: false }
        this.#hands.add(one)
        return {
          alive: () => {
            one.lastSign = performance.now()
          },
          end: () => this.#end(one),
        }
      },
    }
  }

  #end(one: InHand): void {
    this.#hands.delete(one)
    if (this.#left.delete(one)) this.#instance.concurrency = this.#free()
  }
}

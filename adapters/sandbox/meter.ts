/** More calls than one process can answer within a second. */
const ringSize = 65_536

/** Arrival times of one service's calls, and the most that ever arrived within one second. */
class Ring {
  readonly #times = new Float64Array(ringSize)
  #oldest = 0
  calls = 0
  maxPerSecond = 0
  readonly codes = new Map<string, number>()

  add(now: number): void {
    this.#times[this.calls % ringSize] = now
    this.calls += 1
    while (this.#times[this.#oldest % ringSize]! <= now - 1000) this.#oldest += 1
    this.maxPerSecond = Math.max(this.maxPerSecond, this.calls - this.#oldest)
  }

  recent(): number[] {
    const kept = Math.min(this.calls, ringSize)
    return Array.from({ length: kept }, (_, index) => this.#times[(this.calls - kept + index) % ringSize]!)
  }
}

export interface ServiceFigures {
  readonly calls: number
  /** Most calls that arrived in any window of one second, refused ones included. */
  readonly maxPerSecond: number
  /** Answers by `error_code`; `http-…`, `cut`, `timeout` and `text` stand for answers without one. */
  readonly codes: Readonly<Record<string, number>>
}

/** Counts every call as it arrives: a ceiling of calls per second can be checked from outside the client. */
export class Meter {
  #all = new Ring()
  #services = new Map<string, Ring>()
  #inHand = 0
  #maxInHand = 0

  arrived(service: string): void {
    const now = performance.now()
    this.#all.add(now)
    this.#ring(service).add(now)
    this.#inHand += 1
    this.#maxInHand = Math.max(this.#maxInHand, this.#inHand)
  }

  answered(service: string, code: string): void {
    this.#inHand -= 1
    for (const { codes } of [this.#all, this.#ring(service)]) codes.set(code, (codes.get(code) ?? 0) + 1)
  }

  /** Arrival times of the newest calls, oldest first, in milliseconds of the process clock. */
  times(service?: string): number[] {
    return service === undefined ? this.#all.recent() : (this.#services.get(service)?.recent() ?? [])
  }

  figures(): { total: ServiceFigures; maxInHand: number; services: Record<string, ServiceFigures> } {
    const services = Object.fromEntries([...this.#services].map(([service, ring]) => [service, figuresOf(ring)]))
    return { total: figuresOf(this.#all), maxInHand: this.#maxInHand, services }
  }

  reset(): void {
    this.#all = new Ring()
    this.#services = new Map()
    this.#maxInHand = this.#inHand
  }

  #ring(service: string): Ring {
    let ring = this.#services.get(service)
    if (!ring) this.#services.set(service, (ring = new Ring()))
    return ring
  }
}

function figuresOf({ calls, maxPerSecond, codes }: Ring): ServiceFigures {
  return { calls, maxPerSecond, codes: Object.fromEntries(codes) }
}

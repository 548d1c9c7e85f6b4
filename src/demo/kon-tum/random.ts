/** A small seeded generator (mulberry32): the same seed gives the same province on every machine. */
export class Random {
  private state: number

  /** `purpose` separates the streams, so that a new name in one list does not move the dates of another. */
  constructor(seed: number, purpose: string) {
    let hash = seed | 0
    for (let at = 0; at < purpose.length; at += 1) hash = Math.imul(hash ^ purpose.charCodeAt(at), 0x01000193)
    this.state = hash
  }

  /** In [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)]!
  }

  digits(count: number): string {
    return String(Math.floor(this.next() * 10 ** count)).padStart(count, '0')
  }

  shuffle<T extends { length: number; [index: number]: unknown }>(list: T): T {
    for (let last = list.length - 1; last > 0; last -= 1) {
      const other = Math.floor(this.next() * (last + 1))
      const kept = list[last]
      list[last] = list[other]
      list[other] = kept
    }
    return list
  }
}

/** Draws items in proportion to their weights. */
export class Sampler<T> {
  private readonly sums: Float64Array
  private readonly items: readonly T[]

  constructor(items: readonly T[], weight: (item: T) => number) {
    this.items = items
    this.sums = new Float64Array(items.length)
    let sum = 0
    for (const [index, item] of items.entries()) this.sums[index] = sum += weight(item)
  }

  pick(random: Random): T {
    const wanted = random.next() * this.sums[this.sums.length - 1]!
    let low = 0
    let high = this.sums.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.sums[middle]! > wanted) high = middle
      else low = middle + 1
    }
    return this.items[low]!
  }
}

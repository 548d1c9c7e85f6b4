import { folded, type ReadName } from './names.ts'

/**
 * How much alike two names are, by the words that matter: a word is worth the more the fewer names have it (inverse
 * document frequency over the catalogue). Counted are words with tone, words without, and neighbours without tone.
 */
export interface LikenessIndex {
  /** The names most alike, best first; `place` counts the names the index was made of. */
  nearest(name: ReadName, most: number): readonly Alike[]
  /** 0 (no word in common) to 1 (the same words in the same order) for one name of the index. */
  likeness(name: ReadName, place: number): number
}

export interface Alike {
  readonly place: number
  readonly likeness: number
}

/** Parts of the whole; they add up to 1. Much the same is found with other shares (docs/mapping.md). */
const shares = { terms: 0.6, order: 0.2, covered: 0.2 }
/** What a word with its tone adds to the one without. */
const kinds = { toned: 0.5, plain: 0.5, pair: 1 }
/** How often one word counts in one name. */
const mostTimes = 2

/** A name as numbers. */
interface Counted {
  /** Its terms, each once for every time it counts. */
  readonly terms: Uint32Array
  /** Its plain words in their order. */
  readonly order: Uint32Array
}

interface Weighed extends Counted {
  /** What all terms are worth together. */
  readonly weight: number
  /** What each word of `order` is worth, and all of them. */
  readonly worths: Float32Array
  readonly orderWeight: number
}

type Worth = (term: number) => number

export function createLikenessIndex(names: readonly ReadName[]): LikenessIndex {
  const numbers = createNumbers()
  const counted = names.map((name) => count(name, numbers.given))
  const places = placesOf(counted, numbers.size())
  const worths = Float64Array.from({ length: numbers.size() }, (_, term) => {
    const bearers = places.bearers(term)
    return kinds[numbers.kindOf(term)] * Math.log(1 + names.length / (bearers + 0.5))
  })
  // Words that no name has are worth what the rarest are.
  const rarest = Math.log(1 + names.length / 0.5)
  const worth: Worth = (term) => worths[term] ?? rarest
  const indexed = counted.map((one) => weighed(one, worth))
  const scale = Float64Array.from(indexed, ({ weight }) => (weight > 0 ? 1 / Math.sqrt(weight) : 0))
  // One question after the other uses the same memory: a fresh one each time would be most of what a long list takes.
  const common = new Float64Array(indexed.length)
  const read = (name: ReadName) => weighed(count(name, numbers.asked()), worth)
  return {
    nearest(name, most) {
      const asked = read(name)
      common.fill(0)
      for (const term of asked.terms) places.add(term, worths[term] ?? 0, common)
      return best(common, scale, most)
        .map((place) => ({ place, likeness: between(asked, indexed[place]!, common[place]!) }))
        .toSorted((a, b) => b.likeness - a.likeness)
    },
    likeness(name, place) {
      const asked = read(name)
      const other = indexed[place]!
      return between(asked, other, commonOf(asked.terms, other.terms, worth))
    },
  }
}

function between(a: Weighed, b: Weighed, common: number): number {
  if (a.weight === 0 || b.weight === 0) return 0
  const inOrder = (2 * longestCommon(a, b)) / (a.orderWeight + b.orderWeight)
  return (
    shares.terms * (common / Math.sqrt(a.weight * b.weight)) +
    shares.order * inOrder +
    shares.covered * (common / a.weight)
  )
}

type Kind = keyof typeof kinds
/** The number of a term: a word, or two neighbours by their numbers. The time tells its second occurrence in a name. */
interface NumberOf {
  word(kind: Kind, word: string, time: number): number
  pair(first: number, second: number, time: number): number
}

interface Numbers {
  /** Gives new terms a number. */
  readonly given: NumberOf
  /** Knows the terms so far; a new one gets a number beyond them, for one name. */
  asked(): NumberOf
  size(): number
  kindOf(term: number): Kind
}

/** Most numbers of words: a pair is one number too. */
const mostWords = 2 ** 20

function createNumbers(): Numbers {
  const words = new Map<string, number>()
  const pairs = new Map<number, number>()
  const kindOf: Kind[] = []
  const numbers = (fresh: (kind: Kind) => number, keep: boolean): NumberOf => {
    const look = <K>(known: Map<K, number>, key: K, kind: Kind) => {
      const found = known.get(key)
      if (found !== undefined) return found
      const number = fresh(kind)
      if (keep) known.set(key, number)
      return number
    }
    return {
      word: (kind, word, time) => look(words, `${time}${kind === 'toned' ? '=' : ' '}${word}`, kind),
      pair: (first, second, time) => look(pairs, (first * mostWords + second) * mostTimes + time, 'pair'),
    }
  }
  return {
    given: numbers((kind) => kindOf.push(kind) - 1, true),
    asked() {
      let beyond = kindOf.length
      return numbers(() => beyond++, false)
    },
    size: () => kindOf.length,
    kindOf: (term) => kindOf[term]!,
  }
}

function count(name: ReadName, numbers: NumberOf): Counted {
  const terms: number[] = []
  const times = new Map<string | number, number>()
  /** Which time this is; undefined when it counts no more. */
  const timeOf = (key: string | number) => {
    const time = times.get(key) ?? 0
    times.set(key, time + 1)
    return time < mostTimes ? time : undefined
  }
  const order = name.words.map((word) => {
    const toned = timeOf(`=${word}`)
    if (toned !== undefined) terms.push(numbers.word('toned', word, toned))
    const plain = folded(word)
    const time = timeOf(plain)
    const first = numbers.word('plain', plain, 0)
    if (time !== undefined) terms.push(time === 0 ? first : numbers.word('plain', plain, time))
    return first
  })
  for (let at = 1; at < order.length; at += 1) {
    const time = timeOf(order[at - 1]! * mostWords + order[at]!)
    if (time !== undefined) terms.push(numbers.pair(order[at - 1]!, order[at]!, time))
  }
  return { terms: Uint32Array.from(terms), order: Uint32Array.from(order) }
}

function weighed({ terms, order }: Counted, worth: Worth): Weighed {
  const worths = Float32Array.from(order, worth)
  const total = (values: Iterable<number>) => {
    let sum = 0
    for (const value of values) sum += value
    return sum
  }
  return { terms, order, worths, weight: total(Float64Array.from(terms, worth)), orderWeight: total(worths) }
}

/** Which names have a term, for all terms in two arrays. */
function placesOf(counted: readonly Counted[], terms: number) {
  const ends = new Uint32Array(terms + 1)
  for (const one of counted) for (const term of one.terms) ends[term + 1]! += 1
  for (let term = 0; term < terms; term += 1) ends[term + 1]! += ends[term]!
  const next = ends.slice()
  const places = new Uint32Array(ends[terms]!)
  for (const [place, one] of counted.entries()) for (const term of one.terms) places[next[term]!++] = place
  return {
    bearers: (term: number) => ends[term + 1]! - ends[term]!,
    add(term: number, value: number, to: Float64Array) {
      if (term >= terms) return
      for (let at = ends[term]!; at < ends[term + 1]!; at += 1) to[places[at]!]! += value
    },
  }
}

function commonOf(a: Uint32Array, b: Uint32Array, worth: Worth): number {
  const others = new Set(b)
  let common = 0
  for (const term of a) if (others.has(term)) common += worth(term)
  return common
}

/** The places with the highest values, best first, without sorting all of them. */
function best(common: Float64Array, scale: Float64Array, most: number): number[] {
  const kept: { place: number; value: number }[] = []
  let least = 0
  for (let place = 0; place < common.length; place += 1) {
    const value = common[place]! * scale[place]!
    if (value <= least) continue
    if (kept.length === most) kept.shift()
    let at = kept.length
    while (at > 0 && kept[at - 1]!.value > value) at -= 1
    kept.splice(at, 0, { place, value })
    if (kept.length === most) least = kept[0]!.value
  }
  return kept.toReversed().map(({ place }) => place)
}

/** Two rows of the table below, as long as the longest name. */
let rows: [Float64Array, Float64Array] = [new Float64Array(256), new Float64Array(256)]

/** The worth of the longest run of words that both have in the same order, gaps allowed. */
function longestCommon(a: Weighed, b: Weighed): number {
  const width = b.order.length
  if (rows[0].length <= width) rows = [new Float64Array(2 * width), new Float64Array(2 * width)]
  let [row, next] = rows
  row.fill(0, 0, width + 1)
  next[0] = 0
  for (let place = 0; place < a.order.length; place += 1) {
    const word = a.order[place]
    const value = a.worths[place]!
    let left = 0
    for (let at = 0; at < width; at += 1) {
      const above = row[at + 1]!
      const taken = b.order[at] === word ? row[at]! + value : above
      left = Math.max(left, taken)
      next[at + 1] = left
    }
    ;[row, next] = [next, row]
  }
  return row[width]!
}

/** A 95 % confidence interval of a proportion, in percent with one decimal, widened by rounding and never narrowed. */
export interface Interval {
  readonly low: number
  readonly high: number
}

const z = 1.959963984540054

/** Wilson's score interval: it stays honest for small samples and for rates near 0 and 100 %. Null without observations. */
export function wilson(agreed: number, observed: number): Interval | null {
  if (observed === 0) return null
  const p = agreed / observed
  const zz = (z * z) / observed
  const centre = (p + zz / 2) / (1 + zz)
  const margin = (z / (1 + zz)) * Math.sqrt((p * (1 - p)) / observed + zz / (4 * observed))
  // At the ends the formula gives exactly 0 and 1; floating point only almost does.
  const low = agreed === 0 ? 0 : centre - margin
  const high = agreed === observed ? 1 : centre + margin
  return { low: Math.floor(low * 1000) / 10, high: Math.ceil(high * 1000) / 10 }
}

export const findingKinds = ['equal', 'different', 'missing-there', 'missing-here', 'unknown'] as const
export type FindingKind = (typeof findingKinds)[number]
export type Counts = Readonly<Record<FindingKind, number>>

export interface Agreement {
  /** Dossiers of which the portal gave an answer; `unknown` ones say nothing about agreement. */
  readonly answered: number
  readonly agreed: number
  /** Percentage with one decimal, rounded down; null when nothing was answered. */
  readonly rate: number | null
  /** What the rate of the sample says about all dossiers in scope; null when every one of them was looked at. */
  readonly interval: Interval | null
}

export function agreementOf(counts: Counts, sampled: boolean): Agreement {
  const agreed = counts.equal
  const answered = agreed + counts.different + counts['missing-there'] + counts['missing-here']
  return {
    answered,
    agreed,
    rate: answered === 0 ? null : Math.floor((agreed * 1000) / answered) / 10,
    interval: sampled ? wilson(agreed, answered) : null,
  }
}

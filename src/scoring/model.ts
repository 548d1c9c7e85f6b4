import { scoreReasons, type Outcome, type ScoreReason, type ScoreReasonCode } from '../../config/score-reasons.ts'
import { indicators, type Indicator } from '../../config/score-766.ts'
import type { Status } from '../../config/statuses.ts'

export interface IndicatorOutcome {
  readonly indicator: Indicator
  readonly outcome: Outcome
  readonly reason: ScoreReasonCode
  /** What to correct or add, as docs/connecting.md names it. */
  readonly fields: readonly string[]
}

/** Indicators that the content of a dossier decides; the others are decided by what became of it. */
export type ContentIndicator = Exclude<Indicator, 'sync'>
export const contentIndicators = indicators.filter((one): one is ContentIndicator => one !== 'sync')

export type ContentReasons = Readonly<Record<ContentIndicator, ScoreReasonCode>>

/** What is known of a dossier beside its content. */
export interface ScoreFacts {
  readonly status: Status | null
  /** Those that the ledger holds, in any order. */
  readonly steps: readonly { readonly at: string; readonly status: Status | null }[]
  readonly atPortal: boolean
  /** The portal holds the dossier, but not all of its steps. */
  readonly stepsBehind: boolean
  /** The moment that is asked about: a dossier that has not ended is compared with it. */
  readonly at: string
}

export const reasonOf = (code: ScoreReasonCode): ScoreReason => scoreReasons[code]

const byMark = new Map(Object.entries(scoreReasons).map(([code, { mark }]) => [mark, code as ScoreReasonCode]))

/** Changes whenever a rule does: what was judged by older rules counts as not judged. */
export const rulesRevision = '1'

/** Reasons as the ledger keeps them: the revision of the rules, then a letter for each indicator. No personal data is in it. */
export const marksOf = (reasons: ContentReasons): string =>
  rulesRevision + contentIndicators.map((indicator) => scoreReasons[reasons[indicator]].mark).join('')

/** Null: not judged, or by other rules than ours. */
export function reasonsOf(marks: string | null): ContentReasons | null {
  if (marks === null || !marks.startsWith(rulesRevision)) return null
  const pairs = contentIndicators.map((indicator, place) => [indicator, byMark.get(marks[place + 1] ?? '')] as const)
  return pairs.every(([, code]) => code !== undefined) ? (Object.fromEntries(pairs) as ContentReasons) : null
}

/** Where an indicator's letter stands among the marks, as PostgreSQL counts; what the lane decides stands after the content's. */
export const placeOf = (indicator: Indicator): number =>
  indicator === 'sync' ? contentIndicators.length + 2 : contentIndicators.indexOf(indicator) + 2

/** Stands where a content was not judged. */
export const unjudged = '?'

/** The reason that a letter means; null: not judged. */
export const reasonAt = (marks: string, indicator: Indicator): ScoreReasonCode | null =>
  byMark.get(marks[placeOf(indicator) - 1] ?? unjudged) ?? null

/** A content that was not judged is unknown, like one that does not tell. */
export const outcomeOf = (code: ScoreReasonCode | null): Outcome =>
  code === null ? 'unknown' : scoreReasons[code].outcome

export const marksWith = (outcome: Outcome): string =>
  Object.values<ScoreReason>(scoreReasons)
    .flatMap((one) => (one.outcome === outcome ? one.mark : []))
    .join('') + (outcome === 'unknown' ? unjudged : '')

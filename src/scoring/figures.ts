import {
  formulaVersion,
  indicators,
  scoreIndicators,
  scoreVersions,
  type Indicator,
  type ScoreIndicator,
  type ScoreVersionId,
} from '../../config/score-766.ts'
import type { ScoreReasonCode } from '../../config/score-reasons.ts'
import { outcomeOf, placeOf, reasonAt, unjudged } from './model.ts'

/** From counts to ratios and points: pure, so that whoever doubts a figure can follow it. */

/** Dossiers of one agency, month and set of marks. */
export interface Cell {
  readonly agency: string
  /** `yyyy-MM`, Vietnam time. */
  readonly month: string
  readonly marks: string
  readonly count: number
}

/** If all that is unknown were lost, and if it were won. */
export interface Span {
  readonly low: number
  readonly high: number
}

export interface IndicatorFigures {
  readonly indicator: Indicator
  readonly number: string
  readonly wins: number
  readonly loses: number
  readonly unknown: number
  /** Neither in the numerator nor in the denominator. */
  readonly notCounted: number
  /** Percentages with one decimal, rounded down: wins over all that count. */
  readonly ratio: Span | null
  /** The sync rate by which the whole ratio is multiplied, and the ratio then; null where the formula has no factor. */
  readonly factor: number | null
  readonly ratioWithFactor: Span | null
  readonly threshold: number | null
  /** By the version that gives the points; null: it gives none. */
  readonly maximum: number | null
  /** Estimated; without a threshold, full points are taken to need 100 %. */
  readonly points: Span | null
  /** Whose numerators, denominators and thresholds; whose points. */
  readonly versions: { readonly formula: ScoreVersionId; readonly points: ScoreVersionId }
  /** How many dossiers have which reason. */
  readonly reasons: Readonly<Partial<Record<ScoreReasonCode | 'not-judged', number>>>
}

export interface ScoreFigures {
  readonly received: number
  /** Of these the content was not judged yet: they are unknown everywhere but in the sync rate. */
  readonly notJudged: number
  readonly indicators: readonly IndicatorFigures[]
}

export function figuresOf(cells: readonly Cell[], version: ScoreVersionId): ScoreFigures {
  const count = (some: readonly Cell[]) => some.reduce((sum, cell) => sum + cell.count, 0)
  const received = count(cells)
  const atPortal = countsOf(cells, 'sync').wins
  const factor = received === 0 ? null : atPortal / received
  return {
    received,
    notJudged: count(cells.filter(({ marks }) => marks[placeOf('onTime') - 1] === unjudged)),
    indicators: indicators.map((indicator) => indicatorFigures(indicator, cells, version, factor)),
  }
}

function countsOf(cells: readonly Cell[], indicator: Indicator) {
  const counts = { wins: 0, loses: 0, unknown: 0, 'not-counted': 0 }
  const reasons: Partial<Record<ScoreReasonCode | 'not-judged', number>> = {}
  for (const { marks, count } of cells) {
    const reason = reasonAt(marks, indicator)
    counts[outcomeOf(reason)] += count
    reasons[reason ?? 'not-judged'] = (reasons[reason ?? 'not-judged'] ?? 0) + count
  }
  return { ...counts, reasons }
}

function indicatorFigures(
  indicator: Indicator,
  cells: readonly Cell[],
  version: ScoreVersionId,
  syncRate: number | null,
): IndicatorFigures {
  const { wins, loses, unknown, 'not-counted': notCounted, reasons } = countsOf(cells, indicator)
  const { number, threshold }: ScoreIndicator = scoreIndicators[indicator]
  const whole = wins + loses + unknown
  const exact = whole === 0 ? null : { low: wins / whole, high: (wins + unknown) / whole }
  const factor = indicator === 'online' ? syncRate : null
  const counted = exact && factor !== null ? mapSpan(exact, (ratio) => ratio * factor) : exact
  const maximum = maximumOf(indicator, version)
  return {
    indicator,
    number,
    wins,
    loses,
    unknown,
    notCounted,
    ratio: exact && mapSpan(exact, percent),
    factor: factor === null ? null : percent(factor),
    ratioWithFactor: factor === null ? null : counted && mapSpan(counted, percent),
    threshold,
    maximum,
    points: counted && maximum !== null ? mapSpan(counted, (ratio) => pointsOf(ratio, maximum, threshold)) : null,
    versions: { formula: formulaVersion, points: version },
    reasons,
  }
}

const mapSpan = ({ low, high }: Span, change: (value: number) => number): Span => ({
  low: change(low),
  high: change(high),
})

/** Rounded down, but not by what binary fractions lack. */
const down = (value: number, decimals: number) => Math.floor(value * 10 ** decimals + 1e-9) / 10 ** decimals
const percent = (ratio: number) => down(ratio * 100, 1)

export function maximumOf(indicator: Indicator, version: ScoreVersionId): number | null {
  const { metric }: ScoreIndicator = scoreIndicators[indicator]
  return metric === null ? null : (scoreVersions[version].points[metric] ?? null)
}

/** Below the threshold: ratio x maximum / threshold. */
export const pointsOf = (ratio: number, maximum: number, threshold: number | null): number =>
  down(Math.min(1, ratio / ((threshold ?? 100) / 100)) * maximum, 2)

/** What one more dossier that wins would add, by the counts as they are; 0 once full points are reached. */
export function gainOf({ ratio, wins, loses, unknown, maximum, threshold }: IndicatorFigures): number {
  if (ratio === null || maximum === null) return 0
  const full = (threshold ?? 100) / 100
  const whole = wins + loses + unknown
  return wins / whole >= full ? 0 : maximum / full / whole
}

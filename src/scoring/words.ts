import {
  formulaVersion,
  scoreGroups,
  scoreIndicators,
  scoreVersions,
  type Indicator,
  type ScoreGroup,
  type ScoreVersionId,
} from '../../config/score-766.ts'
import type { Outcome, ScoreReasonCode } from '../../config/score-reasons.ts'
import { percentWords, type Words } from '../console/words.ts'
import type { IndicatorFigures, Span } from './figures.ts'
import { reasonOf } from './model.ts'

export const scoreWords = {
  title: { vi: 'Xem trước điểm chỉ số 766', en: 'Preview of the index 766' },
  loses: { vi: 'Mất', en: 'Lose' },
  wins: { vi: 'Đạt', en: 'Win' },
  unknown: { vi: 'Chưa biết', en: 'Unknown' },
  'not-counted': { vi: 'Không tính', en: 'Not counted' },
  notGiven: { vi: 'nguồn không cho', en: 'not given' },
  notJudged: { vi: 'Chưa được xét', en: 'Not judged yet' },
} as const satisfies Record<string, Words>

export const outcomeWords = (outcome: Outcome): Words => scoreWords[outcome]

export const indicatorWords = (indicator: Indicator): Words => {
  const { number, vi, en } = scoreIndicators[indicator]
  return { vi: `${number} ${vi}`, en: `${number} ${en}` }
}

export const reasonWords = (reason: ScoreReasonCode | null): Words => {
  if (reason === null) return scoreWords.notJudged
  const { vi, en } = reasonOf(reason)
  return { vi, en }
}

/** One figure where nothing is unknown, otherwise from the lowest to the highest. */
export function percentSpan(span: Span | null): Words {
  if (span === null || span.low === span.high) return percentWords(span?.low ?? null)
  const [low, high] = [percentWords(span.low), percentWords(span.high)]
  const bare = (text: string) => text.replace(/ %$/, '')
  return { vi: `${bare(low.vi)} – ${high.vi}`, en: `${bare(low.en)} – ${high.en}` }
}

const pointWords = (points: number): Words => ({ vi: String(points).replace('.', ','), en: String(points) })

/** Estimated points of the maximum; said so where the version gives none. */
export function pointsWords({ points, maximum }: Pick<IndicatorFigures, 'points' | 'maximum'>): Words {
  if (maximum === null) return scoreWords.notGiven
  if (points === null) return { vi: `– / ${maximum}`, en: `– / ${maximum}` }
  const [low, high] = [pointWords(points.low), pointWords(points.high)]
  const span = (language: 'vi' | 'en') =>
    points.low === points.high ? low[language] : `${low[language]} – ${high[language]}`
  return { vi: `${span('vi')} / ${maximum}`, en: `${span('en')} / ${maximum}` }
}

export interface GroupFigures {
  readonly group: ScoreGroup
  readonly words: Words
  /** By the version; null: not given. */
  readonly points: number | null
  readonly indicators: readonly IndicatorFigures[]
}

/** The indicators in the groups of the public report. */
export function groupsOf(figures: readonly IndicatorFigures[], version: ScoreVersionId): GroupFigures[] {
  const sorted = Map.groupBy(figures, ({ indicator }): ScoreGroup => scoreIndicators[indicator].group)
  const given = scoreVersions[version].groups
  return [...sorted].map(([group, indicators]) => ({
    group,
    words: scoreGroups[group],
    points: given?.[group] ?? null,
    indicators,
  }))
}

export function sourceWords(version: ScoreVersionId): Words {
  const of = (id: ScoreVersionId) => scoreVersions[id]
  return {
    vi: `Điểm theo ${version}: ${of(version).source.vi} (${of(version).date}). Công thức và ngưỡng theo ${formulaVersion}: ${of(formulaVersion).source.vi} (${of(formulaVersion).date}).`,
    en: `Points by ${version}: ${of(version).source.en} (${of(version).date}). Formulas and thresholds by ${formulaVersion}: ${of(formulaVersion).source.en} (${of(formulaVersion).date}).`,
  }
}

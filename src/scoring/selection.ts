import { z } from 'zod'
import { defaultScoreVersion, indicators, scoreVersionIds } from '../../config/score-766.ts'
import { scoreReasons, type ScoreReasonCode } from '../../config/score-reasons.ts'
import { yearUntil } from '../dossiers/model.ts'
import { limitOf } from '../platform/auth.ts'
import { blank } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { scoreCursor, type ScoreSelection } from './store.ts'

/** What scores are asked for, as an address says it; forms leave blank what they do not ask. */

export const scoreQuery = {
  from: blank(z.iso.date()).describe('First day of reception, Vietnam date'),
  to: blank(z.iso.date()).describe('Day after the last day of reception, Vietnam date'),
  agency: blank(z.string().max(50)),
}

export const versionQuery = z
  .enum(scoreVersionIds)
  .default(defaultScoreVersion)
  .describe('Whose points; numerators, denominators and thresholds are by note-2026 always')

const reasons = Object.keys(scoreReasons) as [ScoreReasonCode, ...ScoreReasonCode[]]

export const behindQuery = {
  ...scoreQuery,
  indicator: z.enum(indicators),
  outcome: z.enum(['wins', 'loses', 'not-counted', 'unknown']),
  reason: blank(z.enum(reasons)),
  cursor: blank(z.string().regex(scoreCursor)),
}

interface Asked {
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly agency?: string | undefined
}

/** The year until a day, which is today, where no period is asked for. Throws a refusal when it ends before it begins. */
export function selectionOf(query: Asked, agencies: readonly string[], day = new Date()): ScoreSelection {
  const year = yearUntil(day)
  const period = { from: query.from ?? year.from, to: query.to ?? year.to }
  if (period.from >= period.to) throw new Refusal('invalid-field', 'from must be earlier than to', { field: 'from' })
  return { ...period, agency: query.agency, agencies: limitOf(agencies) }
}

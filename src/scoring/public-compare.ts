import {
  publicReportLimits,
  type PortalId,
  type PublicFigure,
  type PublicReportMap,
  type PublicReportName,
  type PublicSubject,
} from '../../config/public-figures.ts'
import { defaultScoreVersion } from '../../config/score-766.ts'
import { oneNotation } from '../organisations/model.ts'
import { figuresOf, type Cell, type Span } from './figures.ts'
import type { PublicPeriod } from './public-report.ts'
import { figureIn, type PublicValue } from './public-values.ts'

/** Our figures beside the portal's. Pure. */

/** A unit that is compared: the province as a whole (no code), or one that the mapping names. */
export interface ComparedUnit {
  readonly code: string | null
  readonly id: PortalId
}

/** The units whose ids hold on a day. */
export const unitsOn = ({ root, units }: PublicReportMap, day: string): ComparedUnit[] => [
  { code: null, id: root },
  ...units
    .filter(({ from, to }) => (from === undefined || from <= day) && (to === undefined || day < to))
    .map(({ code, id }) => ({ code, id })),
]

const pad = (number: number) => String(number).padStart(2, '0')
const firstOf = (months: number) => `${Math.floor(months / 12)}-${pad((months % 12) + 1)}-01`

/** The month, quarter or year that a day lies in, or one before it. */
export function periodOf(kind: PublicPeriod['kind'], day: string, back = 0): PublicPeriod {
  const length = { month: 1, quarter: 3, year: 12 }[kind]
  const month = Number(day.slice(0, 4)) * 12 + Number(day.slice(5, 7)) - 1
  const first = (Math.floor(month / length) - back) * length
  const year = Math.floor(first / 12)
  const part = { month: `-${pad((first % 12) + 1)}`, quarter: `-Q${Math.floor((first % 12) / 3) + 1}`, year: '' }[kind]
  return { key: `${year}${part}`, kind, from: firstOf(first), to: firstOf(first + length) }
}

/** What is asked for on a day: the time that runs, and the one before, which late syncing still changes. */
export const periodsOn = ({ timeType }: PublicReportMap, day: string): PublicPeriod[] =>
  (['month', 'quarter', 'year'] as const).flatMap((kind) =>
    timeType[kind] === undefined ? [] : [periodOf(kind, day), periodOf(kind, day, 1)],
  )

/** What a period key means; null for a text that is none. */
export function periodFrom(key: string): PublicPeriod | null {
  const [, year, quarter, month] = /^(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?$/.exec(key) ?? []
  if (year === undefined) return null
  if (quarter !== undefined) return periodOf('quarter', `${year}-${pad(Number(quarter) * 3)}-01`)
  return month === undefined ? periodOf('year', `${year}-01-01`) : periodOf('month', `${year}-${month}-01`)
}

export interface OwnFigure {
  readonly what: PublicSubject
  readonly numerator: number | null
  readonly denominator: number | null
  readonly unknown: number
  /** Per cent: if all that is unknown were lost, and if it were won. */
  readonly rate: Span | null
}

export interface OwnFigures {
  readonly code: string | null
  readonly period: string
  /** Whose dossiers were counted; null: everybody's. */
  readonly agencies: readonly string[] | null
  readonly figures: readonly OwnFigure[]
}

const isWithin = (agency: string, unit: string) => {
  const [own, above] = [oneNotation(agency), oneNotation(unit)]
  return own === above || own.startsWith(`${above}.`)
}

/** Our figures of a unit and of those beneath it, as the index counts; the rate without the sync factor. */
export function ownFigures(cells: readonly Cell[], { code }: ComparedUnit, period: PublicPeriod): OwnFigures {
  const own = code === null ? cells : cells.filter(({ agency }) => isWithin(agency, code))
  const { received, indicators } = figuresOf(own, defaultScoreVersion)
  const dossiers: OwnFigure = { what: 'dossiers', numerator: received, denominator: null, unknown: 0, rate: null }
  const figures = indicators.map(({ indicator, wins, loses, unknown, ratio }) => ({
    what: indicator,
    numerator: wins,
    denominator: wins + loses + unknown,
    unknown,
    rate: ratio,
  }))
  const agencies = code === null ? null : [...new Set(own.map(({ agency }) => agency))].sort()
  return { code, period: period.key, agencies, figures: [dossiers, ...figures] }
}

/** `data` of every page of one report. */
export interface PublicAnswer {
  readonly report: PublicReportName
  readonly unitId: string
  readonly pages: readonly unknown[]
}

export interface Comparison {
  readonly what: PublicSubject
  readonly report: PublicReportName
  readonly ours: Omit<OwnFigure, 'what'> | null
  readonly portal: PublicValue
  /** The portal's minus ours; null where one of them is unknown. Of rates: in percentage points. */
  readonly difference: {
    readonly numerator: number | null
    readonly denominator: number | null
    readonly rate: Span | null
  }
  /** Who says where the figure stands. */
  readonly mapped: Pick<PublicFigure, 'source' | 'date' | 'confidence'>
}

export function compare(
  map: PublicReportMap,
  unit: ComparedUnit,
  answers: readonly PublicAnswer[],
  ours: OwnFigures | undefined,
): Comparison[] {
  return map.figures.map((figure) => {
    const answer = answers.find(({ report }) => report === figure.report)
    const portal = figureIn(figure, answer?.pages ?? [], unit.id, unit.code === null)
    const found = ours?.figures.find(({ what }) => what === figure.what)
    const { source, date, confidence } = figure
    return {
      what: figure.what,
      report: figure.report,
      ours: found === undefined ? null : withoutName(found),
      portal,
      difference: differenceOf(portal, found),
      mapped: { source, date, confidence },
    }
  })
}

const withoutName = ({ numerator, denominator, unknown, rate }: Omit<OwnFigure, 'what'>) => ({
  numerator,
  denominator,
  unknown,
  rate,
})

function differenceOf(portal: PublicValue, ours: OwnFigure | undefined): Comparison['difference'] {
  const minus = (left: number | null, right: number | null | undefined) =>
    left === null || right === null || right === undefined ? null : left - right
  const rate = ours?.rate
  const points = (value: number) => Math.round((portal.rate! - value) * 10) / 10
  return {
    numerator: minus(portal.numerator, ours?.numerator),
    denominator: minus(portal.denominator, ours?.denominator),
    rate: portal.rate === null || !rate ? null : { low: points(rate.high), high: points(rate.low) },
  }
}

export const isStale = (age: number): boolean => age > publicReportLimits.staleSeconds

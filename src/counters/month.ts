import type { Counters } from '../../config/dialects.ts'
import { vietnamDate } from '../dossiers/model.ts'
import type { Sql } from '../platform/database.ts'
import { Refusal } from '../platform/problems.ts'
import type { Catalogue } from '../procedures/model.ts'
import {
  belongsTo,
  countOf,
  figuresOf,
  monthAfter,
  sentUnits,
  spanOf,
  unitQuery,
  unitsOf,
  type CounterPart,
  type Figures,
  type UnitFigures,
} from './figures.ts'
import type { MonthSpan, SentUnit } from './model.ts'
import { askFor, fateOf, hashOf, newestOf, noteObstacle, readReports, type Fate, type Report } from './reports.ts'
import { countCells, dossiersIn, type CellDossier, type CellQuery } from './store.ts'

/** A month's counters, what was sent of them, and what stands in the way of sending. */

export interface CounterDeps {
  readonly sql: Sql
  /** At most a second old. */
  readonly catalogue: () => Promise<Catalogue>
  /** Null: the portal, by its dialect, takes no counters. */
  readonly reading: Counters | null
  /** First month that the ledger holds whole. */
  readonly since: string | undefined
  /** Whether there is a portal to send to. */
  readonly hasPortal: boolean
}

export const obstacles = [
  'no-portal',
  'no-service',
  'no-kind',
  'since-not-set',
  'before-since',
  'month-open',
  'untold',
] as const
export type Obstacle = (typeof obstacles)[number]

export interface UnitLine {
  readonly unit: UnitFigures
  /** As it would be sent; null: it is not sent, or cannot be told. */
  readonly toSend: SentUnit | null
  readonly fate: Fate | null
  /** The newest one. */
  readonly report: Report | null
}

export interface MonthReport {
  readonly month: string
  readonly countedAt: string
  /** The ledger does not hold the whole month: nothing can be told of it. */
  readonly untellable: boolean
  readonly total: Figures
  readonly lines: readonly UnitLine[]
  readonly obstacles: readonly Obstacle[]
  /** Stands for what would be sent; null: nothing can be. */
  readonly hash: string | null
  /** All that was ever sent of the month, each unit's newest first. */
  readonly reports: readonly Report[]
}

/** How dossiers are read where the portal takes no counters. */
const plain = { ministries: 'counted', notAccepted: 'handled' } as const

interface Counted {
  readonly query: CellQuery
  readonly units: readonly UnitFigures[]
  readonly catalogue: Catalogue
}

async function count({ sql, catalogue, reading }: CounterDeps, month: MonthSpan): Promise<Counted> {
  const known = await catalogue()
  const query = { month, reading: reading ?? plain, ...unitQuery(known, month) }
  const cells = await countCells(sql, query)
  return { query, units: unitsOf(cells, { catalogue: known, month, changes: query.changes }), catalogue: known }
}

/** A month of Vietnam, `yyyy-MM`; `agencies`: those the reader is limited to. */
export async function monthReport(
  deps: CounterDeps,
  month: string,
  { agencies, now = Date.now() }: { readonly agencies?: readonly string[] | undefined; readonly now?: number } = {},
): Promise<MonthReport> {
  const { sql, reading, since } = deps
  const span = spanOf(month, now)
  const [{ units, catalogue }, reports] = await Promise.all([count(deps, span), readReports(sql, month)])
  const kind = reading?.kind ?? null
  const newest = kind === null ? new Map<string, Report>() : newestOf(reports, kind)
  const sent = reading && sentUnits(units, reading, { catalogue, month: span, sentBefore: new Set(newest.keys()) })
  const found = obstaclesOf(deps, { month, span, now, untold: sent === null && reading !== null })
  const lines = linesOf(units, sent ?? [], newest)
  const mine = (code: string) => agencies === undefined || agencies.includes(code)
  const own = lines.filter(({ unit }) => mine(unit.code))
  return {
    month,
    countedAt: new Date(now).toISOString(),
    untellable: since !== undefined && month < since,
    total: figuresOf(own.flatMap(({ unit }) => unit.cells)),
    lines: own,
    obstacles: found,
    hash: found.length > 0 || kind === null || !sent ? null : hashOf(month, kind, sent),
    reports: reports.filter(({ code }) => mine(code)),
  }
}

interface Circumstances {
  readonly month: string
  readonly span: MonthSpan
  readonly now: number
  readonly untold: boolean
}

function obstaclesOf(
  { reading, since, hasPortal }: CounterDeps,
  { month, span, now, untold }: Circumstances,
): Obstacle[] {
  const stands: Readonly<Record<Obstacle, boolean>> = {
    'no-portal': !hasPortal,
    'no-service': reading === null,
    'no-kind': reading !== null && reading.kind === null,
    'since-not-set': since === undefined,
    'before-since': since !== undefined && month < since,
    'month-open': now < span.end,
    untold,
  }
  return obstacles.filter((one) => stands[one])
}

/** Units that were counted, then those that have nothing and would be sent all the same. */
function linesOf(
  units: readonly UnitFigures[],
  sent: readonly SentUnit[],
  newest: ReadonlyMap<string, Report>,
): UnitLine[] {
  const toSend = new Map(sent.map((one) => [one.code, one]))
  const counted = new Set(units.flatMap(({ why, code }) => (why === null ? code : [])))
  const empty = sent.flatMap(({ code, name }): UnitFigures[] =>
    counted.has(code) ? [] : [{ ...figuresOf([]), code, name, why: null, takenOver: 0, handedOver: 0, cells: [] }],
  )
  return [...units, ...empty].map((unit) => {
    const own = unit.why === null ? (toSend.get(unit.code) ?? null) : null
    const report = (unit.why === null && newest.get(unit.code)) || null
    return { unit, toSend: own, fate: own && fateOf(own, report ?? undefined), report }
  })
}

export const isUntold = ({ unplaced, handled, pending }: Figures): boolean =>
  unplaced.total + handled.untold + pending.untold > 0

/** Whether late data moved what was sent. */
export const hasMoved = ({ report, fate }: UnitLine): boolean => report?.state === 'sent' && fate === 'again'

const refusals = {
  'no-portal': { code: 'counters-not-set', detail: 'PORTAL_URL is not set' },
  'no-service': { code: 'counters-not-set', detail: 'The dialect of the portal has no counters' },
  'no-kind': { code: 'counters-not-set', detail: 'counters.kind of the dialect (LoaiThongKe) is not known' },
  'since-not-set': { code: 'counters-not-set', detail: 'COUNTERS_SINCE is not set' },
  'before-since': { code: 'counters-month', detail: 'The month is earlier than COUNTERS_SINCE' },
  'month-open': { code: 'counters-month', detail: 'The month is not over' },
  untold: { code: 'counters-untold', detail: 'Of some dossiers nobody can tell whether they ended or were in time' },
} as const

export interface SendWish {
  readonly month: string
  readonly by: string
  /** The hash of the preview. */
  readonly expected: string
}

/** Leaves to the service what a person saw; how many units. Throws a refusal when something stands in the way, or the figures moved. */
export async function sendMonth(deps: CounterDeps, { month, by, expected }: SendWish): Promise<number> {
  const report = await monthReport(deps, month)
  const [first] = report.obstacles
  if (first) throw new Refusal(refusals[first].code, refusals[first].detail)
  if (report.hash !== expected) throw new Refusal('counters-changed', 'The figures are not those of the preview')
  return askFor(deps.sql, { month, kind: deps.reading!.kind!, units: unitsToSend(report), by })
}

const unitsToSend = ({ lines }: MonthReport) => lines.flatMap(({ toSend }) => toSend ?? [])

/** From that day of each month on, the month before: what never went. Said by several, or again, it sends once. */
export async function sendScheduled(deps: CounterDeps, day: number, now = Date.now()): Promise<number> {
  const today = vietnamDate(new Date(now).toISOString())
  if (Number(today.slice(8)) < day) return 0
  const month = monthAfter(today.slice(0, 7), -1)
  const report = await monthReport(deps, month, { now })
  if (report.obstacles.length > 0) {
    await noteObstacle(deps.sql, month, report.obstacles)
    return 0
  }
  const units = unitsToSend(report)
  return askFor(deps.sql, { month, kind: deps.reading!.kind!, units, by: 'schedule', onlyFirst: true })
}

export interface BehindQuery {
  readonly month: string
  readonly part: CounterPart
  /** Of one unit; of all when left out. */
  readonly unit?: string | undefined
  /** Of the dossiers under that code of which nobody can say whose they are. */
  readonly nobodys?: boolean | undefined
  readonly agencies?: readonly string[] | undefined
  readonly cursor?: string | undefined
  readonly limit: number
}

/** The dossiers behind a number, newest first: exactly as many as the number says. */
export async function dossiersBehind(
  deps: CounterDeps,
  { month, part, unit, nobodys = false, agencies, cursor, limit }: BehindQuery,
): Promise<{ dossiers: CellDossier[]; next: string | null; count: number }> {
  const { query, units } = await count(deps, spanOf(month, Date.now()))
  const cells = units
    .filter(({ code, why }) => unit === undefined || (code === unit && (why !== null) === nobodys))
    .filter(({ code }) => agencies === undefined || agencies.includes(code))
    .flatMap((one) => one.cells)
    .filter(belongsTo[part])
  return { ...(await dossiersIn(deps.sql, query, cells, { cursor, limit })), count: countOf(cells) }
}

import type { Indicator, ScoreVersionId } from '../../config/score-766.ts'
import { scoreReasons, type Outcome, type ScoreReasonCode } from '../../config/score-reasons.ts'
import { stops, type Status } from '../../config/statuses.ts'
import { startOfDay, type DossierContent } from '../dossiers/model.ts'
import type { Vault } from '../platform/crypto.ts'
import { transaction, type Fragment, type Sql, type Tx } from '../platform/database.ts'
import { Refusal } from '../platform/problems.ts'
import { statusOf, type Catalogue } from '../procedures/model.ts'
import { figuresOf, gainOf, type Cell, type ScoreFigures } from './figures.ts'
import {
  contentIndicators,
  marksWith,
  placeOf,
  reasonAt,
  reasonOf,
  rulesRevision,
  unjudged,
  type IndicatorOutcome,
} from './model.ts'
import { scoreDossier } from './rules.ts'

/** Sums over the clear columns: no content is opened for them. */

export interface ScoreSelection {
  /** Vietnam dates of reception; `to` is exclusive. */
  readonly from: string
  readonly to: string
  readonly agency?: string | undefined
  /** The agencies the reader may see; absent = all. */
  readonly agencies?: readonly string[] | undefined
}

/** A dossier that has not ended is compared with the end of the period, and before that with now. */
const momentOf = ({ to }: ScoreSelection, now: Date) => (startOfDay(to) < now ? startOfDay(to) : now)

const { open, 'stopped-by-step': stopped } = scoreReasons
const mark = (code: ScoreReasonCode) => scoreReasons[code].mark

/** What rules.ts settles for one dossier. Steps are looked at only where the content left it open: that branch is not entered otherwise. */
function onTimeMark(sql: Tx, moment: Date): Fragment {
  return sql`case when m.mark in (${open.mark}, ${stopped.mark}) then (
    select case
      when m.mark = ${stopped.mark} then case
        when s.stopped_at is null then ${mark('end-unknown')}
        when s.stopped_at < d.received_at then ${mark('not-received')}
        when d.due_at is null then ${mark('no-promise')}
        when s.stopped_at <= d.due_at then ${mark('on-time')} else ${mark('late')} end
      when s.requests > 1 then ${mark('many-supplements')}
      when d.due_at is null then ${mark('no-promise')}
      when s.requested_at <= d.due_at then ${mark('supplement-on-time')}
      when s.requested_at > d.due_at then ${mark('supplement-late')}
      when ${moment}::timestamptz <= d.due_at then ${mark('within-time')} else ${mark('overdue')} end
    from (
      select min(at) filter (where status = any(${[...stops]}::text[])) as stopped_at,
        count(*) filter (where status = 'supplement-requested') as requests,
        min(at) filter (where status = 'supplement-requested') as requested_at
      from steps where dossier_id = d.id
    ) s
  ) else m.mark end`
}

/** Each dossier of the selection with its marks, the lane's at the end. */
function told(sql: Tx, selection: ScoreSelection, now: Date, narrower: Fragment = sql``): Fragment {
  const { from, to, agency, agencies } = selection
  const nothing = rulesRevision + unjudged.repeat(contentIndicators.length)
  return sql`
    select d.id, d.code, d.agency_code, d.procedure_code, d.received_at,
      overlay(v.marks placing ${onTimeMark(sql, momentOf(selection, now))} from ${placeOf('onTime')}::int for 1) ||
        case when l.delivered_change_id is null then ${mark('not-at-portal')}
          when l.steps_done < l.steps_total then ${mark('steps-behind')} else ${mark('at-portal')} end as marks
    from dossiers d join deliveries l on l.dossier_id = d.id
    cross join lateral (select case when left(d.outcomes, 1) = ${rulesRevision} then d.outcomes else ${nothing}::text end as marks) v
    cross join lateral (select substr(v.marks, ${placeOf('onTime')}::int, 1) as mark) m
    where d.received_at >= ${startOfDay(from)} and d.received_at < ${startOfDay(to)}
      ${agency === undefined ? sql`` : sql`and d.agency_code = ${agency}`}
      ${agencies === undefined ? sql`` : sql`and d.agency_code = any(${[...agencies]}::text[])`}
      ${narrower}`
}

/** Statements that may go through a year of dossiers: compiling them takes longer than running them. */
const atLength = <T>(sql: Sql, work: (tx: Tx) => Promise<T>): Promise<T> =>
  transaction(sql, async (tx) => {
    await tx`select set_config('work_mem', '64MB', true), set_config('jit', 'off', true),
      set_config('plan_cache_mode', 'force_custom_plan', true)`
    return work(tx)
  })

export interface ScorePart extends ScoreFigures {
  /** Code of the agency, or the month as `yyyy-MM`. */
  readonly key: string
  readonly name: string
}

/** A dossier that would raise the points most. */
export interface Gain {
  readonly code: string
  readonly agencyCode: string
  readonly receivedAt: string
  /** Estimated points of the whole selection, were all that it loses won. */
  readonly points: number
  readonly loses: readonly { readonly indicator: Indicator; readonly reason: ScoreReasonCode }[]
}

export interface ScoreReport {
  readonly version: ScoreVersionId
  readonly period: { readonly from: string; readonly to: string }
  readonly agency: string | null
  readonly generatedAt: string
  readonly total: ScoreFigures
  readonly byAgency: readonly ScorePart[]
  readonly byMonth: readonly ScorePart[]
  readonly gains: readonly Gain[]
}

async function countCells(tx: Tx, selection: ScoreSelection, now: Date): Promise<Cell[]> {
  // Left to itself, PostgreSQL expects as many cells as dossiers and sorts them all.
  await tx`select set_config('enable_sort', 'off', true), set_config('parallel_tuple_cost', '0.01', true)`
  const counted = await tx<Cell[]>`
    select agency_code as agency, to_char(received_at at time zone interval '7 hours', 'YYYY-MM') as month, marks, count(*) as count
    from (${told(tx, selection, now)}) as told group by 1, 2, 3`
  return [...counted]
}

/** The sums that all figures of a selection are made of. */
export const scoreCells = (sql: Sql, selection: ScoreSelection, now: Date): Promise<Cell[]> =>
  atLength(sql, (tx) => countCells(tx, selection, now))

export async function scoreReport(
  sql: Sql,
  selection: ScoreSelection,
  version: ScoreVersionId,
  now = new Date(),
): Promise<ScoreReport> {
  const { cells, gains } = await atLength(sql, async (tx) => {
    const counted = await countCells(tx, selection, now)
    return { cells: counted, gains: await readGains(tx, selection, gainful(counted, version), now) }
  })
  const names = await sql<{ code: string; name: string }[]>`
    select code, name from agencies where code = any(${[...new Set(cells.map(({ agency }) => agency))]}::text[])`
  const nameOf = new Map(names.map(({ code, name }) => [code, name]))
  const parts = (keyOf: (cell: Cell) => string) =>
    [...Map.groupBy(cells, keyOf)].map(([key, own]): ScorePart => ({
      key,
      name: nameOf.get(key) ?? key,
      ...figuresOf(own, version),
    }))
  return {
    version,
    period: { from: selection.from, to: selection.to },
    agency: selection.agency ?? null,
    generatedAt: now.toISOString(),
    total: figuresOf(cells, version),
    byAgency: parts(({ agency }) => agency).sort((a, b) => b.received - a.received || a.key.localeCompare(b.key)),
    byMonth: parts(({ month }) => month).sort((a, b) => a.key.localeCompare(b.key)),
    gains,
  }
}

const shownGains = 20

interface Gainful {
  readonly marks: string
  readonly points: number
  readonly loses: Gain['loses']
}

/** Which marks would add most: enough of them for the list. Points that no version gives add nothing. */
function gainful(cells: readonly Cell[], version: ScoreVersionId): Gainful[] {
  const gains = figuresOf(cells, version).indicators.map((one) => ({ indicator: one.indicator, gain: gainOf(one) }))
  const ranked = [...Map.groupBy(cells, ({ marks }) => marks)]
    .map(([marks, own]) => {
      const lost = gains.flatMap(({ indicator, gain }) => {
        const reason = reasonAt(marks, indicator)
        return gain > 0 && reason !== null && reasonOf(reason).outcome === 'loses' ? [{ indicator, reason, gain }] : []
      })
      const points = Number(lost.reduce((sum, { gain }) => sum + gain, 0).toFixed(9))
      const loses = lost.map(({ indicator, reason }) => ({ indicator, reason }))
      return { marks, points, loses, count: own.reduce((sum, { count }) => sum + count, 0) }
    })
    .filter(({ loses }) => loses.length > 0)
    .sort((a, b) => b.points - a.points)
  let before = 0
  // Those of equal points stay together, because among them the newest come first.
  const least = ranked.find(({ count }) => (before += count) >= shownGains)?.points ?? 0
  return ranked.filter(({ points }) => points >= least)
}

/** Those that may have these marks, by what is kept as it is: it spares most dossiers a look at their steps. */
function mayHave(tx: Tx, marks: readonly string[]): Fragment {
  const kept = [...new Set(marks.map((one) => one.slice(placeOf('onTime'), placeOf('sync') - 1)))]
  return kept.some((one) => one.includes(unjudged))
    ? tx``
    : tx`and substr(d.outcomes, ${placeOf('onTime') + 1}::int) = any(${kept}::text[])`
}

/** The newest among those that would add most. */
async function readGains(tx: Tx, selection: ScoreSelection, wanted: readonly Gainful[], now: Date): Promise<Gain[]> {
  if (wanted.length === 0) return []
  const narrower = mayHave(
    tx,
    wanted.map(({ marks }) => marks),
  )
  const rows = await tx<{ code: string; agencyCode: string; receivedAt: Date; marks: string }[]>`
    select code, agency_code as "agencyCode", received_at as "receivedAt", marks
    from (${told(tx, selection, now, narrower)}) as told
    join unnest(${wanted.map(({ marks }) => marks)}::text[], ${wanted.map(({ points }) => points)}::float8[]) as w(marks, points) using (marks)
    order by w.points desc, received_at desc, code limit ${shownGains}`
  const byMarks = new Map(wanted.map((one) => [one.marks, one]))
  return rows.map(({ marks, receivedAt, ...row }) => {
    const { points, loses } = byMarks.get(marks)!
    return { ...row, receivedAt: receivedAt.toISOString(), points, loses }
  })
}

export interface BehindFilter extends ScoreSelection {
  readonly indicator: Indicator
  readonly outcome: Outcome
  readonly reason?: ScoreReasonCode | undefined
  readonly cursor?: string | undefined
  readonly limit: number
}

/** A dossier behind a number; no personal data. */
export interface BehindLine {
  readonly code: string
  readonly agencyCode: string
  readonly procedureCode: string
  readonly receivedAt: string
  /** Null: its content was not judged yet. */
  readonly reason: ScoreReasonCode | null
  readonly fields: readonly string[]
}

/** A place in the list: time of reception in microseconds, then id. */
export const scoreCursor = /^(\d{1,16})-(\d{1,15})$/

/** The dossiers behind a number, newest first: exactly as many as the number says. */
export async function dossiersBehind(
  sql: Sql,
  filter: BehindFilter,
  now = new Date(),
): Promise<{ dossiers: BehindLine[]; next: string | null }> {
  const { indicator, outcome, reason, cursor, limit } = filter
  const place = cursor === undefined ? null : scoreCursor.exec(cursor)
  const letters = reason === undefined ? marksWith(outcome) : mark(reason)
  const rows = await atLength(
    sql,
    (tx) => tx<(Omit<BehindLine, 'receivedAt' | 'reason' | 'fields'> & Behind)[]>`
      select id, code, agency_code as "agencyCode", procedure_code as "procedureCode", received_at as "receivedAt", marks,
        (extract(epoch from received_at) * 1000000)::bigint as micros
      from (${told(tx, filter, now)}) as told
      where strpos(${letters}, substr(marks, ${placeOf(indicator)}::int, 1)) > 0 ${place === null ? tx`` : before(tx, place)}
      order by received_at desc, id desc limit ${limit + 1}`,
  )
  const last = rows.slice(0, limit).at(-1)
  return {
    dossiers: rows.slice(0, limit).map(({ id: _id, micros: _micros, marks, receivedAt, ...row }) => {
      const why = reasonAt(marks, indicator)
      return {
        ...row,
        receivedAt: receivedAt.toISOString(),
        reason: why,
        fields: why === null ? [] : reasonOf(why).fields,
      }
    }),
    next: rows.length > limit && last !== undefined ? `${last.micros}-${last.id}` : null,
  }
}

interface Behind {
  readonly id: number
  readonly receivedAt: Date
  readonly marks: string
  readonly micros: number
}

const before = (sql: Tx, place: RegExpExecArray) => sql`and (received_at, id) <
  (timestamptz 'epoch' + ${Number(place[1])}::float8 * interval '1 microsecond', ${Number(place[2])}::bigint)`

export interface DossierScoreDeps {
  readonly sql: Sql
  readonly vault: Vault
  readonly catalogue: Catalogue
}

export interface DossierScore {
  readonly code: string
  readonly agencyCode: string
  readonly at: string
  readonly outcomes: readonly IndicatorOutcome[]
}

function opened(vault: DossierScoreDeps['vault'], sealed: Buffer, code: string): DossierContent {
  try {
    return JSON.parse(vault.open(sealed, `change:${code}`)) as DossierContent
  } catch {
    throw new Refusal('content-unreadable', 'The content of the dossier cannot be opened')
  }
}

/**
 * One dossier by its newest content, with the steps that the ledger has; null when it is not known, or its content is gone. Throws
 * `content-unreadable` where the key is not at hand.
 */
export async function readDossierScore(
  { sql, vault, catalogue }: DossierScoreDeps,
  code: string,
  now = new Date(),
): Promise<DossierScore | null> {
  const [row] = await sql<
    {
      id: number
      agencyCode: string
      source: string
      status: Status | null
      content: Buffer | null
      atPortal: boolean
      stepsBehind: boolean
    }[]
  >`
    select d.id, d.agency_code as "agencyCode", d.source, d.status, c.content, l.delivered_change_id is not null as "atPortal",
      l.steps_done < l.steps_total as "stepsBehind"
    from dossiers d join deliveries l on l.dossier_id = d.id join changes c on c.id = d.change_id where d.code = ${code}`
  if (!row?.content) return null
  const steps = await sql<{ at: Date; status: Status | null }[]>`
    select at, status from steps where dossier_id = ${row.id} order by at, id`
  const content = opened(vault, row.content, code)
  const at = now.toISOString()
  const { agencyCode, atPortal, stepsBehind } = row
  const status = row.status ?? statusOf(catalogue, row.source, content.status)
  const known = steps.map((step) => ({ at: step.at.toISOString(), status: step.status }))
  return { code, agencyCode, at, outcomes: scoreDossier(content, { status, atPortal, stepsBehind, steps: known, at }) }
}

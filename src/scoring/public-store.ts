import { publicReportLimits, type PublicReportMap, type PublicReportName } from '../../config/public-figures.ts'
import type { FailureCode } from '../../config/failures.ts'
import { causeWords, type Words } from '../console/words.ts'
import { vietnamDate } from '../dossiers/model.ts'
import { oneNotation } from '../organisations/model.ts'
import { transaction, type Sql, type Tx } from '../platform/database.ts'
import { Refusal } from '../platform/problems.ts'
import {
  compare,
  isStale,
  periodFrom,
  unitsOn,
  type ComparedUnit,
  type Comparison,
  type OwnFigures,
  type PublicAnswer,
} from './public-compare.ts'
import type { PublicPeriod } from './public-report.ts'
import { figureIn, nodesOf, withoutUnits } from './public-values.ts'

/** What was fetched of the portal's public figures. The newest complete fetch holds; what failed stands beside it and never in its place. */

export interface NewFetch {
  readonly by: string
  readonly day: string
  readonly asked: number
  readonly now: Date
}

/** A fetch that says nothing for this long was left by a process that is gone. */
const longestFetch = 2 * 3_600_000

/** Null while another one runs. */
export const beginFetch = (sql: Sql, { by, day, asked, now }: NewFetch): Promise<number | null> =>
  transaction(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('public figures'))`
    await tx`
      update public_fetches set state = 'failed', failure = 'figures-incomplete', detail = 'It was left by its process', finished_at = ${now}
      where state = 'running' and started_at < ${new Date(now.getTime() - longestFetch)}`
    const [running] = await tx`select 1 from public_fetches where state = 'running'`
    if (running) return null
    const [row] = await tx<{ id: number }[]>`
      insert into public_fetches (day, asked_by, started_at, state, asked) values (${day}, ${by}, ${now}, 'running', ${asked})
      returning id::int as id`
    return row!.id
  })

export interface Fetched extends PublicAnswer {
  readonly period: string
  readonly fetchedAt: Date
  /** Read to its end. */
  readonly complete: boolean
}

export interface FetchEnd {
  readonly failure: { readonly code: FailureCode; readonly detail: string } | null
  readonly answers: readonly Fetched[]
  readonly ours: readonly OwnFigures[]
  readonly now: Date
}

/** Keeps what came. A complete one takes the place of the day's earlier ones; one that failed takes nobody's. */
export const endFetch = (sql: Sql, id: number, { failure, answers, ours, now }: FetchEnd): Promise<boolean> =>
  transaction(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('public figures'))`
    const ended = await tx`
      update public_fetches set state = ${failure ? 'failed' : 'complete'}, failure = ${failure?.code ?? null},
        detail = ${failure?.detail ?? ''}, finished_at = ${now}, answered = ${answers.filter(({ complete }) => complete).length},
        ours = ${tx.json(ours as never)}
      where id = ${id} and state = 'running' returning id`
    if (ended.length === 0) return false
    for (const one of answers) await keepAnswer(tx, id, one, failure === null)
    if (!failure)
      await tx`
        delete from public_fetches where state = 'complete' and id <> ${id} and day = (select day from public_fetches where id = ${id})`
    await cull(tx, now)
    return true
  })

const keepAnswer = (
  tx: Tx,
  id: number,
  { report, unitId, period, pages, fetchedAt, complete }: Fetched,
  whole: boolean,
) => tx`
  insert into public_figures (fetch_id, report, unit_id, period, raw, fetched_at, complete)
  values (${id}, ${report}, ${unitId}, ${period}, ${tx.json(pages as never)}, ${fetchedAt}, ${whole && complete})`

/** The newest complete one stays, however old it is. */
const cull = (tx: Tx, now: Date) => tx`
  delete from public_fetches where
    (state = 'failed' and started_at < ${daysBefore(now, publicReportLimits.keepFailedDays)})
    or (state = 'complete' and started_at < ${daysBefore(now, publicReportLimits.keepDays)}
      and id <> (select id from public_fetches where state = 'complete' order by finished_at desc, id desc limit 1))`

const daysBefore = (now: Date, days: number) => new Date(now.getTime() - days * 86_400_000)

/** A report as the newest complete fetch that has it told it. */
export async function lastComplete(
  sql: Sql,
  { report, unitId, period }: Pick<Fetched, 'report' | 'unitId' | 'period'>,
): Promise<readonly unknown[] | null> {
  const [row] = await sql<{ raw: unknown[] }[]>`
    select f.raw from public_figures f join public_fetches p on p.id = f.fetch_id
    where p.state = 'complete' and f.report = ${report} and f.unit_id = ${unitId} and f.period = ${period}
    order by p.finished_at desc, p.id desc limit 1`
  return row?.raw ?? null
}

export interface FetchView {
  readonly id: number
  readonly day: string
  readonly askedBy: string
  readonly startedAt: string
  readonly finishedAt: string | null
  readonly state: 'running' | 'complete' | 'failed'
  readonly failure: FailureCode | null
  readonly detail: string
  readonly asked: number
  readonly answered: number
}

interface FetchRow extends Omit<FetchView, 'startedAt' | 'finishedAt'> {
  readonly startedAt: Date
  readonly finishedAt: Date | null
}

const viewOf = ({ startedAt, finishedAt, ...row }: FetchRow): FetchView => ({
  ...row,
  startedAt: startedAt.toISOString(),
  finishedAt: finishedAt?.toISOString() ?? null,
})

const columns = (sql: Sql) => sql`
  id::int as id, to_char(day, 'YYYY-MM-DD') as day, asked_by as "askedBy", started_at as "startedAt", finished_at as "finishedAt", state,
  failure, detail, asked, answered`

/** The newest complete one, and the newest of all. */
export async function lastFetches(sql: Sql): Promise<{ complete: FetchView | null; newest: FetchView | null }> {
  const [complete] = await sql<FetchRow[]>`
    select ${columns(sql)} from public_fetches where state = 'complete' order by finished_at desc, id desc limit 1`
  const [newest] = await sql<FetchRow[]>`select ${columns(sql)} from public_fetches order by id desc limit 1`
  return { complete: complete ? viewOf(complete) : null, newest: newest ? viewOf(newest) : null }
}

/** Seconds since the last complete fetch ended; null when there was none. */
export async function publicFiguresAge(sql: Sql, now = Date.now()): Promise<number | null> {
  const { complete } = await lastFetches(sql)
  return complete?.finishedAt == null ? null : Math.max(0, (now - Date.parse(complete.finishedAt)) / 1000)
}

/** Clocks of two machines differ by a little: who comes just before the hour is meant to come. */
const early = 5 * 60_000

/** Whether the fetch of today, at `HH:mm` in Vietnam, was not made whole yet. */
export async function isPublicFetchOwed(sql: Sql, at: string, now = new Date()): Promise<boolean> {
  const { complete } = await lastFetches(sql)
  const soon = new Date(now.getTime() + early)
  const today = new Date(`${vietnamDate(soon.toISOString())}T${at}:00+07:00`)
  const due = today <= soon ? today : new Date(today.getTime() - 86_400_000)
  return complete === null || Date.parse(complete.startedAt) < due.getTime() - early
}

/** After a try that failed the job tries again by itself: a start soon after it is not one more. */
const quietAfter = 30 * 60_000

/** Whether it was missed: nobody was there, or there never was one. */
export async function isPublicFetchMissed(sql: Sql, at: string, now = new Date()): Promise<boolean> {
  const { newest } = await lastFetches(sql)
  if (newest && now.getTime() - Date.parse(newest.startedAt) < quietAfter) return false
  return isPublicFetchOwed(sql, at, now)
}

/** What the portal says of one unit in one period, beside what we say. */
export interface PublicFigures {
  readonly complete: FetchView | null
  readonly age: number | null
  readonly stale: boolean
  /** The newest fetch, where it is not the complete one. */
  readonly later: (FetchView & { readonly words: Words | null }) | null
  readonly unit: ComparedUnit | null
  readonly units: readonly string[]
  readonly period: PublicPeriod | null
  /** Those that the complete fetch has. */
  readonly periods: readonly string[]
  /** The agencies whose dossiers ours count; null: all. */
  readonly counted: readonly string[] | null
  readonly comparisons: readonly Comparison[]
  /** Reports that came, mapped or not. */
  readonly reports: readonly PublicReportName[]
}

export interface PublicQuestion {
  /** Absent: the province, or the first unit that the reader may see. */
  readonly agency?: string | undefined
  readonly period?: string | undefined
  /** The agencies the reader may see; absent = all. */
  readonly agencies?: readonly string[] | undefined
}

export async function publicFigures(
  sql: Sql,
  map: PublicReportMap,
  question: PublicQuestion,
  now = new Date(),
): Promise<PublicFigures> {
  const { complete, newest } = await lastFetches(sql)
  const seen = visibleUnits(map, complete?.day ?? vietnamDate(now.toISOString()), question)
  const unit = chosenUnit(seen, question)
  const periods = complete ? await periodsHeld(sql, complete.id) : []
  const period = periodFrom(periods.find((key) => key === question.period) ?? periods[0] ?? '')
  const age = complete?.finishedAt == null ? null : (now.getTime() - Date.parse(complete.finishedAt)) / 1000
  const answers = complete && period ? await answersOf(sql, complete.id, period.key) : []
  const ours = complete && unit && period ? await oursOf(sql, complete.id, unit, period) : undefined
  return {
    complete,
    age,
    stale: age !== null && isStale(age),
    later:
      newest !== null && newest.id !== complete?.id
        ? { ...newest, words: newest.failure && causeWords(newest.failure).cause }
        : null,
    unit,
    units: seen.flatMap(({ code }) => code ?? []),
    period,
    periods,
    counted: ours?.agencies ?? null,
    comparisons: unit && period ? compare(map, unit, answers, ours) : [],
    reports: unit === null ? [] : answers.map(({ report }) => report),
  }
}

function visibleUnits(map: PublicReportMap, day: string, { agencies }: PublicQuestion): ComparedUnit[] {
  return unitsOn(map, day).filter(
    ({ code }) => agencies === undefined || (code !== null && agencies.some((agency) => isSame(agency, code))),
  )
}

const chosenUnit = (seen: readonly ComparedUnit[], { agency }: PublicQuestion): ComparedUnit | null =>
  (agency === undefined ? seen[0] : seen.find(({ code }) => code !== null && isSame(code, agency))) ?? null

const isSame = (one: string, other: string) => oneNotation(one) === oneNotation(other)

/** Months first, the newest first. */
async function periodsHeld(sql: Sql, id: number): Promise<string[]> {
  const rows = await sql<{ period: string }[]>`select distinct period from public_figures where fetch_id = ${id}`
  const rank = (key: string) => (key.length === 4 ? 2 : key.includes('Q') ? 1 : 0)
  return rows.map(({ period }) => period).sort((a, b) => rank(a) - rank(b) || b.localeCompare(a))
}

const answersOf = (sql: Sql, id: number, period: string) => sql<PublicAnswer[]>`
  select report, unit_id as "unitId", raw as pages from public_figures where fetch_id = ${id} and period = ${period} order by report`

async function oursOf(
  sql: Sql,
  id: number,
  { code }: ComparedUnit,
  period: PublicPeriod,
): Promise<OwnFigures | undefined> {
  const [row] = await sql<{ own: OwnFigures }[]>`
    select own from public_fetches, jsonb_array_elements(ours) as own
    where id = ${id} and own ->> 'period' = ${period.key} and own ->> 'code' is not distinct from ${code}`
  return row?.own
}

/** What the portal counts as held, or else as received, for whole months of the province: each by the newest complete fetch that has it. */
export async function publicMonths(
  sql: Sql,
  map: PublicReportMap,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<{ month: string; day: string; count: number }[]> {
  const figure = countedBy.flatMap(
    (subject) => map.figures.find(({ what, numerator }) => what === subject && numerator) ?? [],
  )[0]
  if (!figure) return []
  const rows = await sql<{ month: string; day: string; pages: unknown[] }[]>`
    select distinct on (f.period) f.period as month, to_char(p.day, 'YYYY-MM-DD') as day, f.raw as pages
    from public_figures f join public_fetches p on p.id = f.fetch_id
    where p.state = 'complete' and f.report = ${figure.report} and f.unit_id = ${String(map.root)} and f.period ~ '^[0-9]{4}-[0-9]{2}$'
      and f.period || '-01' >= ${from} and f.period < ${to}
    order by f.period desc, p.finished_at desc, p.id desc limit 12`
  return rows.flatMap(({ month, day, pages }) => {
    const count = figureIn(figure, pages, map.root, true).numerator
    const ends = periodFrom(month)?.to ?? to
    return count === null || (ends > to && day >= to) ? [] : [{ month, day, count }]
  })
}

const countedBy = ['sync', 'dossiers'] as const

/** What one report of the complete fetch says of a unit, as it came: of the province everything, of a unit its own part. */
export async function rawReport(
  sql: Sql,
  map: PublicReportMap,
  { report, period, ...who }: PublicQuestion & { readonly report: PublicReportName; readonly period: string },
): Promise<{ day: string; told: readonly unknown[] }> {
  const { complete } = await lastFetches(sql)
  const unit = complete && chosenUnit(visibleUnits(map, complete.day, who), who)
  if (!complete || !unit) throw new Refusal('not-found', 'There is no such unit among the public figures')
  const answer = (await answersOf(sql, complete.id, period)).find((one) => one.report === report)
  if (!answer) throw new Refusal('not-found', 'This report was not fetched for this period')
  const told = unit.code === null ? answer.pages : nodesOf(answer.pages, unit.id).map(withoutUnits)
  return { day: complete.day, told }
}

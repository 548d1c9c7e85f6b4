import { publicReportLimits, reportsAsked, type PublicReportMap } from '../../config/public-figures.ts'
import type { FailureCode } from '../../config/failures.ts'
import { vietnamDate } from '../dossiers/model.ts'
import type { Sql } from '../platform/database.ts'
import { ownFigures, periodsOn, unitsOn, type OwnFigures } from './public-compare.ts'
import type { PublicReport, ReportQuestion } from './public-report.ts'
import { beginFetch, endFetch, lastComplete, type Fetched } from './public-store.ts'
import { fellToNothing, lostUnits, mappedFell } from './public-values.ts'
import { scoreCells } from './store.ts'

export interface FetchDeps {
  readonly sql: Sql
  readonly report: PublicReport
  readonly map: PublicReportMap
}

export interface FetchWish {
  readonly by: string
  /** Somebody looked: figures that fell to nothing, or units that are gone, are right. */
  readonly acceptDrop?: boolean
  readonly alive?: (done: number, asked: number) => void
  readonly now?: () => Date
}

export interface FetchResult {
  readonly id: number
  readonly day: string
  readonly asked: number
  readonly answered: number
  readonly failure: Failed | null
}

interface Failed {
  readonly code: FailureCode
  readonly detail: string
}

/**
 * Asks for all reports of all periods of a day. Only when every one was read to its end, and none fell to nothing, do they take the place of
 * what was known; with the first that fails the rest is left alone. Null while another fetch runs.
 */
export async function fetchPublicFigures(deps: FetchDeps, wish: FetchWish): Promise<FetchResult | null> {
  const { by, acceptDrop = false, alive = () => undefined, now = () => new Date() } = wish
  const { sql, map } = deps
  const day = vietnamDate(now().toISOString())
  const questions = questionsOn(map, day)
  const asked = questions.length
  const id = await beginFetch(sql, { by, day, asked, now: now() })
  if (id === null) return null
  try {
    const { answers, failure } = await askAll(deps, questions, { alive, now, acceptDrop })
    const ours = failure ? [] : await ourFigures(deps, day, now())
    const isKept = await endFetch(sql, id, { answers, failure, ours, now: now() })
    const answered = answers.filter(({ complete }) => complete).length
    return { id, day, asked, answered, failure: isKept ? failure : givenUp }
  } catch (error) {
    const failure = { code: 'figures-incomplete', detail: 'It was broken off' } as const
    await endFetch(sql, id, { answers: [], failure, ours: [], now: now() }).catch(() => undefined)
    throw error
  }
}

/** It took so long that another process took it for lost. */
const givenUp: Failed = { code: 'figures-incomplete', detail: 'It took too long' }

/** For the job, which is tried again when it fails: also where another fetch seems to run, because its process may be gone. */
export async function fetchOrFail(deps: FetchDeps, wish: FetchWish): Promise<void> {
  const result = await fetchPublicFigures(deps, wish)
  if (result === null) throw new Error('Another fetch of the public figures runs')
  if (result.failure) throw new Error(`The public figures were not fetched: ${result.failure.code}`)
}

const questionsOn = (map: PublicReportMap, day: string): ReportQuestion[] =>
  periodsOn(map, day).flatMap((period) => reportsAsked(map).map((report) => ({ report, period, unit: map.root })))

interface Asking {
  readonly alive: (done: number, asked: number) => void
  readonly now: () => Date
  readonly acceptDrop: boolean
}

async function askAll(
  { sql, report, map }: FetchDeps,
  questions: readonly ReportQuestion[],
  { alive, now, acceptDrop }: Asking,
): Promise<{ answers: Fetched[]; failure: Failed | null }> {
  const answers: Fetched[] = []
  let size = 0
  for (const question of questions) {
    const reading = await report.read(question, () => alive(answers.length, questions.length))
    const place = { report: question.report, unitId: String(question.unit), period: question.period.key }
    answers.push({ ...place, pages: reading.pages, fetchedAt: now(), complete: reading.ok })
    const where = `${question.report} ${question.period.key}`
    if (!reading.ok) return { answers, failure: { code: reading.code, detail: `${where}: ${reading.detail}` } }
    size += reading.size
    if (size > publicReportLimits.fetchSize)
      return {
        answers: [],
        failure: { code: 'figures-unreadable', detail: `${where}: all reports together are too long` },
      }
    const before = acceptDrop ? null : await lastComplete(sql, place)
    const drop = before && dropBetween(map, question, before, reading.pages)
    if (drop) return { answers, failure: { code: 'figures-dropped', detail: `${where}: ${drop}` } }
    alive(answers.length, questions.length)
  }
  return { answers, failure: null }
}

function dropBetween(
  map: PublicReportMap,
  { report, unit }: ReportQuestion,
  before: readonly unknown[],
  now: readonly unknown[],
): string | null {
  const figures = map.figures.filter((figure) => figure.report === report)
  if (fellToNothing(before, now) || mappedFell(figures, unit, before, now)) return 'every figure that changed fell to 0'
  return lostUnits(before, now) ? 'more than a tenth of the units are missing' : null
}

/** Ours of the same moment, so that what is compared later is of one day. */
async function ourFigures({ sql, map }: FetchDeps, day: string, now: Date): Promise<OwnFigures[]> {
  const ours: OwnFigures[] = []
  for (const period of periodsOn(map, day)) {
    const cells = await scoreCells(sql, { from: period.from, to: period.to }, now)
    ours.push(...unitsOn(map, day).map((unit) => ownFigures(cells, unit, period)))
  }
  return ours
}

import { isDeepStrictEqual } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { knownKeys, publicReports, type PublicReportMap } from '../../config/public-figures.ts'
import type { PublicReport, ReportQuestion, ReportReading } from '../../src/scoring/public-report.ts'
import { valueAt } from '../../src/scoring/public-values.ts'
import { judge, type Judgement } from './answers.ts'
import { createPost, type Post } from './line.ts'

export interface PublicReportOptions {
  /** Up to `/api/v1/reporting/evaluation`. */
  readonly baseUrl: string
  readonly map: PublicReportMap
  /** Milliseconds between two calls, from and to. */
  readonly pause: readonly [number, number]
  /** Milliseconds before a call that was turned away is made again. */
  readonly waits: readonly number[]
  readonly longestWait: number
  readonly deadline: number
  readonly answerBytes: number
  /** Of all pages of a report, in signs. */
  readonly reportSize: number
  readonly pages: number
}

/** Reads the portal's public report: page by page, at its own pace, one call at a time. */
export function createPublicReport(options: PublicReportOptions): PublicReport {
  const caller = new Caller(createPost(options), options)
  let before: Promise<unknown> = Promise.resolve()
  return {
    read(question, alive) {
      const reading = before.then(() => readSteadily(caller, options, question, alive))
      before = reading.catch(() => undefined)
      return reading
    },
  }
}

/** Makes one call after the other, with a pause between two, and those that were turned away again. */
class Caller {
  readonly #post: Post
  readonly #options: PublicReportOptions
  #last = 0

  constructor(post: Post, options: PublicReportOptions) {
    this.#post = post
    this.#options = options
  }

  async call(question: ReportQuestion, page: number, alive: () => void): Promise<Judgement> {
    const { baseUrl, map, waits, longestWait } = this.#options
    const url = `${baseUrl.replace(/\/$/, '')}/${question.report}`
    const body = JSON.stringify(bodyOf(map, question, page))
    for (let attempt = 0; ; attempt += 1) {
      await this.#pause()
      const judgement = judge(await this.#post(url, body), map.ok)
      this.#last = performance.now()
      alive()
      const wait = waits[attempt]
      if (judgement.ok || !judgement.again || wait === undefined) return judgement
      await sleep(Math.min(Math.max(wait, judgement.retryAfter), longestWait))
    }
  }

  async #pause(): Promise<void> {
    if (this.#last === 0) return
    const [least, most] = this.#options.pause
    const pause = least + Math.random() * (most - least)
    await sleep(Math.max(0, this.#last + pause - performance.now()))
  }
}

const movedWhileRead = 'figures-incomplete'
const readings = 3

/** A report that the portal counts anew while it is read is read again from its first page. */
async function readSteadily(
  caller: Caller,
  options: PublicReportOptions,
  question: ReportQuestion,
  alive: () => void,
): Promise<ReportReading> {
  for (let reading = 1; ; reading += 1) {
    const result = await readPages(caller, options, question, alive)
    if (result.ok || result.code !== movedWhileRead || reading === readings) return result
  }
}

async function readPages(
  caller: Caller,
  { map, pages: mostPages, reportSize }: PublicReportOptions,
  question: ReportQuestion,
  alive: () => void,
): Promise<ReportReading> {
  const pages: Data[] = []
  const incomplete = (detail: string): ReportReading => ({ ok: false, code: movedWhileRead, detail, pages })
  let rows = 0
  let size = 0
  while (pages.length < mostPages) {
    const answer = await caller.call(question, map.firstPage + pages.length, alive)
    if (!answer.ok) return { ok: false, code: answer.code, detail: answer.detail, pages }
    const { data } = answer
    const [first] = pages
    // Whoever does not know pages sends the same again.
    if (isDeepStrictEqual(pages.at(-1), data)) break
    if (first && !isDeepStrictEqual(first[knownKeys.overview], data[knownKeys.overview]))
      return incomplete('The overview differs between two pages')
    pages.push(data)
    size += answer.size
    if (size > reportSize) return { ok: false, code: 'figures-unreadable', detail: 'The report is too long', pages: [] }
    const list = data[map.rows[question.report] ?? map.rows.others!]
    const found = Array.isArray(list) ? list.length : 0
    rows += found
    // More than were asked for: all of them in one page.
    if (found !== map.pageSize) break
  }
  if (pages.length === mostPages) return incomplete(`It has more than ${mostPages} pages`)
  const total = map.total === undefined ? null : valueAt(pages[0], map.total)
  if (map.total !== undefined && total !== rows)
    return incomplete(
      `${rows} rows came, and the answer says ${total === null ? 'nothing of how many' : String(total)}`,
    )
  return { ok: true, pages, size }
}

type Data = Readonly<Record<string, unknown>>

function bodyOf(map: PublicReportMap, { report, period, unit }: ReportQuestion, page: number) {
  const common = { rootDepartmentId: unit, currentPage: page, pageSize: map.pageSize }
  if (publicReports[report].asks === 'dates')
    return { fromDate: written(period.from, map.dates), toDate: written(dayBefore(period.to), map.dates), ...common }
  const [year = '', part = ''] = period.key.split(/-Q?/)
  const timeType = map.timeType[period.kind]
  return {
    timeType,
    year: Number(year),
    ...(period.kind === 'year' ? {} : { [period.kind]: Number(part) }),
    ...common,
  }
}

const dayBefore = (day: string) => new Date(Date.parse(`${day}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10)

function written(day: string, form: PublicReportMap['dates']): string {
  if (form === 'dd/MM/yyyy') return day.split('-').toReversed().join('/')
  return form === 'yyyyMMdd' ? day.replaceAll('-', '') : day
}

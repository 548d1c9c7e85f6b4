import { z } from 'zod'
import { laneWords } from '../../config/delivery-words.ts'
import type { Console, Visit } from '../console/console.ts'
import { address, html, progressBar, type Html } from '../console/html.ts'
import {
  ageWords,
  causeWords,
  countWords,
  dayWords,
  momentWords,
  monthWords,
  percentWords,
  sayIn,
  spanWords,
  type Language,
  type Words,
} from '../console/words.ts'
import type { PortalHealth } from '../delivery/model.ts'
import { limitOf } from '../platform/auth.ts'
import type { Sql } from '../platform/database.ts'
import { shared } from '../platform/shared.ts'
import { monthChart, rateRing, stackedBar, trendSections } from './charts.ts'
import { sumDiscrepancies, type DiscrepancySum } from './discrepancies.ts'
import { openSums } from './discrepancy-words.ts'
import type { SyncRateReport } from './model.ts'
import { listRunning, type Run } from './runs.ts'
import { shownPeriod } from './selection.ts'
import { lastMonths, movedMonths, trendsOf, type MonthMoved, type MonthRate, type Trends } from './snapshots.ts'
import { syncRate } from './store.ts'

/** How delivery stands, as this page shows it. */
export interface DeliveryState {
  readonly moves: boolean
  /** Whether it moves, and why not. */
  readonly words: Words
  readonly sinceLastAnswerSeconds: number | null
  readonly backlog: readonly Waiting[]
  readonly portal: PortalHealth
  /** What is sent again on purpose. */
  readonly replays: readonly Job[]
}

/** Work that is under way. */
export interface Job {
  readonly name: Words
  /** The address of its page. */
  readonly at: string
  readonly done: number
  readonly total: number
}

interface Waiting {
  readonly state: string
  readonly count: number
  /** Seconds. */
  readonly oldest: number
}

export interface OverviewDeps {
  readonly sql: Sql
  readonly delivery: () => Promise<DeliveryState>
}

/** Months drawn. */
const drawnMonths = 12
/** Milliseconds for which a report is good enough for an overview: it reads all dossiers of the year. */
const freshFor = 15_000
/** Milliseconds after which an open page is renewed. */
const renewedEvery = 5_000

/** One look: the rate, what is in the way, what waits, whether the portal answers, and where it is going. Renewed while it is looked at. */
export function addOverview(console: Console, deps: OverviewDeps): void {
  const facts = createFacts(deps)
  const body = async ({ language, person }: Visit) => {
    const limit = limitOf(person.agencies)
    return overview(language, await facts(limit), {
      whole: limit === undefined,
      mayList: person.rights.includes('deliveries:read'),
    })
  }
  console.page({
    path: 'overview',
    right: 'reports:read',
    allAgencies: false,
    menu: { vi: 'Tổng quan', en: 'Overview' },
    query: z.strictObject({}),
    show: async (visit) => ({
      title: { vi: 'Tổng quan', en: 'Overview' },
      body: html`<div data-live="overview-live">${await body(visit)}</div>`,
    }),
  })
  console.live({ path: 'overview-live', right: 'reports:read', allAgencies: false, every: renewedEvery, show: body })
}

interface Facts {
  readonly report: SyncRateReport
  readonly delivery: DeliveryState
  readonly discrepancies: readonly DiscrepancySum[]
  readonly running: readonly Run[]
  readonly trends: Trends
  readonly months: readonly MonthRate[]
  readonly moved: readonly MonthMoved[]
}

/** The same for each reader: whoever sees the same agencies shares it. */
function sharedBy<T>(
  read: (agencies: readonly string[] | undefined) => Promise<T>,
  milliseconds: number,
): (agencies: readonly string[] | undefined) => Promise<T> {
  const known = new Map<string, () => Promise<T>>()
  return (agencies) => {
    const key = agencies?.join(' ') ?? '*'
    if (known.size > 100) known.clear()
    if (!known.has(key))
      known.set(
        key,
        shared(() => read(agencies), milliseconds),
      )
    return known.get(key)!()
  }
}

function createFacts({ sql, delivery }: OverviewDeps): (agencies: readonly string[] | undefined) => Promise<Facts> {
  const report = sharedBy(
    async (agencies) => syncRate(sql, { ...(await shownPeriod(sql, {}, agencies)), agencies }),
    freshFor,
  )
  // All days of all agencies that were ever kept, and all that is open: not for each page that stands open.
  const past = sharedBy(
    async (agencies) => ({
      trends: await trendsOf(sql, agencies),
      months: agencies === undefined ? await lastMonths(sql, drawnMonths) : [],
      moved: agencies === undefined ? await movedMonths(sql, 6) : [],
    }),
    freshFor,
  )
  const discrepancies = sharedBy((agencies) => sumDiscrepancies(sql, agencies), renewedEvery)
  const deliveryNow = shared(delivery, renewedEvery)
  return async (agencies) => ({
    report: await report(agencies),
    delivery: await deliveryNow(),
    discrepancies: await discrepancies(agencies),
    running: await listRunning(sql, agencies),
    ...(await past(agencies)),
  })
}

interface Reader {
  /** Sees all agencies. The backlog is counted for the province, and not for one of them. */
  readonly whole: boolean
  /** May see what waits, dossier by dossier. */
  readonly mayList: boolean
}

function overview(language: Language, facts: Facts, reader: Reader): Html {
  const { report, delivery, discrepancies, running, trends, months, moved } = facts
  const { whole, mayList } = reader
  const jobs = [...running.map(runJob), ...(whole && mayList ? delivery.replays : [])]
  return html`${rateSection(language, report)} ${jobs.length > 0 && jobSection(language, jobs)}
    ${stateSection(language, delivery, reader)} ${portalSection(language, delivery, reader)}
    ${discrepancies.length > 0 && discrepancySection(language, discrepancies)} ${trendSections(language, trends)}
    ${months.length > 0 && monthSection(language, months)} ${moved.length > 0 && movedSection(language, moved)}
    <p class="soft">${sayIn(language)('Lúc', 'At')} ${momentWords(new Date().toISOString())}</p>`
}

function rateSection(language: Language, report: SyncRateReport): Html {
  const say = sayIn(language)
  const { total, causes, period } = report
  const to = (more: Readonly<Record<string, string>>) => address('dossiers', { ...period, ...more })
  return html`<section class="hero">
      ${rateRing(total.rate)}
      <dl class="figures">
        <div>
          <dt>${say('Đã tiếp nhận năm', 'Received in')} ${period.from.slice(0, 4)}</dt>
          <dd>${countWords(total.received)[language]}</dd>
        </div>
        <div class="good">
          <dt>${say('Đã đồng bộ', 'In step')}</dt>
          <dd><a href="${to({ state: 'delivered' })}">${countWords(total.delivered)[language]}</a></dd>
        </div>
        <div class="gap">
          <dt>${say('Chưa đồng bộ', 'Not in step')}</dt>
          <dd><a href="${to({ state: 'gap' })}">${countWords(total.received - total.delivered)[language]}</a></dd>
        </div>
      </dl>
    </section>
    ${
      causes.length > 0 &&
      html`<section>
        <h2>${say('Nguyên nhân', 'Causes of the gap')}</h2>
        ${stackedBar(report)}
        ${causes.map(
          ({ code, count }, place) =>
            html`<p class="cause-line">
              <a href="${to({ cause: code })}"><strong>${countWords(count)[language]}</strong></a>
              ${causeWords(code).cause[language]}
              ${place === 0 && html`<span class="soft">${causeWords(code).next[language]}</span>`}
            </p>`,
        )}
        <p>
          <a href="${address('report', { ...period })}"
            >${say('Theo cấp, cơ quan, thủ tục, tháng', 'By level, agency, procedure, month')}</a
          >
        </p>
      </section>`
    }`
}

function stateSection(language: Language, { moves, words, backlog }: DeliveryState, { whole, mayList }: Reader): Html {
  const say = sayIn(language)
  const sums = Map.groupBy(backlog, ({ state }) => state)
  const { delivered: _, ...open } = laneWords
  return html`<section>
    <h2>${say('Gửi hồ sơ', 'Delivery')}</h2>
    <p><span class="tag ${moves ? 'accept' : 'review'}">${words[language]}</span></p>
    ${
      whole &&
      html`<dl class="figures">
        ${Object.entries(open).map(([state, name]) => waitingFigure(language, { name, own: sums.get(state) ?? [], at: mayList ? address('deliveries', { state }) : null, stopped: state === 'blocked' || state === 'parked' }))}
      </dl>`
    }
  </section>`
}

/** The way to the portal and the portal, each by what its newest calls said. */
function portalSection(
  language: Language,
  { portal, sinceLastAnswerSeconds: silence }: DeliveryState,
  { whole, mayList }: Reader,
): Html {
  const say = sayIn(language)
  const { calls, good, failures, slowest, reached, since } = portal
  const age = ageWords(silence ?? 0)
  const number = (count: number) => countWords(count)[language]
  const way =
    reached === null
      ? say('chưa gọi lần nào', 'never called')
      : reached
        ? say('kết nối được', 'can be reached')
        : say('không kết nối được', 'cannot be reached')
  return html`<section>
    <h2>${say('Cổng và máy chủ bảo mật', 'Portal and security server')}</h2>
    <p>
      ${say('Đường truyền, máy chủ bảo mật', 'Connector and security server')}:
      <span class="tag ${reached === true ? 'accept' : reached === false && 'review'}">${way}</span>
    </p>
    <p>
      ${say('Cổng', 'Portal')}:
      ${silence === null ? say('chưa trả lời lần nào', 'never answered') : say(`trả lời ${age.vi} trước`, `answered ${age.en} ago`)}
    </p>
    ${
      whole &&
      calls > 0 &&
      html`<p>
        ${say('Từ', 'Since')} ${momentWords(since)}: ${number(calls)} ${say('lượt gọi', 'calls')}, ${number(good)}
        ${say('thành công', 'successful')}${
          slowest !== null &&
          html`; ${say('95 % trả lời trong', '95 % answered within')} ${spanWords(Math.round(slowest))[language]}`
        }
      </p>`
    }
    ${
      whole &&
      failures.length > 0 &&
      html`<ul class="changes">
        ${failures.map(({ failure, count }) => html`<li>${mayList ? html`<a href="${address('traffic', { failure, from: minuteOf(since) })}">${number(count)}</a>` : number(count)} ${causeWords(failure).cause[language]}</li>`)}
      </ul>`
    }
  </section>`
}

/** Vietnam's time as an address of the page of calls has it. */
const minuteOf = (instant: string) => new Date(Date.parse(instant) + 7 * 3_600_000).toISOString().slice(0, 16)

interface WaitingFigure {
  readonly name: Words
  readonly own: readonly Waiting[]
  /** Where they are listed; null: the reader may not see them. */
  readonly at: string | null
  readonly stopped: boolean
}

function waitingFigure(language: Language, { name, own, at, stopped }: WaitingFigure): Html {
  const count = own.reduce((sum, one) => sum + one.count, 0)
  const oldest = ageWords(Math.max(0, ...own.map((one) => one.oldest)))
  const words = countWords(count)[language]
  return html`<div class="${count > 0 && stopped && 'gap'}">
    <dt>${name[language]}</dt>
    <dd>${count === 0 || at === null ? words : html`<a href="${at}">${words}</a>`}</dd>
    ${count > 0 && html`<dd class="soft">${sayIn(language)('lâu nhất', 'oldest')} ${oldest[language]}</dd>`}
  </div>`
}

function discrepancySection(language: Language, sums: readonly DiscrepancySum[]): Html {
  return html`<section>
    <h2>${sayIn(language)('Sai lệch', 'Discrepancies')}</h2>
    ${openSums(language, sums)}
  </section>`
}

/** Work that takes its time, with how far it has come. */
function jobSection(language: Language, jobs: readonly Job[]): Html {
  return html`<section>
    <h2>${sayIn(language)('Đang chạy', 'Going on now')}</h2>
    ${jobs.map(
      ({ name, at, done, total }) =>
        html`<p>
            <a href="${at}">${name[language]}</a>
            <span class="soft">${countWords(done)[language]} / ${countWords(total)[language]}</span>
          </p>
          ${progressBar(total, done)}`,
    )}
  </section>`
}

const runJob = ({ id, total, counts }: Run): Job => ({
  name: { vi: `Đối soát, lần ${id}`, en: `Reconciliation, run ${id}` },
  at: `run?id=${id}`,
  done: Object.values(counts).reduce((sum, count) => sum + count, 0),
  total,
})

function monthSection(language: Language, months: readonly MonthRate[]): Html {
  const say = sayIn(language)
  const heading = say('12 tháng tiếp nhận gần nhất', 'The last 12 months of reception')
  return html`<section>
    <h2>${heading}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="${heading}">${monthChart(months, gapsOf)}</div>
  </section>`
}

/** Where the dossiers of a month that are not in step are listed. */
function gapsOf(month: string): string {
  const to = new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)), 1)).toISOString().slice(0, 10)
  return address('dossiers', { from: `${month}-01`, to, state: 'gap' })
}

function movedSection(language: Language, moved: readonly MonthMoved[]): Html {
  const say = sayIn(language)
  return html`<section>
    <h2>${say('Các tháng đã thay đổi sau khi kết thúc', 'Months that moved after they ended')}</h2>
    <p class="soft">
      ${say('Hồ sơ đồng bộ muộn làm thay đổi tỷ lệ của tháng tiếp nhận.', 'Late syncing changes the rate of the month of reception.')}
    </p>
    <ul class="changes">
      ${moved.map(
        ({ month: key, first, last }) =>
          html`<li>
            ${monthWords(key)}: ${percentWords(first.rate)[language]}
            <span class="soft">${say('ngày', 'on')} ${dayWords(first.day)}</span> → ${percentWords(last.rate)[language]}
            <span class="soft">${say('ngày', 'on')} ${dayWords(last.day)}</span>
          </li>`,
      )}
    </ul>
  </section>`
}

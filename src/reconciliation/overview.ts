import { z } from 'zod'
import type { Console, Visit } from '../console/console.ts'
import { address, html, type Html } from '../console/html.ts'
import { causeWords, countWords, dayWords, momentWords, percentWords, sayIn, type Language } from '../console/words.ts'
import type { Sql } from '../platform/database.ts'
import { rateRing, stackedBar, trendChart } from './charts.ts'
import { sumDiscrepancies, type DiscrepancySum } from './discrepancies.ts'
import { kindWords } from './discrepancy-words.ts'
import type { SyncRateReport } from './model.ts'
import { listRuns, type Run } from './runs.ts'
import { chosenPeriod, limitOf } from './selection.ts'
import { movedMonths, trend, type DayRate, type MonthMoved } from './snapshots.ts'
import { syncRate } from './store.ts'

/** How delivery stands, in the words of this capability. */
export interface DeliveryState {
  readonly moves: boolean
  /** Why not, or why nothing is sent on purpose: a code. */
  readonly reason: string | null
  readonly sinceLastAnswerSeconds: number | null
  readonly backlog: readonly {
    readonly state: string
    readonly count: number
    /** Seconds. */ readonly oldest: number
  }[]
}

export interface OverviewDeps {
  readonly sql: Sql
  readonly delivery: () => Promise<DeliveryState>
}

/** Days drawn. */
const drawn = 30
/** Milliseconds for which a report is good enough for an overview: it reads all dossiers of the year. */
const freshFor = 15_000
/** Milliseconds after which an open page is renewed. */
const renewedEvery = 5_000

/** One look: the rate, what is in the way, what waits, whether the portal answers, and where it is going. Renewed while it is looked at. */
export function addOverview(console: Console, deps: OverviewDeps): void {
  const facts = createFacts(deps)
  const body = async (visit: Visit) => overview(visit.language, await facts(limitOf(visit.person.agencies)))
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
  readonly days: readonly DayRate[]
  readonly moved: readonly MonthMoved[]
}

/** What several look at is read once: the same answer for all who ask within some time. */
function shared<T>(read: () => Promise<T>, milliseconds: number): () => Promise<T> {
  let held: { at: number; value: Promise<T> } | undefined
  return () => {
    if (held && performance.now() - held.at < milliseconds) return held.value
    const value = read()
    held = { at: performance.now(), value }
    value.catch(() => (held = undefined))
    return value
  }
}

function createFacts({ sql, delivery }: OverviewDeps): (agencies: readonly string[] | undefined) => Promise<Facts> {
  const reports = new Map<string, () => Promise<SyncRateReport>>()
  const reportOf = (agencies: readonly string[] | undefined) => {
    const key = agencies?.join(' ') ?? '*'
    if (reports.size > 100) reports.clear()
    if (!reports.has(key))
      reports.set(
        key,
        shared(() => syncRate(sql, { ...chosenPeriod({}), agencies }), freshFor),
      )
    return reports.get(key)!()
  }
  const deliveryNow = shared(delivery, renewedEvery)
  return async (agencies) => ({
    report: await reportOf(agencies),
    delivery: await deliveryNow(),
    discrepancies: await sumDiscrepancies(sql, agencies),
    running: (await listRuns(sql, 20, agencies)).filter(({ state }) => state === 'running'),
    days: await trend(sql, drawn, agencies),
    moved: agencies === undefined ? await movedMonths(sql, 6) : [],
  })
}

function overview(language: Language, facts: Facts): Html {
  const { report, delivery, discrepancies, running, days, moved } = facts
  return html`${rateSection(language, report)} ${stateSection(language, delivery)}
    ${discrepancies.length > 0 && discrepancySection(language, discrepancies)}
    ${running.length > 0 && runSection(language, running)} ${days.length > 1 && trendSection(language, days)}
    ${moved.length > 0 && movedSection(language, moved)}
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
          <dt>${say('Đã tiếp nhận trong năm', 'Received this year')}</dt>
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
        <p><a href="report">${say('Theo cấp, cơ quan, thủ tục, tháng', 'By level, agency, procedure, month')}</a></p>
      </section>`
    }`
}

const stateNames: Readonly<Record<string, readonly [string, string]>> = {
  waiting: ['Chờ gửi', 'Waiting'],
  sending: ['Đang gửi', 'Being sent'],
  unknown: ['Chưa rõ kết quả', 'In doubt'],
  blocked: ['Bị chặn', 'Blocked'],
  parked: ['Dừng lại', 'Parked'],
}

function stateSection(language: Language, { moves, reason, sinceLastAnswerSeconds, backlog }: DeliveryState): Html {
  const say = sayIn(language)
  const sums = Map.groupBy(backlog, ({ state }) => state)
  return html`<section>
    <h2>${say('Gửi hồ sơ', 'Delivery')}</h2>
    <p>
      <span class="tag ${moves ? 'accept' : 'review'}"
        >${moves ? say('Đang chạy tốt', 'Working') : say('Đang đứng', 'Standing still')}</span
      >
      ${reason !== null && html`<code>${reason}</code>`}
      <span class="soft"
        >${
          sinceLastAnswerSeconds === null
            ? say('Cổng chưa trả lời lần nào', 'the portal never answered')
            : say(
                `Cổng trả lời ${ago(sinceLastAnswerSeconds).vi} trước`,
                `the portal answered ${ago(sinceLastAnswerSeconds).en} ago`,
              )
        }</span
      >
    </p>
    <dl class="figures">
      ${Object.entries(stateNames).map(([state, [vi, en]]) => {
        const own = sums.get(state) ?? []
        const count = own.reduce((sum, one) => sum + one.count, 0)
        const oldest = Math.max(0, ...own.map((one) => one.oldest))
        return html`<div class="${count > 0 && (state === 'blocked' || state === 'parked') && 'gap'}">
          <dt>${say(vi, en)}</dt>
          <dd>${countWords(count)[language]}</dd>
          ${count > 0 && html`<dd class="soft">${say('lâu nhất', 'oldest')} ${ago(oldest)[language]}</dd>`}
        </div>`
      })}
    </dl>
  </section>`
}

function ago(seconds: number): { vi: string; en: string } {
  const [count, vi, en] =
    seconds < 90
      ? [seconds, 'giây', 's']
      : seconds < 5400
        ? [seconds / 60, 'phút', 'min']
        : seconds < 129_600
          ? [seconds / 3600, 'giờ', 'h']
          : [seconds / 86_400, 'ngày', 'days']
  return { vi: `${Math.round(count)} ${vi}`, en: `${Math.round(count)} ${en}` }
}

function discrepancySection(language: Language, sums: readonly DiscrepancySum[]): Html {
  const say = sayIn(language)
  return html`<section>
    <h2>${say('Sai lệch với Cổng', 'Discrepancies with the portal')}</h2>
    <dl class="figures">
      ${sums.map(
        ({ kind, state, count, since }) =>
          html`<div class="${state === 'open' && 'gap'}">
            <dt>${kindWords[kind][language]}${state === 'acted' && say(' (đã xử lý)', ' (acted on)')}</dt>
            <dd><a href="${address('discrepancies', { kind, state })}">${countWords(count)[language]}</a></dd>
            <dd class="soft">${say('từ', 'since')} ${momentWords(since)}</dd>
          </div>`,
      )}
    </dl>
  </section>`
}

function runSection(language: Language, running: readonly Run[]): Html {
  const say = sayIn(language)
  return html`<section>
    <h2>${say('Đang đối soát', 'Reconciliation going on')}</h2>
    ${running.map(({ id, total, counts }) => {
      const done = Object.values(counts).reduce((sum, count) => sum + count, 0)
      return html`<p>
        <a href="run?id=${id}">${say('Lần', 'Run')} ${id}</a>: ${countWords(done)[language]} /
        ${countWords(total)[language]}
      </p>`
    })}
  </section>`
}

function trendSection(language: Language, days: readonly DayRate[]): Html {
  const say = sayIn(language)
  return html`<section>
    <h2>
      ${say(`${days.length} ngày qua, tính cả hồ sơ các năm`, `The last ${days.length} days, dossiers of all years`)}
    </h2>
    <div class="scroll" tabindex="0" role="region" aria-label="${say('Xu hướng', 'Trend')}">${trendChart(days)}</div>
  </section>`
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
            ${key.split('-').toReversed().join('/')}: ${percentWords(first.rate)[language]}
            <span class="soft">${say('ngày', 'on')} ${dayWords(first.day)}</span> → ${percentWords(last.rate)[language]}
            <span class="soft">${say('ngày', 'on')} ${dayWords(last.day)}</span>
          </li>`,
      )}
    </ul>
  </section>`
}

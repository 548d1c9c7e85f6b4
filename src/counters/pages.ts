import { z } from 'zod'
import { counterDefinitions, countersVersion } from '../../config/counters.ts'
import type { Console, Visit } from '../console/console.ts'
import { shortListFile } from '../console/downloads.ts'
import type { Page } from '../console/frame.ts'
import { address, html, trusted, type Html } from '../console/html.ts'
import { countWords, dayWords, monthWords, percentWords, sayIn, type Language, type Words } from '../console/words.ts'
import { vietnamToday } from '../dossiers/model.ts'
import { limitOf } from '../platform/auth.ts'
import { tableFormat } from '../platform/files.ts'
import { reasonOf } from '../platform/http.ts'
import { behindPage } from './behind-page.ts'
import { monthAfter, type CounterPart, type Timed, type UnitFigures } from './figures.ts'
import { monthTable } from './month-table.ts'
import {
  dossiersBehind,
  hasMoved,
  isUntold,
  monthReport,
  sendMonth,
  type CounterDeps,
  type MonthReport,
  type UnitLine,
} from './month.ts'
import { decide } from './reports.ts'
import { behindQuery, lastMonth, monthQuery, wholeMonth } from './selection.ts'
import { historySection, openSection, previewPage } from './sending-page.ts'
import { beside, counterWords, obstacleNote, partWords, stateWords, whyWords } from './words.ts'

const reading = { right: 'reports:read', allAgencies: false } as const
const sending = { right: 'deliveries:resend', allAgencies: true } as const
const perPage = 100

/** The monthly counters: as they are counted now, beside what the portal got. A person sees their own units. */
export function addCounterPages(console: Console, deps: CounterDeps): void {
  const report = (visit: Visit, month: string) => monthReport(deps, month, { agencies: limitOf(visit.person.agencies) })
  console.page({
    path: 'counters',
    ...reading,
    menu: counterWords.title,
    query: z.strictObject(monthQuery),
    show: async (visit, { month = lastMonth() }) => monthPage(visit, await report(visit, month)),
  })
  console.page({
    path: 'counter-dossiers',
    ...reading,
    query: z.strictObject(behindQuery),
    async show({ language, person }, query) {
      const { nobodys, ...rest } = query
      const agencies = limitOf(person.agencies)
      const found = await dossiersBehind(deps, { ...rest, nobodys: nobodys !== undefined, agencies, limit: perPage })
      return behindPage(language, query, found)
    },
  })
  console.file({
    path: 'counters-file',
    ...reading,
    query: z.strictObject({ month: wholeMonth, format: tableFormat }),
    give: async (visit, { month, format }) =>
      shortListFile(`thong-ke-thang-${month}`, format, monthTable(visit.language, await report(visit, month))),
  })
  addSending(console, deps)
}

function addSending(console: Console, deps: CounterDeps): void {
  console.page({
    path: 'counters-preview',
    ...sending,
    query: z.strictObject({ month: wholeMonth }),
    show: async ({ language }, { month }) => previewPage(language, await monthReport(deps, month)),
  })
  console.act({
    path: 'send-counters',
    ...sending,
    form: z.object({ month: wholeMonth, expected: z.string().max(100) }),
    async act({ by }, { month, expected }) {
      await sendMonth(deps, { month, by, expected })
      return { to: address('counters', { month }) }
    },
  })
  console.act({
    path: 'decide-counters',
    ...sending,
    form: z.object({ id: z.coerce.number().int(), month: wholeMonth, taken: z.enum(['yes', 'no']), why: z.string() }),
    async act({ by }, { id, month, taken, why }) {
      await decide(deps.sql, { id, taken: taken === 'yes', by, why: reasonOf(why) })
      return { to: address('counters', { month }) }
    },
  })
}

/** Seconds between two looks while something is on its way: each counts the month. */
const refresh = 10

function monthPage({ language, person }: Visit, report: MonthReport): Page {
  const say = sayIn(language)
  const { month, untellable, lines, reports } = report
  const maySend = person.rights.includes('deliveries:resend') && person.agencies.includes('*')
  const open = reports.filter(({ state, onWay }) => state === 'unknown' && !onWay)
  const moves = reports.some(({ state, onWay }) => state === 'waiting' || onWay)
  return {
    title: { vi: `Thống kê tháng ${monthWords(month)}`, en: `Monthly counters ${monthWords(month)}` },
    ...(moves && !(maySend && open.length > 0) && { refresh }),
    body: html`${monthForm(language, month)} ${obstacleNote(language, report)}
    ${
      !untellable &&
      html`${totals(language, report)} ${maySend && report.hash !== null && previewLink(language, report)}
      ${
        lines.length === 0
          ? html`<section>
              <p>${say('Không có hồ sơ nào trong tháng.', 'There are no dossiers in this month.')}</p>
            </section>`
          : unitTable(language, report)
      }`
    }
    ${open.length > 0 && openSection(language, report, open, maySend)} ${historySection(language, reports)}
    ${definitions(language)}`,
  }
}

const shownMonths = 24

function monthForm(language: Language, chosen: string): Html {
  const say = sayIn(language)
  const current = vietnamToday().slice(0, 7)
  const months = Array.from({ length: shownMonths }, (_, back) => monthAfter(current, -back))
  const all = months.includes(chosen) ? months : [...months, chosen]
  return html`<form class="find" method="get" action="counters">
    <select name="month" aria-label="${say('Tháng', 'Month')}">
      ${all.map((month) => html`<option value="${month}" ${month === chosen && trusted('selected')}>${monthWords(month)}</option>`)}
    </select>
    <button class="plain">${say('Xem', 'Show')}</button>
  </form>`
}

/** A number that opens to its dossiers; none where there are none. */
function opens(language: Language, month: string, part: CounterPart, count: number, unit?: UnitFigures): Html {
  const text = countWords(count)[language]
  if (count === 0) return html`${text}`
  const query = { month, part, ...(unit && { unit: unit.code }), ...(unit && unit.why !== null && { nobodys: '1' }) }
  return html`<a href="${address('counter-dossiers', query)}">${text}</a>`
}

interface Marks {
  readonly share?: number | null
  readonly kind?: string
}

/** Two that make a hundred, where nothing is left untold. */
function sharesOf({ inTime, late, untold, total }: Timed & { readonly total: number }) {
  const share = (count: number) => (total === 0 ? null : Math.round((count * 1000) / total) / 10)
  const first = share(inTime)
  return { inTime: first, late: untold === 0 && first !== null ? 100 - first : share(late) }
}

function totals(language: Language, { month, total }: MonthReport): Html {
  const say = sayIn(language)
  const figure = (words: Words, part: CounterPart, count: number, { share, kind = '' }: Marks = {}) =>
    html`<div class="${kind}">
      <dt>${words[language]}</dt>
      <dd>${opens(language, month, part, count)}</dd>
      ${share !== undefined && html`<dd class="soft">${percentWords(share)[language]}</dd>`}
    </div>`
  const { handled, pending, unplaced } = total
  const [ofHandled, ofPending] = [sharesOf(handled), sharesOf(pending)]
  const gap = (count: number) => (count > 0 ? 'gap' : '')
  return html`<section>
    <h2>${counterWords.province[language]}</h2>
    <dl class="figures">
      ${figure(counterWords.received, 'received', total.received)}
      ${figure(counterWords.carried, 'carried', total.carried)} ${figure(counterWords.total, 'total', total.total)}
      ${figure(partWords['pending-waiting'], 'pending-waiting', pending.waiting)}
    </dl>
    <p class="soft">
      ${say(
        'Tổng số = nhận + tồn = đã xử lý + chưa xử lý. Hồ sơ không rõ đã kết thúc chưa đứng riêng, không nằm trong tổng số.',
        'Total = received + carried over = handled + pending. Those of which nobody can say whether they ended stand apart.',
      )}
    </p>
    <dl class="figures">
      ${figure(counterWords.handled, 'handled', handled.total)}
      ${figure(counterWords.inTime, 'handled-in-time', handled.inTime, { share: ofHandled.inTime, kind: 'good' })}
      ${figure(counterWords.late, 'handled-late', handled.late, { share: ofHandled.late, kind: gap(handled.late) })}
      ${figure(counterWords.pending, 'pending', pending.total)}
      ${figure(counterWords.within, 'pending-in-time', pending.inTime, { share: ofPending.inTime, kind: 'good' })}
      ${figure(counterWords.late, 'pending-late', pending.late, { share: ofPending.late, kind: gap(pending.late) })}
    </dl>
    ${
      isUntold(total) &&
      html`<p>
        ${counterWords.untold[language]}:
        ${unplaced.total > 0 && html`${partWords.unplaced[language]} ${opens(language, month, 'unplaced', unplaced.total)};`}
        ${handled.untold > 0 && html`${partWords['handled-untold'][language]} ${opens(language, month, 'handled-untold', handled.untold)};`}
        ${pending.untold > 0 && html`${partWords['pending-untold'][language]} ${opens(language, month, 'pending-untold', pending.untold)}`}
      </p>`
    }
    <p class="soft">
      ${say('Lưu thành tệp', 'Keep it as a file')}:
      <a href="${address('counters-file', { month, format: 'xlsx' })}">Excel</a>,
      <a href="${address('counters-file', { month, format: 'csv' })}">CSV</a>
    </p>
  </section>`
}

function unitTable(language: Language, { month, lines }: MonthReport): Html {
  const say = sayIn(language)
  const head = (text: string) => html`<th scope="col" class="number">${text}</th>`
  const all = say('Tổng', 'All')
  const late = counterWords.late[language]
  return html`<section>
    <h2>${say('Theo cơ quan', 'By unit')}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="${counterWords.unit[language]}">
      <table>
        <thead>
          <tr>
            <th scope="col" rowspan="2">${counterWords.unit[language]}</th>
            <th scope="col" rowspan="2" class="number">${say('Nhận', 'Received')}</th>
            <th scope="col" rowspan="2" class="number">${say('Tồn', 'Carried')}</th>
            <th scope="colgroup" colspan="3" class="number">${counterWords.handled[language]}</th>
            <th scope="colgroup" colspan="3" class="number">${counterWords.pending[language]}</th>
            <th scope="col" rowspan="2" class="number">${say('Chưa rõ', 'Untold')}</th>
            <th scope="col" rowspan="2">${counterWords.state[language]}</th>
          </tr>
          <tr>
            ${[all, counterWords.inTime[language], late, all, counterWords.within[language], late].map(head)}
          </tr>
        </thead>
        <tbody>
          ${lines.map((line) => unitRow(language, month, line))}
        </tbody>
      </table>
    </div>
  </section>`
}

function unitRow(language: Language, month: string, line: UnitLine): Html {
  const { unit, report } = line
  const { handled, pending, unplaced } = unit
  const cell = (part: CounterPart, count: number) =>
    html`<td class="number">${opens(language, month, part, count, unit)}</td>`
  const untold = [
    ['unplaced', unplaced.total],
    ['handled-untold', handled.untold],
    ['pending-untold', pending.untold],
  ] as const
  return html`<tr>
    <th scope="row">
      ${unit.name ?? unit.code}
      ${unit.why === null ? html`<div class="soft"><code>${unit.code}</code></div>` : html`<div><span class="tag review">${whyWords[unit.why][language]}</span></div>`}
    </th>
    ${cell('received', unit.received)}
    <td class="number">${opens(language, month, 'carried', unit.carried, unit)} ${movesOf(language, unit)}</td>
    ${cell('handled', handled.total)} ${cell('handled-in-time', handled.inTime)} ${cell('handled-late', handled.late)}
    ${cell('pending', pending.total)} ${cell('pending-in-time', pending.inTime)} ${cell('pending-late', pending.late)}
    <td class="number">
      ${untold.map(([part, count]) => count > 0 && html`<div title="${partWords[part][language]}">${opens(language, month, part, count, unit)}</div>`)}
    </td>
    <td>
      ${
        unit.why !== null
          ? sayIn(language)('không gửi', 'never sent')
          : html`<span class="tag ${report?.state === 'sent' && !hasMoved(line) ? 'accept' : 'review'}"
                >${stateWords(line)[language]}</span
              >
              ${hasMoved(line) && html`<div class="soft">${beside(language, report!.figures)}</div>`}`
      }
    </td>
  </tr>`
}

function movesOf(language: Language, { takenOver, handedOver }: UnitFigures): Html | false {
  const say = sayIn(language)
  return (
    takenOver + handedOver > 0 &&
    html`<div class="soft">
      ${takenOver > 0 && say(`nhận thêm ${takenOver}`, `${takenOver} taken over`)}
      ${handedOver > 0 && say(`bàn giao ${handedOver}`, `${handedOver} handed over`)}
    </div>`
  )
}

const previewLink = (language: Language, { month }: MonthReport): Html =>
  html`<form method="get" action="counters-preview">
    <input type="hidden" name="month" value="${month}" />
    <p class="actions">
      <button>${sayIn(language)('Xem trước việc gửi lên Cổng', 'Preview of sending to the portal')}</button>
    </p>
  </form>`

const definitions = (language: Language): Html =>
  html`<section>
    <details>
      <summary>${sayIn(language)('Cách tính', 'How it is counted')} (${countersVersion})</summary>
      <ul class="changes">
        ${Object.values(counterDefinitions).map(
          ({ name, means, source, date }) =>
            html`<li>
              <strong>${name[language]}</strong>: ${means[language]}
              <span class="soft">${source} · ${dayWords(date)}</span>
            </li>`,
        )}
      </ul>
    </details>
  </section>`

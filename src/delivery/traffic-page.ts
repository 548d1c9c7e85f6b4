import { z } from 'zod'
import { answerWords, failureOfAnswer, type AnswerKind } from '../../config/delivery-words.ts'
import type { Console } from '../console/console.ts'
import { chooser } from '../console/forms.ts'
import type { Page } from '../console/frame.ts'
import { address, html, type Html } from '../console/html.ts'
import { causeWords, countWords, sayIn, secondWords, spanWords, type Language } from '../console/words.ts'
import type { Sql } from '../platform/database.ts'
import {
  listTraffic,
  recentServices,
  trafficCursor,
  trafficFailures,
  type Traffic,
  type TrafficFailure,
  type TrafficLine,
} from './traffic.ts'

/** The newest calls to the portal. They carry dossiers of all agencies, so the page is for who speaks for all. */

/** As forms leave a field blank. */
const given = <T extends string>(allowed: (text: string) => text is T) =>
  z
    .string()
    .default('')
    .transform((text, context): T | undefined => {
      if (text === '') return undefined
      if (allowed(text)) return text
      context.addIssue({ code: 'custom', message: 'is not one of the choices' })
      return z.NEVER
    })
const isText = (text: string): text is string => text.length <= 100
const isKind = (text: string): text is AnswerKind => Object.hasOwn(answerWords, text)
const isFailure = (text: string): text is TrafficFailure => (trafficFailures as readonly string[]).includes(text)
const isMinute = (text: string): text is string =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text) && !Number.isNaN(Date.parse(`${text}:00+07:00`))
const isPlace = (text: string): text is string => trafficCursor.test(text)

const Query = z.strictObject({
  service: given(isText),
  class: given(isKind),
  failure: given(isFailure),
  from: given(isMinute),
  to: given(isMinute),
  cursor: given(isPlace),
})
type Query = z.output<typeof Query>

const perPage = 100

export function addTrafficPage(console: Console, { sql }: { readonly sql: Sql }): void {
  console.page({
    path: 'traffic',
    right: 'deliveries:read',
    allAgencies: true,
    menu: { vi: 'Trao đổi với Cổng', en: 'Portal traffic' },
    query: Query,
    async show({ language }, query) {
      const { from, to, ...rest } = query
      const filter = { ...rest, from: instantOf(from), to: instantOf(to), limit: perPage }
      const [traffic, services] = await Promise.all([listTraffic(sql, filter), recentServices(sql)])
      return trafficPage(language, query, traffic, services)
    },
  })
}

/** Vietnam's time, to the minute. */
const instantOf = (minute: string | undefined) => (minute === undefined ? undefined : new Date(`${minute}:00+07:00`))

function trafficPage(language: Language, query: Query, traffic: Traffic, services: readonly string[]): Page {
  const say = sayIn(language)
  const { lines, next, lookedAt } = traffic
  const looked = lookedAt !== null && countWords(lookedAt)
  return {
    title: { vi: 'Trao đổi với Cổng', en: 'Portal traffic' },
    body: html`${filterForm(language, query, services)}
      <section>
        ${lines.length === 0 ? html`<p>${say('Không có lượt gọi nào.', 'There are no calls.')}</p>` : trafficTable(language, lines)}
      </section>
      ${
        next !== null &&
        html`<p class="pager">
          ${looked && html`<span class="soft">${say(`Đã xem ${looked.vi} lượt gọi.`, `${looked.en} calls were looked at.`)}</span>`}
          <a href="${address('traffic', { ...query, cursor: next })}" rel="next">${say('Cũ hơn', 'Older')}</a>
        </p>`
      }`,
  }
}

function filterForm(language: Language, query: Query, services: readonly string[]): Html {
  const say = sayIn(language)
  const named = (codes: readonly string[], words: (code: string) => string) =>
    codes.map((code) => [code, words(code)] as const)
  const minute = (name: 'from' | 'to', label: string) =>
    html`<label>${label}<input type="datetime-local" name="${name}" value="${query[name]}" /></label>`
  const known = [...new Set([...services, ...(query.service === undefined ? [] : [query.service])])]
  return html`<section>
    <form method="get" action="traffic">
      <div class="fields">
        ${chooser('service', say('Dịch vụ', 'Service'), query.service, named(known, String))}
        ${chooser(
          'class',
          say('Kết quả', 'Answer'),
          query.class,
          named(Object.keys(answerWords), (code) => answerWords[code as AnswerKind][language]),
        )}
        ${chooser(
          'failure',
          say('Lỗi', 'Failure'),
          query.failure,
          named(trafficFailures, (code) => causeWords(code).cause[language]),
        )}
        ${minute('from', say('Từ lúc', 'From'))} ${minute('to', say('Trước lúc', 'Before'))}
      </div>
      <p class="actions"><button>${say('Xem', 'Show')}</button> <a href="traffic">${say('Bỏ lọc', 'Clear')}</a></p>
    </form>
  </section>`
}

function trafficTable(language: Language, lines: readonly TrafficLine[]): Html {
  const say = sayIn(language)
  const head = (text: string, kind = '') => html`<th scope="col" class="${kind}">${text}</th>`
  const title = say('Lượt gọi', 'Calls')
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${title}">
    <table>
      <thead>
        <tr>
          ${head(say('Dịch vụ', 'Service'))}${head(say('Kết quả', 'Answer'))}${head('HTTP', 'number')}
          ${head(say('Số mục', 'Items'), 'number')}${head(say('Byte đi / về', 'Bytes out / in'), 'number')}
          ${head(say('Thời điểm', 'Times'))}${head(say('Cổng mất', 'Portal took'), 'number')}
        </tr>
      </thead>
      <tbody>
        ${lines.map((line) => trafficRow(language, line))}
      </tbody>
    </table>
  </div>`
}

function trafficRow(language: Language, line: TrafficLine): Html {
  const { service, class: kind, code, message, httpStatus, items, bytesOut, bytesIn } = line
  const failure = failureOfAnswer(kind, httpStatus)
  const count = (value: number) => countWords(value)[language]
  const took = (line.responseIn ?? line.responseOut).getTime() - line.requestOut.getTime()
  return html`<tr>
    <th scope="row"><code>${service}</code></th>
    <td>
      <span class="tag ${failure === null ? 'accept' : 'review'}"
        >${isKind(kind) ? answerWords[kind][language] : kind}</span
      >
      ${failure !== null && html`<div class="soft">${causeWords(failure).cause[language]}</div>`}
      ${(code !== null || message !== null) && html`<div>${code !== null && html`<code>${code}</code>`} ${message}</div>`}
    </td>
    <td class="number">${httpStatus ?? '–'}</td>
    <td class="number">${count(items)}</td>
    <td class="number">${count(bytesOut)} / ${count(bytesIn)}</td>
    <td>${timesOf(language, line)}</td>
    <td class="number">${spanWords(took)[language]}</td>
  </tr>`
}

function timesOf(language: Language, { requestIn, requestOut, responseIn, responseOut }: TrafficLine): Html {
  const say = sayIn(language)
  const times = [
    [say('Bắt đầu', 'Taken up'), requestIn],
    [say('Gửi đi', 'Sent'), requestOut],
    [say('Cổng trả lời', 'Answered'), responseIn],
    [say('Ghi sổ', 'Recorded'), responseOut],
  ] as const
  return html`${times.map(
    ([name, time]) =>
      html`<div class="time">
        <span class="soft">${name}</span> ${time === null ? '–' : secondWords(time.toISOString())}
      </div>`,
  )}`
}

import { z } from 'zod'
import { laneWords } from '../../config/delivery-words.ts'
import { failures } from '../../config/failures.ts'
import type { Console, Visit } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { address, hiddenInputs, html, type AddressQuery, type Html } from '../console/html.ts'
import { ageWords, causeWords, countWords, momentWords, sayIn, type Language } from '../console/words.ts'
import type { Sql } from '../platform/database.ts'
import type { Movement } from './health.ts'
import { readHold, type Hold } from './hold.ts'
import { listLanes, openStates, summariseLanes, type LaneGroup, type LaneLine } from './lists.ts'
import type { PaceState } from './pace.ts'
import { addReplayPages, replayList } from './replay-pages.ts'
import { listReplays } from './replays.ts'
import { scopeOf } from './routes.ts'
import { addTrafficPage } from './traffic-page.ts'
import { holdWords, movementWords, paceWords } from './words.ts'

export interface DeliveryPageDeps {
  readonly sql: Sql
  readonly pace: () => Promise<PaceState>
  readonly movement: () => Promise<Movement>
}

/** What is not at the portal yet and why, what was sent again, and every call. A person sees their own agencies. */
export function addDeliveryPages(console: Console, deps: DeliveryPageDeps): void {
  addLanes(console, deps)
  addReplayPages(console, deps)
  addTrafficPage(console, deps)
}

const blankable = z
  .string()
  .trim()
  .max(100)
  .optional()
  .transform((text) => text || undefined)
const ListQuery = z.strictObject({
  state: z
    .enum(['', ...openStates])
    .optional()
    .transform((state) => state || undefined),
  reason: blankable,
  agency: blankable,
  procedure: blankable,
  error: blankable,
  after: z.string().min(1).max(500).optional(),
})
type ListQuery = z.output<typeof ListQuery>

const perPage = 100

function addLanes(console: Console, { sql, pace, movement }: DeliveryPageDeps): void {
  console.page({
    path: 'deliveries',
    right: 'deliveries:read',
    allAgencies: false,
    menu: { vi: 'Gửi hồ sơ', en: 'Deliveries' },
    query: ListQuery,
    async show(visit, query) {
      const { person, language } = visit
      const scope = scopeOf(person)
      const groups = await summariseLanes(sql, scope)
      const chosen = isChosen(query)
      const [hold, replays, found] = await Promise.all([
        readHold(sql),
        chosen ? [] : listReplays(sql, { limit: 10 }, scope),
        chosen ? listLanes(sql, { ...query, limit: perPage }, scope) : null,
      ])
      // The pace is shown to whoever may ask the API for it; what else stands still is a matter of the whole province.
      const seesPace = person.rights.includes('reports:read')
      const sending = seesPace ? await Promise.all([pace().catch(() => null), movement()]) : null
      return {
        title: { vi: 'Gửi hồ sơ lên Cổng', en: 'Deliveries to the portal' },
        body: html`${stateSection(language, hold, sending)} ${groupSection(language, groups)}
        ${filterForm(language, query)} ${found && foundSection(visit, query, found)} ${replayList(language, replays)}`,
      } satisfies Page
    },
  })
}

const isChosen = ({ state, reason, agency, procedure, error }: ListQuery) =>
  [state, reason, agency, procedure, error].some((value) => value !== undefined)

/** Is anything sent at all, how fast, and why the pace last moved. */
function stateSection(language: Language, hold: Hold, sending: [PaceState | null, Movement] | null): Html | false {
  if (!hold.held && sending === null) return false
  const moves = sending === null || sending[1].ok
  return html`<section class="note ${(hold.held || !moves) && 'bad'}">
    ${hold.held && html`<p><strong>${holdWords(hold)[language]}</strong></p>`}
    ${
      sending &&
      html`<p>${movementWords(sending[1])[language]}</p>
        <p>${paceWords(sending[0])[language]}</p>`
    }
  </section>`
}

function groupSection(language: Language, groups: readonly LaneGroup[]): Html {
  const say = sayIn(language)
  const title = say('Chưa gửi xong', 'Not delivered')
  const head = (text: string, kind = '') => html`<th scope="col" class="${kind}">${text}</th>`
  if (groups.length === 0)
    return html`<section><p>${say('Mọi hồ sơ đã được gửi xong.', 'Everything is delivered.')}</p></section>`
  return html`<section>
    <h2>${title}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table data-sort>
        <thead>
          <tr>
            ${head(say('Trạng thái', 'State'))}${head(say('Nguyên nhân', 'Cause'))}${head(say('Số hồ sơ', 'Dossiers'), 'number')}
            ${head(say('Cũ nhất', 'Oldest'), 'number')}
          </tr>
        </thead>
        <tbody>
          ${groups.map((group) => groupRow(language, group))}
        </tbody>
      </table>
    </div>
  </section>`
}

function groupRow(language: Language, { state, reason, words, count, oldest }: LaneGroup): Html {
  const to = address('deliveries', { state, ...(isReason(reason) && { reason }) })
  return html`<tr>
    <th scope="row"><a href="${to}">${laneWords[state][language]}</a></th>
    <td>
      ${words === null ? html`<code>${reason}</code>` : words[language].cause}
      ${words !== null && html`<div class="soft">${words[language].next}</div>`}
    </td>
    <td class="number">${countWords(count)[language]}</td>
    <td class="number">${ageWords(oldest)[language]}</td>
  </tr>`
}

const isReason = (reason: string) => Object.hasOwn(failures, reason)

function filterForm(language: Language, query: ListQuery): Html {
  const say = sayIn(language)
  const field = (name: 'agency' | 'procedure' | 'error', label: string) =>
    html`<label>${label}<input name="${name}" value="${query[name]}" maxlength="100" /></label>`
  return html`<section>
    <form method="get" action="deliveries">
      ${hiddenInputs({ state: query.state, reason: query.reason })}
      <div class="fields">
        ${field('agency', say('Mã cơ quan', 'Agency code'))} ${field('procedure', say('Mã thủ tục', 'Procedure code'))}
        ${field('error', say('Mã lỗi của Cổng', "The portal's code"))}
      </div>
      <p class="actions"><button>${say('Lọc', 'Narrow')}</button> <a href="deliveries">${say('Bỏ lọc', 'Clear')}</a></p>
    </form>
  </section>`
}

interface Found {
  readonly deliveries: readonly LaneLine[]
  readonly next: string | null
}

function foundSection({ language, person }: Visit, query: ListQuery, { deliveries, next }: Found): Html {
  const say = sayIn(language)
  const { state, reason, after: _after, ...rest } = query
  const given = { state, reason, ...rest }
  const title = [
    state === undefined ? say('Hồ sơ chưa gửi xong', 'Not delivered') : laneWords[state][language],
    ...(reason === undefined ? [] : [causeWords(reason).cause[language]]),
  ].join(': ')
  const stopped = state === undefined || state === 'parked' || state === 'blocked'
  const mayResend = stopped && deliveries.length > 0 && person.rights.includes('deliveries:resend')
  const isBounded = [reason, rest.agency, rest.procedure, rest.error].some((value) => value !== undefined)
  return html`<section>
      <h2>${title}</h2>
      ${
        mayResend &&
        (isBounded
          ? draftForm(language, given)
          : html`<p class="soft">
              ${say('Chọn nguyên nhân, cơ quan hoặc thủ tục để gửi lại cùng lúc.', 'Choose a cause, an agency or a procedure to send them again together.')}
            </p>`)
      }
      ${deliveries.length === 0 ? html`<p>${say('Không có hồ sơ nào.', 'There are none.')}</p>` : deliveries.map((line) => laneRow(language, line, person.rights.includes('reports:read')))}
    </section>
    ${next !== null && html`<p class="pager"><a href="${address('deliveries', { ...given, after: next })}" rel="next">${say('Trang sau', 'Next')}</a></p>`}`
}

/** All that the filter chooses, not only what the page shows; the preview counts it before anything goes. */
function draftForm(language: Language, given: AddressQuery): Html {
  const say = sayIn(language)
  const hint = say('Lý do gửi lại', 'Why they are sent again')
  return html`<form method="post" action="draft-replay" class="find">
    ${hiddenInputs(given)}
    <input type="text" name="why" required maxlength="1000" aria-label="${hint}" placeholder="${hint}" />
    <button>${say('Xem trước khi gửi lại tất cả', 'Preview sending all again')}</button>
  </form>`
}

function laneRow(language: Language, line: LaneLine, mayLook: boolean): Html {
  const say = sayIn(language)
  const { code, agency, procedure, nationalCode, state, reason, field, age, attempts, errorCode, errorText } = line
  return html`<article class="code-row">
    <div></div>
    <div>
      ${mayLook ? html`<a href="${address('dossier', { code })}"><code>${code}</code></a>` : html`<code>${code}</code>`}
      <span class="tag review">${laneWords[state][language]}</span>
      ${reason !== null && html`<div>${causeWords(reason).cause[language]} ${field !== null && html`<code>${field}</code>`}</div>`}
      ${(errorCode !== null || errorText !== null) && html`<div>${errorCode !== null && html`<code>${errorCode}</code>`} ${errorText}</div>`}
      <div class="soft">
        <code>${agency}</code> ·
        <code>${procedure}</code> ${nationalCode !== null && html`→ <code>${nationalCode}</code>`}
        ${line.nextAttemptAt !== null && html`· ${say('thử lại lúc', 'next attempt')} ${momentWords(line.nextAttemptAt)}`}
      </div>
    </div>
    <div class="number">
      <strong>${ageWords(age)[language]}</strong>
      ${attempts > 0 && html`<span class="soft">${say(`${attempts} lần thử`, `${attempts} attempts`)}</span>`}
    </div>
  </article>`
}

import { answerWords, failureOfAnswer, laneWords, type AnswerKind } from '../../config/delivery-words.ts'
import type { FailureCode } from '../../config/failures.ts'
import { address, html, type Html } from '../console/html.ts'
import { causeWords, momentWords, sayIn, secondWords, spanWords, type Language } from '../console/words.ts'
import { levelNames, type Level } from '../organisations/model.ts'
import type { TimelineAttempt, TimelineStep } from './store.ts'
import type { Timeline } from './timeline.ts'
import { choiceWords, fieldWords, partWords, statusWords, stepStateWords, verdictWords } from './words.ts'

/** The parts of a dossier's page. */

const moment = (time: Date | null) => (time === null ? '–' : momentWords(time.toISOString()))
const second = (time: Date | null) => (time === null ? '–' : secondWords(time.toISOString()))

/** Named values, one under the other on a phone. */
type Facts = readonly (readonly [string, Html | string | number | null | false])[]
const factList = (facts: Facts): Html =>
  html`<table class="facts">
    <tbody>
      ${facts.map(
        ([name, value]) =>
          value !== null &&
          value !== false &&
          value !== '' &&
          html`<tr>
            <th scope="row">${name}</th>
            <td>${value}</td>
          </tr>`,
      )}
    </tbody>
  </table>`

const table = (label: string, heads: readonly string[], rows: readonly Html[]): Html =>
  html`<div class="scroll" tabindex="0" role="region" aria-label="${label}">
    <table>
      <thead>
        <tr>
          ${heads.map((head) => html`<th scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`

const flagTags = (language: Language, flags: readonly string[]) =>
  flags.map((flag) => html`<div class="soft">${causeWords(flag).cause[language]}</div>`)

/** Where it stands and what to do. */
export function standingSection(language: Language, { dossier, delivery }: Timeline): Html {
  const say = sayIn(language)
  const { cause } = dossier
  const { detail, state, attempts, nextAt, dueSince, deliveredAt, wantedChange, deliveredChange } = delivery
  const waits = state === 'waiting' || state === 'unknown'
  return html`<section class="note ${(state === 'parked' || state === 'blocked') && 'bad'}">
    <p>
      <span class="tag ${dossier.inStep ? 'accept' : 'review'}">${laneWords[state][language]}</span>
      <strong
        >${cause === null ? say('Đã đồng bộ với Cổng.', 'In step with the portal.') : causeWords(cause).cause[language]}</strong
      >
    </p>
    ${cause !== null && html`<p>${causeWords(cause).next[language]}</p>`}
    ${factList([
      [say('Trường có lỗi', 'Field at fault'), detail?.field !== undefined && html`<code>${detail.field}</code>`],
      [say('Mã lỗi', 'Error code'), detail?.code !== undefined && html`<code>${detail.code}</code>`],
      [say('Chi tiết', 'Detail'), detail?.text ?? null],
      [say('Chờ từ', 'Due since'), state !== 'delivered' && moment(dueSince)],
      [say('Lần gửi tiếp theo', 'Next attempt'), waits && moment(nextAt)],
      [say('Số lần đã thử', 'Attempts'), state !== 'delivered' && attempts > 0 && attempts],
      [say('Cổng nhận lần cuối', 'Last taken'), deliveredAt !== null && moment(deliveredAt)],
      [
        say('Bản Cổng đang có', 'Change at the portal'),
        deliveredChange === null
          ? say('chưa có', 'none')
          : say(`bản ${deliveredChange} trên ${wantedChange ?? '–'}`, `${deliveredChange} of ${wantedChange ?? '–'}`),
      ],
    ])}
  </section>`
}

export function factsSection(language: Language, dossier: Timeline['dossier'], mayMap: boolean): Html {
  const say = sayIn(language)
  const { agencyCode, agencyName, procedureCode, nationalCode, level } = dossier
  const linked = (path: string, code: string) =>
    mayMap ? html`<a href="${address(path, { code })}"><code>${code}</code></a>` : html`<code>${code}</code>`
  return html`<section>
    <h2>${say('Hồ sơ', 'The dossier')}</h2>
    ${factList([
      [say('Mã hồ sơ', 'Code'), html`<code>${dossier.code}</code>`],
      [
        say('Thủ tục', 'Procedure'),
        html`${linked('mapping', procedureCode)} →
        ${nationalCode === null ? say('chưa có mã quốc gia', 'no national code') : html`<code>${nationalCode}</code>`}`,
      ],
      [say('Cơ quan xử lý', 'Agency'), html`${agencyName ?? ''} ${linked('agency', agencyCode)}`],
      [say('Cấp', 'Level'), level !== null && (levelNames[level as Level]?.[language] ?? level)],
      [say('Trạng thái', 'Status'), statusWords(dossier.status, dossier.sourceStatus, language)],
      [say('Tiếp nhận', 'Received'), moment(dossier.receivedAt)],
      [say('Thay đổi mới nhất', 'Newest change'), moment(dossier.changedAt)],
      [say('Hệ thống nguồn', 'Source'), html`<code>${dossier.source}</code>`],
      [say('Lưu ý', 'Flags'), dossier.flags.length > 0 && html`${flagTags(language, dossier.flags)}`],
    ])}
  </section>`
}

/** What the province said. */
export function changesSection(language: Language, { changes }: Timeline, revealed: boolean): Html {
  const say = sayIn(language)
  const title = say('Tỉnh đã cập nhật', 'What the province said')
  return html`<section>
    <h2>${title}</h2>
    ${
      revealed
        ? html`<p class="bad">
            ${say('Đang hiện dữ liệu cá nhân. Lần xem này đã được ghi vào nhật ký.', 'Personal data is shown. This reading was recorded.')}
          </p>`
        : html`<p class="soft">
            ${say('Họ tên, số định danh và nội dung tự do được che.', 'Names, identity numbers and free text are left out.')}
          </p>`
    }
    ${changes.map((change) => changeOf(language, change, changes.length === 1 || revealed))}
  </section>`
}

function changeOf(language: Language, change: Timeline['changes'][number], open: boolean): Html {
  const say = sayIn(language)
  const { number, changedAt, storedAt, status, sourceStatus, verdict, flags, client } = change
  return html`<article class="code-row">
    <div>${number}</div>
    <div>
      <strong>${statusWords(status, sourceStatus, language)}</strong>
      ${verdict === 'superseded' && html`<span class="tag review">${verdictWords[verdict][language]}</span>`}
      <div class="soft">
        ${say('Thay đổi lúc', 'Changed')} ${second(changedAt)} · ${say('nhận lúc', 'came')} ${second(storedAt)} ·
        ${say('khóa', 'key')} <code>${client}</code>
      </div>
      ${flagTags(language, flags)} ${contentOf(language, change, open)}
    </div>
  </article>`
}

function contentOf(language: Language, { content, unreadable }: TimelineChange, open: boolean): Html {
  const say = sayIn(language)
  if (unreadable) return html`<div class="note bad">${causeWords('content-unreadable').cause[language]}</div>`
  if (content === null)
    return html`<div class="soft">
      ${say('Nội dung cũ đã được xóa theo hạn lưu.', 'The old content was let go of by age.')}
    </div>`
  const inside = factList(
    Object.entries(content).map(([field, value]) => [nameOf(field, language), valueOf(language, value)] as const),
  )
  return html`<details class="more" ${open && openNow}>
    <summary>${say('Nội dung', 'Content')}</summary>
    ${inside}
  </details>`
}

type TimelineChange = Timeline['changes'][number]
const openNow = html`open`

const nameOf = (field: string, language: Language): string => {
  const words = Object.hasOwn(fieldWords, field) ? fieldWords[field as keyof typeof fieldWords] : partWords[field]
  return words?.[language] ?? field
}

/** Whatever a content holds, in words where there are some. */
function valueOf(language: Language, value: unknown): Html {
  const say = sayIn(language)
  if (typeof value === 'boolean') return html`${value ? say('Có', 'Yes') : say('Không', 'No')}`
  if (typeof value === 'number') return html`${value}`
  if (Array.isArray(value)) return html`${value.map((one) => html`<div>${valueOf(language, one)}</div>`)}`
  if (typeof value === 'object' && value !== null)
    return html`${Object.entries(value).map(
      ([field, inner]) =>
        html`<div><span class="soft">${nameOf(field, language)}:</span> ${valueOf(language, inner)}</div>`,
    )}`
  return html`${textOf(String(value), language)}`
}

function textOf(text: string, language: Language): string {
  if (/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(text)) return momentWords(text)
  return Object.hasOwn(choiceWords, text) ? choiceWords[text]![language] : statusWords(text, text, language)
}

export function stepsSection(language: Language, steps: Timeline['steps']): Html | false {
  const say = sayIn(language)
  if (steps.length === 0) return false
  const title = say('Các bước xử lý', 'Steps')
  const heads = [
    say('Thời điểm', 'Time'),
    say('Trạng thái', 'Status'),
    say('Gửi lên Cổng', 'Towards the portal'),
    say('Gửi lúc', 'Sent'),
    say('Cổng nhận lúc', 'Taken'),
  ]
  return html`<section>
    <h2>${title}</h2>
    ${table(
      title,
      heads,
      steps.map((step) => stepRow(language, step)),
    )}
  </section>`
}

const stepRow = (language: Language, step: Timeline['steps'][number]): Html =>
  html`<tr>
    <th scope="row">${second(step.at)}</th>
    <td>
      ${statusWords(step.status, step.sourceStatus, language)}
      ${step.content && html`<div>${valueOf(language, step.content)}</div>`}
    </td>
    <td>${stepState(language, step)}</td>
    <td>${second(step.sentAt)}</td>
    <td>${second(step.acknowledgedAt)}</td>
  </tr>`

const stepState = (language: Language, { state, reason, flags }: TimelineStep) =>
  html`${stepStateWords[state][language]}
  ${reason !== null && html`<div class="soft">${causeWords(reason).cause[language]}</div>`} ${flagTags(language, flags)}`

/** What was sent and what the portal answered, the newest first. */
export function attemptsSection(language: Language, attempts: readonly TimelineAttempt[]): Html {
  const say = sayIn(language)
  return html`<section>
    <h2>${say('Trao đổi với Cổng', 'Calls to the portal')}</h2>
    ${
      attempts.length === 0
        ? html`<p>${say('Chưa gửi lần nào.', 'Nothing was sent yet.')}</p>`
        : attempts.toReversed().map((attempt) => attemptOf(language, attempt))
    }
  </section>`
}

function attemptOf(language: Language, attempt: TimelineAttempt): Html {
  const say = sayIn(language)
  const { service, meaning, httpStatus, code, message, items, change, steps } = attempt
  const failure = failureOfAnswer(meaning, httpStatus)
  const answered = Object.hasOwn(answerWords, meaning) ? answerWords[meaning as AnswerKind][language] : meaning
  const sent = [
    change !== null && say(`bản ${change}`, `change ${change}`),
    steps > 0 && say(`${steps} bước xử lý`, `${steps} steps`),
  ].filter((part) => part !== false)
  return html`<article class="code-row">
    <div></div>
    <div>
      <span class="tag ${failure === null ? 'accept' : 'review'}">${answered}</span>
      <code>${service}</code> ${sent.join(', ')}
      ${items > 1 && html`<span class="soft">(${say(`${items} mục trong lượt gọi`, `${items} items in the call`)})</span>`}
      ${failure !== null && html`<div>${meaningOf(language, attempt, failure)}</div>`}
      ${(code !== null || message !== null) && html`<div>${say('Cổng nói:', 'The portal said:')} ${code !== null && html`<code>${code}</code>`} ${message}</div>`}
      ${timesOf(language, attempt)}
    </div>
  </article>`
}

/** A call that carried several may have been refused because of another one: then each is sent again in smaller calls. */
function meaningOf(language: Language, { meaning, items, steps }: TimelineAttempt, failure: FailureCode): string {
  if (meaning === 'refused' && items > 1 && steps === 0)
    return sayIn(language)(
      'Cổng từ chối cả lượt gọi; các hồ sơ trong đó được gửi lại theo nhóm nhỏ hơn để tìm hồ sơ có lỗi.',
      'The portal refused the whole call; its dossiers were sent again in smaller ones to find the one at fault.',
    )
  const { cause, next } = causeWords(failure)
  return `${cause[language]} ${next[language]}`
}

function timesOf(
  language: Language,
  { requestIn, requestOut, responseIn, responseOut, httpStatus }: TimelineAttempt,
): Html {
  const say = sayIn(language)
  const span = (responseIn ?? responseOut).getTime() - requestOut.getTime()
  return html`<div class="soft">
    ${say('Bắt đầu', 'Taken up')} ${second(requestIn)} · ${say('gửi đi', 'sent')} ${second(requestOut)} ·
    ${say('Cổng trả lời', 'answered')} ${second(responseIn)} · ${say('ghi sổ', 'recorded')} ${second(responseOut)} ·
    ${spanWords(span)[language]} ${httpStatus !== null && `· HTTP\u00a0${httpStatus}`}
  </div>`
}

import { address, html, type Html } from '../console/html.ts'
import type { Page } from '../console/frame.ts'
import { table } from '../console/parts.ts'
import { causeWords, countWords, momentWords, monthWords, sayIn, type Language } from '../console/words.ts'
import type { SentFigures } from './model.ts'
import type { MonthReport, UnitLine } from './month.ts'
import type { Report } from './reports.ts'
import { beside, counterWords, fateWords, obstacleNote, sendingWords } from './words.ts'

/** Sending: what would be sent, what waits for a decision, what was sent. */

export function previewPage(language: Language, report: MonthReport): Page {
  const say = sayIn(language)
  const { month, hash, lines } = report
  const toSend = lines.filter(({ fate }) => fate === 'first' || fate === 'again')
  const others = lines.filter(({ fate }) => fate === 'same' || fate === 'unsettled')
  return {
    title: {
      vi: `Xem trước: gửi thống kê tháng ${monthWords(month)}`,
      en: `Preview: sending the counters of ${monthWords(month)}`,
    },
    body: html`<p class="path">
        <a href="${address('counters', { month })}">${counterWords.title[language]} ${monthWords(month)}</a>
      </p>
      ${obstacleNote(language, report)}
      ${
        hash !== null &&
        html`<section>
          <p class="released">
            <strong>${say(`${toSend.length} cơ quan sẽ được gửi`, `${toSend.length} units would be sent`)}</strong>
          </p>
          ${others.length > 0 && html`<p class="soft">${say(`${others.length} cơ quan không gửi vì Cổng đã có đúng số này, hoặc lần gửi trước chưa xong.`, `${others.length} are not, because the portal has the same, or the one before is not settled.`)}</p>`}
          ${toSend.length > 0 && sendTable(language, toSend)}
          ${
            toSend.length > 0 &&
            html`<form method="post" action="send-counters">
              <input type="hidden" name="month" value="${month}" />
              <input type="hidden" name="expected" value="${hash}" />
              <p class="actions">
                <button>
                  ${say(`Gửi ${toSend.length} cơ quan lên Cổng`, `Send ${toSend.length} units to the portal`)}
                </button>
                <span class="soft"
                  >${say('Gửi đúng số liệu đang hiện; nếu số liệu đổi trước khi gửi thì không gửi.', 'Exactly what is shown is sent; if it changes before, nothing is.')}</span
                >
              </p>
            </form>`
          }
        </section>`
      }`,
  }
}

function sendTable(language: Language, lines: readonly UnitLine[]): Html {
  const columns = ['received', 'carried', 'handled', 'late', 'pending', 'late'] as const
  const cells = ({ received, carried, handledInTime, handledLate, pendingInTime, pendingLate }: SentFigures) => [
    received,
    carried,
    handledInTime + handledLate,
    handledLate,
    pendingInTime + pendingLate,
    pendingLate,
  ]
  return table(
    counterWords.unit[language],
    [counterWords.unit[language], ...columns.map((one) => ({ number: counterWords[one][language] })), ''],
    lines.map(({ unit, toSend, fate, report }) => [
      html`${unit.name}
        <div class="soft"><code>${unit.code}</code></div>`,
      ...cells(toSend!.figures).map((count) => countWords(count)[language]),
      html`${fateWords[fate!][language]} ${report && html`<div class="soft">${beside(language, report.figures)}</div>`}`,
    ]),
  )
}

export function openSection(
  language: Language,
  { month }: MonthReport,
  open: readonly Report[],
  maySend: boolean,
): Html {
  const say = sayIn(language)
  const hint = say('Lý do, ví dụ đã xem trên Cổng', 'Why, for example: seen at the portal')
  return html`<section class="note">
    <h2>${say('Chưa rõ kết quả', 'Outcome unknown')}</h2>
    <p>
      ${say(
        'Cổng không có dịch vụ tra cứu thống kê. Hãy xem trên Cổng rồi kết luận; chưa kết luận thì cơ quan đó không được gửi nữa.',
        'The portal has no look-up of counters. Look at the portal and decide; until then that unit is not sent again.',
      )}
    </p>
    ${open.map(
      (report) =>
        html`<article>
          <p><strong>${report.name}</strong> <code>${report.code}</code> · ${answerWords(language, report)}</p>
          ${
            maySend &&
            html`<form method="post" action="decide-counters" class="find">
              <input type="hidden" name="id" value="${report.id}" />
              <input type="hidden" name="month" value="${month}" />
              <input type="text" name="why" maxlength="1000" required aria-label="${hint}" placeholder="${hint}" />
              <button class="plain" name="taken" value="yes">${say('Cổng đã nhận', 'It was taken')}</button>
              <button class="plain" name="taken" value="no">${say('Cổng chưa nhận', 'It was not')}</button>
            </form>`
          }
        </article>`,
    )}
  </section>`
}

/** Our words for the answer, then the portal's own. */
function answerWords(language: Language, { failure, portalCode, message }: Report): string {
  const own = failure === null ? [] : [causeWords(failure).cause[language]]
  const said = [portalCode, message].filter((one) => one !== null && one !== '').join(' ')
  return [...own, ...(said === '' ? [] : [`“${said}”`])].join(' ')
}

const shownReports = 200

export function historySection(language: Language, reports: readonly Report[]): Html | false {
  const say = sayIn(language)
  if (reports.length === 0) return false
  return html`<section>
    <details>
      <summary>${say(`Các lần gửi (${reports.length})`, `What was sent (${reports.length})`)}</summary>
      <ul class="changes">
        ${reports.slice(0, shownReports).map((one) => historyLine(language, one))}
      </ul>
      ${reports.length > shownReports && html`<p class="soft">${say(`${shownReports} lần đầu`, `The first ${shownReports}`)}</p>`}
    </details>
  </section>`
}

function historyLine(language: Language, report: Report): Html {
  const say = sayIn(language)
  const { name, code, version, kind, rules, askedBy, askedAt, exchange, decided } = report
  return html`<li>
    <strong>${name}</strong> <code>${code}</code> · ${say(`lần ${version}`, `version ${version}`)} ·
    ${sendingWords(report)[language]} ${answerWords(language, report)}
    <div>${beside(language, report.figures)}</div>
    <div class="soft">
      ${askedBy} ${momentWords(askedAt)} · ${say('loại', 'kind')} ${kind} · ${say('cách tính', 'counted by')} ${rules}
      ${exchange !== null && html`· ${say('lượt gọi', 'call')} ${exchange}`}
    </div>
    ${decided && html`<div class="soft">${decided.by} ${momentWords(decided.at)}: ${decided.why}</div>`}
  </li>`
}

import { z } from 'zod'
import type { Console } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { html, type Html } from '../console/html.ts'
import { ageWords, causeWords, countWords, sayIn, type Language, type Words } from '../console/words.ts'
import type { Sql } from '../platform/database.ts'
import type { FailedTicket, QueueLine, QueueState, ScheduleLine } from './model.ts'
import { code, command, moment, inOnePiece, section, table, tag } from '../console/parts.ts'
import { listProcesses, type ProcessLine } from './store.ts'
import { taskWords } from './words.ts'

export interface QueueDeps {
  readonly sql: Sql
  /** Fails when Redis does not answer. */
  readonly queues: () => Promise<QueueState>
  /** Seconds after which a part that gives no sign of life is silent. */
  readonly silentSeconds: number
}

/** The queues, in words and without a script; Bull Board beside it shows single tickets. */
export function addQueuePage(console: Console, { sql, queues, silentSeconds }: QueueDeps): void {
  const place = { right: 'queues:read', allAgencies: true } as const
  const look = async (language: Language) => {
    const [state, processes] = await Promise.all([queues().catch(() => null), listProcesses(sql)])
    const moved = movedSection(language, processes, silentSeconds)
    const shown = state === null ? awaySection(language) : stateSections(language, state)
    return { isAway: state === null, body: html`${shown} ${moved}` }
  }
  console.page({
    path: 'queues',
    ...place,
    menu: { vi: 'Hàng đợi', en: 'Queues' },
    query: z.strictObject({}),
    async show({ language }) {
      const { isAway, body } = await look(language)
      return {
        title: { vi: 'Hàng đợi', en: 'Queues' },
        status: isAway ? 503 : 200,
        body: html`${introduction(language)}
          <div data-live="queues-live">${body}</div>`,
      } satisfies Page
    },
  })
  console.live({
    path: 'queues-live',
    ...place,
    every: 10_000,
    show: async ({ language }) => (await look(language)).body,
  })
}

function introduction(language: Language): Html {
  const say = sayIn(language)
  return html`<section class="note">
    <p>
      ${say(
        'Hàng đợi chỉ giữ phiếu mang mã số. Hồ sơ và mọi lần gửi nằm trong sổ cái, nên mất hàng đợi không mất việc.',
        'The queues hold tickets that carry ids. Dossiers and all that is sent are in the ledger: losing the queues loses no work.',
      )}
    </p>
  </section>`
}

function awaySection(language: Language): Html {
  const { cause, next } = causeWords('queues-unreachable')
  return html`<section class="note bad" role="alert">
    <p><strong>${cause[language]}</strong></p>
    <p>${next[language]}</p>
    <p class="soft"><code>queues-unreachable</code></p>
  </section>`
}

const queueWords: Readonly<Record<string, Words>> = {
  push: { vi: 'Thay đổi mới', en: 'Fresh changes' },
  backfill: { vi: 'Gửi dồn và gửi lại', en: 'Backfill and resends' },
  upkeep: { vi: 'Việc định kỳ', en: 'Upkeep' },
  reconcile: { vi: 'Đối soát', en: 'Reconciliation' },
}

const nameOf = (language: Language, queue: string) => queueWords[queue]?.[language] ?? queue

function stateSections(language: Language, { queues, schedules, failed }: QueueState): Html {
  const say = sayIn(language)
  const [all, planned, wrong] = [
    say('Các hàng đợi', 'The queues'),
    say('Lịch trong hàng đợi', 'Schedules in the queues'),
    say('Phiếu lỗi gần đây', 'Tickets that failed last'),
  ]
  return html`${section(
    all,
    table(
      all,
      [
        say('Hàng đợi', 'Queue'),
        { number: say('Chờ', 'Waiting') },
        { number: say('Đang làm', 'Active') },
        { number: say('Hẹn giờ', 'Delayed') },
        { number: say('Lỗi', 'Failed') },
        say('Phiếu chờ lâu nhất', 'Longest wait'),
        say('Kết nối', 'Connections'),
      ],
      queues.map((line) => queueRow(language, line)),
    ),
    html`<p>
      <a href="queues/board/">${say('Từng phiếu, bằng Bull Board', 'Single tickets, in Bull Board')}</a>
      <span class="soft">(${say('tiếng Anh, cần JavaScript', 'needs JavaScript')})</span>
    </p>`,
    command(say('Dựng lại từ sổ cái bằng', 'Filled again from the ledger with'), 'dvcqg queues rebuild --why "…"'),
  )}
  ${section(
    planned,
    schedules.length === 0
      ? html`<p>${say('Không có lịch nào.', 'There are none.')}</p>`
      : table(
          planned,
          [
            say('Việc', 'Task'),
            say('Hàng đợi', 'Queue'),
            say('Lịch (giờ Việt Nam)', 'Pattern (Vietnam time)'),
            say('Lần tới', 'Next time'),
          ],
          schedules.map((line) => scheduleRow(language, line)),
        ),
  )}
  ${section(
    wrong,
    failed.length === 0
      ? html`<p>${say('Không có phiếu lỗi.', 'None failed.')}</p>`
      : table(
          wrong,
          [say('Phiếu', 'Ticket'), say('Hàng đợi', 'Queue'), say('Lúc', 'When'), say('Vì sao', 'Why')],
          failed.map((ticket) => failedRow(language, ticket)),
        ),
    html`<p class="soft">
      ${say(
        'Phiếu lỗi được giữ một giờ. Hồ sơ của phiếu vẫn đến hạn trong sổ cái và được phát phiếu mới.',
        'A failed ticket is kept for an hour. Its dossiers stay due in the ledger and get a new one.',
      )}
    </p>`,
  )}`
}

function queueRow(language: Language, line: QueueLine): (Html | string)[] {
  const { queue, oldestSeconds, workers, isPaused } = line
  const count = (state: 'waiting' | 'active' | 'delayed' | 'failed') =>
    html`<a href="queues/board/queue/${queue}?status=${state}">${countWords(line[state])[language]}</a>`
  return [
    html`${nameOf(language, queue)}
      <code>${queue}</code> ${isPaused && tag('review', sayIn(language)('tạm dừng', 'paused'))}`,
    count('waiting'),
    count('active'),
    count('delayed'),
    count('failed'),
    oldestSeconds === null ? '–' : ageWords(oldestSeconds)[language],
    workers === null ? '?' : String(workers),
  ]
}

function scheduleRow(language: Language, { queue, name, pattern, next }: ScheduleLine): (Html | string)[] {
  const words: Readonly<Record<string, Words>> = taskWords
  const isLate = next !== null && Date.now() - next.getTime() > lateAfter
  return [
    words[name]?.[language] ?? name,
    nameOf(language, queue),
    inOnePiece(pattern),
    html`${moment(next)} ${isLate && tag('review', sayIn(language)('trễ', 'late'))}`,
  ]
}

/** Milliseconds after which a ticket of a schedule should have been taken. */
const lateAfter = 15 * 60_000

function failedRow(language: Language, ticket: FailedTicket): (Html | string)[] {
  const { queue, id, name, kind, attempts, dossiers, failedAt } = ticket
  const say = sayIn(language)
  return [
    html`${code(id)}
      <div class="soft">
        ${name}${dossiers !== null && html` · ${say(`${dossiers} hồ sơ`, `${dossiers} dossiers`)}`}
      </div>`,
    nameOf(language, queue),
    moment(failedAt),
    html`${kindWords(kind)[language]}
      <code>${kind}</code>
      ${attempts > 1 && html`<span class="soft">${say(`${attempts} lần`, `${attempts} attempts`)}</span>`}`,
  ]
}

const kinds: Readonly<Record<string, Words>> = {
  stalled: {
    vi: 'Tiến trình làm phiếu dừng giữa chừng nhiều lần.',
    en: 'The process that had it went silent again and again.',
  },
  PostgresError: { vi: 'Sổ cái báo lỗi.', en: 'The ledger reported an error.' },
  ZodError: { vi: 'Phiếu không đúng dạng.', en: 'The ticket is not of our form.' },
  Refusal: { vi: 'Việc bị từ chối có lý do.', en: 'The work was refused, with a reason.' },
}

/** The kind of the error alone is kept: its words could name a citizen, and stand in the log of the worker. */
const kindWords = (kind: string): Words =>
  kinds[kind] ?? {
    vi: 'Xem nhật ký của worker theo mã phiếu.',
    en: 'Look at the log of the worker, by the id of the ticket.',
  }

function movedSection(language: Language, processes: readonly ProcessLine[], silentSeconds: number): Html {
  const say = sayIn(language)
  const title = say('Chuyển động gần nhất', 'When each part last moved')
  const newest = new Map<string, number>()
  for (const { parts } of processes)
    for (const { role, queue, seconds } of parts) {
      const part = `${role}: ${queue}`
      newest.set(part, Math.min(seconds, newest.get(part) ?? Number.POSITIVE_INFINITY))
    }
  return section(
    title,
    newest.size === 0
      ? html`<p>${say('Chưa có dấu hiệu nào.', 'There is no sign of life yet.')}</p>`
      : table(
          title,
          [say('Bộ phận', 'Part'), say('Cách đây', 'Ago')],
          [...newest]
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([part, seconds]) => [
              code(part),
              html`${ageWords(seconds)[language]} ${seconds > silentSeconds && tag('review', say('im lặng', 'silent'))}`,
            ]),
        ),
  )
}

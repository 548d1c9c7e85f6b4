import { z } from 'zod'
import { laneWords } from '../../config/delivery-words.ts'
import { replayLimits } from '../../config/replays.ts'
import { problemNote, type Console, type Visit } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { address, html, progressBar, type Html } from '../console/html.ts'
import { causeWords, countWords, dayWords, momentWords, sayIn, type Language } from '../console/words.ts'
import type { Sql } from '../platform/database.ts'
import { reasonOf } from '../platform/http.ts'
import { findingsOf, problemDocument, Refusal } from '../platform/problems.ts'
import type { LaneState } from './model.ts'
import { ReplayFilter } from './replay-filter.ts'
import {
  cancelReplay,
  draftReplay,
  outcomesOf,
  pauseReplay,
  readReplay,
  resumeReplay,
  startReplay,
  type Outcomes,
  type Preview,
  type Replay,
} from './replays.ts'
import { operatorOf, scopeOf } from './routes.ts'
import { partWords, phaseWords } from './words.ts'

/** The replay desk: a preview with its number, the start, how far it is, and the brake. */

const Id = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER)
const Why = z.string().max(1000).default('')

interface Deps {
  readonly sql: Sql
}

export function addReplayPages(console: Console, deps: Deps): void {
  console.page({
    path: 'replay',
    right: 'deliveries:read',
    allAgencies: false,
    query: z.strictObject({ id: Id }),
    show: (visit, { id }) => replayPage(visit, deps, id),
  })
  addDraft(console, deps)
  addMoves(console, deps)
}

const place = { right: 'deliveries:resend', allAgencies: false } as const

const DraftForm = z.object({
  state: z.string().default(''),
  reason: z.string().default(''),
  agency: z.string().default(''),
  procedure: z.string().default(''),
  error: z.string().default(''),
  why: Why,
})

function addDraft(console: Console, { sql }: Deps): void {
  console.act({
    path: 'draft-replay',
    ...place,
    form: DraftForm,
    async act(visit, { why: reason, ...fields }) {
      mustRead(visit)
      const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
      const filter = ReplayFilter.safeParse(given)
      if (!filter.success) throw refusalOf(filter.error)
      const wish = { filter: filter.data, why: reasonOf(reason) }
      const draft = await draftReplay(sql, wish, operatorOf(visit.person))
      return draftPage(visit.language, draft)
    },
  })
}

function refusalOf(error: z.ZodError): Refusal {
  const findings = findingsOf(error)
  return new Refusal('invalid-field', 'The filter is not one', { field: findings[0]?.field ?? 'filter', findings })
}

/** Whoever acts is shown what came of it. */
function mustRead({ person }: Visit): void {
  if (!person.rights.includes('deliveries:read'))
    throw new Refusal('missing-right', 'The key lacks the right deliveries:read')
}

function addMoves(console: Console, deps: Deps): void {
  const { sql } = deps
  const shown = (id: number) => ({ to: address('replay', { id: String(id) }) })
  const stay = (visit: Visit, id: number, work: () => Promise<Replay | null>) =>
    work().then(
      (replay) => shown(found(replay).id),
      async (error: unknown) => {
        if (!(error instanceof Refusal) || error.code === 'not-found') throw error
        const page = await replayPage(visit, deps, id, problemNote(error, visit.language))
        return { ...page, status: problemDocument(error).status }
      },
    )
  console.act({
    path: 'start-replay',
    ...place,
    form: z.object({ id: Id, expected: z.coerce.number().int().min(0) }),
    async act(visit, { id, expected }) {
      mustRead(visit)
      return stay(visit, id, () => startReplay(sql, id, expected, operatorOf(visit.person)))
    },
  })
  const moves = { 'pause-replay': pauseReplay, 'resume-replay': resumeReplay, 'cancel-replay': cancelReplay }
  for (const [path, move] of Object.entries(moves))
    console.act({
      path,
      ...place,
      form: z.object({ id: Id, why: Why }),
      async act(visit, { id, why: reason }) {
        mustRead(visit)
        const given = reason.trim() === '' ? {} : { why: reasonOf(reason) }
        return stay(visit, id, () => move(sql, id, given, operatorOf(visit.person)))
      },
    })
}

function found(replay: Replay | null): Replay {
  if (replay === null) throw new Refusal('not-found', 'There is no such replay')
  return replay
}

function draftPage(language: Language, draft: Replay & { readonly preview: Preview }): Page {
  const say = sayIn(language)
  const { total } = draft.progress
  const { states, agencies, first, inOtherReplays } = draft.preview
  const [count, others] = [countWords(total), inOtherReplays.reduce((sum, other) => sum + other.count, 0)]
  return {
    title: { vi: 'Xem trước: gửi lại hồ sơ', en: 'Preview: sending dossiers again' },
    body: html`<section>
      <p class="released">
        <strong>${say(`${count.vi} hồ sơ sẽ được gửi lại`, `${count.en} dossiers would be sent again`)}</strong>
      </p>
      ${others > 0 && html`<p>${say(`${others} hồ sơ khác đang thuộc đợt gửi lại khác.`, `${others} more are in another replay.`)}</p>`}
      <ul class="changes">
        ${states.map(
          ({ state, reason, count: part }) =>
            html`<li>
              <strong>${countWords(part)[language]}</strong>
              ${laneWords[state][language]}${reason !== null && html`: ${causeWords(reason).cause[language]}`}
            </li>`,
        )}
      </ul>
      <p class="soft">
        ${say('Cơ quan:', 'Agencies:')}
        ${agencies.slice(0, 20).map(({ agency, count: part }) => html`<code>${agency}</code> (${countWords(part)[language]}) `)}
      </p>
      <p class="soft">
        ${say('Đi đầu:', 'The first:')}
        ${first.map(({ code }) => html`<a href="${address('dossier', { code })}"><code>${code}</code></a> `)}
      </p>
      ${total > 0 && startForm(language, draft)}
    </section>`,
  }
}

const startForm = (language: Language, { id, progress, perMinute }: Replay): Html => {
  const say = sayIn(language)
  const [count, pace] = [countWords(progress.total), countWords(perMinute)]
  return html`<form method="post" action="start-replay">
    <input type="hidden" name="id" value="${id}" />
    <input type="hidden" name="expected" value="${progress.total}" />
    <p class="actions">
      <button>${say(`Gửi lại ${count.vi} hồ sơ`, `Send ${count.en} dossiers again`)}</button>
      <span class="soft"
        >${say(
          `Tối đa ${pace.vi} hồ sơ mỗi phút; có thể tạm dừng. Bản xem trước dùng được trong ${replayLimits.draftMinutes} phút.`,
          `At most ${pace.en} a minute; it can be paused. The preview can be started for ${replayLimits.draftMinutes} minutes.`,
        )}</span
      >
    </p>
  </form>`
}

async function replayPage(visit: Visit, { sql }: Deps, id: number, note?: Html): Promise<Page> {
  const { language, person } = visit
  const replay = found(await readReplay(sql, id, scopeOf(person)))
  const outcomes = await outcomesOf(sql, id)
  const say = sayIn(language)
  const { progress } = replay
  const parts = Object.keys(partWords) as (keyof typeof partWords)[]
  return {
    title: { vi: `Đợt gửi lại ${id}`, en: `Replay ${id}` },
    body: html`${note}
      <section>
        <p>
          <span class="tag">${phaseWords[replay.state][language]}</span> ${replay.why}
          <span class="soft">${replay.actor} · ${momentWords(replay.createdAt)}</span>
        </p>
        <p class="soft">${filterWords(language, replay.filter)}</p>
        ${progressBar(progress.total, progress.delivered, progress.onWay)}
        <dl class="figures">
          ${parts.map(
            (part) =>
              html`<div class="${part === 'delivered' && 'good'}">
                <dt>${partWords[part][language]}</dt>
                <dd>${countWords(progress[part])[language]}</dd>
              </div>`,
          )}
        </dl>
        <p><a href="${address('replay', { id: String(id) })}">${say('Xem lại tiến độ', 'Look again')}</a></p>
      </section>
      ${person.rights.includes('deliveries:resend') && moveForms(language, replay)}
      ${outcomeSection(language, outcomes)}`,
  }
}

/** What it was narrowed to, in words. */
function filterWords(
  language: Language,
  { state, reason, codes, agency, procedure, error, from, to }: ReplayFilter,
): string {
  const say = sayIn(language)
  const named = (name: string, value: string | undefined) => (value === undefined ? [] : [`${name}: ${value}`])
  return [
    ...named(say('trạng thái', 'state'), state && laneWords[state][language]),
    ...named(say('nguyên nhân', 'cause'), reason && causeWords(reason).cause[language]),
    ...named(say('hồ sơ', 'dossiers'), codes && codes.slice(0, 20).join(', ')),
    ...named(say('cơ quan', 'agency'), agency),
    ...named(say('thủ tục', 'procedure'), procedure),
    ...named(say('mã lỗi của Cổng', "the portal's code"), error),
    ...named(say('tiếp nhận từ', 'received from'), from && dayWords(from)),
    ...named(say('trước', 'before'), to && dayWords(to)),
  ].join(' · ')
}

/** What can be done with it now. */
function moveForms(language: Language, replay: Replay): Html | false {
  const say = sayIn(language)
  const { id, state } = replay
  const words = {
    'pause-replay': say('Tạm dừng', 'Pause'),
    'resume-replay': say('Chạy tiếp', 'Go on'),
    'cancel-replay': say('Hủy, thu hồi những gì chưa gửi', 'Cancel, and call back what was not sent'),
  }
  const moves = {
    draft: ['cancel-replay'],
    expired: [],
    running: ['pause-replay', 'cancel-replay'],
    paused: ['resume-replay', 'cancel-replay'],
    cancelled: [],
    done: [],
  } as const satisfies Record<Replay['state'], readonly (keyof typeof words)[]>
  if (moves[state].length === 0) return false
  const hint = say('Lý do', 'Why')
  return html`<section>
    ${state === 'draft' && startForm(language, replay)}
    ${moves[state].map(
      (path) =>
        html`<form method="post" action="${path}" class="find">
          <input type="hidden" name="id" value="${id}" />
          <input type="text" name="why" maxlength="1000" aria-label="${hint}" placeholder="${hint}" />
          <button class="plain">${words[path]}</button>
        </form>`,
    )}
  </section>`
}

function outcomeSection(language: Language, { skipped, ended }: Outcomes): Html | false {
  const say = sayIn(language)
  if (skipped.length + ended.length === 0) return false
  return html`<section>
    <h2>${say('Kết quả', 'How they ended')}</h2>
    <ul class="changes">
      ${ended.map(
        ({ state, words, count }) =>
          html`<li>
            <strong>${countWords(count)[language]}</strong>
            ${laneWords[state as LaneState]?.[language] ?? state}${words !== null && html`: ${words[language].cause} ${words[language].next}`}
          </li>`,
      )}
      ${skipped.map(
        ({ why: code, words, count }) =>
          html`<li>
            <strong>${countWords(count)[language]}</strong> ${say('bỏ qua', 'skipped')}:
            ${words === null ? code : words[language]}
          </li>`,
      )}
    </ul>
  </section>`
}

/** The newest ones, each with its page. */
export function replayList(language: Language, replays: readonly Replay[]): Html | false {
  const say = sayIn(language)
  if (replays.length === 0) return false
  return html`<section>
    <h2>${say('Các đợt gửi lại gần đây', 'Lately sent again')}</h2>
    ${replays.map(
      ({ id, state, why: reason, createdAt, progress }) =>
        html`<article class="code-row">
          <div></div>
          <div>
            <a href="${address('replay', { id: String(id) })}">${say(`Đợt ${id}`, `Replay ${id}`)}</a>
            <span class="tag">${phaseWords[state][language]}</span>
            <div class="soft">${momentWords(createdAt)} · ${reason}</div>
          </div>
          <div class="number">
            <strong>${countWords(progress.total)[language]}</strong>
            <span class="soft">${say('hồ sơ', 'dossiers')}</span>
          </div>
        </article>`,
    )}
  </section>`
}

import { z } from 'zod'
import { skipWords, type SkipReason } from '../../config/replays.ts'
import { problemNote, type Console, type Visit } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { address, html, type Html } from '../console/html.ts'
import { causeWords, sayIn, type Language } from '../console/words.ts'
import type { ApiClient } from '../platform/auth.ts'
import type { Vault } from '../platform/crypto.ts'
import type { Sql } from '../platform/database.ts'
import { reasonOf } from '../platform/http.ts'
import { problemDocument, Refusal } from '../platform/problems.ts'
import { openTimeline, type Timeline } from './timeline.ts'
import { attemptsSection, changesSection, factsSection, standingSection, stepsSection } from './timeline-view.ts'

export interface DossierPageDeps {
  readonly sql: Sql
  readonly vault: Vault
  /** The replay desk, which belongs to delivery. */
  readonly resend: {
    /** The number of the replay that sends it again; null when there is no such dossier. Throws a refusal when it may not be sent. */
    send(wish: { code: string; why: string }, person: ApiClient): Promise<number | null>
    outcome(replay: number, code: string): Promise<Outcome | null>
  }
  /** What another capability has to say of a dossier, below where it stands. */
  readonly about: (language: Language, code: string) => Promise<Html | null>
}

interface Outcome {
  readonly state: 'pending' | 'released' | 'done' | 'skipped'
  readonly outcome: string | null
  readonly reason: string | null
}

const Code = z.string().trim().min(1).max(100)

/** One dossier with its whole timeline. Whoever is limited to some agencies finds theirs alone. */
export function addDossierPages(console: Console, deps: DossierPageDeps): void {
  console.page({
    path: 'dossier',
    right: 'reports:read',
    allAgencies: false,
    query: z.strictObject({ code: Code, replay: z.coerce.number().int().min(1).optional() }),
    async show(visit, { code, replay }) {
      const timeline = await openTimeline(deps, visit.person, code, false)
      const outcome = replay === undefined ? null : await deps.resend.outcome(replay, code)
      const about = await deps.about(visit.language, timeline.dossier.code)
      return dossierPage(visit, timeline, { about, ...(outcome && { note: outcomeNote(visit.language, outcome) }) })
    },
  })
  console.act({
    path: 'personal-data',
    right: 'personal:read',
    allAgencies: false,
    form: z.object({ code: Code }),
    async act(visit, { code }) {
      mustSee(visit)
      return dossierPage(visit, await openTimeline(deps, visit.person, code, true), { revealed: true })
    },
  })
  addResend(console, deps)
}

function addResend(console: Console, deps: DossierPageDeps): void {
  console.act({
    path: 'resend',
    right: 'deliveries:resend',
    allAgencies: false,
    form: z.object({ code: Code, why: z.string().max(1000).default('') }),
    async act(visit, form) {
      mustSee(visit)
      // Before anything else: what is refused must not tell that somebody else's dossier is there.
      const { dossier } = await openTimeline(deps, visit.person, form.code, false)
      try {
        const replay = await deps.resend.send({ code: dossier.code, why: reasonOf(form.why) }, visit.person)
        return { to: address('dossier', { code: form.code, ...(replay !== null && { replay: String(replay) }) }) }
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        const timeline = await openTimeline(deps, visit.person, form.code, false)
        const page = dossierPage(visit, timeline, { note: problemNote(error, visit.language), why: form.why })
        return { ...page, status: problemDocument(error).status }
      }
    },
  })
}

/** The rights of a form stand beside the right to see the page. */
function mustSee({ person }: Visit): void {
  if (!person.rights.includes('reports:read'))
    throw new Refusal('missing-right', 'The key lacks the right reports:read')
}

interface Showing {
  /** What came of the last act. */
  readonly note?: Html
  /** Typed before the act was refused. */
  readonly why?: string
  readonly revealed?: boolean
  readonly about?: Html | null
}

function dossierPage(visit: Visit, timeline: Timeline, showing: Showing): Page {
  const { note, why: typed = '', revealed = false, about } = showing
  const { language, person } = visit
  const { code } = timeline.dossier
  const mayMap = person.rights.includes('mappings:read') && person.agencies.includes('*')
  return {
    title: { vi: `Hồ sơ ${code}`, en: `Dossier ${code}` },
    body: html`${note} ${standingSection(language, timeline)}
    ${person.rights.includes('deliveries:resend') && resendForm(language, code, typed)}
    ${factsSection(language, timeline.dossier, mayMap)}
    ${
      person.rights.includes('personal:read') &&
      !revealed &&
      html`<form method="post" action="personal-data" class="bulk">
        <input type="hidden" name="code" value="${code}" />
        <button class="plain">${sayIn(language)('Xem dữ liệu cá nhân', 'Show personal data')}</button>
        <span class="soft">${sayIn(language)('Lần xem được ghi vào nhật ký.', 'The reading is recorded.')}</span>
      </form>`
    }
    ${about} ${changesSection(language, timeline, revealed)} ${stepsSection(language, timeline.steps)}
    ${attemptsSection(language, timeline.attempts)}`,
  }
}

function resendForm(language: Language, code: string, typed: string): Html {
  const say = sayIn(language)
  const hint = say('Lý do gửi lại', 'Why it is sent again')
  return html`<form method="post" action="resend" class="find">
    <input type="hidden" name="code" value="${code}" />
    <input
      type="text"
      name="why"
      value="${typed}"
      required
      maxlength="1000"
      aria-label="${hint}"
      placeholder="${hint}"
    />
    <button>${say('Gửi lại', 'Send again')}</button>
  </form>`
}

function outcomeNote(language: Language, { state, outcome, reason }: Outcome): Html {
  const say = sayIn(language)
  const isGood = state !== 'skipped' && (outcome === null || outcome === 'delivered')
  const skipped = skipWords[outcome as SkipReason]
  const words = {
    pending: say(
      'Hồ sơ đã vào lượt gửi lại và sẽ đi ngay khi tới lượt.',
      'It is to be sent again and goes in its turn.',
    ),
    released: say(
      'Hồ sơ đang được gửi lại. Tải lại trang sau ít giây để xem Cổng trả lời gì.',
      'It is being sent again. Load the page again in some seconds to see what the portal says.',
    ),
    done:
      outcome === 'delivered'
        ? say('Đã gửi lại, Cổng đã nhận.', 'Sent again, and taken by the portal.')
        : `${say('Đã gửi lại nhưng lại dừng:', 'Sent again, and stopped again:')} ${causeWords(reason ?? 'parked').cause[language]}`,
    skipped: `${say('Không gửi lại:', 'Not sent again:')} ${skipped === undefined ? (outcome ?? '') : skipped[language]}`,
  }
  return html`<section class="note ${!isGood && 'bad'}" role="status"><p>${words[state]}</p></section>`
}

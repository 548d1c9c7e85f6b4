import type { z } from 'zod'
import type { Page } from '../console/frame.ts'
import { address, html, type Html } from '../console/html.ts'
import { table } from '../console/parts.ts'
import { countWords, momentWords, monthWords, sayIn, type Language } from '../console/words.ts'
import type { dossiersBehind } from './month.ts'
import type { behindQuery } from './selection.ts'
import type { CellDossier } from './store.ts'
import { counterWords, partWords, timingWords, unplacedWords } from './words.ts'

/** The dossiers behind a number. */

type Behind = z.output<z.ZodObject<typeof behindQuery>>
type Found = Awaited<ReturnType<typeof dossiersBehind>>

export function behindPage(language: Language, query: Behind, { dossiers, next, count }: Found): Page {
  const say = sayIn(language)
  const { month, part, unit } = query
  const title = (chosen: Language) =>
    `${partWords[part][chosen]} · ${monthWords(month)}${unit === undefined ? '' : ` · ${unit}`}`
  return {
    title: { vi: title('vi'), en: title('en') },
    body: html`<p class="path">
        <a href="${address('counters', { month })}">${counterWords.title[language]} ${monthWords(month)}</a>
      </p>
      <section>
        <p>${say(`${countWords(count).vi} hồ sơ`, `${countWords(count).en} dossiers`)}</p>
        ${dossiers.length > 0 && behindTable(language, dossiers)}
      </section>
      ${next !== null && html`<p class="pager"><a href="${address('counter-dossiers', { ...query, cursor: next })}" rel="next">${say('Trang sau', 'Next')}</a></p>`}`,
  }
}

function behindTable(language: Language, dossiers: readonly CellDossier[]): Html {
  const say = sayIn(language)
  const at = (instant: string | null) => (instant === null ? '–' : momentWords(instant))
  return table(
    say('Hồ sơ', 'Dossiers'),
    [
      say('Hồ sơ', 'Dossier'),
      say('Cơ quan', 'Agency'),
      say('Tiếp nhận', 'Received'),
      say('Hẹn trả', 'Promised'),
      say('Kết thúc', 'Ended'),
      say('Vì sao', 'Why'),
    ],
    dossiers.map((one) => [
      html`<a href="${address('dossier', { code: one.code })}"><code>${one.code}</code></a>`,
      one.agencyCode,
      at(one.receivedAt),
      at(one.promisedAt),
      at(one.endedAt),
      standingIn(language, one),
    ]),
  )
}

function standingIn(language: Language, { reason, timing, waiting }: CellDossier): Html {
  const say = sayIn(language)
  if (reason !== null)
    return html`${unplacedWords[reason].cause[language]}
      <div class="soft">${unplacedWords[reason].next[language]}</div>`
  return html`${timing !== null && timingWords[timing][language]}
  ${waiting && say('(đang chờ công dân)', '(waiting for the citizen)')}`
}

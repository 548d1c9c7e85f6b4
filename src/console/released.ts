import { html, type Html } from './html.ts'
import { causeWords, countWords, sayIn, type Language } from './words.ts'

/** What a decision would do, or did, for the dossiers that waited for it. */
export function released(
  language: Language,
  dossiers: { readonly blocked: number; readonly released: number; readonly still: Readonly<Record<string, number>> },
  when: 'foreseen' | 'done',
): Html {
  const say = sayIn(language)
  const { blocked, still } = dossiers
  const [a, b] = [countWords(dossiers.released), countWords(blocked)]
  const head =
    when === 'foreseen'
      ? say(`${a.vi} trên ${b.vi} hồ sơ đang chờ sẽ được gửi`, `${a.en} of ${b.en} waiting dossiers would go out`)
      : say(`Đã cho gửi ${a.vi} trên ${b.vi} hồ sơ đang chờ`, `${a.en} of ${b.en} waiting dossiers were released`)
  return html`<p class="released"><strong>${head}</strong></p>
    ${
      Object.keys(still).length > 0 &&
      html`<ul class="changes">
        ${Object.entries(still).map(
          ([reason, count]) =>
            html`<li>
              <strong>${countWords(count)[language]}</strong> ${say('còn chờ', 'stay')}:
              ${causeWords(reason).cause[language]}
            </li>`,
        )}
      </ul>`
    }`
}

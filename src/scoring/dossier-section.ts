import type { Outcome } from '../../config/score-reasons.ts'
import { html, type Html } from '../console/html.ts'
import { sayIn, type Language } from '../console/words.ts'
import { Refusal } from '../platform/problems.ts'
import type { IndicatorOutcome } from './model.ts'
import { readDossierScore, type DossierScoreDeps } from './store.ts'
import { indicatorWords, outcomeWords, reasonWords, scoreWords } from './words.ts'

/** What somebody can still change comes first. */
const order: readonly Outcome[] = ['loses', 'unknown', 'wins', 'not-counted']

/** What one dossier wins and loses, for its page; null where its content is gone or cannot be opened. */
export async function dossierScoreSection(
  deps: DossierScoreDeps,
  language: Language,
  code: string,
): Promise<Html | null> {
  const score = await readDossierScore(deps, code).catch((error: unknown) => {
    // The page is about more than the score.
    if (error instanceof Refusal && error.code === 'content-unreadable') return null
    throw error
  })
  if (score === null) return null
  const say = sayIn(language)
  const rows = score.outcomes.toSorted((a, b) => order.indexOf(a.outcome) - order.indexOf(b.outcome))
  const lost = rows.filter(({ outcome }) => outcome === 'loses').length
  return html`<section>
    <h2>${scoreWords.title[language]}</h2>
    <p class="soft">
      ${
        lost === 0
          ? say('Không mất chỉ số nào.', 'It loses nothing.')
          : say(
              `Mất ${lost} chỉ số; sửa các trường được nêu rồi gửi lại.`,
              `It loses ${lost}; correct the fields that are named and push it again.`,
            )
      }
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="${scoreWords.title[language]}">
      <table>
        <thead>
          <tr>
            <th scope="col">${say('Chỉ số', 'Indicator')}</th>
            <th scope="col">${say('Kết quả', 'Outcome')}</th>
            <th scope="col">${say('Vì sao', 'Why')}</th>
            <th scope="col" class="wide">${say('Trường cần sửa', 'Fields')}</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map((row) => outcomeRow(language, row))}
        </tbody>
      </table>
    </div>
  </section>`
}

const tags: Readonly<Record<Outcome, string>> = { wins: 'accept', loses: 'review', unknown: '', 'not-counted': '' }

const outcomeRow = (language: Language, { indicator, outcome, reason, fields }: IndicatorOutcome): Html =>
  html`<tr>
    <th scope="row">${indicatorWords(indicator)[language]}</th>
    <td><span class="tag ${tags[outcome]}">${outcomeWords(outcome)[language]}</span></td>
    <td>${reasonWords(reason)[language]}</td>
    <td class="wide">${outcome === 'loses' && fields.map((field) => html`<code>${field}</code> `)}</td>
  </tr>`

import { z } from 'zod'
import { publicReportNames, type PublicReportMap } from '../../config/public-figures.ts'
import type { Console } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { address, html, type Html } from '../console/html.ts'
import {
  ageWords,
  causeWords,
  countWords,
  dayWords,
  momentWords,
  percentWords,
  sayIn,
  type Language,
  type Words,
} from '../console/words.ts'
import { limitOf } from '../platform/auth.ts'
import { blank } from '../platform/http.ts'
import type { Sql } from '../platform/database.ts'
import type { Comparison } from './public-compare.ts'
import { rawReport, type PublicFigures } from './public-store.ts'
import { periodWords, publicWords, remarks, publicReportWords, subjectWords } from './public-words.ts'
import { percentSpan } from './words.ts'

/** The section of the score page that holds the portal's figures against ours, and the page of what the portal said, as it came. */

export interface PublicPageDeps {
  readonly sql: Sql
  readonly map: PublicReportMap
}

const rawQuery = z.strictObject({
  report: z.enum(publicReportNames),
  period: z.string().max(10),
  agency: blank(z.string().max(50)),
})

export function addPublicPages(console: Console, { sql, map }: PublicPageDeps): void {
  console.page({
    path: 'score-public',
    right: 'reports:read',
    allAgencies: false,
    query: rawQuery,
    async show({ language, person }, query) {
      const agencies = limitOf(person.agencies)
      const { day, told } = await rawReport(sql, map, { ...query, agencies })
      return rawPage(language, { ...query, day, nodes: told })
    },
  })
}

/** What a page shows of one unit: a report of a whole province is long. */
const longestShown = 200_000

function rawPage(
  language: Language,
  { report, period, agency, day, nodes }: z.output<typeof rawQuery> & { day: string; nodes: readonly unknown[] },
): Page {
  const say = sayIn(language)
  const text = JSON.stringify(nodes, null, 2)
  const name = publicReportWords(report)
  return {
    title: { vi: `${name.vi}: như Cổng trả lời`, en: `${name.en}: as the portal says it` },
    body: html`<p class="path">
        <a href="${address('score', { public: period, agency })}">${publicWords.title[language]}</a>
      </p>
      <section>
        <p>
          <code>${report}</code> · ${periodWords(period)[language]} · ${say('ngày', 'day')} ${dayWords(day)}
          ${agency !== undefined && html` · <code>${agency}</code>`}
        </p>
        ${nodes.length === 0 && html`<p>${say('Báo cáo này không nêu đơn vị.', 'This report does not name the unit.')}</p>`}
        <div class="scroll" tabindex="0" role="region" aria-label="JSON">
          <pre><code>${text.slice(0, longestShown)}</code></pre>
        </div>
        ${text.length > longestShown && html`<p class="soft">${say('Đã cắt bớt.', 'Shortened.')}</p>`}
      </section>`,
  }
}

/** Which unit is shown where the page is about one, and about all. */
export function publicSection(language: Language, figures: PublicFigures): Html {
  const say = sayIn(language)
  const { complete, unit, period, comparisons } = figures
  return html`<section id="public">
    <h2>${publicWords.title[language]}</h2>
    ${standLine(language, figures)}
    ${
      complete &&
      (unit === null
        ? html`<p>
            ${say(
              'Bảng đơn vị (PUBLIC_REPORT_MAP) không có mã của đơn vị này ở Cổng.',
              'The mapping (PUBLIC_REPORT_MAP) has no id of this unit at the portal.',
            )}
          </p>`
        : html`${unitAndPeriod(language, figures)}
          ${
            comparisons.length === 0
              ? html`<p>
                  ${say(
                    'Chưa ai khai số liệu nào nằm ở đâu trong câu trả lời của Cổng; dưới đây là nguyên văn.',
                    'Nobody said yet where figures stand in the answers of the portal; they are below, as they came.',
                  )}
                </p>`
              : comparisonTable(language, figures)
          }
          ${period && rawLinks(language, figures)}`)
    }
  </section>`
}

/** When it was fetched, and what went wrong since. */
function standLine(language: Language, { complete, age, stale, later }: PublicFigures): Html {
  const say = sayIn(language)
  return html`<p>
      ${
        complete === null || age === null
          ? say('Chưa lần nào tải được đủ.', 'They were never fetched whole.')
          : say(
              `Số của ngày ${dayWords(complete.day)}, tải đủ cách đây ${ageWords(age).vi}.`,
              `Of ${dayWords(complete.day)}, fetched whole ${ageWords(age).en} ago.`,
            )
      }
      ${stale && html`<span class="tag review">${say('Số cũ', 'Stale')}</span>`}
    </p>
    ${
      later?.failure &&
      html`<p class="bad">
        ${say('Lần tải gần nhất không xong', 'The newest fetch failed')} (${momentWords(later.startedAt)}):
        ${causeWords(later.failure).cause[language]} ${causeWords(later.failure).next[language]}
        <span class="soft">${later.detail}</span>
      </p>`
    }`
}

function unitAndPeriod(language: Language, { unit, units, period, periods }: PublicFigures): Html {
  const say = sayIn(language)
  const agency = agencyOf(unit?.code)
  const others = units.filter((code) => code !== unit?.code)
  return html`<nav class="tabs" aria-label="${say('Kỳ của Cổng', 'Period of the portal')}">
      ${periods.map(
        (key) =>
          html`<a
            href="${`${address('score', { ...agency, public: key })}#public`}"
            class="${key === period?.key && 'here'}"
            >${periodWords(key)[language]}</a
          >`,
      )}
    </nav>
    <p>
      ${unit?.code == null ? publicWords.province[language] : html`<code>${unit.code}</code>`}
      ${
        others.length > 0 &&
        html`<span class="soft"
          >${say('Đơn vị khác:', 'Other units:')}
          ${others
            .slice(0, shownUnits)
            .map(
              (code) =>
                html`<a href="${`${address('score', { agency: code, public: period?.key })}#public`}">${code}</a> `,
            )}${others.length > shownUnits && '…'}</span
        >`
      }
    </p>`
}

const shownUnits = 30

function comparisonTable(language: Language, figures: PublicFigures): Html {
  const say = sayIn(language)
  const head = (text: string, kind = '') => html`<th scope="col" class="${kind}">${text}</th>`
  return html`<p class="soft">
      ${say(
        'Số của ta được chụp lúc tải số của Cổng, theo ngày tiếp nhận, của đơn vị cùng các đơn vị trực thuộc. Chênh lệch = Cổng − ta, của tỷ lệ tính bằng điểm %.',
        "Ours were taken when the portal's were fetched, by day of reception, for the unit and those beneath it. Difference: the portal's minus ours, of rates in percentage points.",
      )}
    </p>
    <div class="scroll" tabindex="0" role="region" aria-label="${publicWords.title[language]}">
      <table>
        <thead>
          <tr>
            ${head('')}${head(publicWords.ours[language], 'number')}${head(publicWords.portal[language], 'number')}
            ${head(publicWords.difference[language], 'number')}${head(say('Theo ai', 'Says who'), 'wide')}
          </tr>
        </thead>
        <tbody>
          ${figures.comparisons.map((one) => comparisonRow(language, figures, one))}
        </tbody>
      </table>
    </div>
    ${manyAgencies(language, figures)}
    ${figures.comparisons
      .flatMap(({ what }) => remarks[what] ?? [])
      .map((words) => html`<p class="soft">${words[language]}</p>`)}`
}

function manyAgencies(language: Language, { counted, period }: PublicFigures): Html | false {
  if (counted === null || counted.length < 2) return false
  const opened = { from: period?.from ?? '', to: period?.to ?? '' }
  return html`<p class="soft">
    ${sayIn(language)('Số của ta gồm hồ sơ của:', 'Ours count the dossiers of:')}
    ${counted.map((agency) => html`<a href="${address('score', { ...opened, agency })}">${agency}</a> `)}
  </p>`
}

function comparisonRow(language: Language, figures: PublicFigures, one: Comparison): Html {
  const { what, report, ours, portal, difference, mapped } = one
  const { period, unit } = figures
  const raw = address('score-public', { report, period: period?.key ?? '', ...agencyOf(unit?.code) })
  const own = ratioCell(language, percentSpan(ours?.rate ?? null), ours?.numerator ?? null, ours?.denominator ?? null)
  const behind = ours && listOf(figures, what)
  return html`<tr>
    <th scope="row">${subjectWords(what)[language]}<code class="wide">${report}</code></th>
    <td class="number">${behind ? html`<a href="${behind}">${own}</a>` : own}</td>
    <td class="number">
      <a href="${raw}">${ratioCell(language, percentWords(portal.rate), portal.numerator, portal.denominator)}</a>
    </td>
    <td class="number">${differenceCell(language, difference)}</td>
    <td class="wide soft">${mapped.source} (${mapped.date}, ${mapped.confidence})</td>
  </tr>`
}

const agencyOf = (code: string | null | undefined) => ({ agency: code ?? undefined })

/** The dossiers behind a figure of ours; null where they are of several agencies, each of which has its own list. */
function listOf({ counted, period }: PublicFigures, what: Comparison['what']): string | null {
  if (counted !== null && counted.length !== 1) return null
  const opened = { from: period?.from ?? '', to: period?.to ?? '', ...agencyOf(counted?.[0]) }
  return what === 'dossiers'
    ? address('dossiers', opened)
    : address('score-dossiers', { ...opened, indicator: what, outcome: 'wins' })
}

/** Rate, and what it is made of; what one side does not say is called unknown. A count alone stands for itself. */
function ratioCell(language: Language, rate: Words, numerator: number | null, denominator: number | null): Html {
  const count = (value: number | null) => (value === null ? publicWords.unknown[language] : countWords(value)[language])
  const isRate = /\d/.test(rate[language])
  if (denominator === null && !isRate) return html`<strong>${count(numerator)}</strong>`
  const parts = denominator === null && numerator === null ? count(null) : `${count(numerator)} / ${count(denominator)}`
  return html`<strong>${isRate ? rate[language] : count(null)}</strong><br /><span class="soft">${parts}</span>`
}

function differenceCell(language: Language, { numerator, denominator, rate }: Comparison['difference']): Html {
  const signed = (value: number, text: string) => `${value > 0 ? '+' : value < 0 ? '−' : ''}${text}`
  const count = (value: number | null) =>
    value === null ? publicWords.unknown[language] : signed(value, countWords(Math.abs(value))[language])
  const points = (value: number) => signed(value, percentWords(Math.abs(value))[language].replace(/ %$/, ''))
  if (rate === null && denominator === null) return html`<strong>${count(numerator)}</strong>`
  const span = rate && (rate.low === rate.high ? points(rate.low) : `${points(rate.low)} … ${points(rate.high)}`)
  return html`<strong>${span === null ? count(null) : span}</strong><br />
    ${(numerator !== null || denominator !== null) && html`<span class="soft">${count(numerator)} / ${count(denominator)}</span>`}`
}

function rawLinks(language: Language, { reports, period, unit }: PublicFigures): Html {
  const say = sayIn(language)
  const agency = agencyOf(unit?.code)
  return html`<p class="soft">
    ${say('Nguyên văn câu trả lời của Cổng:', "The portal's answers as they came:")}
    ${reports.map(
      (report, place) =>
        html`${place > 0 && ' · '}<a href="${address('score-public', { report, period: period?.key ?? '', ...agency })}"
            >${publicReportWords(report)[language]}</a
          >`,
    )}
  </p>`
}

import { z } from 'zod'
import { scoreConflicts, scoreIndicators, scoreVersionIds, type ScoreIndicator } from '../../config/score-766.ts'
import type { Outcome } from '../../config/score-reasons.ts'
import type { Console } from '../console/console.ts'
import { periodForm } from '../console/forms.ts'
import type { Page } from '../console/frame.ts'
import { address, html, trusted, type AddressQuery, type Html } from '../console/html.ts'
import { countWords, dayWords, momentWords, monthWords, percentWords, sayIn, type Language } from '../console/words.ts'
import type { Sql } from '../platform/database.ts'
import type { PublicReportMap } from '../../config/public-figures.ts'
import { blank } from '../platform/http.ts'
import type { IndicatorFigures } from './figures.ts'
import { outcomeOf } from './model.ts'
import { addPublicPages, publicSection } from './public-page.ts'
import { publicFigures, type PublicFigures } from './public-store.ts'
import { behindQuery, scoreQuery, selectionOf, versionQuery } from './selection.ts'
import { dossiersBehind, scoreReport, type BehindLine, type Gain, type ScorePart, type ScoreReport } from './store.ts'
import {
  groupsOf,
  indicatorWords,
  outcomeWords,
  percentSpan,
  pointsWords,
  reasonWords,
  scoreWords,
  sourceWords,
  type GroupFigures,
} from './words.ts'

export interface ScorePageDeps {
  readonly sql: Sql
  /** The day until which dossiers of these agencies are shown when nobody names a period. */
  readonly newestDay: (agencies: readonly string[]) => Promise<Date>
  /** How the portal's public figures are read; null: they are not fetched. */
  readonly publicMap: PublicReportMap | null
}

/** The preview of the index, and the dossiers behind its numbers. A person sees their own agencies. */
export function addScorePages(console: Console, { sql, newestDay, publicMap }: ScorePageDeps): void {
  console.page({
    path: 'score',
    right: 'reports:read',
    allAgencies: false,
    menu: { vi: 'Điểm 766', en: 'Score 766' },
    query: z.strictObject({ ...scoreQuery, version: versionQuery, public: blank(z.string().max(10)) }),
    async show({ language, person }, { version, public: publicPeriod, ...query }) {
      const isAsked = query.from !== undefined || query.to !== undefined
      const day = isAsked ? undefined : await newestDay(person.agencies)
      const selection = selectionOf(query, person.agencies, day)
      const { agency, agencies } = selection
      const publics = publicMap && (await publicFigures(sql, publicMap, { agency, agencies, period: publicPeriod }))
      return scorePage(language, await scoreReport(sql, selection, version), publics)
    },
  })
  if (publicMap) addPublicPages(console, { sql, map: publicMap })
  console.page({
    path: 'score-dossiers',
    right: 'reports:read',
    allAgencies: false,
    query: z.strictObject(behindQuery),
    async show({ language, person }, query) {
      const { agencies, ...selection } = selectionOf(query, person.agencies)
      const { cursor, ...chosen } = { ...query, ...selection }
      const { dossiers, next } = await dossiersBehind(sql, { ...chosen, agencies, cursor, limit: perPage })
      return behindPage(language, chosen, dossiers, next)
    },
  })
}

const perPage = 100
const shownParts = 50

/** What every address of the page keeps. */
const kept = ({ period, agency }: ScoreReport): AddressQuery => ({ ...period, agency: agency ?? undefined })

function scorePage(language: Language, report: ScoreReport, publics: PublicFigures | null): Page {
  const say = sayIn(language)
  const { total, version, agency } = report
  return {
    title: scoreWords.title,
    body: html`${head(language, report)}
    ${
      total.notJudged > 0 &&
      html`<section class="note">
        <p>
          ${say(
            `${countWords(total.notJudged).vi} hồ sơ được lưu trước khi có phần này và chưa được xét. Hãy chạy dvcqg score recompute.`,
            `${countWords(total.notJudged).en} dossiers were stored before there were scores and are not judged yet. Run dvcqg score recompute.`,
          )}
        </p>
      </section>`
    }
    ${
      total.received === 0
        ? html`<section>
            <p>${say('Không có hồ sơ nào trong kỳ.', 'There are no dossiers in this period.')}</p>
          </section>`
        : html`${groupsOf(total.indicators, version).map((group) => groupSection(language, report, group))}
          ${gainSection(language, report.gains)} ${agency === null && partSection(language, report, 'byAgency')}
          ${partSection(language, report, 'byMonth')}`
    }
    ${publics && publicSection(language, publics)} ${conflictSection(language)}`,
  }
}

function head(language: Language, report: ScoreReport): Html {
  const say = sayIn(language)
  const { period, version, agency, total } = report
  const { agency: _, ...everywhere } = kept(report)
  return html`<nav class="tabs" aria-label="${say('Nguồn điểm', 'Source of points')}">
      ${scoreVersionIds.map(
        (id) =>
          html`<a href="${address('score', { ...kept(report), version: id })}" class="${id === version && 'here'}"
            >${id}</a
          >`,
      )}
    </nav>
    ${periodForm(say, 'score', period, { version, ...(agency === null ? {} : { agency }) })}
    <p>
      ${say(
        `${countWords(total.received).vi} hồ sơ tiếp nhận từ ${dayWords(period.from)} đến trước ${dayWords(period.to)}`,
        `${countWords(total.received).en} dossiers received from ${dayWords(period.from)} until before ${dayWords(period.to)}`,
      )}
      ${agency !== null && html`<a class="tag" href="${address('score', { ...everywhere, version })}">${agency} ✕</a>`}
    </p>
    <p class="soft">
      ${sourceWords(version)[language]}
      ${say(
        'Đây là ước tính từ sổ cái của hệ thống này, không phải điểm chính thức. Điều chưa biết được tính là mất ở số thấp, là đạt ở số cao.',
        'This is an estimate from the ledger, not the official score. What is unknown counts as lost in the low figure and as won in the high one.',
      )}
    </p>`
}

function groupSection(language: Language, report: ScoreReport, { words, points, indicators }: GroupFigures): Html {
  const say = sayIn(language)
  return html`<section>
    <h2>
      ${words[language]}
      <span class="soft"
        >${
          points === null
            ? say('điểm của nhóm: nguồn không cho', 'points of the group: not given')
            : say(
                `nhóm ${points} điểm, gồm cả chỉ số không do hồ sơ quyết định`,
                `group of ${points} points, with indicators that dossiers do not decide`,
              )
        }</span
      >
    </h2>
    ${indicators.map((one) => indicatorBlock(language, report, one))}
  </section>`
}

function indicatorBlock(language: Language, report: ScoreReport, figures: IndicatorFigures): Html {
  const say = sayIn(language)
  const { indicator, ratio, threshold, factor, ratioWithFactor } = figures
  const { formula, newer }: ScoreIndicator = scoreIndicators[indicator]
  return html`<div class="indicator">
    <h3>${indicatorWords(indicator)[language]}</h3>
    ${spanBar(language, figures)}
    <p>
      <strong>${percentSpan(ratio)[language]}</strong>
      ${
        factor !== null &&
        say(
          `× đồng bộ ${percentWords(factor).vi} = ${percentSpan(ratioWithFactor).vi}`,
          `× sync ${percentWords(factor).en} = ${percentSpan(ratioWithFactor).en}`,
        )
      }
      · ${say('điểm', 'points')} <strong>${pointsWords(figures)[language]}</strong> ·
      ${
        threshold === null
          ? say('không nguồn nào nêu ngưỡng', 'no threshold is stated')
          : say(`đủ điểm từ ${threshold} %`, `full points from ${threshold} %`)
      }
    </p>
    <p>${countsLine(language, report, figures)}</p>
    <details>
      <summary>${say('Vì sao, và tính thế nào', 'Why, and how it is counted')}</summary>
      ${reasonList(language, report, figures)}
      <p class="soft">${formula[language]}</p>
      ${newer && html`<p class="soft">${newer.version}: ${newer[language]}</p>`}
    </details>
  </div>`
}

/** Won, then unknown; the rest of the track is lost. */
function spanBar(language: Language, { wins, loses, unknown, threshold }: IndicatorFigures): Html {
  const whole = wins + loses + unknown
  const share = (count: number) => (whole === 0 ? 0 : (count * 1000) / whole).toFixed(2)
  const label = `${scoreWords.wins[language]} ${wins}, ${scoreWords.unknown[language]} ${unknown}, ${scoreWords.loses[language]} ${loses}`
  return html`<svg class="stack" role="img" viewBox="0 0 1000 40" preserveAspectRatio="none">
    <title>${label}</title>
    <rect class="track" width="1000" height="40" />
    <rect class="delivered" width="${share(wins)}" height="40" />
    <rect class="c7" x="${share(wins)}" width="${share(unknown)}" height="40" />
    ${threshold !== null && trusted(`<path class="target" d="M${threshold * 10} 0v40"/>`)}
  </svg>`
}

const outcomesShown = ['wins', 'loses', 'unknown', 'not-counted'] as const

function countsLine(language: Language, report: ScoreReport, figures: IndicatorFigures): Html {
  const links = outcomesShown.flatMap((outcome) => {
    const count = figures[outcome === 'not-counted' ? 'notCounted' : outcome]
    const text = `${outcomeWords(outcome)[language]} ${countWords(count)[language]}`
    if (count === 0) return outcome === 'not-counted' ? [] : [html`<span class="soft">${text}</span>`]
    const to = address('score-dossiers', { ...kept(report), indicator: figures.indicator, outcome })
    return [html`<a href="${to}">${text}</a>`]
  })
  return html`${links.map((link, place) => html`${place > 0 && ' · '}${link}`)}`
}

function reasonList(language: Language, report: ScoreReport, { indicator, reasons }: IndicatorFigures): Html {
  const sorted = (Object.entries(reasons) as [keyof typeof reasons, number][]).sort((a, b) => b[1] - a[1])
  return html`<ul class="changes">
    ${sorted.map(([reason, count]) => {
      const number = countWords(count)[language]
      const outcome = reason === 'not-judged' ? 'unknown' : outcomeOf(reason)
      const more: Record<string, string> = reason === 'not-judged' ? {} : { reason }
      const to = address('score-dossiers', { ...kept(report), indicator, outcome, ...more })
      return html`<li>
        <a href="${to}">${number}</a> ${reasonWords(reason === 'not-judged' ? null : reason)[language]}
        <span class="tag">${outcomeWords(outcome)[language]}</span>
      </li>`
    })}
  </ul>`
}

function gainSection(language: Language, gains: readonly Gain[]): Html {
  const say = sayIn(language)
  if (gains.length === 0) return html``
  return html`<section>
    <h2>${say('Hồ sơ làm tăng điểm nhiều nhất', 'Dossiers that would raise the points most')}</h2>
    <p class="soft">
      ${say(
        'Điểm ước tính của cả kỳ nếu hồ sơ đạt mọi chỉ số đang mất; mới nhất trước.',
        'Estimated points of the whole period if the dossier won all that it loses; newest first.',
      )}
    </p>
    <ul class="changes">
      ${gains.map(
        ({ code, points, loses, agencyCode, receivedAt }) =>
          html`<li>
            <code>${code}</code> +${say(shortNumber(points).replace('.', ','), shortNumber(points))}
            <span class="soft"
              >${agencyCode} · ${momentWords(receivedAt)} ·
              ${loses.map(({ indicator, reason }) => `${scoreIndicators[indicator].number} ${reasonWords(reason)[language]}`).join('; ')}</span
            >
          </li>`,
      )}
    </ul>
  </section>`
}

const shortNumber = (value: number) => String(Number(value.toPrecision(2)))

function partSection(language: Language, report: ScoreReport, name: 'byAgency' | 'byMonth'): Html {
  const say = sayIn(language)
  const parts = report[name]
  const title =
    name === 'byAgency' ? say('Theo cơ quan', 'By agency') : say('Theo tháng tiếp nhận', 'By month of reception')
  return html`<section>
    <h2>${title}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table ${parts.length <= shownParts && trusted('data-sort')}>
        <thead>
          <tr>
            <th scope="col"></th>
            <th scope="col" class="number">${say('Hồ sơ', 'Dossiers')}</th>
            ${report.total.indicators.map(
              ({ indicator, number }) =>
                html`<th scope="col" class="number" title="${indicatorWords(indicator)[language]}">${number}</th>`,
            )}
          </tr>
        </thead>
        <tbody>
          ${parts.slice(0, shownParts).map((part) => partRow(language, report, name, part))}
        </tbody>
      </table>
    </div>
    ${parts.length > shownParts && html`<p class="soft">${say(`${shownParts} dòng đầu trên ${parts.length}`, `The first ${shownParts} of ${parts.length}`)}</p>`}
  </section>`
}

function partRow(language: Language, report: ScoreReport, name: 'byAgency' | 'byMonth', part: ScorePart): Html {
  const { version } = report
  const query =
    name === 'byAgency' ? { ...kept(report), agency: part.key } : { ...kept(report), ...monthIn(report, part.key) }
  const text = name === 'byAgency' ? part.name : monthWords(part.key)
  return html`<tr>
    <th scope="row"><a href="${address('score', { ...query, version })}">${text}</a></th>
    <td class="number">${countWords(part.received)[language]}</td>
    ${part.indicators.map(({ ratio }) => html`<td class="number">${percentSpan(ratio)[language]}</td>`)}
  </tr>`
}

/** That part of the month which the period has, so that its page shows what its row says. */
function monthIn({ period }: ScoreReport, month: string): { from: string; to: string } {
  const first = `${month}-01`
  const next = new Date(`${first}T00:00:00Z`)
  next.setUTCMonth(next.getUTCMonth() + 1)
  const after = next.toISOString().slice(0, 10)
  return { from: period.from > first ? period.from : first, to: period.to < after ? period.to : after }
}

function conflictSection(language: Language): Html {
  const say = sayIn(language)
  return html`<section>
    <details>
      <summary>${say('Các nguồn mâu thuẫn ở đâu', 'Where the sources contradict each other')}</summary>
      <ul class="changes">
        ${scoreConflicts.map((one) => html`<li><strong>${one.topic}</strong> ${one[language]}</li>`)}
      </ul>
    </details>
  </section>`
}

type BehindQuery = AddressQuery & {
  readonly indicator: IndicatorFigures['indicator']
  readonly outcome: Outcome
  readonly from: string
  readonly to: string
  readonly agency?: string | undefined
}

function behindPage(
  language: Language,
  query: BehindQuery,
  dossiers: readonly BehindLine[],
  next: string | null,
): Page {
  const say = sayIn(language)
  const { from, to, agency, indicator, outcome } = query
  const back = address('score', { from, to, agency })
  const onward = address('score-dossiers', { ...query, cursor: next ?? undefined })
  return {
    title: {
      vi: `${indicatorWords(indicator).vi}: ${outcomeWords(outcome).vi}`,
      en: `${indicatorWords(indicator).en}: ${outcomeWords(outcome).en}`,
    },
    body: html`<p class="path"><a href="${back}">${scoreWords.title[language]}</a></p>
      <section>
        ${dossiers.length === 0 ? html`<p>${say('Không có hồ sơ nào.', 'There are none.')}</p>` : behindTable(language, dossiers)}
        ${next !== null && html`<p class="pager"><a href="${onward}">${say('Trang sau', 'Next page')}</a></p>`}
      </section>`,
  }
}

function behindTable(language: Language, dossiers: readonly BehindLine[]): Html {
  const say = sayIn(language)
  const head = (text: string, kind = '') => html`<th scope="col" class="${kind}">${text}</th>`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${say('Hồ sơ', 'Dossiers')}">
    <table>
      <thead>
        <tr>
          ${head(say('Hồ sơ', 'Dossier'))}${head(say('Vì sao', 'Why'))}${head(say('Trường cần sửa', 'Fields'), 'wide')}
          ${head(say('Cơ quan', 'Agency'), 'wide')}${head(say('Tiếp nhận', 'Received'), 'wide')}
        </tr>
      </thead>
      <tbody>
        ${dossiers.map(
          (one) =>
            html`<tr>
              <th scope="row">
                <a href="${address('dossier', { code: one.code })}"><code>${one.code}</code></a>
              </th>
              <td>${reasonWords(one.reason)[language]}</td>
              <td class="wide">${one.fields.map((field) => html`<code>${field}</code> `)}</td>
              <td class="wide">${one.agencyCode} <code>${one.procedureCode}</code></td>
              <td class="wide">${momentWords(one.receivedAt)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

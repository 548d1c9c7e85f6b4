import { z } from 'zod'
import type { Console } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { both, html, type Html } from '../console/html.ts'
import { periodForm } from '../console/forms.ts'
import { causeWords, momentWords, sayIn, type Language, type Say } from '../console/words.ts'
import { levelNames, type Level } from '../organisations/model.ts'
import type { Sql } from '../platform/database.ts'
import type { SyncRateReport } from './model.ts'
import { reportBody } from './page.ts'
import { blank, chosenPeriod, limitOf, selection } from './selection.ts'
import { dossierCursor, listDossiers, sampleCodes, syncRate, type DossierLine } from './store.ts'
import { onlyWords, periodWords, reportWords, sumWords } from './words.ts'

/** The sync rate and the dossiers behind its numbers, as pages of the console. A person sees their own agencies. */
export function addReportPages(console: Console, { sql }: { readonly sql: Sql }): void {
  console.page({
    path: 'report',
    right: 'reports:read',
    allAgencies: false,
    menu: { vi: 'Tỷ lệ đồng bộ', en: 'Sync rate' },
    query: z.strictObject(selection),
    async show({ language, person }, query) {
      const chosen = { ...query, ...chosenPeriod(query), agencies: limitOf(person.agencies) }
      const report = await syncRate(sql, chosen)
      const samples = await sampleCodes(
        sql,
        chosen,
        report.causes.map(({ code }) => code),
      )
      const mayMap = person.rights.includes('mappings:read') && person.agencies.includes('*')
      return reportPage(language, report, { samples, mayMap })
    },
  })
  console.page({
    path: 'dossiers',
    right: 'reports:read',
    allAgencies: false,
    query: z.strictObject({
      ...selection,
      cause: blank(z.string().max(50)),
      state: blank(z.enum(['delivered', 'gap'])),
      cursor: blank(z.string().regex(dossierCursor)),
    }),
    async show({ language, person }, query) {
      const filter = { ...query, ...chosenPeriod(query), agencies: limitOf(person.agencies) }
      const { dossiers, next } = await listDossiers(sql, { ...filter, limit: perPage })
      return dossiersPage(language, query, dossiers, next)
    },
  })
}

const perPage = 100

function reportPage(
  language: Language,
  report: SyncRateReport,
  { samples, mayMap }: { samples: Record<string, string[]>; mayMap: boolean },
): Page {
  const say = sayIn(language)
  const only = onlyWords(report.only)
  return {
    title: reportWords.title,
    body: html`${periodForm(say, 'report', report.period)}
      <p>${both(periodWords(report.period))}${only && html` · ${both(only)}`}</p>
      ${
        report.total.received === 0
          ? html`<section><p>${both(reportWords.nothing)}</p></section>`
          : reportBody(report, {
              language,
              samples,
              live: true,
              listAt: 'dossiers',
              ...(mayMap ? { mappingAt: 'mapping' } : {}),
            })
      }
      <footer><p>${both(sumWords(report))}</p></footer>`,
  }
}

function dossiersPage(
  language: Language,
  query: Readonly<Record<string, string | undefined>>,
  dossiers: readonly DossierLine[],
  next: string | null,
): Page {
  const say = sayIn(language)
  const { cause } = query
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const onward = new URLSearchParams([...given.filter(([name]) => name !== 'cursor'), ['cursor', next ?? '']])
  return {
    title: { vi: 'Hồ sơ', en: 'Dossiers' },
    body: html`${
        cause !== undefined &&
        html`<section class="note">
          <p><strong>${causeWords(cause).cause[language]}</strong></p>
          <p>${causeWords(cause).next[language]}</p>
        </section>`
      }
      <section>
        ${dossiers.length === 0 ? html`<p>${say('Không có hồ sơ nào.', 'There are none.')}</p>` : dossierTable(say, language, dossiers)}
      </section>
      ${
        next !== null &&
        html`<p class="pager"><a href="dossiers?${onward.toString()}" rel="next">${say('Trang sau', 'Next')}</a></p>`
      }`,
  }
}

function dossierTable(say: Say, language: Language, dossiers: readonly DossierLine[]): Html {
  const head = (text: string, kind = '') => html`<th scope="col" class="${kind}">${text}</th>`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${say('Hồ sơ', 'Dossiers')}">
    <table>
      <thead>
        <tr>
          ${head(say('Hồ sơ', 'Dossier'))}${head(say('Cơ quan', 'Agency'))}${head(say('Thủ tục', 'Procedure'))}
          ${head(say('Tiếp nhận', 'Received'), 'wide')}${head(say('Tình trạng', 'Standing'))}
        </tr>
      </thead>
      <tbody>
        ${dossiers.map(
          (one) =>
            html`<tr>
              <th scope="row"><code>${one.code}</code></th>
              <td>
                ${one.agencyName ?? one.agencyCode}
                ${one.level !== null && Object.hasOwn(levelNames, one.level) && html`<div class="soft">${levelNames[one.level as Level][language]}</div>`}
              </td>
              <td>
                <code>${one.procedureCode}</code>
                ${one.nationalCode !== null && html`→ <code>${one.nationalCode}</code>`}
              </td>
              <td class="wide">${momentWords(one.receivedAt)}</td>
              <td>${one.cause === null ? say('Đã đồng bộ', 'In step') : causeWords(one.cause).cause[language]}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

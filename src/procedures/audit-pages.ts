import { z } from 'zod'
import type { Console } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { address, html, miniBar, type Html } from '../console/html.ts'
import { periodForm } from '../console/forms.ts'
import { causeWords, countWords, dayWords, percentWords, sayIn, type Language } from '../console/words.ts'
import { vietnamToday } from '../dossiers/model.ts'
import { levelNames } from '../organisations/model.ts'
import { tableFormats } from '../platform/files.ts'
import { matchAudit, matchRate, type MatchAudit, type MatchCount } from './audit.ts'
import { auditFile, auditWorkbook, readAudits, sheetSection, type Period } from './audit-files.ts'
import { auditKeys, auditTitles, type AuditKey } from './audit-sheets.ts'
import type { ProcedurePageDeps } from './pages.ts'

/** The rate of matching codes by level and agency, each opening to the codes that do not match. */

const shownCodes = 300

const shownRows = 200
const AuditQuery = z.strictObject({
  from: z.iso.date().optional(),
  to: z.iso.date().optional(),
  tab: z.enum(auditKeys).default('match'),
  agency: z.string().max(50).optional(),
})

function periodOf({ from, to }: { readonly from?: string | undefined; readonly to?: string | undefined }): Period {
  const year = Number(vietnamToday().slice(0, 4))
  return { from: from ?? `${year}-01-01`, to: to ?? `${year + 1}-01-01` }
}

export function addAuditPages(console: Console, { sql, catalogue }: ProcedurePageDeps): void {
  console.page({
    path: 'audit',
    right: 'mappings:read',
    allAgencies: true,
    menu: { vi: 'Kiểm tra', en: 'Audits' },
    query: AuditQuery,
    async show({ language }, { agency, tab, ...asked }) {
      const period = periodOf(asked)
      if (tab === 'match') {
        const today = vietnamToday()
        return auditPage(language, await matchAudit(sql, await catalogue.fresh(), { ...period, today }), agency)
      }
      const sheets = await readAudits(sql, await catalogue.fresh(), period)
      const chosen = sheets.find(({ key }) => key === tab)!
      return { title, body: html`${head(language, period, tab)} ${sheetSection(language, chosen, shownRows)}` }
    },
  })
  console.file({
    path: 'audit-file',
    right: 'mappings:read',
    allAgencies: true,
    query: z.strictObject({ from: z.iso.date(), to: z.iso.date(), format: z.enum(['xlsx', 'html']) }),
    async give({ language }, { format, ...period }) {
      const sheets = await readAudits(sql, await catalogue.fresh(), period)
      const name = `kiem-tra-${period.from}.${format}`
      if (format === 'xlsx') return { name, type: tableFormats.xlsx, bytes: await auditWorkbook(sheets, language) }
      return { name, type: 'text/html; charset=utf-8', bytes: Buffer.from(auditFile(sheets, period, language)) }
    },
  })
}

const title = { vi: 'Kiểm tra thủ tục', en: 'Audits of procedures' }

function head(language: Language, period: Period, tab: AuditKey): Html {
  const say = sayIn(language)
  return html`<nav class="tabs" aria-label="${title[language]}">
      ${auditKeys.map(
        (key) =>
          html`<a href="${address('audit', { ...period, tab: key })}" class="${key === tab && 'here'}"
            >${auditTitles[key][language]}</a
          >`,
      )}
    </nav>
    ${periodForm(say, 'audit', period, { tab })}
    <p class="soft">
      ${say('Tất cả trong một tệp', 'All of it as a file')}:
      <a href="${address('audit-file', { ...period, format: 'xlsx' })}">Excel</a>,
      <a href="${address('audit-file', { ...period, format: 'html' })}">HTML</a>
    </p>`
}

function auditPage(language: Language, audit: MatchAudit, agency: string | undefined): Page {
  const say = sayIn(language)
  const { period, total, byLevel, byAgency, unmatched } = audit
  const chosen = agency === undefined ? unmatched : unmatched.filter(({ agencyCode }) => agencyCode === agency)
  return {
    title,
    body: html`${head(language, period, 'match')}
      <section>
        <dl class="figures">
          <div class="good">
            <dt>${say('Mã khớp, mục tiêu 100 %', 'Codes that match, target 100 %')}</dt>
            <dd>${percentWords(matchRate(total))[language]}</dd>
            <dd>${miniBar(matchRate(total))}</dd>
          </div>
          ${figure(say('Mã đang dùng, theo cơ quan', 'Codes in use, by agency'), total.codes, language)}
          ${figure(say('Mã chưa khớp', 'Codes that do not match'), total.codes - total.matched, language)}
          ${figure(say('Hồ sơ của mã chưa khớp', 'Dossiers under them'), total.dossiers - total.matchedDossiers, language)}
        </dl>
        <p class="soft">
          ${say(
            `Hồ sơ tiếp nhận từ ${dayWords(period.from)} đến trước ${dayWords(period.to)}, và danh mục của từng cơ quan.`,
            `Dossiers received from ${dayWords(period.from)} until before ${dayWords(period.to)}, and the lists of the agencies.`,
          )}
        </p>
      </section>
      <section>
        <h2>${say('Theo cấp', 'By level')}</h2>
        ${countTable(
          language,
          byLevel.map((one) => ({
            head: html`${one.level === null ? say('Chưa rõ cấp', 'Level not known') : levelNames[one.level][language]}`,
            count: one,
          })),
        )}
      </section>
      <section>
        <h2>${say('Theo cơ quan', 'By agency')}</h2>
        ${countTable(
          language,
          byAgency.map((one) => ({
            head: html`<a href="${address('audit', { ...period, agency: one.agencyCode })}"
              >${one.agencyName ?? one.agencyCode}</a
            >`,
            count: one,
          })),
        )}
      </section>
      ${
        chosen.length > 0 &&
        html`<section>
          <h2>
            ${say(`${countWords(chosen.length).vi} mã chưa khớp`, `${countWords(chosen.length).en} codes do not match`)}
            ${agency !== undefined && html`<a class="tag" href="${address('audit', period)}">${agency} ✕</a>`}
          </h2>
          <ul class="changes">
            ${chosen.slice(0, shownCodes).map(
              (one) =>
                html`<li>
                  <a href="${address('mapping', { code: one.localCode })}"><code>${one.localCode}</code></a> ${one.name}
                  <span class="soft"
                    >${one.agencyName ?? one.agencyCode} ·
                    ${say(`${countWords(one.dossiers).vi} hồ sơ`, `${countWords(one.dossiers).en} dossiers`)} ·
                    ${causeWords(one.reason).cause[language]}</span
                  >
                </li>`,
            )}
          </ul>
        </section>`
      }`,
  }
}

const figure = (text: string, count: number, language: Language) =>
  html`<div>
    <dt>${text}</dt>
    <dd>${countWords(count)[language]}</dd>
  </div>`

function countTable(language: Language, rows: readonly { head: Html; count: MatchCount }[]): Html {
  const say = sayIn(language)
  const number = (text: string, kind = '') => html`<th scope="col" class="number ${kind}">${text}</th>`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${say('Tỷ lệ khớp', 'Rates')}">
    <table data-sort>
      <thead>
        <tr>
          <th scope="col"></th>
          ${number(say('Mã', 'Codes'))}${number(say('Khớp', 'Match'))}${number(say('Tỷ lệ', 'Rate'))}
          ${number(say('Hồ sơ', 'Dossiers'), 'wide')}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ head, count }) =>
            html`<tr>
              <th scope="row">${head}</th>
              <td class="number">${countWords(count.codes)[language]}</td>
              <td class="number">${countWords(count.matched)[language]}</td>
              <td class="number rate">${percentWords(matchRate(count))[language]}${miniBar(matchRate(count))}</td>
              <td class="number wide">${countWords(count.dossiers)[language]}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

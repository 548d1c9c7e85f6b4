import { renderFile } from '../console/frame.ts'
import { html, miniBar, type Html } from '../console/html.ts'
import { countWords, dayWords, momentWords, percentWords, sayIn, type Language } from '../console/words.ts'
import { vietnamToday } from '../dossiers/model.ts'
import type { Sql } from '../platform/database.ts'
import { sheetOf, workbookBytes, type Row } from '../platform/workbook-writer.ts'
import { matchAudit } from './audit.ts'
import { auditSheets, targetWords, type AuditSheet, type Cell } from './audit-sheets.ts'
import type { Catalogue } from './model.ts'
import { officeAudit } from './office-audit.ts'

/** The audits drawn: on a page of the console, and as files for the office. */

export interface Period {
  /** Vietnam dates; the second is the day after the last one. */
  readonly from: string
  readonly to: string
}

/** Throws a refusal for a period that ends before it begins. */
export async function readAudits(sql: Sql, catalogue: Catalogue, period: Period): Promise<AuditSheet[]> {
  const asked = { ...period, today: vietnamToday() }
  const match = await matchAudit(sql, catalogue, asked)
  return auditSheets(match, await officeAudit(sql, catalogue, asked))
}

function textOf(cell: Cell, language: Language): string | number {
  if (cell instanceof Date) return momentWords(cell.toISOString())
  return typeof cell === 'object' ? cell[language] : cell
}

/** One sheet for the figures, and one for the rows of each audit. */
export function auditWorkbook(sheets: readonly AuditSheet[], language: Language): Promise<Buffer> {
  const say = sayIn(language)
  return workbookBytes([
    sheetOf(
      say('Tổng hợp', 'Summary'),
      [say('Nội dung', 'Audit'), say('Chỉ tiêu', 'Figure'), say('Giá trị', 'Value')],
      sheets.flatMap((sheet) => figureRows(sheet, language)),
    ),
    ...sheets.map(({ title, headers, rows }) =>
      sheetOf(
        title[language],
        headers.map((words) => words[language]),
        rows.map((row) => row.map((cell) => (cell instanceof Date ? cell : textOf(cell, language)))),
      ),
    ),
  ])
}

function figureRows({ title, rate, targets, figures }: AuditSheet, language: Language): Row[] {
  const say = sayIn(language)
  return [
    ...(rate === null ? [] : [[title[language], say('Tỷ lệ', 'Rate'), { rate }]]),
    ...targets.map((target) => [title[language], say('Yêu cầu', 'Asked for'), targetWords(target)[language]]),
    ...figures.map(([words, count]) => [title[language], words[language], count]),
  ]
}

/** All of it in one file that opens anywhere and loads nothing. */
export const auditFile = (sheets: readonly AuditSheet[], period: Period, language: Language): string =>
  renderFile(
    {
      title: {
        vi: `Kiểm tra thủ tục, ${dayWords(period.from)} đến trước ${dayWords(period.to)}`,
        en: `Audits of procedures, ${dayWords(period.from)} until before ${dayWords(period.to)}`,
      },
      body: html`${sheets.map((sheet) => sheetSection(language, sheet, Infinity))}`,
    },
    language,
  )

/** Rate, figures and the rows behind them. */
export function sheetSection(language: Language, sheet: AuditSheet, shown: number): Html {
  const say = sayIn(language)
  const { title, note, headers, rows } = sheet
  return html`<section>
      <h2>${title[language]}</h2>
      ${figuresOf(language, sheet)}
      <p class="soft">${note[language]}</p>
    </section>
    ${
      rows.length > 0 &&
      html`<section>
        <div class="scroll" tabindex="0" role="region" aria-label="${title[language]}">
          <table>
            <thead>
              <tr>
                ${headers.map((words) => html`<th scope="col">${words[language]}</th>`)}
              </tr>
            </thead>
            <tbody>
              ${rows.slice(0, shown).map(
                (row) =>
                  html`<tr>
                    ${row.map((cell) =>
                      typeof cell === 'number'
                        ? html`<td class="number">${cell}</td>`
                        : html`<td>${textOf(cell, language)}</td>`,
                    )}
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>
        ${rows.length > shown && html`<p class="soft">${say(`${shown} dòng đầu trên ${rows.length}`, `The first ${shown} of ${rows.length}`)}</p>`}
      </section>`
    }`
}

function figuresOf(language: Language, { rate, targets, figures }: AuditSheet): Html {
  const say = sayIn(language)
  return html`<dl class="figures">
    ${
      rate !== null &&
      html`<div class="good">
        <dt>${say('Tỷ lệ', 'Rate')}</dt>
        <dd>${percentWords(rate)[language]}</dd>
        <dd>${miniBar(rate)}</dd>
        ${targets.map((target) => html`<dd class="soft">${targetWords(target)[language]}</dd> `)}
      </div>`
    }
    ${figures.map(
      ([words, count]) =>
        html`<div>
          <dt>${words[language]}</dt>
          <dd>${countWords(count)[language]}</dd>
        </div>`,
    )}
  </dl>`
}

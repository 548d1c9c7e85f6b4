import { z } from 'zod'
import type { Console } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { address, both, html } from '../console/html.ts'
import { periodForm } from '../console/forms.ts'
import { sayIn, type Language } from '../console/words.ts'
import type { Sql } from '../platform/database.ts'
import { tableFormats } from '../platform/files.ts'
import type { SyncRateReport } from './model.ts'
import { renderReportPage, reportBody } from './page.ts'
import { reportWorkbook } from './report-file.ts'
import { paperReport } from './report-paper.ts'
import { limitOf, selection, shownPeriod } from './selection.ts'
import { sampleCodes, syncRate } from './store.ts'
import { onlyWords, periodWords, reportWords, sumWords } from './words.ts'

const formats = ['pdf', 'xlsx', 'html'] as const

/** The sync rate as a page of the console. A person sees their own agencies. */
export function addReportPages(console: Console, { sql }: { readonly sql: Sql }): void {
  console.page({
    path: 'report',
    right: 'reports:read',
    allAgencies: false,
    menu: { vi: 'Tỷ lệ đồng bộ', en: 'Sync rate' },
    query: z.strictObject(selection),
    async show({ language, person }, query) {
      const agencies = limitOf(person.agencies)
      const chosen = { ...query, ...(await shownPeriod(sql, query, agencies)), agencies }
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
  console.file({
    path: 'report-file',
    right: 'reports:read',
    allAgencies: false,
    query: z.strictObject({ ...selection, format: z.enum(formats) }),
    async give({ language, person }, { format, ...query }) {
      const agencies = limitOf(person.agencies)
      const chosen = { ...query, ...(await shownPeriod(sql, query, agencies)), agencies }
      const report = await syncRate(sql, chosen)
      const name = `ty-le-dong-bo-${report.period.from}.${format}`
      if (format === 'xlsx') return { name, type: tableFormats.xlsx, bytes: await reportWorkbook(report, language) }
      if (format === 'pdf') return { name, type: 'application/pdf', bytes: await paperReport(report, language) }
      const samples = await sampleCodes(
        sql,
        chosen,
        report.causes.map(({ code }) => code),
      )
      const page = renderReportPage(report, { language, samples })
      return { name, type: 'text/html; charset=utf-8', bytes: Buffer.from(page) }
    },
  })
}

function fileAddress({ period, only }: SyncRateReport, format: (typeof formats)[number]): string {
  const limits = Object.entries(only).flatMap(([key, value]) => (value === null ? [] : [[key, value]]))
  return address('report-file', { ...period, ...Object.fromEntries(limits), format })
}

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
      <p class="soft">
        ${say('Lưu thành tệp', 'Keep it as a file')}: <a href="${fileAddress(report, 'pdf')}">PDF</a>,
        <a href="${fileAddress(report, 'xlsx')}">Excel</a>,
        <a href="${fileAddress(report, 'html')}">HTML</a>
      </p>
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

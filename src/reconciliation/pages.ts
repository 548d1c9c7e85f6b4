import { z } from 'zod'
import type { Console } from '../console/console.ts'
import type { Page } from '../console/frame.ts'
import { address, both, html, type Html } from '../console/html.ts'
import { periodForm } from '../console/forms.ts'
import { sayIn, type Language } from '../console/words.ts'
import { limitOf } from '../platform/auth.ts'
import type { Sql } from '../platform/database.ts'
import { tableFormats } from '../platform/files.ts'
import { trendSections } from './charts.ts'
import type { SyncRateReport } from './model.ts'
import { publicCountSection, type PublicCounts } from './public-counts.ts'
import { renderReportPage, reportBody } from './page.ts'
import { reportWorkbook } from './report-file.ts'
import { paperReport } from './report-paper.ts'
import { selection, shownPeriod } from './selection.ts'
import { trendsOf, type Trends } from './snapshots.ts'
import { sampleCodes, syncRate } from './store.ts'
import { onlyWords, periodWords, reportWords, sumWords } from './words.ts'

export interface ReportPageDeps {
  readonly sql: Sql
  /** Null where the portal's public report is not fetched. */
  readonly publicCounts: PublicCounts | null
}

const formats = ['pdf', 'xlsx', 'html'] as const

/** The sync rate as a page of the console. A person sees their own agencies. */
export function addReportPages(console: Console, { sql, publicCounts }: ReportPageDeps): void {
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
      // Days are kept by agency: what is narrowed otherwise has no past to show.
      const hasPast = query.level === undefined && query.procedure === undefined
      const trends = hasPast ? await trendsOf(sql, withinLimit(agencies, query.agency)) : null
      const isWhole = agencies === undefined && Object.values(report.only).every((limit) => limit === null)
      // The portal's months are whole ones; a period that nobody cut ends with the newest dossier.
      const months = { from: report.period.from, to: query.to ?? '9999-12-31' }
      const counts = isWhole && publicCounts ? await publicCounts(months) : []
      const publics = publicCountSection(language, report, counts)
      return reportPage(language, report, { samples, mayMap, trends, publics })
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

/** The chosen agency, where the reader may see it. */
const withinLimit = (agencies: readonly string[] | undefined, chosen: string | undefined) =>
  chosen === undefined ? agencies : (agencies ?? [chosen]).filter((agency) => agency === chosen)

function fileAddress({ period, only }: SyncRateReport, format: (typeof formats)[number]): string {
  const limits = Object.entries(only).flatMap(([key, value]) => (value === null ? [] : [[key, value]]))
  return address('report-file', { ...period, ...Object.fromEntries(limits), format })
}

interface ReportExtras {
  readonly samples: Readonly<Record<string, string[]>>
  readonly mayMap: boolean
  readonly trends: Trends | null
  readonly publics: Html
}

function reportPage(
  language: Language,
  report: SyncRateReport,
  { samples, mayMap, trends, publics }: ReportExtras,
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
              reportAt: 'report',
              ...(mayMap ? { mappingAt: 'mapping' } : {}),
            })
      }
      ${publics} ${trends && trendSections(language, trends)}
      <footer><p>${both(sumWords(report))}</p></footer>`,
  }
}

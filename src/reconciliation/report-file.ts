import { causeWords, type Language } from '../console/words.ts'
import { sheetOf, workbookBytes, type Row, type Sheet } from '../platform/workbook-writer.ts'
import { breakdowns, type Breakdown, type Part, type SyncRateReport } from './model.ts'
import { onlyWords, partWords, periodWords, reportWords } from './words.ts'

/** The report as a workbook: the figures with their causes, and a sheet for every way to break them down. */
export function reportWorkbook(report: SyncRateReport, language: Language): Promise<Buffer> {
  return workbookBytes([summary(report, language), ...breakdowns.map((name) => breakdownSheet(report, name, language))])
}

function summary(report: SyncRateReport, language: Language): Sheet {
  const { total, causes } = report
  const only = onlyWords(report.only)
  return sheetOf(
    language === 'vi' ? 'Tổng hợp' : 'Summary',
    [periodWords(report.period)[language], only?.[language] ?? ''],
    [
      [reportWords.received[language], total.received],
      [reportWords.delivered[language], total.delivered],
      [reportWords.rate[language], { rate: total.rate }],
      [reportWords.atPortal[language], total.atPortal],
      [reportWords.gap[language], total.received - total.delivered],
      ...causes.map(({ code, count }): Row => [`    ${causeWords(code).cause[language]}`, count]),
    ],
  )
}

function breakdownSheet(report: SyncRateReport, name: Breakdown, language: Language): Sheet {
  const codes = report.causes.map(({ code }) => code)
  return sheetOf(
    reportWords[name][language],
    [
      language === 'vi' ? 'Mã' : 'Code',
      language === 'vi' ? 'Tên' : 'Name',
      reportWords.received[language],
      reportWords.delivered[language],
      reportWords.rate[language],
      ...codes.map((code) => causeWords(code).cause[language]),
    ],
    report[name].map((part: Part): Row => [
      part.key,
      partWords(name, part)[language],
      part.received,
      part.delivered,
      { rate: part.rate },
      ...codes.map((code) => part.causes[code] ?? 0),
    ]),
  )
}

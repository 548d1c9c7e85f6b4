import { address, html, type Html } from '../console/html.ts'
import { table } from '../console/parts.ts'
import { countWords, dayWords, monthWords, sayIn, type Language } from '../console/words.ts'
import type { SyncRateReport } from './model.ts'

/** What the portal itself counts as received in a month and held by it, where its public report is fetched. */
export interface PublicCount {
  /** `yyyy-MM`. */
  readonly month: string
  /** Vietnam date of the fetch. */
  readonly day: string
  readonly count: number
}

/** Counts of whole months within a period, for the whole province; empty where there are none. */
export type PublicCounts = (period: { readonly from: string; readonly to: string }) => Promise<readonly PublicCount[]>

/** The fourth count beside those of the report: three that we know of, and one that the portal publishes. */
export function publicCountSection(language: Language, report: SyncRateReport, counts: readonly PublicCount[]): Html {
  const say = sayIn(language)
  const rows = counts.flatMap((one) => {
    const ours = report.byMonth.find(({ key }) => key === one.month)
    return ours ? [{ ...one, ours }] : []
  })
  if (rows.length === 0) return html``
  const number = (value: number) => countWords(value)[language]
  const title = say('Cổng tự đếm', 'As the portal counts itself')
  const signed = (value: number) => `${value > 0 ? '+' : value < 0 ? '−' : ''}${number(Math.abs(value))}`
  const columns = [
    say('Tiếp nhận (sổ cái)', 'Received (ledger)'),
    say('Đã có trên Cổng (sổ cái)', 'At the portal (ledger)'),
    say('Cổng đếm', 'The portal counts'),
    say('Lệch', 'Difference'),
  ]
  return html`<section>
    <h2>${title}</h2>
    <p class="soft">
      ${say(
        'Theo báo cáo công khai của Cổng, của ngày được ghi; sổ cái là lúc này. Lệch chưa chắc là lỗi: Cổng có thể đã nhận thêm hồ sơ không qua hệ thống này.',
        "By the portal's public report, as of the day that is named; the ledger is as of now. A difference need not be a fault: the portal may have dossiers that did not come through this service.",
      )}
    </p>
    ${table(
      title,
      [say('Tháng', 'Month'), ...columns.map((number) => ({ number }))],
      rows.map(({ month, day, count, ours }) => [
        monthWords(month),
        number(ours.received),
        number(ours.atPortal),
        html`<a href="${`${address('score', { public: month })}#public`}">${number(count)}</a><br /><span class="soft"
            >${dayWords(day)}</span
          >`,
        signed(count - ours.atPortal),
      ]),
    )}
  </section>`
}

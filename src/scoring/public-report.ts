import type { PortalId, PublicReportName } from '../../config/public-figures.ts'
import type { FailureCode } from '../../config/failures.ts'

/** A month, quarter or year. Days are Vietnam dates; `to` is exclusive. */
export interface PublicPeriod {
  /** `yyyy-MM`, `yyyy-Qn` or `yyyy`. */
  readonly key: string
  readonly kind: 'month' | 'quarter' | 'year'
  readonly from: string
  readonly to: string
}

export interface ReportQuestion {
  readonly report: PublicReportName
  readonly period: PublicPeriod
  readonly unit: PortalId
}

export type ReportReading =
  /** `data` of every page, in their order; `size`: signs of them all. */
  | { readonly ok: true; readonly pages: readonly unknown[]; readonly size: number }
  | { readonly ok: false; readonly code: FailureCode; readonly detail: string; readonly pages: readonly unknown[] }

/** The port to the portal's public reporting API. It keeps its own pace, and tries again by itself. */
export interface PublicReport {
  /** Never throws: every trouble is a reading. `alive` is called whenever it gets on. */
  read(question: ReportQuestion, alive: () => void): Promise<ReportReading>
}

/** Levels of government that handle dossiers. Districts ended on 1 July 2025 and live on in older dossiers. */
export const levels = ['ministry', 'province', 'district', 'commune'] as const
export type Level = (typeof levels)[number]

export const levelNames: Readonly<Record<Level, { vi: string; en: string }>> = {
  ministry: { vi: 'Cấp bộ', en: 'Ministry' },
  province: { vi: 'Cấp tỉnh', en: 'Province' },
  district: { vi: 'Cấp huyện', en: 'District' },
  commune: { vi: 'Cấp xã', en: 'Commune' },
}

/** A unit of the province that receives or handles dossiers. `code` as in Decision 20/2020: `H34.14` or `000.00.14.H34`. */
export interface Agency {
  readonly code: string
  readonly name: string
  readonly level: Level
}

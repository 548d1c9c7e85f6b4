/** What public reports of the province say of the year, as of 29 December 2020. */
export const published = {
  dossiers: 77_240,
  inStep: 34_180,
  /** As printed: 34,180 of 77,240 are 44.25 %, which the report cut to one decimal. */
  syncRate: 44.2,
  procedures: { province: 1577, district: 280, commune: 118 },
  onlineServices: { level3: 296, level4: 476 },
  onlineDossiers: 4579,
} as const

/** How the 43,060 dossiers that had not arrived divide among the causes. The reports name the causes and give no numbers. */
export const assumed = {
  noNationalCode: 24_500,
  predatesPublication: 9000,
  slowSync: 9483,
  /** Dossiers that cannot be sent as they are: about one in a thousand of all. */
  defects: 77,
  /** Part of `noNationalCode`: procedures of the province alone, about one in two hundred dossiers. */
  neverMappable: 386,
} as const

/** To be shown wherever the demo shows these figures. */
export const figuresNote = {
  vi: 'Các tổng số (77.240 hồ sơ, 34.180 đã đồng bộ = 44,2 %, 1.975 thủ tục) là số liệu công khai của tỉnh Kon Tum, tháng 12/2020. Số hồ sơ theo từng nguyên nhân là giả định của chúng tôi: báo cáo nêu ba nguyên nhân nhưng không nêu số lượng. Công dân, hồ sơ và mã đơn vị là hư cấu.',
  en: 'The totals (77,240 dossiers, 34,180 in step = 44.2 %, 1,975 procedures) are public figures of Kon Tum province, December 2020. How many dossiers each cause holds is our assumption: the reports name three causes and count none. Citizens, dossiers and unit codes are invented.',
} as const

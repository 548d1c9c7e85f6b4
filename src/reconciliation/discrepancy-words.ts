import type { Words } from '../console/words.ts'
import type { FindingKind } from './agreement.ts'
import type { DiscrepancyAct, DiscrepancyKind } from './discrepancies.ts'

export const kindWords: Readonly<Record<FindingKind | DiscrepancyKind, Words>> = {
  equal: { vi: 'Khớp', en: 'Equal' },
  different: { vi: 'Khác nội dung', en: 'Different' },
  'missing-there': { vi: 'Cổng không có', en: 'Missing at the portal' },
  'missing-here': { vi: 'Ở đây không có', en: 'Missing here' },
  'missing-everywhere': { vi: 'Chỉ có trong sổ của tỉnh', en: "Only in the province's register" },
  unknown: { vi: 'Chưa rõ', en: 'Unknown' },
}

export const actWords: Readonly<Record<DiscrepancyAct, Words>> = {
  resend: { vi: 'Gửi lại', en: 'Send again' },
  accept: { vi: 'Chấp nhận bản của Cổng', en: 'Accept what the portal has' },
  ignore: { vi: 'Bỏ qua', en: 'Ignore' },
}

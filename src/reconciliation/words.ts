import type { FailureCode } from '../../config/failures.ts'
import { countWords, dayWords, monthWords, type Language, type Words } from '../console/words.ts'
import { levelNames, type Level } from '../organisations/model.ts'
import { noLevel, type Breakdown, type Part, type SyncRateReport } from './model.ts'

/** The period with its last day included, as people say it. */
export function periodWords({ from, to }: SyncRateReport['period']): Words {
  const last = new Date(Date.parse(`${to}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10)
  return {
    vi: `Hồ sơ tiếp nhận từ ${dayWords(from)} đến hết ${dayWords(last)}`,
    en: `Dossiers received from ${dayWords(from)} to ${dayWords(last)}`,
  }
}

/** What a report is limited to, null when it shows everything. */
export function onlyWords({ agency, level, procedure }: SyncRateReport['only']): Words | null {
  const named = (vi: string, en: string, code: string | null) =>
    code === null ? [] : [{ vi: `${vi} ${code}`, en: `${en} ${code}` }]
  const parts = [
    ...named('cơ quan', 'agency', agency),
    ...named('cấp', 'level', level),
    ...named('thủ tục', 'procedure', procedure),
  ]
  if (parts.length === 0) return null
  return { vi: parts.map((part) => part.vi).join(', '), en: parts.map((part) => part.en).join(', ') }
}

export function partWords(breakdown: Breakdown, part: Part): Words {
  if (breakdown === 'byMonth') {
    const month = monthWords(part.key)
    return { vi: month, en: month }
  }
  if (breakdown !== 'byLevel') return { vi: part.name, en: part.name }
  if (part.key === noLevel) return { vi: 'Chưa rõ cấp', en: 'Level not known' }
  return Object.hasOwn(levelNames, part.key) ? levelNames[part.key as Level] : { vi: part.name, en: part.name }
}

export const reportWords = {
  title: { vi: 'Tỷ lệ đồng bộ hồ sơ lên Cổng DVCQG', en: 'Sync rate of dossiers with the National Portal' },
  target: { vi: 'mục tiêu 100 %', en: 'target 100 %' },
  received: { vi: 'Đã tiếp nhận', en: 'Received' },
  delivered: { vi: 'Đã đồng bộ', en: 'In step' },
  atPortal: { vi: 'Đã có trên Cổng', en: 'At the portal' },
  gap: { vi: 'Chưa đồng bộ', en: 'Not in step' },
  rate: { vi: 'Tỷ lệ', en: 'Rate' },
  mainCause: { vi: 'Nguyên nhân chính', en: 'Main cause' },
  causes: { vi: 'Vì sao chưa đồng bộ', en: 'Why dossiers are not in step' },
  nothing: { vi: 'Không có hồ sơ nào được tiếp nhận trong kỳ.', en: 'No dossier was received in this period.' },
  noGap: { vi: 'Mọi hồ sơ đã đồng bộ.', en: 'Every dossier is in step.' },
  byLevel: { vi: 'Theo cấp', en: 'By level' },
  byAgency: { vi: 'Theo cơ quan', en: 'By agency' },
  byProcedure: { vi: 'Theo thủ tục', en: 'By procedure' },
  byMonth: { vi: 'Theo tháng tiếp nhận', en: 'By month of reception' },
} as const satisfies Record<string, Words>

/** The sum that everybody can check: received = in step + each cause. */
export function sumWords(report: SyncRateReport): Words {
  const counts = [report.total.delivered, ...report.causes.map(({ count }) => count)].map(countWords)
  const total = countWords(report.total.received)
  const sum = (language: Language) => `${total[language]} = ${counts.map((count) => count[language]).join(' + ')}`
  return {
    vi: `Các phần cộng đúng bằng tổng: ${sum('vi')}; theo cấp, cơ quan, thủ tục và tháng cũng vậy.`,
    en: `The parts add up to the total: ${sum('en')}; so do those by level, agency, procedure and month.`,
  }
}

/** Causes that a dossier can stand under, in the order in which the catalogue of failures has them. */
export const causeCodes = [
  'no-national-code',
  'ambiguous-national-code',
  'predates-publication',
  'procedure-closed',
  'unknown-agency',
  'agency-closed',
  'agency-split',
  'unmapped-status',
  'missing-for-portal',
  'invalid-for-portal',
  'portal-refused',
  'step-refused',
  'content-unreadable',
  'retries-exhausted',
  'waiting-for-portal',
  'retrying',
  'outcome-unknown',
] as const satisfies readonly FailureCode[]

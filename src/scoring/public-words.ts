import { publicReports, type PublicReportName, type PublicSubject } from '../../config/public-figures.ts'
import type { Words } from '../console/words.ts'
import { indicatorWords } from './words.ts'

export const publicWords = {
  title: { vi: 'Số liệu công khai của Cổng', en: "The portal's public figures" },
  ours: { vi: 'Của ta', en: 'Ours' },
  portal: { vi: 'Của Cổng', en: "The portal's" },
  difference: { vi: 'Chênh lệch', en: 'Difference' },
  unknown: { vi: 'chưa biết', en: 'unknown' },
  province: { vi: 'Toàn tỉnh', en: 'The whole province' },
} as const satisfies Record<string, Words>

export const subjectWords = (what: PublicSubject): Words =>
  what === 'dossiers' ? { vi: 'Hồ sơ tiếp nhận', en: 'Dossiers received' } : indicatorWords(what)

export const publicReportWords = (report: PublicReportName): Words => {
  const { vi, en } = publicReports[report]
  return { vi, en }
}

/** What must be known before two figures are held against each other. */
export const remarks: Readonly<Partial<Record<PublicSubject, Words>>> = {
  sync: {
    vi: 'Mẫu số của Cổng là số lớn hơn giữa số của Cổng và số của hệ thống báo cáo quốc gia; mẫu số của ta là sổ cái. Hệ thống báo cáo quốc gia không có ở đây.',
    en: "The portal's denominator is the larger of its own count and that of the national reporting system; ours is the ledger's. The national reporting system is not at hand.",
  },
  online: {
    vi: 'Tỷ lệ của ta chưa nhân với tỷ lệ đồng bộ; các nguồn không thống nhất tỷ lệ công bố đã nhân hay chưa.',
    en: 'Our ratio is not multiplied by the sync rate; the sources disagree whether the published one is.',
  },
}

/** 2026-11 is a month: 11/2026. */
export function periodWords(key: string): Words {
  const [year = '', part] = key.split('-')
  if (part === undefined) return { vi: `Năm ${year}`, en: `Year ${year}` }
  if (part.startsWith('Q')) return { vi: `Quý ${part.slice(1)}/${year}`, en: `${part}/${year}` }
  return { vi: `Tháng ${part}/${year}`, en: `${part}/${year}` }
}

import type { FailureCode } from './failures.ts'

/** Where a dossier stands on its way to the portal, in words for people. */
export const laneWords = {
  delivered: { vi: 'Đã gửi', en: 'Delivered' },
  waiting: { vi: 'Chờ gửi', en: 'Waiting' },
  sending: { vi: 'Đang gửi', en: 'Being sent' },
  unknown: { vi: 'Chưa rõ kết quả', en: 'Outcome unknown' },
  blocked: { vi: 'Bị chặn', en: 'Blocked' },
  parked: { vi: 'Đã dừng', en: 'Parked' },
} as const

/** What the portal's answer to a call meant. */
export const answerWords = {
  ok: { vi: 'Thành công', en: 'Successful' },
  exists: { vi: 'Cổng đã có hồ sơ này', en: 'The portal holds it already' },
  absent: { vi: 'Cổng chưa có hồ sơ này', en: 'The portal does not hold it' },
  refused: { vi: 'Cổng từ chối', en: 'Refused by the portal' },
  transient: { vi: 'Cổng báo gửi lại sau', en: 'The portal said: later' },
  unrecognised: { vi: 'Cổng trả lời mã lạ', en: 'An answer that no rule knows' },
  busy: { vi: 'Cổng chưa xử lý', en: 'Not processed by the portal' },
  unknown: { vi: 'Chưa rõ Cổng đã nhận hay chưa', en: 'Not known whether it was taken' },
  'session-expired': { vi: 'Phiên đăng nhập hết hạn', en: 'The session had expired' },
} as const

export type AnswerKind = keyof typeof answerWords

/** The failure whose words explain an answer; null when nothing failed. By what is kept of a call: how it was cut is not. */
export function failureOfAnswer(kind: string, httpStatus: number | null): FailureCode | null {
  if (kind === 'refused') return 'portal-refused'
  if (kind === 'transient') return 'portal-later'
  if (kind === 'unrecognised') return 'portal-unrecognised'
  if (kind === 'busy') return httpStatus === null ? 'portal-unreachable' : 'portal-busy'
  if (kind !== 'unknown') return null
  if (httpStatus === null) return 'outcome-unknown'
  return httpStatus >= 500 ? 'portal-error' : 'portal-unreadable'
}

import { ageWords, causeWords, countWords, momentWords, type Words } from '../console/words.ts'
import type { Movement } from './health.ts'
import type { Hold } from './hold.ts'
import { moveWords, type PaceState } from './pace.ts'
import type { Progress, ReplayPhase } from './replays.ts'

/** What the command line and the pages say about sending. */

export const phaseWords: Readonly<Record<ReplayPhase, Words>> = {
  draft: { vi: 'xem trước', en: 'draft' },
  running: { vi: 'đang chạy', en: 'running' },
  paused: { vi: 'tạm dừng', en: 'paused' },
  cancelled: { vi: 'đã hủy', en: 'cancelled' },
  done: { vi: 'đã xong', en: 'done' },
  expired: { vi: 'quá hạn', en: 'expired' },
}

export const partWords = {
  total: { vi: 'tổng số', en: 'total' },
  remaining: { vi: 'chưa gửi', en: 'remaining' },
  onWay: { vi: 'đang gửi', en: 'on the way' },
  delivered: { vi: 'đã gửi xong', en: 'delivered' },
  stopped: { vi: 'lại bị dừng', en: 'stopped again' },
  skipped: { vi: 'bỏ qua', en: 'skipped' },
} as const satisfies Record<keyof Progress, Words>
export function holdWords({ since, actor, why, onWay }: Hold): Words {
  const at = momentWords(since ?? '')
  const { next } = causeWords('delivery-held')
  return {
    vi: `Đang tạm dừng mọi việc gửi từ ${at} (${actor}: ${why ?? ''}); ${onWay} hồ sơ còn trong lượt gọi. ${next.vi}`,
    en: `All sending is stopped since ${at} (${actor}: ${why ?? ''}); ${onWay} dossiers are still in calls. ${next.en}`,
  }
}

export function paceWords(pace: PaceState | null): Words {
  if (!pace) return { vi: 'Nhịp gửi: không kết nối được Redis.', en: 'Pace: Redis cannot be reached.' }
  const parts = [gateWords(pace), loadWords(pace), ...(pace.moved ? [changeWords(pace.moved)] : [])]
  return { vi: parts.map(({ vi }) => vi).join(' '), en: parts.map(({ en }) => en).join(' ') }
}

function gateWords({ rate, ceiling, open, reason, closedFor, opensAt }: PaceState): Words {
  if (open)
    return {
      vi: `Nhịp gửi: ${rate.toFixed(1)}/${ceiling} lượt gọi mỗi giây, đang mở.`,
      en: `Pace: ${rate.toFixed(1)} of ${ceiling} calls a second, open.`,
    }
  const { cause } = causeWords(reason ?? 'portal-busy')
  const left = ageWords(closedFor / 1000)
  const until = opensAt ? ` (${momentWords(opensAt.toISOString())})` : ''
  return {
    vi: `Nhịp gửi: tạm đóng ${left.vi}${until}. ${cause.vi}`,
    en: `Pace: closed for ${left.en}${until}. ${cause.en}`,
  }
}

function loadWords({ inFlight, quota }: PaceState): Words {
  const flying = countWords(inFlight)
  if (!quota) return { vi: `Đang gọi: ${flying.vi}.`, en: `In flight: ${flying.en}.` }
  const [used, limit] = [countWords(quota.used), countWords(quota.limit)]
  return {
    vi: `Đang gọi: ${flying.vi}. Hôm nay: ${used.vi}/${limit.vi} lượt gọi.`,
    en: `In flight: ${flying.en}. Today: ${used.en} of ${limit.en} calls.`,
  }
}

function changeWords({ at, from, to, why }: NonNullable<PaceState['moved']>): Words {
  const when = momentWords(at.toISOString())
  const rates = `${from.toFixed(1)} → ${to.toFixed(1)}`
  return {
    vi: `Đổi lần cuối lúc ${when} (${rates}): ${moveWords[why].vi}.`,
    en: `Moved last at ${when} (${rates}): ${moveWords[why].en}.`,
  }
}

const stallWords: Readonly<Record<NonNullable<Movement['reason']>, Words>> = {
  'portal-not-configured': { vi: 'chưa đặt PORTAL_URL', en: 'PORTAL_URL is not set' },
  'queue-unreachable': { vi: 'không kết nối được Redis', en: 'Redis cannot be reached' },
  'portal-unavailable': { vi: 'Cổng đang không nhận', en: 'the portal takes nothing at the moment' },
  'no-worker': {
    vi: 'không có tiến trình worker nào hoạt động',
    en: 'no process with the role worker gives a sign of life',
  },
  'no-scheduler': {
    vi: 'không có tiến trình scheduler nào hoạt động',
    en: 'no process with the role scheduler gives a sign of life',
  },
  'queue-silent': {
    vi: 'một hàng đợi không chuyển động ("dvcqg queues list")',
    en: 'a queue does not move ("dvcqg queues list")',
  },
  'no-progress': {
    vi: 'các tiến trình hoạt động nhưng không gửi được gì; xem nhật ký',
    en: 'the processes live, but nothing gets through; see their logs',
  },
  'quiet-hours': { vi: 'đang trong giờ không gửi', en: 'quiet hours' },
  'daily-quota': { vi: 'đã dùng hết lượt gọi của ngày', en: "the day's calls are used up" },
  'delivery-held': { vi: 'quản trị viên đã tạm dừng việc gửi', en: 'an operator holds all sending' },
}

export function movementWords({ ok, reason, oldestDueSeconds }: Movement): Words {
  if (ok && reason)
    return { vi: `Tạm dừng theo ý muốn: ${stallWords[reason].vi}.`, en: `Paused on purpose: ${stallWords[reason].en}.` }
  if (ok || !reason) return { vi: 'Công việc đang chạy bình thường.', en: 'Work is moving.' }
  const age = ageWords(oldestDueSeconds ?? 0)
  return {
    vi: `Công việc đứng yên (${age.vi}): ${stallWords[reason].vi}.`,
    en: `Work stands still (${age.en}): ${stallWords[reason].en}.`,
  }
}

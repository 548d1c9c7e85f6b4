import { html, type Html } from '../console/html.ts'
import { sayIn, type CauseWords, type Language, type Words } from '../console/words.ts'
import type { CounterPart, UnitFigures } from './figures.ts'
import type { SentFigures, Timing, UnplacedReason } from './model.ts'
import { hasMoved, type MonthReport, type Obstacle, type UnitLine } from './month.ts'
import type { Fate, Report } from './reports.ts'

/** What pages and the command line say about monthly counters. */

export const counterWords = {
  title: { vi: 'Thống kê tháng', en: 'Monthly counters' },
  province: { vi: 'Toàn tỉnh', en: 'Whole province' },
  unit: { vi: 'Cơ quan', en: 'Unit' },
  received: { vi: 'Nhận trong kỳ', en: 'Received' },
  carried: { vi: 'Tồn kỳ trước', en: 'Carried over' },
  total: { vi: 'Tổng số', en: 'Total' },
  handled: { vi: 'Đã xử lý', en: 'Handled' },
  pending: { vi: 'Chưa xử lý', en: 'Pending' },
  inTime: { vi: 'Đúng hạn', en: 'In time' },
  within: { vi: 'Trong hạn', en: 'In time' },
  late: { vi: 'Trễ hạn', en: 'Late' },
  untold: { vi: 'Không xác định', en: 'Cannot be told' },
  state: { vi: 'Đã gửi', en: 'Sent' },
} as const satisfies Record<string, Words>

export const obstacleWords: Readonly<Record<Obstacle, Words>> = {
  'no-portal': {
    vi: 'Chưa đặt PORTAL_URL: không có Cổng để gửi.',
    en: 'PORTAL_URL is not set: there is no portal to send to.',
  },
  'no-service': {
    vi: 'Phương ngữ đã đặt không có dịch vụ nhận thống kê (counters): chỉ xem, không gửi.',
    en: 'The dialect has no service that takes counters (counters): they are shown and not sent.',
  },
  'no-kind': {
    vi: 'Chưa biết giá trị LoaiThongKe của Cổng: đặt counters.kind trong tệp phương ngữ (PORTAL_DIALECT). Chỉ xem, không gửi.',
    en: 'The value of LoaiThongKe is not known: set counters.kind in the dialect file (PORTAL_DIALECT). Shown and not sent.',
  },
  'since-not-set': {
    vi: 'Chưa đặt COUNTERS_SINCE (tháng đầu tiên mà sổ cái có đủ hồ sơ, kể cả hồ sơ tồn): số liệu có thể thiếu, không gửi.',
    en: 'COUNTERS_SINCE is not set (the first month that the ledger holds whole, with what was pending then): figures may be short, and are not sent.',
  },
  'before-since': {
    vi: 'Không xác định được: sổ cái chưa có đủ hồ sơ của tháng này (COUNTERS_SINCE).',
    en: 'Cannot be told: the ledger does not hold the whole of this month (COUNTERS_SINCE).',
  },
  'month-open': {
    vi: 'Tháng chưa hết: số liệu tính đến lúc này, chưa gửi được.',
    en: 'The month is not over: counted until now, not to be sent yet.',
  },
  untold: {
    vi: 'Còn hồ sơ không xác định được; mở các số không xác định, bổ sung hoặc quy định cách tính trong phương ngữ (counters.untoldEnd, counters.untoldTime).',
    en: 'Some dossiers cannot be told: open the numbers that cannot be told, complete them, or say in the dialect how they count (counters.untoldEnd, counters.untoldTime).',
  },
}

export const whyWords: Readonly<Record<NonNullable<UnitFigures['why']>, Words>> = {
  'unknown-agency': { vi: 'chưa có trong danh sách cơ quan', en: 'in no list of units' },
  'agency-closed': { vi: 'đã giải thể, chưa rõ cơ quan kế tục', en: 'closed, and nobody said who follows' },
  'agency-split': { vi: 'đã chia tách, chưa rõ cơ quan kế tục', en: 'divided, and nobody said who follows' },
}

export function unitWords({ code, name, why }: UnitFigures): Words {
  if (why === null) return { vi: `${code} ${name ?? ''}`.trim(), en: `${code} ${name ?? ''}`.trim() }
  return { vi: `${code} (${whyWords[why].vi})`, en: `${code} (${whyWords[why].en})` }
}

const reportStates: Readonly<Record<Report['state'], Words>> = {
  waiting: { vi: 'chờ gửi', en: 'waits' },
  sent: { vi: 'Cổng đã nhận', en: 'taken' },
  unknown: { vi: 'chưa rõ kết quả', en: 'outcome unknown' },
  refused: { vi: 'Cổng từ chối', en: 'refused' },
}

export const sendingWords = ({ state, onWay, decided }: Report): Words =>
  onWay
    ? { vi: 'đang gửi', en: 'on its way' }
    : decided !== null && state === 'refused'
      ? { vi: 'Cổng không nhận (người kết luận)', en: 'not taken (by a person)' }
      : reportStates[state]

const movedWords: Words = { vi: 'đã thay đổi sau khi gửi', en: 'changed since sent' }

export const stateWords = (line: UnitLine): Words => {
  if (line.report === null) return { vi: 'chưa gửi', en: 'not sent' }
  return hasMoved(line) ? movedWords : sendingWords(line.report)
}

export const fateWords: Readonly<Record<Fate, Words>> = {
  first: { vi: 'gửi lần đầu', en: 'sent for the first time' },
  again: { vi: 'gửi lại số mới', en: 'sent again with new figures' },
  same: { vi: 'Cổng đã có đúng số này, không gửi', en: 'the portal has the same, not sent' },
  unsettled: { vi: 'lần trước chưa xong, không gửi', en: 'the one before is not settled, not sent' },
}

export const timingWords: Readonly<Record<Timing, Words>> = {
  'in-time': { vi: 'đúng hạn', en: 'in time' },
  late: { vi: 'trễ hạn', en: 'late' },
  'no-promise': { vi: 'không có ngày hẹn trả', en: 'no promised date' },
  'supplement-untold': { vi: 'không rõ công dân bổ sung xong lúc nào', en: 'nobody says when the supplement came' },
}

export const unplacedWords: Readonly<Record<UnplacedReason, CauseWords>> = {
  'not-judged': {
    cause: { vi: 'chưa được xét', en: 'not judged yet' },
    next: { vi: 'Chạy dvcqg score recompute.', en: 'Run dvcqg score recompute.' },
  },
  'status-unmapped': {
    cause: { vi: 'trạng thái chưa được ánh xạ', en: 'status not mapped' },
    next: {
      vi: 'Nhập ánh xạ trạng thái, rồi chạy dvcqg score recompute.',
      en: 'Import the status mapping, then run dvcqg score recompute.',
    },
  },
  'end-unknown': {
    cause: { vi: 'đã kết thúc, không rõ lúc nào', en: 'ended, and nobody says when' },
    next: {
      vi: 'Gửi lại hồ sơ có ngày kết thúc, hoặc bước nói vậy.',
      en: 'Push it with the date of its end, or the step that says so.',
    },
  },
}

export const partWords: Readonly<Record<CounterPart, Words>> = {
  total: counterWords.total,
  received: counterWords.received,
  carried: counterWords.carried,
  handled: counterWords.handled,
  'handled-in-time': { vi: 'Đã xử lý đúng hạn', en: 'Handled in time' },
  'handled-late': { vi: 'Đã xử lý trễ hạn', en: 'Handled late' },
  'handled-untold': { vi: 'Đã xử lý, không rõ đúng hạn hay trễ hạn', en: 'Handled, in time or late cannot be told' },
  pending: counterWords.pending,
  'pending-in-time': { vi: 'Chưa xử lý, trong hạn', en: 'Pending in time' },
  'pending-late': { vi: 'Chưa xử lý, trễ hạn', en: 'Pending and late' },
  'pending-untold': { vi: 'Chưa xử lý, không rõ trong hạn hay trễ hạn', en: 'Pending, in time or late cannot be told' },
  'pending-waiting': { vi: 'Đang chờ công dân bổ sung', en: 'Waiting for the citizen' },
  unplaced: { vi: 'Không rõ đã kết thúc chưa', en: 'Whether it ended cannot be told' },
}

/** What stands in the way of sending. */
export const obstacleNote = (language: Language, { obstacles }: MonthReport): Html | false =>
  obstacles.length > 0 &&
  html`<section class="note">
    <ul class="changes">
      ${obstacles.map((one) => html`<li>${obstacleWords[one][language]}</li>`)}
    </ul>
  </section>`

/** What the portal got, in one line. */
export function beside(language: Language, figures: SentFigures): string {
  const { received, carried, handledInTime, handledLate, pendingInTime, pendingLate } = figures
  const say = sayIn(language)
  return say(
    `đã gửi: nhận ${received}, tồn ${carried}, đã xử lý ${handledInTime}+${handledLate}, chưa xử lý ${pendingInTime}+${pendingLate}`,
    `sent: received ${received}, carried ${carried}, handled ${handledInTime}+${handledLate}, pending ${pendingInTime}+${pendingLate}`,
  )
}

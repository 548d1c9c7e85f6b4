import type { Words } from '../console/words.ts'
import type { ScheduledTask } from './model.ts'
import type { Turn } from './store.ts'

export const taskWords: Readonly<Record<ScheduledTask, Words>> = {
  'pull-catalogue': { vi: 'Tải danh mục quốc gia', en: 'Pull of the national catalogue' },
  reconcile: { vi: 'Đối soát hằng ngày', en: 'Daily reconciliation' },
  'public-figures': { vi: 'Tải số liệu công khai của Cổng', en: "Fetch of the portal's public figures" },
  counters: { vi: 'Gửi thống kê tháng', en: 'Sending of monthly counters' },
  rotate: { vi: 'Dọn dữ liệu cũ và chụp tỷ lệ trong ngày', en: "Rotation of old data and the day's snapshot" },
}

export const turnWords: Readonly<Record<Turn['outcome'], Words>> = {
  done: { vi: 'xong', en: 'done' },
  running: { vi: 'đang chạy', en: 'running' },
  held: { vi: 'đang giữ lại, chờ người xem', en: 'held, waits for somebody to look' },
  failed: { vi: 'không thành công', en: 'failed' },
}

/** What was done, as the audit keeps it. An act that is not here is shown by its code. */
export const actionWords: Readonly<Record<string, Words>> = {
  'key.created': { vi: 'Tạo khóa', en: 'Created a key' },
  'key.revoked': { vi: 'Thu hồi khóa', en: 'Revoked a key' },
  'key.right-granted': { vi: 'Cấp thêm quyền', en: 'Granted a right' },
  'key.right-revoked': { vi: 'Thu hồi quyền', en: 'Revoked a right' },
  'console.signed-in': { vi: 'Đăng nhập', en: 'Signed in' },
  'console.signed-out': { vi: 'Đăng xuất', en: 'Signed out' },
  'personal-data.read': { vi: 'Xem dữ liệu cá nhân', en: 'Read personal data' },
  'dossiers.exported': { vi: 'Tải danh sách hồ sơ', en: 'Took a list of dossiers away' },
  'mappings.decided': { vi: 'Quyết định ánh xạ', en: 'Decided about mappings' },
  'mappings.undone': { vi: 'Hủy quyết định ánh xạ', en: 'Undid a decision about mappings' },
  'catalogue.applied': { vi: 'Áp dụng danh mục quốc gia', en: 'Applied the national catalogue' },
  'agency.kept': { vi: 'Giữ nguyên cơ quan', en: 'Kept a unit as it is' },
  'deliveries.held': { vi: 'Tạm dừng gửi', en: 'Held all sending' },
  'deliveries.released': { vi: 'Cho gửi tiếp', en: 'Let sending go on' },
  'deliveries.resent': { vi: 'Gửi lại hồ sơ', en: 'Sent dossiers again' },
  'replay.drafted': { vi: 'Soạn đợt gửi lại', en: 'Drafted a replay' },
  'replay.paused': { vi: 'Tạm dừng đợt gửi lại', en: 'Paused a replay' },
  'replay.resumed': { vi: 'Tiếp tục đợt gửi lại', en: 'Resumed a replay' },
  'replay.cancelled': { vi: 'Hủy đợt gửi lại', en: 'Cancelled a replay' },
  'discrepancies.resend': { vi: 'Gửi lại hồ sơ sai lệch', en: 'Sent what differed again' },
  'discrepancies.accept': { vi: 'Chấp nhận sai lệch', en: 'Accepted discrepancies' },
  'discrepancies.ignore': { vi: 'Bỏ qua sai lệch', en: 'Ignored discrepancies' },
  'counters.asked': { vi: 'Cho gửi thống kê tháng', en: 'Had monthly counters sent' },
  'counters.decided': { vi: 'Kết luận lần gửi thống kê tháng', en: 'Decided what became of monthly counters' },
  'counters.not-sent': { vi: 'Chưa gửi được thống kê tháng', en: 'Monthly counters could not be sent' },
  'webhook.added': { vi: 'Thêm nơi nhận sự kiện', en: 'Added a destination of events' },
  'webhook.changed': { vi: 'Đổi nơi nhận sự kiện', en: 'Changed a destination of events' },
  'webhook.removed': { vi: 'Bỏ nơi nhận sự kiện', en: 'Removed a destination of events' },
  'webhook.resent': { vi: 'Gửi lại sự kiện', en: 'Sent events again' },
  'webhook.secret-rotated': { vi: 'Đổi mật khẩu ký sự kiện', en: 'Made a new secret for events' },
  'webhook.old-secret-dropped': { vi: 'Bỏ mật khẩu ký cũ', en: 'Dropped an old secret for events' },
  'queues.rebuilt': { vi: 'Dựng lại hàng đợi', en: 'Rebuilt the queues' },
  'queues.retry': { vi: 'Chạy lại phiếu lỗi', en: 'Retried failed tickets' },
  'queues.promote': { vi: 'Chạy ngay phiếu hẹn giờ', en: 'Ran delayed tickets at once' },
  'queues.clean': { vi: 'Xóa phiếu lỗi', en: 'Removed failed tickets' },
}

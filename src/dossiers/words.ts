import { statusNames } from '../../config/statuses.ts'
import type { Language, Words } from '../console/words.ts'
import { levelNames } from '../organisations/model.ts'
import { isStatus, type DossierContent } from './model.ts'

/** The plain names of a dossier's fields, as officers say them. */
export const fieldWords: Readonly<Record<keyof DossierContent, Words>> = {
  procedureCode: { vi: 'Mã thủ tục', en: 'Procedure code' },
  procedureName: { vi: 'Tên thủ tục', en: 'Procedure name' },
  agencyCode: { vi: 'Cơ quan xử lý', en: 'Handling agency' },
  intakeAgencyCode: { vi: 'Nơi nộp', en: 'Taken in by' },
  receivingAgencyCode: { vi: 'Nơi tiếp nhận', en: 'Received by' },
  level: { vi: 'Cấp', en: 'Level' },
  status: { vi: 'Trạng thái', en: 'Status' },
  channel: { vi: 'Kênh nộp', en: 'Channel' },
  submittedThrough: { vi: 'Nộp qua', en: 'Submitted through' },
  receiptNumber: { vi: 'Số biên nhận', en: 'Receipt number' },
  owner: { vi: 'Chủ hồ sơ', en: 'Owner' },
  summary: { vi: 'Trích yếu', en: 'Summary' },
  note: { vi: 'Ghi chú', en: 'Note' },
  otherInformation: { vi: 'Thông tin khác', en: 'Other information' },
  submittedAt: { vi: 'Ngày nộp', en: 'Submitted' },
  receivedAt: { vi: 'Ngày tiếp nhận', en: 'Received' },
  promisedAt: { vi: 'Ngày hẹn trả', en: 'Promised for' },
  finishedAt: { vi: 'Ngày xử lý xong', en: 'Finished' },
  returnedAt: { vi: 'Ngày trả kết quả', en: 'Returned' },
  refusedAt: { vi: 'Ngày từ chối', en: 'Refused' },
  returnMethod: { vi: 'Hình thức trả', en: 'Way of return' },
  returnNote: { vi: 'Ghi chú trả kết quả', en: 'Note on the return' },
  papers: { vi: 'Giấy tờ', en: 'Papers' },
  fees: { vi: 'Phí, lệ phí', en: 'Fees' },
  otherAttachments: { vi: 'Giấy tờ khác', en: 'Other attachments' },
  supplements: { vi: 'Bổ sung hồ sơ', en: 'Supplements' },
  results: { vi: 'Kết quả', en: 'Results' },
  hasDigitisedPapers: { vi: 'Có giấy tờ số hóa', en: 'Has digitised papers' },
  verifiedWithVneid: { vi: 'Đã xác thực VNeID', en: 'Verified with VNeID' },
  paidOnline: { vi: 'Thanh toán trực tuyến', en: 'Paid online' },
  databases: { vi: 'Cơ sở dữ liệu đã khai thác', en: 'Databases used' },
}

/** Fields of what stands inside others, and of steps. */
export const partWords: Readonly<Record<string, Words>> = {
  type: { vi: 'Loại', en: 'Type' },
  name: { vi: 'Tên', en: 'Name' },
  idNumber: { vi: 'Số định danh', en: 'Identity number' },
  portalAccountId: { vi: 'Tài khoản Cổng', en: 'Account at the portal' },
  email: { vi: 'Thư điện tử', en: 'E-mail' },
  phone: { vi: 'Điện thoại', en: 'Phone' },
  fax: { vi: 'Fax', en: 'Fax' },
  identities: { vi: 'Giấy tờ tùy thân', en: 'Identities' },
  number: { vi: 'Số', en: 'Number' },
  officer: { vi: 'Cán bộ', en: 'Officer' },
  position: { vi: 'Chức vụ', en: 'Position' },
  department: { vi: 'Phòng ban', en: 'Department' },
  content: { vi: 'Nội dung', en: 'Content' },
  at: { vi: 'Thời điểm', en: 'Time' },
  startedAt: { vi: 'Bắt đầu', en: 'Started' },
  dueAt: { vi: 'Hạn', en: 'Due' },
  amount: { vi: 'Số tiền', en: 'Amount' },
  quantity: { vi: 'Số lượng', en: 'Quantity' },
  code: { vi: 'Mã', en: 'Code' },
  paperCode: { vi: 'Mã giấy tờ', en: 'Paper code' },
  resultCode: { vi: 'Mã kết quả', en: 'Result code' },
  url: { vi: 'Đường dẫn', en: 'Link' },
}

/** Values that are choices of ours. */
export const choiceWords: Readonly<Record<string, Words>> = {
  ...levelNames,
  counter: { vi: 'Trực tiếp', en: 'At the counter' },
  online: { vi: 'Trực tuyến', en: 'Online' },
  post: { vi: 'Bưu chính', en: 'By post' },
  'in-person': { vi: 'Trực tiếp', en: 'In person' },
  'national-portal': { vi: 'Cổng Dịch vụ công Quốc gia', en: 'The national portal' },
  local: { vi: 'Hệ thống của tỉnh', en: "The province's system" },
  citizen: { vi: 'Công dân', en: 'Citizen' },
  enterprise: { vi: 'Doanh nghiệp', en: 'Enterprise' },
  'state-body': { vi: 'Cơ quan nhà nước', en: 'State body' },
  organisation: { vi: 'Tổ chức', en: 'Organisation' },
  no: { vi: 'Không', en: 'No' },
  yes: { vi: 'Có', en: 'Yes' },
  'on-portal': { vi: 'Qua Cổng', en: 'On the portal' },
  'local-gateway': { vi: 'Qua cổng thanh toán của tỉnh', en: "Through the province's gateway" },
}

/** Our status in words, and the one-stop system's own word beside it where that is another. */
export function statusWords(status: string | null, own: string, language: Language): string {
  if (status === null || !isStatus(status)) return own
  const words = statusNames[status][language]
  return own === status || own === words ? words : `${words} (${own})`
}

export const stepStateWords = {
  waiting: { vi: 'Chờ gửi', en: 'Waiting' },
  delivered: { vi: 'Cổng đã nhận', en: 'Taken by the portal' },
  parked: { vi: 'Đã dừng', en: 'Parked' },
} as const satisfies Record<string, Words>

export const verdictWords = {
  stored: { vi: 'Đã ghi', en: 'Stored' },
  superseded: { vi: 'Cũ hơn bản đang có, chỉ lưu', en: 'Older than what was known, kept only' },
} as const satisfies Record<string, Words>

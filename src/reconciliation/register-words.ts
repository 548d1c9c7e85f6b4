import type { Words } from '../console/words.ts'
import type { RegisterKind, Unclear } from './register-compare.ts'

/** What the comparison of the province's register with the ledger says to persons. */

export const registerKindWords: Readonly<Record<RegisterKind, Words>> = {
  equal: { vi: 'Khớp', en: 'Equal' },
  different: { vi: 'Sổ và ở đây khác nhau', en: 'Register and ledger differ' },
  'not-in-ledger': { vi: 'Chỉ có trong sổ', en: 'Not in the ledger' },
  'not-in-register': { vi: 'Sổ không có', en: 'Not in the register' },
  unknown: { vi: 'Chưa rõ', en: 'Unknown' },
}

/** What to do next; nothing of it is done by this system. */
export const nextStepWords: Readonly<Record<Exclude<RegisterKind, 'equal'>, Words>> = {
  different: {
    vi: 'Hệ thống một cửa đẩy lại các hồ sơ này với nội dung mới nhất; nếu sổ sai thì sửa ở hệ thống một cửa.',
    en: 'Have the one-stop system push these dossiers again with their newest content; where the register is wrong, mend it there.',
  },
  'not-in-ledger': {
    vi: 'Hệ thống một cửa đẩy các hồ sơ này vào đây: chưa có ở đây thì chưa lên được Cổng.',
    en: 'Have the one-stop system push these dossiers: what is not here cannot reach the portal.',
  },
  'not-in-register': {
    vi: 'Xem lại sổ: hồ sơ đã bị xóa, đã đổi mã, hay sổ xuất thiếu.',
    en: 'Look into the register: was the dossier deleted, is its code another one, or was the register not whole?',
  },
  unknown: {
    vi: 'Chưa kết luận được. Xem lý do ở từng trường, sửa xong thì nạp lại sổ mới.',
    en: 'Nothing is concluded. See the reason beside each field; then hand in a newer register.',
  },
}

export const unclearWords: Readonly<Record<Unclear, Words>> = {
  contradicts: { vi: 'các dòng của sổ mâu thuẫn nhau', en: 'rows of the register contradict each other' },
  'changed-since': { vi: 'ở đây đã đổi sau thời điểm của sổ', en: 'changed here after the moment of the register' },
  unmapped: {
    vi: 'từ chưa ánh xạ sang trạng thái quốc gia (dvcqg import statuses)',
    en: 'the word is not mapped to a national status (dvcqg import statuses)',
  },
  unlisted: { vi: 'chưa có trong danh sách cơ quan', en: 'not in the list of agencies' },
  uncertain: { vi: 'mã không đủ rõ để so', en: 'the code is not certain enough to compare' },
}

const fieldNames: Readonly<Record<string, Words>> = {
  agency: { vi: 'Cơ quan', en: 'Agency' },
  procedure: { vi: 'Thủ tục', en: 'Procedure' },
  status: { vi: 'Trạng thái', en: 'Status' },
  receivedAt: { vi: 'Ngày tiếp nhận', en: 'Received' },
  steps: { vi: 'Số bước xử lý', en: 'Steps' },
}

export const registerFieldWords = (field: string): Words =>
  Object.hasOwn(fieldNames, field) ? fieldNames[field]! : { vi: field, en: field }

import type { Words } from '../console/words.ts'
import type { UnitRemark, UnitState } from './units.ts'

export const stateWords: Readonly<Record<UnitState, Words>> = {
  open: { vi: 'Đang hoạt động', en: 'Acting' },
  follows: { vi: 'Đã có cơ quan kế tiếp', en: 'Followed' },
  split: { vi: 'Đã chia, cần chọn', en: 'Divided: choose' },
  closed: { vi: 'Đã chấm dứt, chưa rõ kế tiếp', en: 'Closed: who follows?' },
  unknown: { vi: 'Chưa có trong danh mục', en: 'In no list' },
}

export const remarkWords: Readonly<Record<UnitRemark, Words>> = {
  'no-official-code': {
    vi: 'Mã không theo Quyết định 20/2020 (đơn vị chưa được cấp mã?)',
    en: 'Not a code of Decision 20/2020: was it given one?',
  },
  'closed-province': {
    vi: 'Mã H của tỉnh đã sáp nhập từ 01/07/2025, nhưng cơ quan chưa ghi ngày chấm dứt',
    en: 'The H code was closed on 01/07/2025, and nobody said when the agency ended',
  },
  'other-province': { vi: 'Mã của tỉnh khác', en: 'A code of another province' },
  'missing-at-portal': { vi: 'Không có trong danh mục cơ quan của Cổng', en: "Not in the portal's list of agencies" },
  'other-name-at-portal': { vi: 'Tên khác với tên trên Cổng', en: 'Has another name at the portal' },
}

/**
 * What the monthly counters count, as data. No official text defines them for the portal, so each definition says where it is from and since
 * when it stands here; whoever changes one gives the whole a new version. What a portal reads differently is in its dialect (`counters`).
 */
export const countersVersion = '2026-11'

interface Words {
  readonly vi: string
  readonly en: string
}

export interface CounterDefinition {
  readonly name: Words
  readonly means: Words
  readonly source: string
  /** ISO date since which it stands here. */
  readonly date: string
}

const wire = 'OpenCPS, item of DongBoThongKeHoSo (names only)'
const note = 'Formula note of the index 766 (2026, legal status not confirmed)'
const ours = 'Our reading'
const date = '2026-11-26'

export const counterDefinitions = {
  received: {
    name: { vi: 'Nhận trong kỳ', en: 'Received in the month' },
    means: {
      vi: 'Ngày tiếp nhận nằm trong tháng (giờ Việt Nam). Hồ sơ mới đăng ký, hoặc bị rút, bị từ chối trước khi tiếp nhận thì không tính.',
      en: 'Received within the month, Vietnam time. One that is new, or was withdrawn or refused before its reception, does not count.',
    },
    source: `${wire}; ${ours}`,
    date,
  },
  carried: {
    name: { vi: 'Tồn kỳ trước', en: 'Carried over' },
    means: {
      vi: 'Tiếp nhận trước tháng và chưa kết thúc khi tháng bắt đầu.',
      en: 'Received before the month and not ended when it began.',
    },
    source: `${wire}; ${ours}`,
    date,
  },
  handled: {
    name: { vi: 'Đã xử lý', en: 'Handled' },
    means: {
      vi: 'Kết thúc trong tháng: xử lý xong, nếu không có thì trả kết quả; với hồ sơ dừng, từ chối, rút: ngày từ chối hoặc bước đầu tiên nói vậy.',
      en: 'Ended within the month: finished, else returned; stopped, refused or withdrawn: the refusal, or the first step that says so.',
    },
    source: note,
    date,
  },
  pending: {
    name: { vi: 'Chưa xử lý', en: 'Pending' },
    means: { vi: 'Chưa kết thúc khi hết tháng.', en: 'Not ended at the end of the month.' },
    source: `${wire}; ${ours}`,
    date,
  },
  'in-time': {
    name: { vi: 'Đúng hạn', en: 'In time' },
    means: {
      vi: 'Lúc kết thúc (hoặc lúc hết tháng) không quá ngày hẹn trả cộng thời gian công dân bổ sung tính đến lúc đó. Đang chờ công dân thì đồng hồ dừng.',
      en: "At its end (or the end of the month) not past the promised date plus the citizen's time for supplements until then. While the citizen is awaited the clock stands.",
    },
    source: note,
    date,
  },
} as const satisfies Record<string, CounterDefinition>

/** Hour of the day, Vietnam time, at which a month that is due by its schedule is sent. */
export const countersHour = 7

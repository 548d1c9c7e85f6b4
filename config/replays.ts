/** The bounds of a replay: large enough for a bad month, small enough that nobody sends the whole history by accident. */
export const replayLimits = {
  /** Most dossiers in one replay. */
  dossiers: 200_000,
  /** Most dossiers that can be named one by one. */
  codes: 1_000,
  /** A preview is an answer about a moment: it can be started for this long. */
  draftMinutes: 60,
  /** Longest period of reception where nothing else bounds the choice, in days. */
  periodDays: 92,
  /** Dossiers set going per minute, unless said otherwise, and at most. */
  perMinute: 6_000,
  mostPerMinute: 60_000,
  /** Dossiers that may be on their way at once, at least; a quick replay may have a third of its minute on the way. */
  window: 500,
  /** The list of dossiers of a replay that ended is kept for so many days; the replay itself is kept for good. */
  keepDays: 90,
} as const

/** Why a dossier of a replay was left as it is, in words for people. */
export const skipWords = {
  'already-delivered': {
    vi: 'Hồ sơ đã được gửi thành công sau khi lập đợt gửi lại.',
    en: 'It was delivered after the replay was made.',
  },
  'already-waiting': {
    vi: 'Hồ sơ đã đang chờ gửi hoặc đang gửi.',
    en: 'It waits already, or is being sent.',
  },
  'changed-since': {
    vi: 'Hồ sơ có thay đổi mới hoặc dừng vì nguyên nhân khác sau khi lập đợt gửi lại.',
    en: 'It has a newer change, or stopped for another reason, since the replay was made.',
  },
  'in-doubt': {
    vi: 'Chưa rõ Cổng đã nhận hay chưa; hồ sơ đang được tra cứu.',
    en: 'It is not known whether the portal took it; it is being looked up.',
  },
  'in-another-replay': {
    vi: 'Hồ sơ thuộc một đợt gửi lại khác đang chạy.',
    en: 'It belongs to another replay under way.',
  },
} as const

export type SkipReason = keyof typeof skipWords

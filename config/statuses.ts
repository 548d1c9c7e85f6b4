/**
 * Statuses of a dossier, and which moves between them the procedure rules allow.
 *
 * The ten statuses are those of the national portal (codes 1 to 10, kept in adapters/). A move that is not listed is not
 * refused: it is stored, flagged and shown, because the officer's system is the source of truth about what happened.
 */
export const statuses = [
  'new',
  'received',
  'not-accepted',
  'processing',
  'supplement-requested',
  'payment-requested',
  'withdrawn',
  'stopped',
  'finished',
  'returned',
] as const

export type Status = (typeof statuses)[number]

/** Ends of a dossier that are no result. */
export const stops: readonly Status[] = ['stopped', 'not-accepted', 'withdrawn']

/** With any of them a dossier has ended. */
export const ends: readonly Status[] = ['finished', 'returned', ...stops]

const running: readonly Status[] = [
  'processing',
  'supplement-requested',
  'payment-requested',
  'withdrawn',
  'stopped',
  'finished',
]

export const statusMoves: Readonly<Record<Status, readonly Status[]>> = {
  new: ['received', 'not-accepted', 'supplement-requested', 'payment-requested', 'withdrawn'],
  received: [...running, 'not-accepted', 'returned'],
  'not-accepted': ['returned'],
  processing: [...running.filter((status) => status !== 'processing'), 'returned'],
  'supplement-requested': [
    'received',
    'processing',
    'payment-requested',
    'withdrawn',
    'stopped',
    'not-accepted',
    'finished',
  ],
  'payment-requested': ['received', 'processing', 'supplement-requested', 'withdrawn', 'stopped', 'finished'],
  withdrawn: ['returned'],
  stopped: ['returned'],
  finished: ['returned'],
  returned: [],
}

export const statusNames: Readonly<Record<Status, { vi: string; en: string }>> = {
  new: { vi: 'Mới đăng ký', en: 'New' },
  received: { vi: 'Được tiếp nhận', en: 'Received' },
  'not-accepted': { vi: 'Không được tiếp nhận', en: 'Not accepted' },
  processing: { vi: 'Đang xử lý', en: 'Processing' },
  'supplement-requested': { vi: 'Yêu cầu bổ sung giấy tờ', en: 'Supplement requested' },
  'payment-requested': { vi: 'Yêu cầu thực hiện nghĩa vụ tài chính', en: 'Payment requested' },
  withdrawn: { vi: 'Công dân yêu cầu rút hồ sơ', en: 'Withdrawn by the citizen' },
  stopped: { vi: 'Dừng xử lý', en: 'Stopped' },
  finished: { vi: 'Đã xử lý xong', en: 'Finished' },
  returned: { vi: 'Đã trả kết quả', en: 'Result returned' },
}

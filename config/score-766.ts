/**
 * The index of Decision 766/QĐ-TTg as data. Sources differ and keep moving, so each figure names the version that it is from. Null means
 * that the version does not give it; nothing is filled in from elsewhere.
 */
interface Text {
  readonly vi: string
  readonly en: string
}

export const scoreGroups = {
  openness: { vi: 'Công khai, minh bạch', en: 'Openness' },
  progress: { vi: 'Tiến độ, kết quả giải quyết', en: 'Progress and result' },
  online: { vi: 'Dịch vụ công trực tuyến và thanh toán', en: 'Online service and payment' },
  onlineService: { vi: 'Dịch vụ công trực tuyến', en: 'Online service' },
  onlinePayment: { vi: 'Thanh toán trực tuyến', en: 'Online payment' },
  digitisation: { vi: 'Số hóa hồ sơ', en: 'Digitisation' },
  satisfaction: { vi: 'Mức độ hài lòng', en: 'Satisfaction' },
} as const satisfies Record<string, Text>
export type ScoreGroup = keyof typeof scoreGroups

export interface ScoreVersion {
  readonly source: Text
  /** Year, or year and month, as far as it is known. */
  readonly date: string
  readonly groups: Readonly<Partial<Record<ScoreGroup, number>>> | null
  /** By metric code; codes with a dot are ours. A code that is missing is not given either. */
  readonly points: Readonly<Record<string, number | null>>
  /** A group's points where the source names no indicators for the parts. */
  readonly split?: Readonly<Partial<Record<ScoreGroup, readonly number[]>>>
}

const versions = {
  'metrics-2026': {
    source: {
      vi: 'Bảng chỉ số “công thức 766” (24 dòng) dùng cùng báo cáo công khai',
      en: 'Metrics sheet "formula 766" (24 rows) used with the public report',
    },
    date: '2026',
    groups: { openness: 18, progress: 20, onlineService: 12, onlinePayment: 10, digitisation: 22, satisfaction: 18 },
    points: {
      PUBLISH_ON_TIME: 6,
      PUBLIC_UPDATE_ON_TIME: 4,
      PUBLIC_CONTENT_FULL: 2,
      DOSSIER_SYNC: 6,
      'progress.onTime': 20,
      'online.fullOnline': 12,
      'online.other': null,
      'payment.paidOnline': 10,
      ORIGINAL_RESULT_AVAILABLE: 6,
      SO_HOA_GIAY_TO_GIAI_QUYET: 4,
      ELECTRONIC_CERTIFIED_COPY: 2,
      REUSED_DIGITIZED_DATA: 2,
      SYNCED_WITH_DVCQG_PERSONAL_STORAGE: 4,
      CITIZEN_DATA_CONNECTED_DOSSIER: 2,
      CITIZEN_DATA_CONNECTED_FORMALITY: 2,
      PETITION_PROCESSING_ON_TIME: 6,
      PETITION_HANDLING_SATISFACTION: 6,
      DOSSIER_RECEIVING_SATISFACTION: 6,
      PETITION_CLASSIFICATION_TTHC: 0,
      PETITION_CLASSIFICATION_STAFF: 0,
    },
  },
  'decision-2022': {
    source: { vi: 'Quyết định 766/QĐ-TTg và các bản tóm tắt', en: 'Decision 766/QĐ-TTg and summaries of it' },
    date: '2022',
    groups: { openness: 18, progress: 20, digitisation: 22, online: 22, satisfaction: 18 },
    points: { PUBLIC_UPDATE_ON_TIME: 4, 'progress.onTime': 20, DOSSIER_RECEIVING_SATISFACTION: 6 },
  },
  'note-2026': {
    source: {
      vi: 'Bản mô tả công thức chỉ số 766 (20 mục); hiệu lực pháp lý chưa được xác nhận',
      en: 'Formula note on the 766 index (20 items); its legal status is not confirmed',
    },
    date: '2026-10',
    groups: null,
    points: {},
  },
  'daklak-log-2026': {
    source: { vi: 'Nhật ký của một chương trình tính điểm ở Đắk Lắk', en: 'Working log of a score client of Dak Lak' },
    date: '2026',
    groups: { satisfaction: 18 },
    points: {},
    split: { satisfaction: [5, 5, 2, 6] },
  },
} as const satisfies Record<string, ScoreVersion>

export type ScoreVersionId = keyof typeof versions
export const scoreVersions: Readonly<Record<ScoreVersionId, ScoreVersion>> = versions
export const scoreVersionIds = Object.keys(versions) as [ScoreVersionId, ...ScoreVersionId[]]
/** The one that gives most points. */
export const defaultScoreVersion: ScoreVersionId = 'metrics-2026'

/** Only one source has rules for single dossiers, and thresholds: numerators, denominators and full points are by it, whoever gives the points. */
export const formulaVersion: ScoreVersionId = 'note-2026'

export interface ScoreIndicator {
  readonly number: string
  readonly group: ScoreGroup
  /** Under which code versions give its points; null: none gives points for what the formula counts. */
  readonly metric: string | null
  /** Percentage that gets full points; null: none is stated. */
  readonly threshold: number | null
  readonly vi: string
  readonly en: string
  readonly formula: Text
  /** How a newer wording differs; it is not what is computed. */
  readonly newer?: Text & { readonly version: ScoreVersionId }
}

const allOf: Text = { vi: 'hồ sơ tiếp nhận trong kỳ', en: 'dossiers received in the period' }
const over = (vi: string, en: string, whole: Text = allOf): Text => ({
  vi: `${vi} / ${whole.vi}`,
  en: `${en} / ${whole.en}`,
})

/** Those that dossiers decide, in the order of the groups. */
export const scoreIndicators = {
  sync: {
    number: '1.4',
    group: 'openness',
    metric: 'DOSSIER_SYNC',
    threshold: null,
    vi: 'Đồng bộ hồ sơ',
    en: 'Dossiers synced',
    formula: over('hồ sơ đã có trên Cổng', 'dossiers that are at the portal', {
      vi: 'số lớn hơn giữa số của Cổng và của hệ thống báo cáo quốc gia (ở đây: sổ cái của hệ thống này)',
      en: "the larger of the portal's and the national reporting system's count (here: the ledger's)",
    }),
    newer: {
      version: 'metrics-2026',
      vi: 'tính cả việc từng bước được đồng bộ đúng hạn; hạn của một bước chưa rõ',
      en: 'each step must be synced on time as well; the limit of a step is not known',
    },
  },
  onTime: {
    number: '2.1',
    group: 'progress',
    metric: 'progress.onTime',
    threshold: null,
    vi: 'Giải quyết đúng hạn',
    en: 'Handled on time',
    formula: over('hồ sơ sớm hoặc đúng hạn', 'dossiers early or on time'),
  },
  online: {
    number: '3.3',
    group: 'onlineService',
    metric: null,
    threshold: 50,
    vi: 'Hồ sơ trực tuyến',
    en: 'Online dossiers',
    formula: over(
      'hồ sơ nộp trực tuyến, có kết quả điện tử nếu thủ tục trả giấy tờ; cả tỷ lệ nhân với tỷ lệ đồng bộ 1.4',
      'online dossiers, with an electronic result where the procedure gives a paper; the whole ratio times the sync rate 1.4',
    ),
    newer: {
      version: 'metrics-2026',
      vi: '12 điểm cho hồ sơ toàn trình / hồ sơ của thủ tục đủ điều kiện: tập khác, nên không tính điểm ở đây',
      en: '12 points for full-online dossiers / dossiers of eligible procedures: another set, so no points are computed here',
    },
  },
  paidOnline: {
    number: '3.6',
    group: 'onlinePayment',
    metric: 'payment.paidOnline',
    threshold: null,
    vi: 'Thanh toán trực tuyến',
    en: 'Paid online',
    formula: over('hồ sơ thanh toán trên Cổng hoặc cổng địa phương', 'dossiers paid on the portal or a local gateway', {
      vi: 'hồ sơ của thủ tục có phí, trừ hồ sơ mà mọi khoản phí bằng 0',
      en: 'dossiers of fee procedures, without those whose every fee is 0',
    }),
  },
  electronicResult: {
    number: '4.1',
    group: 'digitisation',
    metric: 'ORIGINAL_RESULT_AVAILABLE',
    threshold: null,
    vi: 'Kết quả điện tử',
    en: 'Electronic result',
    formula: over('hồ sơ có kết quả kèm tệp', 'dossiers with a result and its file', {
      vi: 'hồ sơ của thủ tục trả giấy tờ',
      en: 'dossiers of procedures that give a paper',
    }),
    newer: {
      version: 'metrics-2026',
      vi: 'kết quả có giá trị pháp lý (đã ký); mẫu số chỉ gồm hồ sơ đã xong',
      en: 'the result has legal value (signed); only finished dossiers in the denominator',
    },
  },
  digitised: {
    number: '4.2',
    group: 'digitisation',
    metric: 'SO_HOA_GIAY_TO_GIAI_QUYET',
    threshold: 80,
    vi: 'Số hóa hồ sơ',
    en: 'Digitised',
    formula: over(
      'hồ sơ có tệp trong thành phần và tệp trong kết quả',
      'dossiers with a file among papers and in the result',
    ),
    newer: {
      version: 'metrics-2026',
      vi: 'công thức chuyển sang cắt giảm hoặc thay thế thành phần bằng dữ liệu',
      en: 'the formula turns to cutting components or replacing them by data',
    },
  },
  reused: {
    number: '4.3',
    group: 'digitisation',
    metric: 'REUSED_DIGITIZED_DATA',
    threshold: 80,
    vi: 'Tái sử dụng dữ liệu số hóa',
    en: 'Digitised data reused',
    formula: over('hồ sơ có ít nhất một thành phần tái sử dụng', 'dossiers with at least one reused component'),
  },
  personalStore: {
    number: '4.4',
    group: 'digitisation',
    metric: 'SYNCED_WITH_DVCQG_PERSONAL_STORAGE',
    threshold: null,
    vi: 'Kho dữ liệu cá nhân',
    en: 'Personal store',
    formula: over(
      'hồ sơ có thành phần lấy từ kho, hoặc kết quả được đồng bộ vào kho',
      'dossiers with a component from the store, or the result synced to it',
    ),
  },
  populationData: {
    number: '4.5',
    group: 'digitisation',
    metric: 'CITIZEN_DATA_CONNECTED_DOSSIER',
    threshold: null,
    vi: 'Khai thác dữ liệu dân cư',
    en: 'Population data used',
    formula: over(
      'hồ sơ xác thực VNeID, lấy giấy tờ từ kho hoặc nối cơ sở dữ liệu dân cư',
      'dossiers verified by VNeID, with a paper from the store or the population database',
    ),
  },
} as const satisfies Record<string, ScoreIndicator>

export type Indicator = keyof typeof scoreIndicators
export const indicators = Object.keys(scoreIndicators) as [Indicator, ...Indicator[]]

/** Where the sources contradict each other or themselves: told, never settled here. */
export const scoreConflicts: readonly ({ readonly topic: string } & Text)[] = [
  {
    topic: '5.1–5.4',
    vi: 'Điểm hài lòng: 6/6/6 (+ 0, 0) theo metrics-2026, 5/5/2/6 theo daklak-log-2026.',
    en: 'Points of satisfaction: 6/6/6 (+ 0, 0) by metrics-2026, 5/5/2/6 by daklak-log-2026.',
  },
  {
    topic: '3.1–3.4',
    vi: 'Một nguồn cảnh báo không nên chia 12 điểm thành 2-4-6; trọng số chưa rõ thì để chưa rõ.',
    en: 'One source warns against splitting the 12 points into 2-4-6; unknown weights stay unknown.',
  },
  { topic: '1.3', vi: 'Có tính theo thời gian hay không.', en: 'Whether it depends on time.' },
  { topic: '3.2', vi: 'Văn bản cũ khác bản cập nhật của nó.', en: 'The old text against its update.' },
  {
    topic: '3.3',
    vi: 'Hệ số đồng bộ đã nằm trong tỷ lệ công bố hay chưa.',
    en: 'Whether the sync factor is already inside the published ratio.',
  },
  {
    topic: '3.5',
    vi: 'Bị bỏ rồi thêm lại; chưa rõ có tính điểm không.',
    en: 'Dropped and added again; unclear whether it scores.',
  },
  { topic: '3.6', vi: 'Mẫu số theo hồ sơ hay theo thủ tục.', en: 'The denominator counts dossiers or procedures.' },
  { topic: '5.2', vi: 'Một dòng bị hỏng.', en: 'One broken line.' },
  { topic: '5.3', vi: 'Dẫn chiếu đến một mục không tồn tại.', en: 'Refers to an item that does not exist.' },
  {
    topic: 'TTTT, CLGQ',
    vi: 'Báo cáo cũ: các chương trình hiểu khác nhau (dịch vụ trực tuyến hay thanh toán).',
    en: 'Older report: clients read them differently (online service or payment).',
  },
  {
    topic: 'địa phương / local',
    vi: 'Số của địa phương và của Cổng khác nhau; đơn vị được yêu cầu đối chiếu và thống nhất cách tính.',
    en: 'Local and national figures differ; departments are asked to reconcile and to unify the calculation.',
  },
]

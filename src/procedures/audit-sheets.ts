import { integrationTargets, matchTarget, type Target } from '../../config/audits.ts'
import { causeWords, countWords, dayWords, momentWords, percentWords, type Words } from '../console/words.ts'
import { levelNames } from '../organisations/model.ts'
import { rateOf } from '../reconciliation/model.ts'
import { matchRate, type MatchAudit } from './audit.ts'
import type { ContentPart, OnlineLevel } from './model.ts'
import type { OfficeAudit, PublishedState } from './office-audit.ts'

/** The audits as sheets: what a page, a workbook and a file for the leadership show of them alike. */

export const auditKeys = ['match', 'published', 'integrated', 'accounts', 'legal', 'content'] as const
export type AuditKey = (typeof auditKeys)[number]

/** A `Date` is a moment. */
export type Cell = string | number | Words | Date

export interface AuditSheet {
  readonly key: AuditKey
  readonly title: Words
  /** The rate that is asked for, with what was asked; null where nothing can be known. */
  readonly rate: number | null
  readonly targets: readonly Target[]
  readonly figures: readonly (readonly [Words, number])[]
  readonly note: Words
  readonly headers: readonly Words[]
  readonly rows: readonly (readonly Cell[])[]
}

export const auditTitles: Readonly<Record<AuditKey, Words>> = {
  match: { vi: 'Mã khớp', en: 'Matching codes' },
  published: { vi: 'Đã địa phương hóa, công bố', en: 'Localised and published' },
  integrated: { vi: 'Tích hợp DVC trực tuyến', en: 'Integrated online services' },
  accounts: { vi: 'Tài khoản thụ hưởng', en: 'Beneficiary accounts' },
  legal: { vi: 'Căn cứ pháp lý thay đổi', en: 'Changed legal bases' },
  content: { vi: 'Nội dung đầy đủ', en: 'Complete content' },
}

const column = {
  local: { vi: 'Mã địa phương', en: 'Local code' },
  national: { vi: 'Mã quốc gia', en: 'National code' },
  name: { vi: 'Tên', en: 'Name' },
  agency: { vi: 'Cơ quan', en: 'Agency' },
  dossiers: { vi: 'Hồ sơ', en: 'Dossiers' },
  state: { vi: 'Tình trạng', en: 'State' },
  level: { vi: 'Cấp', en: 'Level' },
} as const

export function auditSheets(match: MatchAudit, office: OfficeAudit): AuditSheet[] {
  return [
    matchSheet(match),
    publishedSheet(office),
    integratedSheet(office),
    accountSheet(office),
    legalSheet(office),
    contentSheet(office),
  ]
}

function matchSheet({ period, total, unmatched }: MatchAudit): AuditSheet {
  return {
    key: 'match',
    title: auditTitles.match,
    rate: matchRate(total),
    targets: [matchTarget],
    figures: [
      [{ vi: 'Mã đang dùng, theo cơ quan', en: 'Codes in use, by agency' }, total.codes],
      [{ vi: 'Mã chưa khớp', en: 'Codes that do not match' }, total.codes - total.matched],
      [{ vi: 'Hồ sơ của mã chưa khớp', en: 'Dossiers under them' }, total.dossiers - total.matchedDossiers],
    ],
    note: {
      vi: `Hồ sơ tiếp nhận từ ${dayWords(period.from)} đến trước ${dayWords(period.to)}, và danh mục của từng cơ quan.`,
      en: `Dossiers received from ${dayWords(period.from)} until before ${dayWords(period.to)}, and the lists of the agencies.`,
    },
    headers: [column.local, column.name, column.agency, column.dossiers, { vi: 'Nguyên nhân', en: 'Reason' }],
    rows: unmatched.map((one) => [
      one.localCode,
      one.name ?? '',
      one.agencyName ?? one.agencyCode,
      one.dossiers,
      causeWords(one.reason).cause,
    ]),
  }
}

const stateWords: Readonly<Record<Exclude<PublishedState, 'published'>, Words>> = {
  'not-listed': { vi: 'Cổng không công bố cho tỉnh', en: 'The portal does not list it for the province' },
  withdrawn: { vi: 'Đã bãi bỏ ở quốc gia', en: 'Withdrawn nationally' },
  unmapped: { vi: 'Chưa có mã quốc gia', en: 'Has no national code' },
}
const notLocal: Words = {
  vi: 'Cổng công bố cho tỉnh, hệ thống một cửa không có',
  en: 'The portal lists it for the province, no one-stop system has it',
}

function publishedSheet({ published }: OfficeAudit): AuditSheet {
  const { listedAt, total, rows } = published
  return {
    key: 'published',
    title: auditTitles.published,
    rate: rateOf(published.published, total),
    targets: [],
    figures: [
      [{ vi: 'Thủ tục trong danh mục địa phương', en: 'Procedures in the local lists' }, total],
      [{ vi: 'Đã công bố', en: 'Published' }, published.published],
      [{ vi: 'Cần xem lại', en: 'To look at' }, rows.length + published.notLocal.length],
    ],
    note:
      listedAt === null
        ? {
            vi: 'Chưa lấy được danh mục thủ tục của tỉnh từ Cổng: chỉ so với danh mục quốc gia.',
            en: "The portal's list for the province was never had: compared with the national catalogue alone.",
          }
        : listedWords(listedAt),
    headers: [column.local, column.national, column.name, column.state],
    rows: [
      ...rows.map((one) => [one.localCode, one.nationalCode ?? '', one.name, stateWords[one.state]]),
      ...published.notLocal.map((one) => ['', one.nationalCode, one.name, notLocal]),
    ],
  }
}

const listedWords = (at: string): Words => ({
  vi: `Danh sách của Cổng lấy lúc ${momentWords(at)}.`,
  en: `The portal's list came on ${momentWords(at)}.`,
})

const onlineWords: Readonly<Record<OnlineLevel, Words>> = {
  full: { vi: 'Toàn trình', en: 'Full' },
  partial: { vi: 'Một phần', en: 'Partial' },
  online: { vi: 'Trực tuyến', en: 'Online' },
  none: { vi: 'Không trực tuyến', en: 'Not online' },
}

function integratedSheet({ integrated }: OfficeAudit): AuditSheet {
  const { listedAt, online, rows } = integrated
  return {
    key: 'integrated',
    title: auditTitles.integrated,
    rate: listedAt === null ? null : rateOf(integrated.integrated, online),
    targets: integrationTargets,
    figures: [
      [{ vi: 'Dịch vụ công trực tuyến của tỉnh', en: "The province's online services" }, online],
      ...(listedAt === null
        ? []
        : ([[{ vi: 'Đã có trên Cổng', en: 'The portal has' }, integrated.integrated]] as const)),
    ],
    note:
      listedAt === null
        ? {
            vi: 'Chưa lấy được danh sách dịch vụ công từ Cổng (LayDVC): chưa biết dịch vụ nào đã tích hợp.',
            en: "The portal's list of services was never had: nothing is known about integration.",
          }
        : {
            vi: `${listedWords(listedAt).vi} Một thủ tục được tính khi Cổng có dịch vụ công cho mã của nó.`,
            en: `${listedWords(listedAt).en} A procedure counts when the portal has a service for its code.`,
          },
    headers: [column.local, column.national, column.name, { vi: 'Mức độ', en: 'How far' }],
    rows:
      listedAt === null
        ? []
        : rows.map((one) => [one.localCode, one.nationalCode ?? '', one.name, onlineWords[one.onlineLevel]]),
  }
}

function accountSheet({ accounts }: OfficeAudit): AuditSheet {
  const { set, missing, unknown, rows } = accounts
  return {
    key: 'accounts',
    title: auditTitles.accounts,
    rate: unknown === set + missing + unknown ? null : rateOf(set, set + missing + unknown),
    targets: [],
    figures: [
      [{ vi: 'Đã thiết lập', en: 'Set up' }, set],
      [{ vi: 'Chưa thiết lập', en: 'Not set up' }, missing],
      [{ vi: 'Chưa rõ', en: 'Nobody said' }, unknown],
    ],
    note: {
      vi: 'Nhập bằng cột beneficiary_account của "dvcqg import agencies".',
      en: 'Comes from the column beneficiary_account of "dvcqg import agencies".',
    },
    headers: [{ vi: 'Mã cơ quan', en: 'Agency code' }, column.name, column.level, column.state],
    rows: rows.map(({ code, name, level, account }) => [
      code,
      name,
      levelNames[level],
      account === null ? { vi: 'Chưa rõ', en: 'Nobody said' } : { vi: 'Chưa thiết lập', en: 'Not set up' },
    ]),
  }
}

function legalSheet({ legal }: OfficeAudit): AuditSheet {
  const used = legal.filter(({ localCodes }) => localCodes.length > 0)
  return {
    key: 'legal',
    title: auditTitles.legal,
    rate: null,
    targets: [],
    figures: [
      [{ vi: 'Thủ tục có căn cứ thay đổi', en: 'Procedures whose bases changed' }, legal.length],
      [{ vi: 'Trong đó tỉnh đang dùng', en: 'Of these in use here' }, used.length],
    ],
    note: {
      vi: 'So giữa hai lần lấy hồ sơ thủ tục từ Cổng; cần công bố lại ở tỉnh.',
      en: "Between two records of the portal; the province's own publication has to follow.",
    },
    headers: [
      { vi: 'Ngày biết', en: 'Known since' },
      column.national,
      column.name,
      { vi: 'Căn cứ cũ', en: 'Before' },
      { vi: 'Căn cứ mới', en: 'After' },
      column.local,
      column.dossiers,
    ],
    rows: legal.map((one) => [
      new Date(one.at),
      one.nationalCode,
      one.name,
      one.before ?? '',
      one.after ?? '',
      one.localCodes.join(', '),
      one.dossiers,
    ]),
  }
}

const partWords: Readonly<Record<ContentPart, Words>> = {
  name: { vi: 'tên', en: 'name' },
  steps: { vi: 'trình tự', en: 'steps' },
  ways: { vi: 'cách thức', en: 'ways' },
  components: { vi: 'thành phần hồ sơ', en: 'components' },
  'time-limit': { vi: 'thời hạn', en: 'time limit' },
  subject: { vi: 'đối tượng', en: 'subject' },
  agency: { vi: 'cơ quan', en: 'agency' },
}

function contentSheet({ content }: OfficeAudit): AuditSheet {
  const { complete, incomplete, unseen, rows } = content
  const joined = (parts: readonly ContentPart[]): Words => ({
    vi: parts.map((part) => partWords[part].vi).join(', '),
    en: parts.map((part) => partWords[part].en).join(', '),
  })
  return {
    key: 'content',
    title: auditTitles.content,
    rate: rateOf(complete, complete + incomplete),
    targets: [],
    figures: [
      [{ vi: 'Đủ bảy phần', en: 'All seven parts' }, complete],
      [{ vi: 'Thiếu', en: 'Incomplete' }, incomplete],
      [{ vi: 'Chưa lấy hồ sơ thủ tục', en: 'Record not had yet' }, unseen],
    ],
    note: {
      vi: 'Hồ sơ thủ tục quốc gia của các thủ tục tỉnh đang dùng (chỉ số 766, mục 1.3).',
      en: 'National records of the procedures in use here (index 766, 1.3).',
    },
    headers: [column.national, column.name, { vi: 'Còn thiếu', en: 'Lacks' }],
    rows: rows.map((one) => [one.nationalCode, one.name, joined(one.missing)]),
  }
}

/** What stands beside a rate: what was asked, and by whom. */
export const targetWords = ({ percent, source }: Target): Words => ({
  vi: `mục tiêu ${percentWords(percent).vi} (${source})`,
  en: `target ${percentWords(percent).en} (${source})`,
})

/** Figures as the first lines of a file: what is counted, and how much. */
export const figureLines = ({ rate, targets, figures }: AuditSheet): [Words, Words][] => [
  ...(rate === null ? [] : ([[{ vi: 'Tỷ lệ', en: 'Rate' }, percentWords(rate)]] as [Words, Words][])),
  ...targets.map((target): [Words, Words] => [{ vi: 'Yêu cầu', en: 'Asked for' }, targetWords(target)]),
  ...figures.map(([words, count]): [Words, Words] => [words, countWords(count)]),
]

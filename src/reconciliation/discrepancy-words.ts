import { statusNames } from '../../config/statuses.ts'
import { address, html, type Html } from '../console/html.ts'
import { countWords, momentWords, sayIn, type Language, type Words } from '../console/words.ts'
import type { FindingKind } from './agreement.ts'
import type { DiscrepancyAct, DiscrepancyKind, DiscrepancySum, Side } from './discrepancies.ts'
import { registerKindWords } from './register-words.ts'

export const kindWords: Readonly<Record<FindingKind | DiscrepancyKind, Words>> = {
  equal: { vi: 'Khớp', en: 'Equal' },
  different: { vi: 'Khác nội dung', en: 'Different' },
  'missing-there': { vi: 'Cổng không có', en: 'Missing at the portal' },
  'missing-here': { vi: 'Ở đây không có', en: 'Missing here' },
  'missing-everywhere': { vi: 'Chỉ có trong sổ của tỉnh', en: "Only in the province's register" },
  'not-in-register': registerKindWords['not-in-register'],
  unknown: { vi: 'Chưa rõ', en: 'Unknown' },
}

/** The kind of a discrepancy, where both sides have one of the same name. */
export const discrepancyWords = ({ side, kind }: { readonly side: Side; readonly kind: DiscrepancyKind }): Words =>
  side === 'register' && kind === 'different' ? registerKindWords.different : kindWords[kind]

export const sideWords: Readonly<Record<Side, Words>> = {
  portal: { vi: 'Cổng', en: 'The portal' },
  register: { vi: 'Sổ của tỉnh', en: "The province's register" },
}

export const actWords: Readonly<Record<DiscrepancyAct, Words>> = {
  resend: { vi: 'Gửi lại', en: 'Send again' },
  accept: {
    vi: 'Chấp nhận bản của Cổng (với sổ: bản ở đây)',
    en: 'Accept what the portal has (with the register: what is here)',
  },
  ignore: { vi: 'Bỏ qua', en: 'Ignore' },
}

/** A dossier that is here has a page of its own. */
export const dossierLink = (code: string, kind: FindingKind | DiscrepancyKind): Html =>
  kind === 'missing-here' || kind === 'missing-everywhere'
    ? html`<code>${code}</code>`
    : html`<a href="${address('dossier', { code })}"><code>${code}</code></a>`

/** Fields that persons know by another name than one-stop systems do; the others are shown as they are pushed. */
const fieldNames: Readonly<Record<string, Words>> = {
  presence: { vi: 'Có hồ sơ', en: 'Dossier' },
  status: { vi: 'Trạng thái', en: 'Status' },
  agency: { vi: 'Cơ quan', en: 'Agency' },
  procedure: { vi: 'Thủ tục', en: 'Procedure' },
  steps: { vi: 'Số bước xử lý', en: 'Steps' },
  agencyName: { vi: 'Đơn vị xử lý', en: 'Handling agency' },
  procedureCode: { vi: 'Mã thủ tục', en: 'Procedure' },
  receivedAt: { vi: 'Ngày tiếp nhận', en: 'Received' },
  promisedAt: { vi: 'Ngày hẹn trả', en: 'Promised' },
  finishedAt: { vi: 'Ngày xử lý xong', en: 'Finished' },
  returnedAt: { vi: 'Ngày trả kết quả', en: 'Returned' },
  submittedAt: { vi: 'Ngày nộp', en: 'Submitted' },
  channel: { vi: 'Kênh nộp', en: 'Channel' },
  summary: { vi: 'Trích yếu', en: 'Summary' },
  results: { vi: 'Kết quả', en: 'Results' },
  papers: { vi: 'Giấy tờ', en: 'Papers' },
  fees: { vi: 'Phí, lệ phí', en: 'Fees' },
  content: {
    vi: 'Nội dung lưu ở đây (không mở được: thiếu khóa hoặc hỏng)',
    en: 'The content kept here (cannot be opened: its key is missing, or it is broken)',
  },
  delivery: { vi: 'Đang gửi', en: 'Delivery' },
  'look-up': { vi: 'Tra cứu', en: 'Look-up' },
}

export const fieldWords = (field: string, language: Language): string =>
  Object.hasOwn(fieldNames, field) ? fieldNames[field]![language] : field

const presence: Readonly<Record<string, Words>> = {
  present: { vi: 'có', en: 'there' },
  absent: { vi: 'không có', en: 'not there' },
}

/** What a side holds: statuses by their names, times as they are read in Vietnam. */
export function valueWords(field: string, value: string, language: Language): string {
  if (value === '') return '–'
  if (field === 'presence') return presence[value]?.[language] ?? value
  if (field === 'status' && Object.hasOwn(statusNames, value))
    return statusNames[value as keyof typeof statusNames][language]
  return /^\d{4}-\d{2}-\d{2}T/.test(value) && !Number.isNaN(Date.parse(value)) ? momentWords(value) : value
}

/** What is open, by kind, each figure leading to its list. */
export function openSums(language: Language, sums: readonly DiscrepancySum[]): Html {
  const say = sayIn(language)
  if (sums.length === 0) return html`<p>${say('Không có.', 'There is none.')}</p>`
  return html`<dl class="figures">
    ${sums.map(
      ({ side, kind, state, count, since }) =>
        html`<div class="${state === 'open' && 'gap'}">
          <dt>
            ${discrepancyWords({ side, kind })[language]}${state === 'acted' && say(', đã xử lý, chờ kiểm tra lại', ', acted on, to be checked again')}
          </dt>
          <dd><a href="${address('discrepancies', { kind, state, side })}">${countWords(count)[language]}</a></dd>
          <dd class="soft">${say('lâu nhất từ', 'the oldest since')} ${momentWords(since)}</dd>
        </div>`,
    )}
  </dl>`
}

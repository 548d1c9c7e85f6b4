import { causeWords, countWords, percentWords } from '../console/words.ts'
import { rateOf } from '../reconciliation/model.ts'
import { assumed, figuresNote, published } from './kon-tum/figures.ts'
import type { Act, DemoResult } from './result.ts'
import type { Stage } from './stage.ts'

/** What the demo says: Vietnamese first, English below. */
const count = (number: number) => countWords(number).vi
const percent = (number: number | null) => percentWords(number).vi
const english = (number: number) => countWords(number).en

export const inWords = {
  opening: (dossiers: number, scale: number) => {
    const all = Math.round(dossiers * scale)
    return `Kon Tum 2020: ${count(all)} hồ sơ, một Cổng DVCQG mô phỏng trên máy này. Không có gì được gửi ra ngoài.
  (${english(all)} dossiers against a sandbox portal on this machine. Nothing leaves it.)`
  },
  prepared: (national: number, agencies: number, local: number) =>
    `Đã sẵn sàng: ${count(national)} thủ tục quốc gia, ${count(local)} thủ tục của tỉnh, ${count(agencies)} cơ quan.
  (Ready: ${english(national)} national procedures, ${english(local)} of the province, ${english(agencies)} agencies.)`,
  actOne: `
HỒI MỘT: chỉ gửi được mã khớp đúng, Cổng quá tải, đồng hồ dừng ở con số của tỉnh
  (Act one: only codes that match exactly, a crowded portal, the clock stops at the province's figure)`,
  actOneBar: 'Tiếp nhận',
  actTwo: `
HỒI HAI: mã được gợi ý, xem xét và gỡ vướng, Cổng hết quá tải
  (Act two: codes are suggested, reviewed and released, the portal is free again)`,
  actTwoBar: 'Đồng bộ',
  standing: (received: number, delivered: number, total: number) =>
    `${count(received)} hồ sơ tiếp nhận, ${count(delivered)} đã đồng bộ (${percent(rateOf(delivered, total))})`,
  suggested: (codes: number, released: number) =>
    `${count(codes)} mã được gợi ý chắc chắn và chấp nhận, không cần người xem: ${count(released)} hồ sơ được gỡ vướng.
  (${english(codes)} codes accepted by suggestions that need no person: ${english(released)} dossiers released.)`,
  reviewed: (codes: number, released: number) =>
    `${count(codes)} mã do người xem chọn trong các gợi ý: ${count(released)} hồ sơ được gỡ vướng.
  (${english(codes)} codes chosen by a person among the candidates: ${english(released)} dossiers released.)`,
  released: (mappings: number, released: number) =>
    `${count(mappings)} dòng còn lại được nhập từ bảng của tỉnh: ${count(released)} hồ sơ được gỡ vướng.
  (${english(mappings)} others imported from the province's own list: ${english(released)} dossiers released.)`,
  late: 'Chưa gửi hết trong thời gian cho phép. (Not everything was sent in the time allowed.)',
  verifying: `
KIỂM CHỨNG: so từng hồ sơ, từng bước xử lý giữa sổ cái và Cổng
  (Proof: ledger and portal compared dossier by dossier, step by step)`,
  verifyBar: 'Kiểm chứng',
  addresses: ({ page, api, console, folder }: Stage, exit: boolean) =>
    exit
      ? `Báo cáo đã lưu (reports kept): ${folder}/act-one.html, ${folder}/act-two.html`
      : `
Mở bằng trình duyệt (open in a browser):
  ${page.url}/            báo cáo hiện tại (report now; ?lang=en)
  ${page.url}/act-one     báo cáo hồi một (report of act one)
  ${api.url}/console/     bàn điều hành (console); khóa (key): ${console.key}
  ${api.url}/docs         API
Báo cáo đã lưu (kept): ${folder}/act-one.html, ${folder}/act-two.html
Nhấn Ctrl-C để kết thúc. (Ctrl-C ends the demo.)`,
}

const row = (label: string, ours: string, theirs: string) =>
  `  ${label.normalize('NFC').padEnd(46)}${ours.padStart(10)}${theirs.padStart(14)}`

/** Act one beside the province's published figures. */
export function actOneText(
  { received, delivered, rate, causes, target, clock, turnedAway }: DemoResult['actOne'],
  scale: number,
): string {
  const scaled = (number: number) => count(Math.round(number * scale))
  const lines = [
    '',
    row('', 'sổ cái', scale === 1 ? 'báo cáo tỉnh' : 'tỉnh × tỷ lệ'),
    row('Hồ sơ tiếp nhận (received)', count(received), scaled(published.dossiers)),
    row('Đã đồng bộ (in step)', count(delivered), scaled(published.inStep)),
    row('Tỷ lệ đồng bộ (sync rate)', percent(rate), percent(published.syncRate)),
    row('Không có mã quốc gia (no national code)', count(causes.noNationalCode), `~${scaled(assumed.noNationalCode)}`),
    row(
      'Trước ngày công bố (before publication)',
      count(causes.predatesPublication),
      `~${scaled(assumed.predatesPublication)}`,
    ),
    row('Đồng bộ chậm (slow sync)', count(causes.slowSync), `~${scaled(assumed.slowSync)}`),
    row('Dữ liệu không gửi được (cannot be sent)', count(causes.unsendable), `~${scaled(assumed.defects)}`),
    row('Lượt gọi bị Cổng từ chối, đã gửi lại (429)', count(turnedAway), ''),
    '',
    `  ${figuresNote.vi}`,
    `  ${figuresNote.en}`,
  ]
  if (clock.stoppedBy === 'time')
    lines.push(
      `  Máy chậm: đồng hồ dừng sau ${clock.seconds} giây, trước khi đạt ${count(target)}. (Slow machine: stopped by time.)`,
    )
  return lines.join('\n')
}

const gapLines = ({ byCause }: Act) =>
  byCause.map(({ code, count: number }) => {
    const { cause, next } = causeWords(code)
    return `  ${count(number).padStart(7)}  ${code}: ${cause.vi} ${next.vi}`
  })

/** The end of the demo for a reader. */
export function summaryText({
  good,
  problems,
  actOne,
  actTwo,
  verification,
  reconciliation,
  seconds,
}: DemoResult): string {
  const { dossiers, steps, ...wrong } = verification
  const found = Object.entries(wrong).map(([name, number]) => `${name} ${number}`)
  const interval = reconciliation.interval
  return [
    '',
    `KẾT QUẢ: ${percent(actOne.rate)} → ${percent(actTwo.rate)}`,
    `  ${count(actTwo.delivered)} trên ${count(actTwo.received)} hồ sơ đã đồng bộ. Còn lại không gửi được, mỗi hồ sơ một lý do:`,
    `  (${english(actTwo.delivered)} of ${english(actTwo.received)} dossiers are in step. The rest cannot be sent, each for a reason:)`,
    ...gapLines(actTwo),
    '',
    `Kiểm chứng: ${count(dossiers)} hồ sơ, ${count(steps)} bước xử lý. (Proof: every delivered dossier and step compared.)`,
    `  ${found.join(', ')}`,
    `Đối soát mẫu (sampled reconciliation): ${count(reconciliation.agreed)}/${count(reconciliation.answered)} khớp` +
      (interval ? ` (95 %: ${percent(interval.low)} – ${percent(interval.high)})` : ''),
    `Thời gian (seconds): ${Object.entries(seconds)
      .map(([name, time]) => `${name} ${time}`)
      .join(', ')}`,
    good ? 'Mọi con số đều đúng. (Every figure is as it must be.)' : `KHÔNG ĐÚNG (WRONG):\n  ${problems.join('\n  ')}`,
  ].join('\n')
}

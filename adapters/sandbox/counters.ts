import { isItem } from './rules.ts'
import type { PortalAnswer } from './services.ts'

/** The monthly counters as they came, the newest for each unit, month and kind; and how often they came. */
export interface HeldCounters {
  readonly row: Readonly<Record<string, string>>
  readonly times: number
}

const texts = ['Thang', 'Nam', 'Madonvi', 'TenDonVi', 'LoaiThongKe'] as const
const counts = [
  'SoNhanTrongKy',
  'SoTonKyTruoc',
  'TongSoXuLy',
  'TongDaXuLy',
  'TongXuLyDungHan',
  'TongXuLyTreHan',
  'TongChuaXuLy',
  'TongChuaXuLyTrongHan',
  'TongChuaXuLyTreHan',
] as const
const percentages = [
  ['TongDaXuLy', 'PhanTramXuLyDungHan', 'PhanTramXuLyTreHan'],
  ['TongChuaXuLy', 'PhanTramChuaXuLyTrongHan', 'PhanTramChuaXuLyTreHan'],
] as const
/** Each whole with its two parts. */
const sums = [
  ['TongSoXuLy', 'SoNhanTrongKy', 'SoTonKyTruoc'],
  ['TongSoXuLy', 'TongDaXuLy', 'TongChuaXuLy'],
  ['TongDaXuLy', 'TongXuLyDungHan', 'TongXuLyTreHan'],
  ['TongChuaXuLy', 'TongChuaXuLyTrongHan', 'TongChuaXuLyTreHan'],
] as const

export class CounterStore {
  readonly #held = new Map<string, HeldCounters>()

  all(): HeldCounters[] {
    return [...this.#held.values()]
  }

  /** All rows of a call or none. */
  take(items: readonly unknown[] | undefined, strict: boolean): PortalAnswer {
    if (!items || items.length === 0) return { code: '-10', message: 'Thiếu trường data' }
    const wrong = strict ? items.map(problemIn).find((one) => one !== null) : undefined
    if (wrong) return { code: '-10', message: wrong }
    for (const item of items) this.#keep(item as Record<string, string>)
    return { code: '0', message: 'Đồng bộ thống kê thành công' }
  }

  #keep(row: Readonly<Record<string, string>>): void {
    const key = ['Nam', 'Thang', 'Madonvi', 'LoaiThongKe'].map((name) => row[name]).join('|')
    this.#held.set(key, { row, times: (this.#held.get(key)?.times ?? 0) + 1 })
  }
}

function problemIn(item: unknown): string | null {
  if (!isItem(item)) return 'Dữ liệu không đúng định dạng'
  const untold = Object.entries(item).find(([, value]) => typeof value !== 'string')
  if (untold) return `Trường ${untold[0]} phải là chuỗi`
  const row = item as Record<string, string>
  const missing = [...texts, 'GhiChu'].find(
    (name) => row[name] === undefined || (name !== 'GhiChu' && row[name] === ''),
  )
  if (missing !== undefined) return `Thiếu trường ${missing}`
  if (!/^(?:[1-9]|1[0-2])$/.test(row['Thang']!) || !/^\d{4}$/.test(row['Nam']!)) return 'Tháng, năm không hợp lệ'
  const count = counts.find((name) => !/^\d+$/.test(row[name] ?? ''))
  if (count !== undefined) return `Trường ${count} không hợp lệ`
  const sum = sums.find(([whole, one, other]) => Number(row[whole]) !== Number(row[one]) + Number(row[other]))
  if (sum) return `${sum[0]} không bằng ${sum[1]} cộng ${sum[2]}`
  const percent = percentages.find(
    ([of, ...two]) =>
      !isHundred(
        row[of]!,
        two.map((name) => row[name] ?? ''),
      ),
  )
  return percent ? `${percent[1]} và ${percent[2]} không hợp lệ` : null
}

/** Two percentages of something make a hundred, of nothing they say nothing. */
function isHundred(of: string, two: readonly string[]): boolean {
  if (!two.every((one) => /^\d{1,3}(?:\.\d+)?$/.test(one))) return false
  const hundredths = two.reduce((sum, one) => sum + Math.round(Number(one) * 100), 0)
  return hundredths === (of === '0' ? 0 : 10_000)
}

import type { Catalogue } from './catalogue.ts'

/** Why the portal would not take an item. */
export interface Refusal {
  readonly code: string
  readonly message: string
}

type Item = Readonly<Record<string, unknown>>

const neededInDossier = [
  'MaHoSo',
  'MaTTHC',
  'TenTTHC',
  'MaLinhVuc',
  'TenLinhVuc',
  'LoaiDoiTuong',
  'NgayTiepNhan',
  'TrangThaiHoSo',
  'DonViXuLy',
]
const datesOfDossier = ['NgayNopHoSo', 'NgayTiepNhan', 'NgayHenTra', 'NgayTra', 'NgayKetThucXuLy', 'NgayTuChoi']
const listsOfDossier: ReadonlySet<string> = new Set([
  'TaiLieuNop',
  'DanhSachLePhi',
  'DanhSachTepDinhKemKhac',
  'DanhSachHoSoBoSung',
  'DanhSachGiayToKetQua',
  'DinhDanhCHS',
  'DSKetNoiCSDL',
])
const lengthsInDossier: ReadonlyArray<[string, number]> = [
  ['GhiChu', 2000],
  ['TrichYeuHoSo', 1000],
]
const lengthsInLists: ReadonlyArray<[list: string, field: string, number]> = [
  ['TaiLieuNop', 'TenTepDinhKem', 4000],
  ['DanhSachGiayToKetQua', 'TenGiayTo', 2000],
]
const datesOfStep = ['ThoiDiemXuLy', 'NgayBatDau', 'NgayKetThucTheoQuyDinh']
const officerLength = 50
const digitsOfDate = /^\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d$/
const statusCode = /^([1-9]|10)$/

const wrong = (message: string): Refusal => ({ code: '-10', message })
const tooLong = (field: string): Refusal => ({ code: '-11', message: `Trường ${field} vượt quá độ dài cho phép` })

export function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function codeOf(item: unknown): string | undefined {
  const code = isItem(item) ? item['MaHoSo'] : undefined
  return typeof code === 'string' && code.trim() !== '' ? code : undefined
}

/** The content of one dossier, as a strict portal would judge it. The first thing wrong is told. */
export function judgeDossier(item: Item, catalogue: Catalogue): Refusal | undefined {
  return (
    judgeTypes(item) ??
    judgeNeeded(item, neededInDossier) ??
    judgeDates(item, datesOfDossier) ??
    judgeStatus(item['TrangThaiHoSo']) ??
    judgeProcedure(item['MaTTHC'], catalogue) ??
    judgeLengths(item)
  )
}

export function judgeStep(item: Item): Refusal | undefined {
  if (typeof item['NoiDungXuLy'] !== 'string' || item['NoiDungXuLy'].trim() === '')
    return wrong('Thiếu trường NoiDungXuLy')
  if (typeof item['NguoiXuLy'] !== 'string') return wrong('Thiếu trường NguoiXuLy')
  if (longer(item['NguoiXuLy'], officerLength)) return tooLong('NguoiXuLy')
  return (
    judgeNeeded(item, ['ThoiDiemXuLy', 'TrangThai']) ?? judgeDates(item, datesOfStep) ?? judgeStatus(item['TrangThai'])
  )
}

/** Scalars travel as text, lists as lists; a missing value may be empty, absent or null. */
function judgeTypes(item: Item): Refusal | undefined {
  for (const field in item) {
    const value = item[field]
    if (value === null || value === undefined) continue
    if (listsOfDossier.has(field) ? !Array.isArray(value) : typeof value !== 'string')
      return wrong(`Trường ${field} sai kiểu dữ liệu`)
  }
  return undefined
}

function judgeNeeded(item: Item, fields: readonly string[]): Refusal | undefined {
  for (const field of fields) {
    const value = item[field]
    if (typeof value !== 'string' || value.trim() === '') return wrong(`Thiếu trường ${field}`)
  }
  return undefined
}

function judgeDates(item: Item, fields: readonly string[]): Refusal | undefined {
  for (const field of fields) {
    const value = item[field]
    if (value === undefined || value === null || value === '') continue
    if (typeof value !== 'string' || !digitsOfDate.test(value))
      return wrong(`Trường ${field} không đúng định dạng ngày`)
  }
  return undefined
}

function judgeStatus(value: unknown): Refusal | undefined {
  return typeof value === 'string' && statusCode.test(value) ? undefined : wrong('Mã trạng thái không hợp lệ')
}

function judgeProcedure(value: unknown, catalogue: Catalogue): Refusal | undefined {
  const procedure = catalogue.get(String(value))
  if (!procedure) return wrong('Mã thủ tục hành chính không có trong cơ sở dữ liệu quốc gia')
  return procedure.open ? undefined : wrong('Thủ tục hành chính đã hết hiệu lực công bố')
}

function judgeLengths(item: Item): Refusal | undefined {
  for (const [field, most] of lengthsInDossier) if (longer(item[field], most)) return tooLong(field)
  for (const [list, field, most] of lengthsInLists) {
    const rows = item[list]
    if (!Array.isArray(rows)) continue
    for (const row of rows) if (isItem(row) && longer(row[field], most)) return tooLong(field)
  }
  return undefined
}

/** Length in characters as people count them: a text cut at the limit passes however the sender counts. */
function longer(value: unknown, most: number): boolean {
  return typeof value === 'string' && value.length > most && Array.from(value).length > most
}

const rank: Readonly<Record<string, number>> = { 1: 0, 2: 1, 4: 2, 5: 2, 6: 2, 3: 3, 7: 3, 8: 3, 9: 3, 10: 4 }

export function movesBackward(from: unknown, to: unknown): boolean {
  return (rank[String(to)] ?? 0) < (rank[String(from)] ?? 0)
}

/** `H99` in `000.00.14.H99-200703-0002` and in `H99.14-250821-0007`. */
export function provinceOf(code: string): string | undefined {
  return /\b[GH]\d{2}\b/.exec(code.split('-')[0] ?? '')?.[0]
}

import type { Dialect } from '../../config/dialects.ts'
import type { PortalDossier, PortalRecord, PortalStep, RawDifference } from '../../src/delivery/portal.ts'
import { text } from './answers.ts'
import { value } from './catalogue.ts'
import { channelCodes, dossierPayload, statusCodes, stepPayload } from './wire.ts'

/** Plain names of what a look-up can show. */
const plainNames: Readonly<Record<string, string>> = {
  MaHoSo: 'code',
  MaTTHC: 'procedureCode',
  TenTTHC: 'procedureName',
  MaLinhVuc: 'fieldCode',
  TenLinhVuc: 'fieldName',
  SoBienNhan: 'receiptNumber',
  KenhThucHien: 'channel',
  ChuHoSo: 'owner.name',
  SoGiayToChuHoSo: 'owner.idNumber',
  LoaiDoiTuong: 'owner.type',
  MaDoiTuong: 'owner.portalAccountId',
  Email: 'owner.email',
  Fax: 'owner.fax',
  SoDienThoai: 'owner.phone',
  DinhDanhCHS: 'owner.identities',
  ThongTinKhac: 'otherInformation',
  TrichYeuHoSo: 'summary',
  NgayNopHoSo: 'submittedAt',
  NgayTiepNhan: 'receivedAt',
  NgayHenTra: 'promisedAt',
  TrangThaiHoSo: 'status',
  NgayTra: 'returnedAt',
  ThongTinTra: 'returnNote',
  HinhThuc: 'returnMethod',
  NgayKetThucXuLy: 'finishedAt',
  NgayTuChoi: 'refusedAt',
  DonViXuLy: 'agencyName',
  GhiChu: 'note',
  NoiNopHoSo: 'submittedThrough',
  HoSoCoThanhPhanSoHoa: 'hasDigitisedPapers',
  TaiKhoanDuocXacThucVoiVNeID: 'verifiedWithVneid',
  DuocThanhToanTrucTuyen: 'paidOnline',
  TaiLieuNop: 'papers',
  DanhSachLePhi: 'fees',
  DanhSachTepDinhKemKhac: 'otherAttachments',
  DanhSachHoSoBoSung: 'supplements',
  DanhSachGiayToKetQua: 'results',
  DSKetNoiCSDL: 'databases',
}

/** Names, numbers and free texts about people: that they differ is said, what they say is not. */
const personal = new Set([
  'ChuHoSo',
  'SoGiayToChuHoSo',
  'MaDoiTuong',
  'Email',
  'Fax',
  'SoDienThoai',
  'ThongTinKhac',
  'TrichYeuHoSo',
  'ThongTinTra',
  'GhiChu',
])

/** Code back to word, for columns a person reads more easily that way. */
const wordsOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  TrangThaiHoSo: reversed(statusCodes),
  KenhThucHien: reversed(channelCodes),
}

export function compareRecord(
  expected: PortalDossier,
  steps: readonly PortalStep[],
  record: PortalRecord,
  dialect: Dialect,
): RawDifference[] {
  const payload = dossierPayload(expected, dialect)
  const differences = dialect.lookUp.comparable.flatMap((column) => {
    const there = value(record.fields, column)
    return there === undefined ? [] : compareColumn(column, payload[column], there)
  })
  return record.steps === undefined ? differences : [...differences, ...compareSteps(steps, record.steps, dialect)]
}

function compareColumn(column: string, ours: unknown, theirs: unknown): RawDifference[] {
  const here = normal(ours)
  const there = normal(theirs)
  if (here === there) return []
  const field = plainNames[column] ?? column
  const raw = JSON.stringify([here, there])
  if (Array.isArray(ours) || Array.isArray(theirs)) return [{ field, here: count(ours), there: count(theirs), raw }]
  const shown = { field, here: show(column, here), there: show(column, there) }
  return [personal.has(column) ? { ...shown, raw } : shown]
}

function compareSteps(
  steps: readonly PortalStep[],
  there: readonly Readonly<Record<string, unknown>>[],
  dialect: Dialect,
): RawDifference[] {
  const ours = steps.map((step) => stepKey(stepPayload(step, dialect)))
  const theirs = there.map(stepKey)
  const at = ours.findIndex((one, index) => one !== theirs[index])
  if (at === -1 && ours.length === theirs.length) return []
  const shown = ours.length === theirs.length ? `${theirs.length}, differs at ${at + 1}` : theirs.length.toString()
  return [{ field: 'steps', here: ours.length.toString(), there: shown, raw: JSON.stringify([ours, theirs]) }]
}

export function recordHoldsStep(record: PortalRecord, step: PortalStep, dialect: Dialect): boolean | null {
  if (record.steps === undefined) return null
  const wanted = stepKey(stepPayload(step, dialect))
  return record.steps.some((one) => stepKey(one) === wanted)
}

/** Steps have no id on the wire: the same time, status and content are the same step. */
function stepKey(row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(['ThoiDiemXuLy', 'TrangThai', 'NoiDungXuLy'].map((name) => normal(value(row, name))))
}

/** Empty, null and absent are one; a local date-time with separators equals its 14 digits. */
function normal(found: unknown): string {
  if (Array.isArray(found)) return JSON.stringify(found)
  const plain = (text(found) ?? '').normalize('NFC')
  return /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d$/.test(plain) ? plain.replaceAll(/[-T: ]/g, '') : plain
}

function show(column: string, shown: string): string {
  if (personal.has(column)) return shown === '' ? '' : '•••'
  const time = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(shown)
  if (time && column.startsWith('Ngay')) return shown.replace(time[0], isoOf(time))
  return wordsOf[column]?.[shown] ?? shown
}

const isoOf = ([, year, month, day, hour, minute, second]: RegExpExecArray): string =>
  `${year}-${month}-${day}T${hour}:${minute}:${second}+07:00`

const count = (list: unknown): string => (Array.isArray(list) ? list.length.toString() : '0')

function reversed(codes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(codes).map(([word, code]) => [code, word]))
}

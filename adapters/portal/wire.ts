import type { Counters, Dialect } from '../../config/dialects.ts'
import type { Status } from '../../config/statuses.ts'
import type { DossierContent } from '../../src/dossiers/model.ts'
import type { PortalCounters, PortalDossier, PortalProblem, PortalStep } from '../../src/delivery/portal.ts'

/**
 * Plain words to the portal's words. Nothing is made up: a value we do not have goes out as the dialect's missing value,
 * and lists are always there, possibly empty.
 */
type Scalar = string | number | boolean | null
export type WireRecord = { readonly [name: string]: Scalar | readonly WireRecord[] }
type Scalars = Record<string, Scalar | undefined>

type Paper = NonNullable<DossierContent['papers']>[number]
type Fee = NonNullable<DossierContent['fees']>[number]
type Supplement = NonNullable<DossierContent['supplements']>[number]

export const statusCodes: Readonly<Record<Status, string>> = {
  new: '1',
  received: '2',
  'not-accepted': '3',
  processing: '4',
  'supplement-requested': '5',
  'payment-requested': '6',
  withdrawn: '7',
  stopped: '8',
  finished: '9',
  returned: '10',
}
export const channelCodes = { counter: '1', online: '2', post: '3' } as const
const ownerCodes = { citizen: '1', enterprise: '2', 'state-body': '3', organisation: '4' } as const
const placeCodes = { 'national-portal': '1', local: '2' } as const
const returnCodes = { 'in-person': '0', post: '1' } as const
const paymentCodes = { no: '0', 'on-portal': '1', 'local-gateway': '2' } as const
const reuseCodes = { no: '0', yes: '1', 'with-replacement': '2' } as const

export function dossierPayload(dossier: PortalDossier, dialect: Dialect): WireRecord {
  const is2022 = dialect.payload.generation === '2022'
  return {
    ...scalars(dialect, {
      ...identity(dossier),
      ...(is2022 ? ownerOf2022(dossier) : { SoBienNhan: dossier.content.receiptNumber }),
      ...owner(dossier),
      ...course(dossier),
      ...(is2022 ? since2022(dossier) : {}),
    }),
    ...lists(dossier, dialect),
    ...(is2022 ? listsSince2022(dossier, dialect) : {}),
  }
}

export function stepPayload({ dossierCode, step, status }: PortalStep, dialect: Dialect): WireRecord {
  return scalars(dialect, {
    MaHoSo: dossierCode,
    NguoiXuLy: step.officer,
    ChucDanh: step.position,
    ThoiDiemXuLy: wireTime(step.at),
    PhongBanXuLy: step.department,
    NoiDungXuLy: step.content,
    TrangThai: statusCodes[status],
    NgayBatDau: wireTime(step.startedAt),
    NgayKetThucTheoQuyDinh: wireTime(step.dueAt),
  })
}

/** Every value is text, numbers as well (spec 5.7). */
export function countersPayload(
  { month, code, name, kind, figures }: PortalCounters,
  dialect: Dialect,
  counters: Counters,
): WireRecord {
  const { received, carried, handledInTime, handledLate, pendingInTime, pendingLate } = figures
  const [handled, pending] = [handledInTime + handledLate, pendingInTime + pendingLate]
  const [ofHandled, ofPending] = [shares(handledInTime, handled, counters), shares(pendingInTime, pending, counters)]
  const [year, number] = month.split('-')
  return scalars(dialect, {
    Thang: String(Number(number)),
    Nam: year,
    SoNhanTrongKy: String(received),
    SoTonKyTruoc: String(carried),
    TongSoXuLy: String(received + carried),
    TongDaXuLy: String(handled),
    TongXuLyDungHan: String(handledInTime),
    PhanTramXuLyDungHan: ofHandled.inTime,
    TongXuLyTreHan: String(handledLate),
    PhanTramXuLyTreHan: ofHandled.late,
    TongChuaXuLy: String(pending),
    TongChuaXuLyTrongHan: String(pendingInTime),
    PhanTramChuaXuLyTrongHan: ofPending.inTime,
    TongChuaXuLyTreHan: String(pendingLate),
    PhanTramChuaXuLyTreHan: ofPending.late,
    GhiChu: undefined,
    Madonvi: code,
    TenDonVi: name,
    LoaiThongKe: kind,
  })
}

/** Two percentages that make a hundred however they are rounded. */
function shares(inTime: number, total: number, { decimal, decimals, zeroOfZero }: Counters) {
  if (total === 0) return { inTime: zeroOfZero, late: zeroOfZero }
  const whole = 100 * 10 ** decimals
  const share = Math.round((inTime * whole) / total)
  const written = (units: number) => (units / 10 ** decimals).toFixed(decimals).replace('.', decimal)
  return { inTime: written(share), late: written(whole - share) }
}

function identity({ code, procedure }: PortalDossier): Scalars {
  return {
    MaHoSo: code,
    MaTTHC: procedure.code,
    TenTTHC: procedure.name,
    MaLinhVuc: procedure.fieldCode,
    TenLinhVuc: procedure.fieldName,
  }
}

function ownerOf2022({ content }: PortalDossier): Scalars {
  return { KenhThucHien: coded(channelCodes, content.channel), SoGiayToChuHoSo: content.owner.idNumber }
}

function owner({ content }: PortalDossier): Scalars {
  return {
    ChuHoSo: content.owner.name,
    LoaiDoiTuong: ownerCodes[content.owner.type],
    MaDoiTuong: content.owner.portalAccountId,
    ThongTinKhac: content.otherInformation,
    Email: content.owner.email,
    Fax: content.owner.fax,
    SoDienThoai: content.owner.phone,
  }
}

function course({ content, status, agencyName }: PortalDossier): Scalars {
  return {
    TrichYeuHoSo: content.summary,
    NgayTiepNhan: wireTime(content.receivedAt),
    NgayHenTra: wireTime(content.promisedAt),
    TrangThaiHoSo: statusCodes[status],
    NgayTra: wireTime(content.returnedAt),
    ThongTinTra: content.returnNote,
    HinhThuc: coded(returnCodes, content.returnMethod),
    NgayKetThucXuLy: wireTime(content.finishedAt),
    DonViXuLy: agencyName,
    GhiChu: content.note,
  }
}

function since2022({ content }: PortalDossier): Scalars {
  return {
    NoiNopHoSo: coded(placeCodes, content.submittedThrough),
    HoSoCoThanhPhanSoHoa: zeroOne(content.hasDigitisedPapers),
    TaiKhoanDuocXacThucVoiVNeID: zeroOne(content.verifiedWithVneid),
    DuocThanhToanTrucTuyen: coded(paymentCodes, content.paidOnline),
    NgayTuChoi: wireTime(content.refusedAt),
    NgayNopHoSo: wireTime(content.submittedAt),
  }
}

function lists({ content }: PortalDossier, dialect: Dialect): WireRecord {
  return {
    TaiLieuNop: (content.papers ?? []).map((paper) => paperPayload(paper, dialect)),
    DanhSachLePhi: (content.fees ?? []).map((fee) => feePayload(fee, dialect)),
    DanhSachTepDinhKemKhac: (content.otherAttachments ?? []).map((one) =>
      scalars(dialect, {
        TenGiayTo: one.name,
        SoLuong: integer(one.quantity.toString(), dialect),
        LoaiGiayTo: integer(one.kind, dialect),
      }),
    ),
    DanhSachHoSoBoSung: (content.supplements ?? []).map((one) => supplementPayload(one, dialect)),
    DanhSachGiayToKetQua: (content.results ?? []).map((one) =>
      scalars(dialect, {
        TenGiayTo: one.name,
        MaThanhPhanHoSo: one.paperCode,
        GiayToId: one.id,
        DuongDanTepTinKetQua: one.url,
        ...(dialect.payload.generation === '2022' ? { MaGiayToKetQua: one.resultCode } : {}),
      }),
    ),
  }
}

function listsSince2022({ content }: PortalDossier, dialect: Dialect): WireRecord {
  return {
    DinhDanhCHS: (content.owner.identities ?? []).map((one) =>
      scalars(dialect, { LoaiDinhDanh: one.type, SoDinhDanh: one.number }),
    ),
    DSKetNoiCSDL: (content.databases ?? []).map((MaCSDL) => scalars(dialect, { MaCSDL })),
  }
}

function paperPayload(paper: Paper, dialect: Dialect): WireRecord {
  return scalars(dialect, {
    TepDinhKemId: paper.id,
    TenTepDinhKem: paper.name,
    // Being in the list means being there: only a paper that is said to be removed is marked as removed.
    IsDeleted: paper.deleted === true ? 'True' : 'False',
    MaThanhPhanHoSo: paper.paperCode,
    DuongDanTaiTepTin: paper.url,
    ...(dialect.payload.generation === '2022'
      ? {
          DuocSoHoa: zeroOne(paper.digitised),
          DuocTaiSuDung: coded(reuseCodes, paper.reused),
          DuocLayTuKhoDMQG: zeroOne(paper.fromNationalStore),
          MaKetQuaThayThe: paper.replacementResultCode,
        }
      : {}),
  })
}

function feePayload(fee: Fee, dialect: Dialect): WireRecord {
  return scalars(dialect, {
    TenPhiLePhi: fee.name,
    MaPhiLePhi: fee.code,
    HinhThucThu: fee.collection,
    Gia: fee.amount.toString(),
    LoaiPhiLePhi: fee.kind,
  })
}

function supplementPayload(supplement: Supplement, dialect: Dialect): WireRecord {
  const time = dialect.payload.supplementDates === 'iso' ? isoTime : wireTime
  return {
    ...scalars(dialect, {
      HoSoBoSungId: integer(supplement.id, dialect),
      NguoiYeuCauBoSung: supplement.requestedBy,
      NoiDungBoSung: supplement.content,
      NgayBoSung: time(supplement.requestedAt),
      NguoiTiepNhanBoSung: supplement.receivedBy,
      ThongTinTiepNhan: supplement.receptionNote,
      NgayTiepNhanBoSung: time(supplement.receivedAt),
      TrangThaiBoSung: truth(supplement.done, dialect),
      NgayHenTraTruoc: time(supplement.promisedBefore),
      NgayHenTraMoi: time(supplement.promisedAfter),
    }),
    DanhSachGiayToBoSung: (supplement.papers ?? []).map((paper) => paperPayload(paper, dialect)),
    DanhSachLePhiBoSung: (supplement.fees ?? []).map((fee) => feePayload(fee, dialect)),
  }
}

function scalars(dialect: Dialect, entries: Scalars): Record<string, Scalar> {
  const { missing, limits } = dialect.payload
  const record: Record<string, Scalar> = {}
  for (const [name, value] of Object.entries(entries)) {
    if (value !== undefined && value !== null && value !== '') record[name] = cut(value, limits[name])
    else if (missing !== 'absent') record[name] = missing === 'empty' ? '' : null
  }
  return record
}

/** A text that is too long ends in an ellipsis, so that a reader sees that it was cut; never inside a surrogate pair. */
function cut(value: Scalar, limit: number | undefined): Scalar {
  if (typeof value !== 'string' || limit === undefined || value.length <= limit) return value
  return `${value.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

function coded<K extends string>(codes: Readonly<Record<K, string>>, word: K | undefined): string | undefined {
  return word === undefined ? undefined : codes[word]
}

function zeroOne(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : value ? '1' : '0'
}

function truth(value: boolean | undefined, dialect: Dialect): Scalar | undefined {
  if (value === undefined || dialect.payload.nested === 'typed') return value
  return value ? 'True' : 'False'
}

/** An id that is no whole number stays text even in a typed dialect: a rejected value beats a wrong one. */
function integer(value: string | undefined, dialect: Dialect): Scalar | undefined {
  const isInteger = value !== undefined && /^(?:0|[1-9]\d{0,14})$/.test(value)
  return dialect.payload.nested === 'typed' && isInteger ? Number(value) : value
}

/** `yyyyMMddHHmmss` in Vietnam, which keeps UTC+7 all year. */
function wireTime(instant: string | undefined): string | undefined {
  return instant === undefined ? undefined : vietnamTime(instant).replaceAll(/[-T:]/g, '')
}

function isoTime(instant: string | undefined): string | undefined {
  return instant === undefined ? undefined : `${vietnamTime(instant)}+07:00`
}

function vietnamTime(instant: string): string {
  return new Date(Date.parse(instant) + 7 * 3_600_000).toISOString().slice(0, 19)
}

/**
 * What the portal would miss in a dossier, in plain field names. E-mail, phone, summary and ID number are not asked for:
 * known systems send them empty and the portal takes it. Details never quote a personal value.
 */
export function problems(dossier: PortalDossier, dialect: Dialect): PortalProblem[] {
  return [...missing(dossier, dialect), ...invalidIdentities(dossier, dialect)]
}

function missing(dossier: PortalDossier, { payload }: Dialect): PortalProblem[] {
  const { content, procedure, agencyName } = dossier
  const whole: unknown = { ...content, procedure, agencyName }
  return payload.required
    .filter((field) => {
      const value = field
        .split('.')
        .reduce<unknown>((part, name) => (part as Record<string, unknown> | undefined)?.[name], whole)
      return value === undefined || value === null || (typeof value === 'string' && value.trim() === '')
    })
    .map((field) => ({ field, code: 'missing-for-portal', detail: 'the portal requires a value' }))
}

const identityForms: Readonly<Record<string, { form: RegExp; detail: string }>> = {
  '1': { form: /^\d{12}$/, detail: 'type 1 takes 12 digits' },
  '2': { form: /^\d{9}$/, detail: 'type 2 takes 9 digits' },
}

function invalidIdentities({ content }: PortalDossier, { payload }: Dialect): PortalProblem[] {
  if (payload.generation !== '2022') return []
  return (content.owner.identities ?? []).flatMap(({ type, number }, index): PortalProblem[] => {
    const rule = identityForms[type]
    if (rule === undefined || rule.form.test(number)) return []
    return [{ field: `owner.identities.${index}.number`, code: 'invalid-for-portal', detail: rule.detail }]
  })
}

import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Visit } from './doors.ts'
import type { Strike } from './faults.ts'
import { isItem } from './rules.ts'
import type { PortalCall, PortalParts } from './services.ts'

/**
 * The portal's public report, counted from what the sandbox holds. The address, the question and the keys `overview`, `evaluation`,
 * `children` and `departmentId` are those of the field; all names beneath them are the sandbox's own.
 */
const door = /^\/api\/v1\/reporting\/evaluation\/([a-z-]+)$/

export function reportVisitOf(request: FastifyRequest, path: string): Visit | null {
  const [, report] = request.method === 'POST' ? (door.exec(path) ?? []) : []
  if (report === undefined) return null
  const fields = isItem(request.body) ? request.body : {}
  const call = {
    door: 'reporting',
    service: `reporting/${report}`,
    organisation: '',
    codes: [],
    fields,
    bytes: 0,
  } as const
  return { call, forwarded: false, doubleEncoded: false, camelCase: false }
}

type Payload = Readonly<Record<string, unknown>>
type Test = (payload: Payload) => boolean

interface Metric {
  readonly code: string
  readonly counts: Test
  readonly won: Test
}

const every: Test = () => true
const hasFile =
  (list: string, field: string): Test =>
  (payload) =>
    Array.isArray(payload[list]) && payload[list].some((row) => isItem(row) && textOf(row[field]) !== '')
const hasResultFile = hasFile('DanhSachGiayToKetQua', 'DuongDanTepTinKetQua')
const textOf = (value: unknown) => (typeof value === 'string' ? value : '')
const endOf = (payload: Payload) => textOf(payload['NgayKetThucXuLy']) || textOf(payload['NgayTra'])
const onTime: Test = (payload) => endOf(payload) !== '' && endOf(payload) <= textOf(payload['NgayHenTra'])
const metric = (code: string, won: Test, counts: Test = every): Metric => ({ code, counts, won })

const reports: Readonly<Record<string, readonly Metric[]>> = {
  'service-results': [metric('TOTAL', every)],
  transparency: [metric('DOSSIER_SYNC', every)],
  'dvc-progress-tree': [metric('ON_TIME', onTime)],
  'provide-online-tree': [metric('ONLINE', ({ KenhThucHien }) => KenhThucHien === '2')],
  'formality-online-payment-tree': [
    metric('PAID_ONLINE', ({ DuocThanhToanTrucTuyen }) => ['1', '2'].includes(textOf(DuocThanhToanTrucTuyen))),
  ],
  'dossier-digitized': [
    metric('ORIGINAL_RESULT_AVAILABLE', hasResultFile),
    metric('SO_HOA_GIAY_TO_GIAI_QUYET', (one) => hasResultFile(one) && hasFile('TaiLieuNop', 'DuongDanTaiTepTin')(one)),
  ],
  'handling-satisfaction': [metric('DOSSIER_RECEIVING_SATISFACTION', onTime)],
}

/** The id of a unit, by the name under which dossiers come; the province itself has none. */
export function departmentIdOf(name: string): string {
  const hex = createHash('sha1').update(`department:${name}`).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  )
}

const refusal = (message: string) => JSON.stringify({ code: 'BAD_REQUEST', message, data: null })

/** The body of the answer. */
export function reportAnswer({ store }: PortalParts, { service, fields }: PortalCall, strike: Strike): string {
  const metrics = reports[service.replace('reporting/', '')]
  if (!metrics) return refusal('Báo cáo không tồn tại')
  const root = departmentIdOf('')
  if (String(fields['rootDepartmentId']) !== root) return refusal('Không tìm thấy đơn vị')
  const isIn = periodOf(fields)
  const { currentPage: page, pageSize: size } = fields
  if (!isIn || !isCount(page) || !isCount(size)) return refusal('Tham số không hợp lệ')
  const payloads = [...store.all()].map(({ payload }) => payload).filter((one) => isIn(textOf(one['NgayTiepNhan'])))
  const zero = strike.has('zeros')
  const units = [...Map.groupBy(payloads, ({ DonViXuLy }) => textOf(DonViXuLy))].sort(([a], [b]) => (a < b ? -1 : 1))
  const children = units.map(([name, own]) => nodeOf(name, metrics, own, zero))
  const shown = strike.has('missing-page') && page > 1 ? [] : children.slice((page - 1) * size, page * size)
  const { departmentName: _, ...own } = nodeOf('', metrics, payloads, zero)
  const overview = { total: zero ? 0 : payloads.length, units: children.length }
  return JSON.stringify({ code: 'OK', message: '', data: { ...own, overview, children: shown } })
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 1

function nodeOf(name: string, metrics: readonly Metric[], payloads: readonly Payload[], zero: boolean) {
  const evaluation = metrics.map(({ code, counts, won }) => {
    const whole = payloads.filter(counts)
    const [numerator, denominator] = zero ? [0, 0] : [whole.filter(won).length, whole.length]
    return {
      code,
      numerator,
      denominator,
      rate: denominator === 0 ? 0 : Math.floor((numerator * 1000) / denominator) / 10,
    }
  })
  return { departmentId: departmentIdOf(name), departmentName: name, evaluation }
}

/** Which dates of reception (`yyyyMMddHHmmss`) a question is about; null when it is not understood. */
function periodOf(fields: PortalCall['fields']): ((date: string) => boolean) | null {
  const { timeType, year, month, quarter, fromDate, toDate } = fields
  if (typeof fromDate === 'string' && typeof toDate === 'string') {
    const [from, to] = [fromDate, toDate].map((day) => day.replaceAll('-', ''))
    return (date) => date.slice(0, 8) >= from! && date.slice(0, 8) <= to!
  }
  const inYear = (date: string) => date.startsWith(String(year))
  const monthOf = (date: string) => Number(date.slice(4, 6))
  if (timeType === 'year') return inYear
  if (timeType === 'month') return (date) => inYear(date) && monthOf(date) === month
  return timeType === 'quarter' ? (date) => inYear(date) && Math.ceil(monthOf(date) / 3) === quarter : null
}

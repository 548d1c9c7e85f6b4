import { hashed } from './chance.ts'
import { fullRow, type Catalogue } from './catalogue.ts'
import type { Faults, Strike, Target } from './faults.ts'
import type { CounterStore } from './counters.ts'
import { codeOf, isItem, judgeDossier, judgeStep, movesBackward, provinceOf, type Refusal } from './rules.ts'
import type { Sessions } from './sessions.ts'
import type { SandboxConfiguration } from './settings.ts'
import type { DossierStore } from './store.ts'

/** A call as the portal understands it, whichever door it came through. */
export interface PortalCall extends Target {
  /** `envelope` calls carry a session; gateways hold it for the caller; `reporting` is open to everybody. */
  readonly door: 'login' | 'envelope' | 'gateway' | 'reporting'
  readonly fields: Readonly<Record<string, unknown>>
  /** Items of a write; undefined when the call carries none. */
  readonly items?: readonly unknown[] | undefined
  /** True, false, or undefined when the call does not say. */
  readonly updating?: boolean | undefined
  readonly bytes: number
}

/** An answer before it is written: `result` is JSON text, because catalogue lists are long and kept ready. */
export interface PortalAnswer {
  readonly code: string
  readonly message: string
  readonly session?: string
  readonly result?: string
}

export interface PortalParts {
  readonly configuration: SandboxConfiguration
  readonly catalogue: Catalogue
  readonly store: DossierStore
  readonly counters: CounterStore
  readonly sessions: Sessions
  readonly faults: Faults
}

type Fields = PortalCall['fields']
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)
const found = (result: string): PortalAnswer => ({ code: '0', message: 'Thành công', result })
const refused = (message: string, code = '-10'): PortalAnswer => ({ code, message })
const absent: Refusal = { code: '-4', message: 'Hồ sơ không tồn tại' }

/** Answers a call as the portal would; the faults that change a judgement (not those that break the line) are heard here. */
export function answer(parts: PortalParts, call: PortalCall, strike: Strike): PortalAnswer {
  if (call.door === 'login') return logIn(parts, call, strike)
  const early = call.door === 'envelope' ? checkEnvelope(parts, call, strike) : undefined
  if (early) return early
  const told = scripted(strike)
  if (told && !stores(strike)) return told
  const judged = judge(parts, call, strike)
  return told ?? judged
}

/** Does a scripted answer hide a call that was processed all the same? */
function stores(strike: Strike): boolean {
  return [strike.get('later'), strike.get('unknown-code'), strike.get('phrase-with-error')].some(
    (fault) => fault?.stored,
  )
}

function judge(parts: PortalParts, call: PortalCall, strike: Strike): PortalAnswer {
  if (call.service === 'DongBoHoSoMC') return syncDossiers(parts, call, strike)
  if (call.service === 'CapNhatTienDoHoSoMC') return addSteps(parts, call, strike)
  if (call.service === 'DongBoThongKeHoSo') return parts.counters.take(call.items, parts.configuration.strict)
  const read = reads.get(call.service)
  return read ? read(parts, call.fields, strike) : refused('Dịch vụ không được hỗ trợ')
}

function scripted(strike: Strike): PortalAnswer | undefined {
  const later = strike.get('later')
  if (later) return { code: later.value?.code ?? '-90', message: later.value?.message ?? 'Hệ thống bận, thử lại sau' }
  const unknown = strike.get('unknown-code')
  if (unknown) return { code: unknown.value?.code ?? '-77', message: unknown.value?.message ?? '' }
  const phrase = strike.get('phrase-with-error')
  return phrase && { code: phrase.value?.code ?? '-99', message: phrase.value?.message ?? 'Đồng bộ thành công' }
}

function logIn({ configuration, sessions }: PortalParts, { fields, bytes }: PortalCall, strike: Strike): PortalAnswer {
  const failing = strike.get('login-fails')
  if (failing) return refused(failing.value?.message ?? 'Đăng nhập thất bại', failing.value?.code ?? '-1')
  const known = fields['username'] === configuration.username && fields['password'] === configuration.password
  if (!known && !(bytes === 0 && configuration.emptyLogin)) return refused('Sai tên đăng nhập hoặc mật khẩu', '-1')
  const session = sessions.open(configuration.sessionSeconds, configuration.newLoginEndsOld)
  const message = 'Đăng nhập thành công'
  return strike.has('login-without-session') ? { code: '0', message } : { code: '0', message, session }
}

function checkEnvelope(parts: PortalParts, { fields, bytes }: PortalCall, strike: Strike): PortalAnswer | undefined {
  const { configuration, sessions } = parts
  if (bytes > 0 && Object.keys(fields).length === 0) return refused('Dữ liệu không đúng định dạng JSON')
  const early = strike.get('session-expired-early')
  if (early) sessions.end(fields['session'])
  if (!sessions.isOpen(fields['session']))
    return refused(early?.value?.message ?? 'Phiên làm việc đã hết hạn', early?.value?.code ?? '-401')
  const unit = text(fields['madonvi'])
  if (unit === undefined) return refused('Thiếu trường madonvi')
  if (configuration.unit !== undefined && unit !== configuration.unit) return refused('Mã đơn vị không đúng')
  return undefined
}

interface Write {
  readonly code: string
  readonly item: Readonly<Record<string, unknown>>
}

function syncDossiers(parts: PortalParts, call: PortalCall, strike: Strike): PortalAnswer {
  const { store } = parts
  const updating = call.updating
  if (updating === undefined) return refused('Thiếu trường isUpdating')
  const judge = (item: unknown, seen: ReadonlySet<string>) => judgeWrite(parts, call, strike, item, seen)
  const { writes, refusal } = sort(parts, call, strike, parts.configuration.maxDossiersPerCall, judge)
  for (const { code, item } of writes) {
    if (!updating) store.create(code, item)
    else store.update(code, strike.has('merge-lists') ? merged(store.get(code)?.payload ?? {}, item) : item)
  }
  return refusal ?? { code: '0', message: strike.has('ok-without-phrase') ? '' : 'Đồng bộ hồ sơ thành công' }
}

function addSteps(parts: PortalParts, call: PortalCall, strike: Strike): PortalAnswer {
  const judge = (item: unknown) => judgeStepWrite(parts, call, item)
  const { writes, refusal } = sort(parts, call, strike, parts.configuration.maxStepsPerCall, judge)
  for (const { code, item } of writes) parts.store.addStep(code, item)
  return refusal ?? { code: '0', message: strike.has('ok-without-phrase') ? '' : 'Cập nhật tiến độ thành công' }
}

/** Which items of a call are stored, and the one answer for all of them: the first thing wrong, without naming the item. */
function sort(
  { configuration }: PortalParts,
  call: PortalCall,
  strike: Strike,
  most: number,
  judge: (item: unknown, seen: ReadonlySet<string>) => Refusal | undefined,
): { writes: readonly Write[]; refusal?: PortalAnswer } {
  const items = call.items
  if (!items || items.length === 0) return { writes: [], refusal: refused('Thiếu trường data') }
  const limit = strike.get('limit')?.value
  if (items.length > Math.min(most, limit?.items ?? most) || call.bytes > (limit?.bytes ?? Infinity))
    return { writes: [], refusal: refused('Vượt quá số lượng hoặc dung lượng cho phép', '-12') }
  const writes: Write[] = []
  const seen = new Set<string>()
  let first: Refusal | undefined
  for (const item of items) {
    const refusal = judge(item, seen)
    if (refusal && configuration.arrays === 'atomic') return { writes: [], refusal }
    first ??= refusal
    const code = codeOf(item)
    if (refusal || code === undefined || !isItem(item)) continue
    seen.add(code)
    writes.push({ code, item })
  }
  return first ? { writes, refusal: first } : { writes }
}

function judgeWrite(
  parts: PortalParts,
  call: PortalCall,
  strike: Strike,
  item: unknown,
  seen: ReadonlySet<string>,
): Refusal | undefined {
  const { configuration, catalogue, store, faults } = parts
  const code = codeOf(item)
  if (code === undefined || !isItem(item)) return { code: '-10', message: 'Thiếu trường MaHoSo' }
  const poisoned = faults.refusalOf('refuse-dossier', call, code)
  if (poisoned) return poisoned
  const content = configuration.strict ? judgeDossier(item, catalogue) : undefined
  if (content) return content
  const foreign = strike.has('foreign-refused') && provinceOf(code) !== provinceOf(call.organisation)
  if (foreign) return { code: '-13', message: 'Hồ sơ không thuộc đơn vị' }
  if (!call.updating) return store.has(code) || seen.has(code) ? alreadyThere(strike) : undefined
  if (!store.has(code)) return absent
  const backward =
    strike.has('backward-moves-refused') &&
    movesBackward(store.get(code)?.payload['TrangThaiHoSo'], item['TrangThaiHoSo'])
  return backward ? { code: '-13', message: 'Không được chuyển lùi trạng thái hồ sơ' } : undefined
}

function alreadyThere(strike: Strike): Refusal {
  return { code: String(strike.get('exists-code')?.value ?? 3), message: 'Hồ sơ đã tồn tại' }
}

function judgeStepWrite({ configuration, store, faults }: PortalParts, call: PortalCall, item: unknown) {
  const code = codeOf(item)
  if (code === undefined || !isItem(item)) return { code: '-10', message: 'Thiếu trường MaHoSo' }
  if (!store.has(code)) return absent
  const poisoned = faults.refusalOf('refuse-step', call, code)
  if (poisoned) return poisoned
  if (item['NoiDungXuLy'] === null) return { code: '-10', message: 'Thiếu trường NoiDungXuLy' }
  return configuration.strict ? judgeStep(item) : undefined
}

/** The other reading of an update: submitted papers are joined by their id, the rest is replaced. */
function merged(held: Fields, sent: Fields): Fields {
  const papers = (payload: Fields) => (Array.isArray(payload['TaiLieuNop']) ? payload['TaiLieuNop'] : []).filter(isItem)
  const byId = new Map([...papers(held), ...papers(sent)].map((paper) => [paper['TepDinhKemId'], paper]))
  return { ...held, ...sent, TaiLieuNop: [...byId.values()] }
}

type Read = (parts: PortalParts, fields: Fields, strike: Strike) => PortalAnswer

const reads: ReadonlyMap<string, Read> = new Map(
  Object.entries<Read>({
    TraCuuHoSo({ store }, fields) {
      const code = text(fields['mahoso'])
      if (code === undefined) return refused('Thiếu trường mahoso')
      const held = store.get(code)
      if (!held) return found('[]')
      const scalars = Object.entries(held.payload).filter(([, value]) => !Array.isArray(value))
      return found(JSON.stringify([{ ...Object.fromEntries(scalars), DanhSachTienDo: held.steps }]))
    },
    LayDanhSachTTHC: ({ catalogue }, _fields, strike) =>
      found(catalogue.procedures(strike.get('suffixed-codes')?.value)),
    LayThuTuc({ catalogue }, fields, strike) {
      const code = text(fields['maTTHC'])
      if (code === undefined) return refused('Thiếu trường maTTHC')
      const procedure = catalogue.get(code)
      return found(JSON.stringify(procedure ? [fullRow(procedure, strike.has('mixed-url'))] : []))
    },
    LayDanhSachTTHCDonVi({ catalogue }, fields) {
      const unit = text(fields['maDonVi'])
      return unit === undefined ? refused('Thiếu trường maDonVi') : found(catalogue.ofAgency(unit))
    },
    LayDanhMucLinhVuc: ({ catalogue }) => found(catalogue.fields()),
    LayDanhMucCoQuan: ({ catalogue }) => found(catalogue.agencies()),
    LayDVC: ({ catalogue }, fields) => found(`{"data":${catalogue.onlineServices(text(fields['maTTHC']))}}`),
    TraCuuTechID({ configuration }, fields) {
      const number = text(fields['mstorcmnd'])
      if (number === undefined) return refused('Thiếu trường mstorcmnd')
      if (!/^(\d{9}|\d{10}|\d{12}|\d{13})$/.test(number)) return found('[]')
      const id = Math.floor(hashed(`${configuration.seed}:${number}`) * 1e12)
      return found(JSON.stringify([{ TECHNICALID: `TECHID-${String(id).padStart(12, '0')}` }]))
    },
  }),
)

const others: ReadonlySet<string> = new Set(['login', 'DongBoHoSoMC', 'CapNhatTienDoHoSoMC', 'DongBoThongKeHoSo'])

export function isService(name: string): boolean {
  return others.has(name) || reads.has(name)
}

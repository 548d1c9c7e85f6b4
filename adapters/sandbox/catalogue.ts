import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'

/** One procedure as the sandbox publishes it. */
export interface Procedure {
  readonly code: string
  readonly name: string
  readonly fieldCode: string
  readonly fieldName: string
  readonly levels: readonly string[]
  readonly agencyCode: string
  readonly agencyName: string
  readonly decision: string
  readonly online: boolean
  /** `yyyyMMdd`, or empty when the portal does not say. */
  readonly publishedOn: string
  /** `yyyyMMdd`, the first day on which it no longer holds; empty when the portal does not say. */
  readonly endsOn: string
  /** Numbers of documents. */
  readonly legalBases: readonly string[]
  readonly open: boolean
}

export interface ProcedureChange {
  readonly name?: string | undefined
  readonly publishedOn?: string | undefined
  readonly endsOn?: string | undefined
  readonly legalBases?: readonly string[] | undefined
  readonly open?: boolean | undefined
}

type CsvRow = Record<'code' | 'name' | 'field' | 'level' | 'agency' | 'online_level' | 'decision' | 'as_of', string>
type Row = Record<string, unknown>

const unnamedField = 'Chưa phân loại'
const noAgency = new Set(['', 'Không có thông tin'])
const levelCodes: ReadonlyMap<string, string> = new Map([
  ['bộ', '0'],
  ['tỉnh', '1'],
  ['huyện', '2'],
  ['xã', '3'],
])
const levelNames: Readonly<Record<string, string>> = { 0: 'Cấp Bộ', 1: 'Cấp Tỉnh', 2: 'Cấp Huyện', 3: 'Cấp Xã' }

/** The national catalogue the sandbox publishes. Lists are kept as text: they are long and asked for often. */
export class Catalogue {
  readonly #procedures: Map<string, Procedure>
  readonly #fields: ReadonlyMap<string, string>
  readonly #agencies: ReadonlyMap<string, string>
  readonly #lists = new Map<string, string>()

  constructor(publishedOn: ReadonlyMap<string, string>) {
    const rows = newestRows()
    this.#fields = numbered(
      rows.map((row) => row.field),
      'G00-LV',
    )
    this.#agencies = numbered(
      rows.map((row) => row.agency),
      'G00.',
    )
    const procedures = rows.map((row) => this.#published(row, publishedOn.get(row.code) ?? ''))
    this.#procedures = new Map(procedures.map((procedure) => [procedure.code, procedure]))
  }

  get(code: string): Procedure | undefined {
    return this.#procedures.get(code)
  }

  /** Renames, closes or re-announces a procedure. */
  change(code: string, change: ProcedureChange): boolean {
    const procedure = this.#procedures.get(code)
    if (!procedure) return false
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
    this.#procedures.set(code, { ...procedure, ...given })
    this.#lists.clear()
    return true
  }

  procedures(suffix = ''): string {
    return this.#list(`procedures ${suffix}`, () =>
      [...this.#procedures.values()].map((procedure) => summary(procedure, suffix)),
    )
  }

  /** All procedures of one agency; of those that are not one of ours (a province), what provinces and communes do. */
  ofAgency(agencyCode: string): string {
    const known = [...this.#agencies.values()].includes(agencyCode)
    const handles = (procedure: Procedure) =>
      known ? procedure.agencyCode === agencyCode : procedure.levels.some((level) => level !== '0')
    return this.#list(`agency ${known ? agencyCode : ''}`, () =>
      [...this.#procedures.values()].filter(handles).map((procedure) => summary(procedure, '')),
    )
  }

  fields(): string {
    const rows = () =>
      [...this.#fields].map(([name, code]) => ({ MALINHVUC: code, TENLINHVUC: name || unnamedField, MANGANH: 'G00' }))
    return this.#list('fields', rows)
  }

  agencies(): string {
    const levels = new Map<string, string>()
    for (const { agencyCode, levels: own } of this.#procedures.values())
      if (!levels.has(agencyCode)) levels.set(agencyCode, own[0] ?? '')
    const rows = () =>
      [...this.#agencies]
        .filter(([name]) => name !== '')
        .map(([name, code]) => ({ MADONVI: code, TENDONVI: name, CAPDONVI: levels.get(code) ?? '' }))
    return this.#list('agencies', rows)
  }

  onlineServices(procedureCode: string | undefined): string {
    if (procedureCode === undefined)
      return this.#list('services', () => [...this.#procedures.values()].filter(({ online }) => online).map(service))
    const procedure = this.#procedures.get(procedureCode)
    return JSON.stringify(procedure?.online ? [service(procedure)] : [])
  }

  #list(name: string, rows: () => Row[]): string {
    let text = this.#lists.get(name)
    if (text === undefined) this.#lists.set(name, (text = JSON.stringify(rows())))
    return text
  }

  #published(row: CsvRow, publishedOn: string): Procedure {
    return {
      code: row.code,
      name: row.name,
      fieldCode: this.#fields.get(row.field) ?? '',
      fieldName: row.field || unnamedField,
      levels: levelsOf(row.level),
      agencyCode: this.#agencies.get(row.agency) ?? '',
      agencyName: row.agency,
      decision: row.decision,
      online: !['', 'khong_truc_tuyen'].includes(row.online_level),
      publishedOn,
      endsOn: '',
      legalBases: row.decision === '' ? [] : [row.decision],
      open: true,
    }
  }
}

/** One row per code: of several names the newest, and of two equally new ones the later line of the file. */
function newestRows(): CsvRow[] {
  const text = readFileSync(new URL('./data/national-procedures.csv', import.meta.url))
  const newest = new Map<string, CsvRow>()
  for (const raw of parse<CsvRow>(text, { columns: true, bom: true })) {
    const row = Object.fromEntries(Object.entries(raw).map(([column, value]) => [column, clean(value)])) as CsvRow
    if (noAgency.has(row.agency)) row.agency = ''
    const known = newest.get(row.code)
    if (!known || comparableDate(row.as_of) >= comparableDate(known.as_of)) newest.set(row.code, row)
  }
  return [...newest.values()]
}

/** `2025` was taken at an unknown moment of that year, so a month of the same year is newer. */
function comparableDate(asOf: string): string {
  return asOf.padEnd(7, '-00')
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' }

function clean(value: string): string {
  return value
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi, (whole, decimal, hex, name) => {
      if (decimal !== undefined) return String.fromCodePoint(Math.min(Number(decimal), 0x10ffff))
      if (hex !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(hex as string, 16), 0x10ffff))
      return entities[String(name).toLowerCase()] ?? whole
    })
    .replace(/\s+/g, ' ')
    .trim()
    .normalize('NFC')
}

/** Codes for names that have none in the file: by sorted name, so they stay the same from run to run. Blank is 000. */
function numbered(names: readonly string[], prefix: string): ReadonlyMap<string, string> {
  const sorted = [...new Set(names)].filter((name) => name !== '').sort()
  return new Map(['', ...sorted].map((name, index) => [name, `${prefix}${String(index).padStart(3, '0')}`]))
}

function levelsOf(text: string): string[] {
  const words = text.toLowerCase().split(',')
  return words.flatMap((word) => levelCodes.get(word.replace('cấp', '').trim()) ?? [])
}

function summary(procedure: Procedure, suffix: string): Row {
  return {
    MATTHC: suffix === '' ? procedure.code : `${procedure.code}.${suffix}`,
    TENTTHC: procedure.name,
    MALINHVUC: procedure.fieldCode,
    TENLINHVUC: procedure.fieldName,
    NGAYCONGBO: procedure.publishedOn,
    ...(procedure.endsOn === '' ? {} : { NGAYHETHIEULUC: procedure.endsOn }),
    TRANGTHAI: procedure.open ? '1' : '0',
  }
}

function service(procedure: Procedure): Row {
  return {
    MADVC: `DVC-${procedure.code}`,
    TENDVC: procedure.name,
    MATTHC: procedure.code,
    TENTTHC: procedure.name,
    TENCOQUANBANHANH: procedure.agencyName,
    TENLINHVUC: procedure.fieldName,
    APDUNGDVC: [],
  }
}

/** The full record of one procedure. `mixedUrl` spells the link column in both ways that occur. */
export function fullRow(procedure: Procedure, mixedUrl: boolean): Row {
  const agency = { MADONVI: procedure.agencyCode, TENDONVI: procedure.agencyName }
  const link = (first: boolean) => (mixedUrl && !first ? { Url: '' } : { URL: '' })
  return {
    ID: procedure.code.replace('.', ''),
    ...summary(procedure, ''),
    MACOQUANCONGBO: procedure.agencyCode,
    LOAITTHC: '1',
    IDQUYETDINHCONGBO: '',
    QUYETDINH: procedure.decision,
    YEUCAU: '',
    TUKHOA: '',
    MOTA: '',
    MOTADOITUONGTHUCHIEN: '',
    MOTACOQUANTHUCHIEN: procedure.agencyName,
    MOTACOQUANTHAMQUYEN: '',
    DIACHITIEPNHAN: '',
    LINHVUCTHUCHIEN: [{ MALINHVUC: procedure.fieldCode, TENLINHVUC: procedure.fieldName }],
    DOITUONGTHUCHIEN: [{ MADOITUONG: '1', TENDOITUONG: 'Công dân Việt Nam' }],
    CAPTHUCHIEN: procedure.levels.map((level) => ({ CAPTHUCHIEN: level, TENCAP: levelNames[level] })),
    CACHTHUCTHUCHIEN: [way('1'), ...(procedure.online ? [way('2')] : [])],
    THANHPHANHOSO: [{ TRUONGHOP: '', GIAYTO: [paper(procedure, 1, link(true)), paper(procedure, 2, link(false))] }],
    KETQUATHUCHIEN: [{ MAKETQUA: `KQ.${procedure.code}`, TENKETQUA: 'Kết quả', TENTEP: '', ...link(true) }],
    TRINHTUTHUCHIEN: [{ TRUONGHOP: '', TRINHTU: [{ TENTRINHTU: 'Nộp hồ sơ' }, { TENTRINHTU: 'Nhận kết quả' }] }],
    CANCUPHAPLY: procedure.legalBases.map(legalBasis),
    COQUANTHUCHIEN: procedure.agencyName === '' ? [] : [agency],
    COTHAMQUYEN: [],
    DUOCUYQUYEN: [],
    PHOIHOP: [],
    TTHCLIENQUAN: [],
    TTHCLIENTHONG: [],
  }
}

const way = (channel: string): Row => ({
  KENH: channel,
  THOIGIAN: [{ THOIGIANGIAIQUYET: '10', DONVITINH: 'Ngày làm việc', MOTA: '', PHILEPHI: [] }],
})

const legalBasis = (number: string): Row => ({
  SOVANBAN: number,
  TENVANBAN: `Văn bản ${number}`,
  COQUANBANHANH: '',
  NGAYBANHANH: '',
  NGAYHIEULUC: '',
  DIACHITRUYCAP: '',
})

function paper(procedure: Procedure, number: number, link: Row): Row {
  return {
    MAGIAYTO: `GT.${procedure.code}.${number}`,
    TENGIAYTO: `Giấy tờ ${number}`,
    TENMAUDON: '',
    SOBANCHINH: '1',
    SOBANSAO: '0',
    MA_KQ_THAYTHE: '',
    ...link,
  }
}

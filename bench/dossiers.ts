import { Catalogue } from '../adapters/sandbox/catalogue.ts'
import type { DossierChange, Step } from '../src/dossiers/model.ts'
import type { Agency } from '../src/organisations/model.ts'
import type { PulledProcedure } from '../src/procedures/national.ts'

/**
 * An invented province: 130 agencies, the sandbox's whole national catalogue, and as many valid dossiers as a bench asks
 * for. Dossier `n` is the same in every run. In size they resemble the demo's: an owner, papers with links, at times a fee.
 */
export const agencies: readonly Agency[] = [
  ...Array.from({ length: 20 }, (_, unit) => agency(`H34.${two(unit + 1)}`, 'Sở', 'province', unit)),
  ...Array.from({ length: 10 }, (_, unit) => agency(`H34.${unit + 30}`, 'Ủy ban nhân dân huyện', 'district', unit)),
  ...Array.from({ length: 100 }, (_, unit) =>
    agency(`H34.${30 + (unit % 10)}.${two(Math.floor(unit / 10) + 1)}`, 'Ủy ban nhân dân xã', 'commune', unit),
  ),
]

function agency(code: string, title: string, level: Agency['level'], number: number): Agency {
  return { code, name: `${title} mẫu số ${number + 1}`, level }
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}

interface ListedProcedure {
  readonly MATTHC: string
  readonly TENTTHC: string
  readonly MALINHVUC: string
  readonly TENLINHVUC: string
}

/** The national catalogue as the sandbox publishes it. */
export const procedures: readonly PulledProcedure[] = (
  JSON.parse(new Catalogue(new Map()).procedures()) as ListedProcedure[]
).map((row) => ({ code: row.MATTHC, name: row.TENTTHC, fieldCode: row.MALINHVUC, fieldName: row.TENLINHVUC }))

/** Procedures in use at one agency: a commune's clerk knows a few dozen. */
const perAgency = 30
const families = ['Nguyễn Thị', 'Trần Văn', 'Lê Minh', 'Phạm Thanh', 'Y', 'A', 'Đặng Quốc', 'Võ Ngọc']
const givenNames = ['Mẫu', 'An', 'Bình', 'Châu', 'Dũng', 'Hạnh', 'Khánh', 'Lan', 'Phúc', 'Thảo']
const year = Date.parse('2020-01-02T01:00:00Z')
const minute = 60_000
const day = 24 * 60 * minute

const iso = (time: number) => new Date(time).toISOString()

export interface Wish {
  /** Steps reported with the dossier. */
  readonly steps: number
  readonly backfill?: boolean
  /** Which state of the dossier: 0 = as received, a higher one later and with another content. */
  readonly state?: number
}

export const codeOf = (n: number): string => `000.00.01.H34-200703-${String(n).padStart(8, '0')}`

/** Dossier `n`, exactly as intake has it after its checks (times in UTC). */
export function dossier(n: number, { steps, backfill = false, state = 0 }: Wish): DossierChange {
  const unit = agencies[(n * 7) % agencies.length]!
  const procedure = procedures[(((n * 7) % agencies.length) * 13 + (n % perAgency)) % procedures.length]!
  const received = year + (n % 360) * day + (n % 480) * minute
  return {
    code: codeOf(n),
    changedAt: iso(received + 60 * minute * (state + 1)),
    ...(backfill ? { backfill } : {}),
    procedureCode: procedure.code,
    procedureName: procedure.name,
    agencyCode: unit.code,
    level: unit.level,
    status: state === 0 ? 'received' : 'processing',
    channel: n % 3 === 0 ? 'online' : 'counter',
    owner: owner(n),
    summary: `Hồ sơ mẫu số ${n}, lần ${state + 1}`,
    receivedAt: iso(received),
    promisedAt: iso(received + 7 * day),
    papers: papers(n),
    ...(n % 5 === 0 ? { fees: [{ name: 'Lệ phí giải quyết thủ tục', amount: 5000 * (1 + (n % 40)) }] } : {}),
    steps: Array.from({ length: steps }, (_, index) => step(received, unit, state * steps + index)),
  }
}

function owner(n: number): DossierChange['owner'] {
  return {
    type: 'citizen',
    name: `${families[n % families.length]} ${givenNames[n % givenNames.length]}`,
    idNumber: `0620${String(n % 100_000_000).padStart(8, '0')}`,
    phone: `09${String(n % 100_000_000).padStart(8, '0')}`,
  }
}

function papers(n: number): NonNullable<DossierChange['papers']> {
  return Array.from({ length: 1 + (n % 3) }, (_, index) => ({
    name: ['Tờ khai theo mẫu', 'Bản sao giấy tờ tùy thân', 'Đơn đề nghị'][index]!,
    url: `https://files.kontum.example.invalid/giay-to/${codeOf(n)}/${index + 1}.pdf`,
    digitised: true,
  }))
}

function step(received: number, unit: Agency, number: number): Step {
  return {
    at: iso(received + (number + 1) * 10 * minute),
    status: number === 0 ? 'received' : 'processing',
    officer: 'Cán bộ một cửa',
    department: unit.name,
    content: number === 0 ? 'Tiếp nhận hồ sơ' : `Chuyển xử lý lần ${number}`,
  }
}

export function* dossiers(from: number, count: number, wish: Wish): Generator<DossierChange> {
  for (let n = from; n < from + count; n += 1) yield dossier(n, wish)
}

import type { Agency } from '../../organisations/model.ts'
import type { DossierChange, DossierContent } from '../../dossiers/model.ts'
import { minute, officeTime } from './calendar.ts'
import { datesOf, iso, makeLife, makeSteps, type Life } from './life.ts'
import { lowlandName, makeCitizen, makeOwner, withShortNumber } from './people.ts'
import { fates, type Fate, type Plan, type ProcedureChoice } from './plan.ts'
import type { LocalProcedure } from './procedures.ts'
import { Random, Sampler } from './random.ts'

/** A unit that nobody entered in the list of agencies. */
const unknownAgency = 'H34.97'
const files = 'https://files.kontum.example.invalid'
/** From this day codes follow Decision 20/2020. */
const newForm = '2020-09-10'

/** Writes the dossiers of a plan in order of reception, one at a time; twice the same when asked twice. */
export function* writeDossiers(
  plan: Plan,
  choice: ProcedureChoice,
  agencies: readonly Agency[],
  seed: number,
): Generator<DossierChange> {
  const random = new Random(seed, 'dossiers')
  const units = new Units(agencies)
  for (const [number, day] of plan.days.entries()) {
    const from = number === 0 ? 0 : plan.dayEnds[number - 1]!
    const count = plan.dayEnds[number]! - from
    const counters = new Map<string, number>()
    for (let index = 0; index < count; index += 1) {
      const fate = fates[plan.fate[from + index]!]!
      const online = plan.online[from + index] === 1
      const procedure = choice.pick(fate, day.date, online, random)
      const agency = fate === 'unknown-agency' ? unknownAgency : units.handling(procedure, random)
      const counter = (counters.get(agency) ?? 0) + 1
      counters.set(agency, counter)
      const receivedAt = Math.round(officeTime(day.start, (index + random.next()) / count))
      const code = dossierCode(agency, day.date, counter)
      yield write({ code, fate, online, procedure, agency, receivedAt, department: units.name(agency) }, random)
    }
  }
}

class Units {
  private readonly names: ReadonlyMap<string, string>
  private readonly byLevel: Readonly<Record<'district' | 'commune', Sampler<Agency>>>

  constructor(agencies: readonly Agency[]) {
    this.names = new Map(agencies.map(({ code, name }) => [code, name]))
    const of = (level: Agency['level']) => agencies.filter((agency) => agency.level === level)
    // The city and the towns see more people than the villages.
    const busy = ({ name }: Agency) => (/thành phố|phường|thị trấn/.test(name) ? 3 : 1)
    this.byLevel = { district: new Sampler(of('district'), busy), commune: new Sampler(of('commune'), busy) }
  }

  handling(procedure: LocalProcedure, random: Random): string {
    return procedure.level === 'province' ? procedure.agencyCode : this.byLevel[procedure.level].pick(random).code
  }

  name(code: string): string {
    return this.names.get(code) ?? 'Đơn vị chưa có trong danh mục'
  }
}

/** `000.00.14.H34-200703-0002` before the new rule, `H34.14-201103-0002` after it. */
function dossierCode(agency: string, date: string, counter: number): string {
  const [province, unit, commune] = agency.split('.')
  const prefix = date < newForm ? `000.${commune ?? '00'}.${unit}.${province}` : agency
  return `${prefix}-${date.slice(2).replaceAll('-', '')}-${String(counter).padStart(4, '0')}`
}

interface Draft {
  readonly code: string
  readonly fate: Fate
  readonly online: boolean
  readonly procedure: LocalProcedure
  readonly agency: string
  readonly receivedAt: number
  readonly department: string
}

function write(draft: Draft, random: Random): DossierChange {
  const { procedure, online, receivedAt } = draft
  const life = makeLife(receivedAt, procedure.level, random)
  const steps = makeSteps(life, draft.department, random)
  const last = steps.at(-1)!
  return {
    code: draft.code,
    changedAt: last.at,
    backfill: true,
    procedureCode: procedure.code,
    procedureName: procedure.name,
    agencyCode: draft.agency,
    level: procedure.level,
    status: last.status,
    channel: online ? 'online' : random.chance(0.02) ? 'post' : 'counter',
    owner: ownerOf(draft, random),
    ...(online ? handedInOnline(receivedAt, random) : {}),
    receivedAt: iso(receivedAt),
    ...datesOf(life),
    papers: papers(draft, random),
    ...fees(online, random),
    ...supplements(life, random),
    ...results(draft.code, procedure, life, random),
    steps,
  }
}

function ownerOf({ fate, online, procedure }: Draft, random: Random): DossierContent['owner'] {
  if (fate === 'invalid-for-portal') return withShortNumber(makeCitizen(random, online), random)
  if (fate === 'missing-for-portal') {
    const { name: _missing, ...owner } = makeCitizen(random, online)
    return owner
  }
  return makeOwner(random, online, procedure.level === 'province' ? 0.22 : 0.06)
}

function handedInOnline(receivedAt: number, random: Random): Partial<DossierContent> {
  return {
    submittedAt: iso(receivedAt - random.between(10, 1100) * minute),
    submittedThrough: random.chance(0.1) ? 'national-portal' : 'local',
  }
}

const paperNames = [
  'Tờ khai theo mẫu',
  'Đơn đề nghị',
  'Bản sao giấy tờ tùy thân',
  'Bản sao sổ hộ khẩu',
  'Giấy ủy quyền',
  'Bản sao Giấy chứng nhận quyền sử dụng đất',
  'Hợp đồng đã chứng thực',
  'Giấy xác nhận của Ủy ban nhân dân cấp xã',
]

function papers({ code, online }: Draft, random: Random): NonNullable<DossierContent['papers']> {
  const first = random.between(0, paperNames.length - 1)
  return Array.from({ length: random.between(1, 3) }, (_, index) => {
    const name = paperNames[(first + index) % paperNames.length]!
    if (!online && !random.chance(0.25)) return { name }
    return { name, url: `${files}/giay-to/${code}/${index + 1}.pdf`, digitised: true }
  })
}

function fees(online: boolean, random: Random): Partial<DossierContent> {
  if (!random.chance(0.18)) return {}
  return {
    fees: [{ name: 'Lệ phí giải quyết thủ tục', amount: random.between(1, 60) * 5000 }],
    paidOnline: online && random.chance(0.2) ? 'local-gateway' : 'no',
  }
}

function supplements(life: Life, random: Random): Partial<DossierContent> {
  const asked = life.events.find(({ status }) => status === 'supplement-requested')
  if (!asked) return {}
  const request = {
    id: '1',
    requestedBy: lowlandName(random),
    content: 'Đề nghị bổ sung bản sao giấy tờ có chứng thực',
    requestedAt: iso(asked.at),
  }
  if (!life.supplemented || life.finishedAt === null) return { supplements: [{ ...request, done: false }] }
  const receivedAt = iso(Math.round((asked.at + life.finishedAt) / 2))
  return { supplements: [{ ...request, receivedBy: lowlandName(random), receivedAt, done: true }] }
}

function results(code: string, procedure: LocalProcedure, life: Life, random: Random): Partial<DossierContent> {
  if (life.finishedAt === null) return {}
  return {
    results: [
      {
        name: `Kết quả: ${procedure.name}`,
        resultCode: `KQ.${code}`,
        ...(random.chance(0.8) ? { url: `${files}/ket-qua/${code}.pdf` } : {}),
      },
    ],
    returnMethod: random.chance(0.06) ? 'post' : 'in-person',
  }
}

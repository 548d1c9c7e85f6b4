import { dateOf, officeDays, type OfficeDay } from './calendar.ts'
import { assumed, published } from './figures.ts'
import { provinceLevels, type LocalProcedure } from './procedures.ts'
import { Random, Sampler } from './random.ts'

/** What becomes of a dossier at the first attempt, decided before the dossier is written: so the counts are exact. */
export const fates = [
  'resolvable',
  'local-code',
  'never-mappable',
  'predates-publication',
  'invalid-for-portal',
  'missing-for-portal',
  'unknown-agency',
] as const
export type Fate = (typeof fates)[number]

export interface Plan {
  readonly counts: Readonly<Record<Fate, number>>
  readonly total: number
  readonly onlineTotal: number
  readonly days: readonly OfficeDay[]
  /** Per dossier in order of reception: index into `fates`. */
  readonly fate: Uint8Array
  /** Per dossier: 1 when handed in online. */
  readonly online: Uint8Array
  /** Per day: how many dossiers were received up to its end. */
  readonly dayEnds: readonly number[]
}

/** Publication day `yyyy-MM-dd` per national code: long ago, or spread over the middle of 2020. */
export function makePublication(procedures: readonly LocalProcedure[], seed: number): Map<string, string> {
  const random = new Random(seed, 'publication')
  const late = random.shuffle(procedures.filter((procedure) => procedure.publishedLate))
  const spread = { from: Date.parse('2020-04-15T00:00:00+07:00'), days: 180 }
  const lateDates = new Map(
    late.map((procedure, index) => {
      const days = Math.floor(((index + 0.5) / late.length) * spread.days)
      return [procedure.code, dateOf(spread.from + days * 86_400_000)]
    }),
  )
  const dates = new Map<string, string>()
  for (const { code, nationalCode } of procedures) {
    if (nationalCode === null) continue
    const old = `${random.between(2016, 2019)}-${String(random.between(1, 12)).padStart(2, '0')}-${String(random.between(1, 28)).padStart(2, '0')}`
    dates.set(nationalCode, lateDates.get(code) ?? old)
  }
  return dates
}

function countFates(scale: number): Record<Fate, number> {
  const scaled = (count: number, least = 1) => Math.max(least, Math.round(count * scale))
  const total = scaled(published.dossiers)
  const defects = scaled(assumed.defects, 3)
  const never = scaled(assumed.neverMappable)
  const invalid = Math.floor(defects * 0.4)
  const counts = {
    'local-code': scaled(assumed.noNationalCode) - never,
    'never-mappable': never,
    'predates-publication': scaled(assumed.predatesPublication),
    'invalid-for-portal': invalid,
    'missing-for-portal': invalid,
    'unknown-agency': defects - 2 * invalid,
  }
  const others = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return { resolvable: total - others, ...counts }
}

export function makePlan(lateShareOn: (date: string) => number, options: { seed: number; scale: number }): Plan {
  const random = new Random(options.seed, 'plan')
  const counts = countFates(options.scale)
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const days = officeDays()
  const dayEnds = endsOf(days, total)
  const fate = new Uint8Array(total).fill(255)
  placeEarly(
    fate,
    counts['predates-publication'],
    days.map((day) => lateShareOn(day.date)),
    dayEnds,
    random,
  )
  placeOthers(fate, counts, random)
  const onlineTotal = Math.round(published.onlineDossiers * options.scale)
  return { counts, total, onlineTotal, days, fate, online: placeOnline(fate, onlineTotal, random), dayEnds }
}

function endsOf(days: readonly OfficeDay[], total: number): number[] {
  const whole = days.reduce((sum, day) => sum + day.share, 0)
  let sum = 0
  return days.map((day, index) => {
    sum += day.share
    return index === days.length - 1 ? total : Math.round((sum / whole) * total)
  })
}

/** Dossiers of procedures not yet published: the more of these there are on a day, the more such dossiers. */
function placeEarly(fate: Uint8Array, count: number, shares: number[], dayEnds: readonly number[], random: Random) {
  const early = fates.indexOf('predates-publication')
  const chances = new Float64Array(fate.length)
  for (const [day, share] of shares.entries()) chances.fill(share, day === 0 ? 0 : dayEnds[day - 1]!, dayEnds[day])
  for (let placed = 0; placed < count;) {
    const index = Math.floor(random.next() * fate.length)
    if (fate[index] !== 255 || !random.chance(chances[index]!)) continue
    fate[index] = early
    placed += 1
  }
}

function placeOthers(fate: Uint8Array, counts: Readonly<Record<Fate, number>>, random: Random) {
  const rest = fates.filter((name) => name !== 'predates-publication')
  const cards = random.shuffle(
    Uint8Array.from(rest.flatMap((name) => Array<number>(counts[name]).fill(fates.indexOf(name)))),
  )
  let next = 0
  for (let index = 0; index < fate.length; index += 1) if (fate[index] === 255) fate[index] = cards[next++]!
}

/** Only among fates whose procedures include online services on every day of the year. */
function placeOnline(fate: Uint8Array, count: number, random: Random): Uint8Array {
  const eligible: readonly number[] = [fates.indexOf('resolvable'), fates.indexOf('local-code')]
  const online = new Uint8Array(fate.length)
  for (let placed = 0; placed < count;) {
    const index = Math.floor(random.next() * fate.length)
    if (online[index] === 1 || !eligible.includes(fate[index]!)) continue
    online[index] = 1
    placed += 1
  }
  return online
}

/** How many dossiers each level takes in: few provincial procedures are daily business, most commune ones are. */
const levelShare = { province: 0.4, district: 0.33, commune: 0.27 }
const daily =
  /khai sinh|kết hôn|khai tử|chứng thực|hộ tịch|quyền sử dụng đất|lái xe|lý lịch tư pháp|hộ kinh doanh|trợ cấp/i
const rare = /dịch vụ|điện tử|chữ ký số|nước ngoài|lưu động|quân đội|cộng tác viên|khu công nghiệp|dừng|đăng ký lại/i

/** Popularity of procedures within a group: a few are asked for every day, most hardly ever. */
function popularity(procedures: readonly LocalProcedure[]): (procedure: LocalProcedure) => number {
  const weights = new Map<string, number>()
  for (const level of provinceLevels) {
    const group = procedures.filter((procedure) => procedure.level === level)
    const raw = group.map(({ name }, rank) => {
      const printed = name.normalize('NFC')
      const boost = daily.test(printed) && !rare.test(printed) ? 8 : 1
      return boost / (rank + 6) ** 0.6
    })
    const sum = raw.reduce((left, right) => left + right, 0)
    for (const [index, { code }] of group.entries()) weights.set(code, (raw[index]! / sum) * levelShare[level])
  }
  return (procedure) => weights.get(procedure.code)!
}

/** Draws the procedure of a dossier with a given fate on a given day. */
export class ProcedureChoice {
  private readonly samplers: Readonly<Record<'understood' | 'late' | 'local' | 'never', Sampler<LocalProcedure>>>
  private readonly publication: ReadonlyMap<string, string>
  private readonly late: readonly { weight: number; date: string }[]

  constructor(procedures: readonly LocalProcedure[], publication: ReadonlyMap<string, string>) {
    const groups = {
      understood: procedures.filter(({ shape }) => shape === 'exact' || shape === 'suffixed'),
      late: procedures.filter(({ publishedLate }) => publishedLate),
      local: procedures.filter(({ shape, nationalCode }) => !['exact', 'suffixed'].includes(shape) && nationalCode),
      never: procedures.filter(({ nationalCode }) => nationalCode === null),
    }
    const sampler = (group: LocalProcedure[]) => new Sampler(group, popularity(group))
    this.samplers = {
      understood: sampler(groups.understood),
      late: sampler(groups.late),
      local: sampler(groups.local),
      never: sampler(groups.never),
    }
    this.publication = publication
    const weight = popularity(groups.late)
    this.late = groups.late.map((procedure) => ({ weight: weight(procedure), date: this.publishedOn(procedure) }))
  }

  /** Which part of the late procedures, by weight, is not yet published on this day. */
  lateShareOn(date: string): number {
    return this.late.reduce((sum, late) => sum + (late.date > date ? late.weight : 0), 0)
  }

  pick(fate: Fate, date: string, online: boolean, random: Random): LocalProcedure {
    const group =
      fate === 'local-code'
        ? 'local'
        : fate === 'never-mappable'
          ? 'never'
          : fate === 'predates-publication'
            ? 'late'
            : 'understood'
    for (let tries = 0; ; tries += 1) {
      const procedure = this.samplers[group].pick(random)
      if (group === 'late' && this.publishedOn(procedure) <= date) continue
      if (group === 'understood' && this.publishedOn(procedure) > date) continue
      // A very small province may have no online service in a group: then any procedure will do.
      if (!online || procedure.onlineLevel > 2 || tries > 500) return procedure
    }
  }

  private publishedOn(procedure: LocalProcedure): string {
    return this.publication.get(procedure.nationalCode ?? '') ?? ''
  }
}

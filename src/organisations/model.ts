/** Levels of government that handle dossiers. Districts ended on 1 July 2025 and live on in older dossiers. */
export const levels = ['ministry', 'province', 'district', 'commune'] as const
export type Level = (typeof levels)[number]

export const levelNames: Readonly<Record<Level, { vi: string; en: string }>> = {
  ministry: { vi: 'Cấp bộ', en: 'Ministry' },
  province: { vi: 'Cấp tỉnh', en: 'Province' },
  district: { vi: 'Cấp huyện', en: 'District' },
  commune: { vi: 'Cấp xã', en: 'Commune' },
}

/** A unit of the province that receives or handles dossiers. `code` as in Decision 20/2020: `H34.14` or `000.00.14.H34`. Days are Vietnam dates. */
export interface Agency {
  readonly code: string
  readonly name: string
  readonly level: Level
  /** First day of its life; null when nobody said. */
  readonly validFrom?: string | null | undefined
  /** The first day on which it no longer acts. */
  readonly validTo?: string | null | undefined
  /** What it was called before, each until a day (exclusive), the earliest first. */
  readonly formerNames?: readonly FormerName[]
}

export interface FormerName {
  readonly until: string
  readonly name: string
}

export const transfers = ['whole', 'part'] as const

/** From `day` on, what the old unit did is done by the new one: all of it, or a part, or the dossiers of one local procedure. */
export interface Succession {
  readonly oldCode: string
  readonly newCode: string
  readonly day: string
  readonly transfer: (typeof transfers)[number]
  /** A local code: of a unit that was split, the procedure decides which unit goes on. */
  readonly procedureCode: string | null
}

/** The units that are known, and what became of those that are closed. */
export interface UnitRegister {
  readonly agencies: ReadonlyMap<string, Agency>
  /** By the old unit's code, in one notation. */
  readonly successions: ReadonlyMap<string, readonly Succession[]>
  /** The code a unit has in the list, by its code in one notation. */
  readonly spellings: ReadonlyMap<string, string>
  /** Which day decides about the unit of a dossier: that of its reception, or that of its newest change. */
  readonly day: UnitDay
}

export type UnitDay = 'reception' | 'change'

export function createUnitRegister(
  agencies: readonly Agency[],
  successions: readonly Succession[] = [],
  day: UnitDay = 'reception',
): UnitRegister {
  const spellings = new Map<string, string>()
  for (const { code } of agencies) if (!spellings.has(oneNotation(code))) spellings.set(oneNotation(code), code)
  return {
    agencies: new Map(agencies.map((agency) => [agency.code, agency])),
    successions: Map.groupBy(successions, ({ oldCode }) => oneNotation(oldCode)),
    spellings,
    day,
  }
}

/**
 * Decision 20/2020 writes `H34.14.05` what the four-part form before it wrote `000.05.14.H34`: one unit, so one key. Nothing else is taken for
 * the same: `H34.1` and `H34.01` are two.
 */
export function oneNotation(code: string): string {
  const [, ...old] = /^(\d{3})\.(\d{2,3})\.(\d{2,3})\.([GH]\d{2})$/.exec(code) ?? []
  const parts = old.length > 0 ? old.toReversed() : code.split('.')
  if (!/^[GH]\d{2}$/.test(parts[0] ?? '')) return code
  return parts.slice(0, parts.findLastIndex((part) => !/^0+$/.test(part)) + 1).join('.')
}

/** The `H34` or `G22` at the top of an organisation code; null when it is not one. */
export const topOf = (code: string): string | null => /^[GH]\d{2}(?=\.|$)/.exec(oneNotation(code))?.[0] ?? null

export type UnitAnswer =
  | {
      readonly found: true
      readonly agency: Agency
      /** What it was called on the day. */
      readonly name: string
      /** The unit of the dossier no longer handles it, and this one follows. */
      readonly follows: boolean
    }
  | {
      readonly found: false
      readonly reason: 'unknown-agency' | 'agency-closed' | 'agency-split'
      /** Units among which somebody has to choose. */
      readonly among: readonly string[]
    }

export interface UnitQuestion {
  readonly agencyCode: string
  /** Vietnam date that decides: the unit that acted on it handles the dossier. */
  readonly day: string
  /** The codes that its procedure is known by. */
  readonly procedureCodes: readonly string[]
}

/**
 * The unit that handles a dossier: the one it names while that lives, else the one that follows it, over as many changes as there were by
 * the day. Who took over a part never answers for a dossier: a person is asked, for the whole or for a procedure. A code younger than
 * the dossier is taken as it is: systems give old dossiers new codes.
 */
export function handlingUnit(register: UnitRegister, question: UnitQuestion): UnitAnswer {
  const seen = new Set<string>()
  for (let code = question.agencyCode; ;) {
    const key = oneNotation(code)
    if (seen.has(key)) return nobody('agency-split', [...seen])
    const agency = unitOf(register, code)
    const { heir, among } = heirs(register, key, question)
    // What was said for a procedure holds also of a unit that lives on without it.
    if (heir === undefined && actsOn(register, code, question.day))
      return agency ? here(agency, question.day, seen.size > 0) : nobody('unknown-agency')
    if (heir === undefined) return nobody(among.length > 0 ? 'agency-split' : 'agency-closed', among)
    seen.add(key)
    code = heir
  }
}

const nobody = (reason: 'unknown-agency' | 'agency-closed' | 'agency-split', among: readonly string[] = []) =>
  ({ found: false, reason, among }) as const

/** The unit of a code, in whichever notation. */
export const unitOf = ({ agencies, spellings }: UnitRegister, code: string): Agency | undefined =>
  agencies.get(code) ?? agencies.get(spellings.get(oneNotation(code)) ?? '')

/** The code that the list has for a unit, whichever notation it is written in; one that no list has stays as it is. */
export const spellingIn = (register: UnitRegister, code: string): string => unitOf(register, code)?.code ?? code

function here(agency: Agency, day: string, follows: boolean): UnitAnswer {
  const former = agency.formerNames?.find(({ until }) => day < until)
  return { found: true, agency, name: former?.name ?? agency.name, follows }
}

/**
 * The first day on which a unit no longer acts: as its list says, else the first day on which others act in its place; null while it lives.
 * A unit that gave a part away and goes on succeeds itself.
 */
export function closedSince(register: UnitRegister, code: string): string | null {
  const said = unitOf(register, code)?.validTo
  if (said) return said
  const key = oneNotation(code)
  const own = (register.successions.get(key) ?? []).filter(({ procedureCode }) => procedureCode === null)
  if (own.some(({ newCode }) => oneNotation(newCode) === key)) return null
  return own.reduce<string | null>((first, { day }) => (first === null || day < first ? day : first), null)
}

/** Whether a unit acts on a day, as far as anybody said that it ended; one that no list has does. */
export function actsOn(register: UnitRegister, code: string, day: string): boolean {
  const since = closedSince(register, code)
  return since === null || day < since
}

interface Heirs {
  /** Who follows, if that is one unit. */
  readonly heir?: string
  /** Who else could. */
  readonly among: readonly string[]
}

/** What was said for the procedure comes before what was said for the whole, the newest first. */
function heirs(register: UnitRegister, key: string, { day, procedureCodes }: UnitQuestion): Heirs {
  const due = (register.successions.get(key) ?? [])
    .filter((one) => one.day <= day && oneNotation(one.newCode) !== key)
    .toSorted((a, b) => b.day.localeCompare(a.day))
  const forIt = due.find(({ procedureCode }) => procedureCode !== null && procedureCodes.includes(procedureCode))
  const general = due.filter(({ procedureCode }) => procedureCode === null)
  const whole = actsOn(register, key, day) ? undefined : general.find(({ transfer }) => transfer === 'whole')
  const heir = (forIt ?? whole)?.newCode
  return { ...(heir !== undefined && { heir }), among: [...new Set(general.map(({ newCode }) => newCode))] }
}

/** How names are compared: without tones, signs and what every unit is called. */
export const plainName = (name: string): string =>
  name
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll('đ', 'd')
    .replace(/\b(?:ubnd|uy ban nhan dan)\b/g, ' ')
    .replace(/[^a-z\d]+/g, ' ')
    .trim()

import { statuses, type Status } from '../../config/statuses.ts'
import { handlingUnit, unitOf, type Level, type UnitRegister, type UnitAnswer } from '../organisations/model.ts'
import { isCertain, portalForm, readCode } from './codes.ts'

/** A procedure of the national catalogue, as last pulled. Dates are Vietnam dates `yyyy-MM-dd`, null when nobody says. */
export interface NationalProcedure {
  readonly code: string
  readonly name: string
  readonly fieldCode: string
  readonly fieldName: string
  readonly publishedOn: string | null
  /** The first day on which it no longer holds. */
  readonly endsOn: string | null
  readonly open: boolean
}

/** An administrator's word that a local code means a national one; null narrows nothing. Dates are Vietnam dates, `validTo` exclusive. */
export interface Mapping {
  readonly localCode: string
  readonly nationalCode: string
  readonly source: string | null
  readonly agencyCode: string | null
  readonly level: Level | null
  readonly validFrom: string | null
  readonly validTo: string | null
}

/** Everything that decides whether a dossier can be sent, as of one version. */
export interface Catalogue {
  readonly version: number
  readonly national: ReadonlyMap<string, NationalProcedure>
  readonly mappings: ReadonlyMap<string, readonly Mapping[]>
  readonly register: UnitRegister
  /** Key: `local code|national code`, for every agency: a person said that the national code inside the local one is not meant. */
  readonly rejected: ReadonlySet<string>
  /** Key: `source|local status` of a one-stop system that uses its own status words. */
  readonly statuses: ReadonlyMap<string, Status>
}

export interface ProcedureQuestion {
  readonly procedureCode: string
  /** The one-stop system whose code it is. */
  readonly source: string
  readonly agencyCode: string
  /** The unit that handles it, when that is another one by now; a mapping for either holds. */
  readonly handlingCode?: string
  readonly level: Level | null
  /** Vietnam date of reception; a dossier is mapped by the rules valid on that day. */
  readonly receivedOn: string
}

export type ProcedureAnswer =
  | {
      readonly found: true
      readonly procedure: NationalProcedure
      readonly how: 'mapping' | 'exact' | 'suffix-stripped'
    }
  | {
      readonly found: false
      readonly reason: 'no-national-code' | 'ambiguous-national-code' | 'predates-publication' | 'procedure-closed'
      readonly nationalCode?: string
    }

/**
 * Finds the national procedure of a local code: an accepted mapping first, then the code itself, then the code without its
 * organisation suffix (spec 9.4), unless a person rejected that. The most specific mapping wins (agency before level before
 * source); two that disagree are a question for a person, never a guess. An implicit match must not predate the procedure's
 * publication; a mapping whose `validFrom` covers the day is the administrator's word that it may.
 */
export function findNational(catalogue: Catalogue, question: ProcedureQuestion): ProcedureAnswer {
  const local = question.procedureCode.trim()
  const candidates = (catalogue.mappings.get(local) ?? []).filter((mapping) => applies(mapping, question))
  if (candidates.length > 0) return fromMappings(catalogue, candidates, question)
  const inside = portalForm(local)
  const procedure = inside ? catalogue.national.get(inside.national) : undefined
  if (!procedure || catalogue.rejected.has(`${local}|${procedure.code}`))
    return { found: false, reason: 'no-national-code' }
  return checked(procedure, question, inside?.form === 'exact' ? 'exact' : 'suffix-stripped', false)
}

function applies(mapping: Mapping, question: ProcedureQuestion): boolean {
  return (
    (mapping.source === null || mapping.source === question.source) &&
    (mapping.agencyCode === null ||
      mapping.agencyCode === question.agencyCode ||
      mapping.agencyCode === question.handlingCode) &&
    (mapping.level === null || mapping.level === question.level) &&
    (mapping.validFrom === null || mapping.validFrom <= question.receivedOn) &&
    (mapping.validTo === null || question.receivedOn < mapping.validTo)
  )
}

function fromMappings(catalogue: Catalogue, candidates: Mapping[], question: ProcedureQuestion): ProcedureAnswer {
  const rank = (mapping: Mapping) => (mapping.agencyCode ? 4 : 0) + (mapping.level ? 2 : 0) + (mapping.source ? 1 : 0)
  const best = Math.max(...candidates.map(rank))
  const top = candidates.filter((mapping) => rank(mapping) === best)
  const first = top[0]!
  if (top.some((mapping) => mapping.nationalCode !== first.nationalCode))
    return { found: false, reason: 'ambiguous-national-code' }
  const procedure = catalogue.national.get(first.nationalCode)
  if (!procedure) return { found: false, reason: 'no-national-code', nationalCode: first.nationalCode }
  return checked(
    procedure,
    question,
    'mapping',
    top.some((mapping) => mapping.validFrom !== null),
  )
}

/** Whether it takes dossiers that are received on this day. */
export const isOpenOn = ({ open, endsOn }: NationalProcedure, day: string): boolean =>
  open && (endsOn === null || day < endsOn)

function checked(
  procedure: NationalProcedure,
  question: ProcedureQuestion,
  how: 'mapping' | 'exact' | 'suffix-stripped',
  datedByPerson: boolean,
): ProcedureAnswer {
  if (!isOpenOn(procedure, question.receivedOn))
    return { found: false, reason: 'procedure-closed', nationalCode: procedure.code }
  const early = procedure.publishedOn !== null && question.receivedOn < procedure.publishedOn
  if (early && !datedByPerson) return { found: false, reason: 'predates-publication', nationalCode: procedure.code }
  return { found: true, procedure, how }
}

/** The codes that a procedure may be spoken of by: the local one, and the national one inside it. */
export function procedureCodesOf(localCode: string): string[] {
  const inside = portalForm(localCode)?.national
  return [localCode.trim(), ...(inside === undefined ? [] : [inside])]
}

/**
 * Whether two systems mean the same procedure by their codes: written the same, or with the same national code for certain; `perhaps` when the national code
 * has to be guessed, as after a spreadsheet took it for a number. `national`: the one that the second code is known to mean.
 */
export function sameProcedure(a: string, b: string, national: string | null = null): boolean | 'perhaps' {
  const [one, other] = [readCode(a), readCode(b)]
  if (one.text.toUpperCase() === other.text.toUpperCase()) return true
  if (one.national === null) return false
  if (one.national !== other.national && one.national !== national) return false
  return isCertain(one.form) && (one.national === national || isCertain(other.form)) ? true : 'perhaps'
}

export interface LocalQuestion {
  readonly procedureCode: string
  readonly source: string
  /** Null: of no agency in particular. */
  readonly agencyCode: string | null
  readonly level: Level | null
  /** Vietnam dates: the one that decides about the procedure, and the one that decides about the unit. */
  readonly receivedOn: string
  readonly unitDay: string
}

/** The unit that handles a procedure, by the rules of a day. */
export const unitOn = (
  { register }: Catalogue,
  { agencyCode, procedureCode, unitDay }: { agencyCode: string; procedureCode: string; unitDay: string },
): UnitAnswer => handlingUnit(register, { agencyCode, procedureCodes: procedureCodesOf(procedureCode), day: unitDay })

/** What a local procedure means and who handles it: sending, releasing and all audits ask here. */
export function nationalOf(
  catalogue: Catalogue,
  question: LocalQuestion,
): { readonly unit: UnitAnswer | null; readonly answer: ProcedureAnswer } {
  const { agencyCode, level, unitDay, ...asked } = question
  const unit = agencyCode === null ? null : unitOn(catalogue, { ...asked, agencyCode, unitDay })
  const agency = unit?.found ? unit.agency : unitOf(catalogue.register, agencyCode ?? '')
  const answer = findNational(catalogue, {
    ...asked,
    agencyCode: agencyCode ?? '',
    ...(agency && { handlingCode: agency.code }),
    // A closed unit's level says nothing about the one that follows.
    level: (unit?.found && unit.follows ? null : level) ?? agency?.level ?? null,
  })
  return { unit, answer }
}

/** What a decision about local codes does, or would do, for the dossiers that are blocked under them. */
export interface Release {
  /** Blocked dossiers of these codes. */
  readonly blocked: number
  /** Those whose obstacle is gone: they go out. */
  readonly released: number
  /** Those that stay blocked, by the reason they have then. */
  readonly still: Readonly<Record<string, number>>
}

/** What a source's status word means: our own words mean themselves; null when nobody has mapped the word yet. */
export function statusOf(catalogue: Catalogue, source: string, word: string): Status | null {
  const own = statuses.find((status) => status === word)
  return own ?? catalogue.statuses.get(`${source}|${word}`) ?? null
}

/** A document by which a procedure is done, as its full record names it; what is not said is blank, or null for a day. */
export interface LegalBasis {
  readonly number: string
  readonly name: string
  readonly issuedBy: string
  readonly issuedOn: string | null
  readonly effectiveOn: string | null
}

/** The seven parts that the content of a procedure must have. */
export type ContentPart = 'name' | 'steps' | 'ways' | 'components' | 'time-limit' | 'subject' | 'agency'

/** How far a procedure is online: from beginning to end, in part, online but nobody said how far, not at all. */
export const onlineLevels = ['full', 'partial', 'online', 'none'] as const
export type OnlineLevel = (typeof onlineLevels)[number]

import { isStatus, vietnamDate } from '../dossiers/model.ts'
import { handlingUnit, oneNotation, topOf, unitOf, plainName, type UnitRegister } from '../organisations/model.ts'
import { procedureCodesOf, sameProcedure } from '../procedures/model.ts'
import { registerFields, type RegisterField, type RegisterRow } from './register-row.ts'

/** One dossier in the province's register and in the ledger, field by field. Nothing is concluded from what a row does not state, or from what cannot be compared. */

export const registerKinds = ['equal', 'different', 'not-in-ledger', 'not-in-register', 'unknown'] as const
/**
 * `not-in-register`: a dossier of the ledger that a whole register lacks; the others are the parts of the register. `unknown`: rows of the same dossier
 * contradict each other, it was changed after the moment the register speaks of, or a field cannot be compared.
 */
export type RegisterKind = (typeof registerKinds)[number]
export type RowKind = Exclude<RegisterKind, 'not-in-register'>

/** Why a field cannot be compared. */
export const unclearReasons = ['contradicts', 'changed-since', 'unmapped', 'unlisted', 'uncertain'] as const
export type Unclear = (typeof unclearReasons)[number]

export interface RegisterDifference {
  readonly field: RegisterField
  /** In the ledger. */
  readonly here: string
  /** In the register. */
  readonly there: string
  readonly why?: Unclear
}

export type FieldOutcome = 'equal' | 'different' | 'unclear'

export interface Verdict {
  readonly kind: RowKind
  /** What differs or cannot be compared. */
  readonly fields: readonly RegisterDifference[]
  readonly outcomes: Readonly<Partial<Record<RegisterField, FieldOutcome>>>
}

/** What the ledger holds of a dossier. Times are ISO 8601 in UTC. */
export interface HeldDossier {
  readonly source: string
  readonly agencyCode: string
  readonly procedureCode: string
  /** The national procedure that its lane goes by. */
  readonly nationalCode: string | null
  readonly status: string | null
  readonly sourceStatus: string
  readonly receivedAt: string
  readonly changedAt: string
  /** Until the moment the register speaks of. */
  readonly steps: number | null
  /** The status at that moment, where it was changed later; null: it had none yet. */
  readonly before: { readonly status: string | null; readonly sourceStatus: string } | null
}

export interface Rules {
  readonly units: UnitRegister
  /** Units by their name in one form, where it is the name of one alone. */
  readonly unitNames: ReadonlyMap<string, string>
  /** National statuses by `statusKey`. */
  readonly statuses: ReadonlyMap<string, string>
  /** The system whose words the register uses; null: that of each dossier. */
  readonly source: string | null
  readonly asOf: string
}

/** Words are one word whatever their case, spaces and form. */
const folded = (word: string) => word.normalize('NFC').replace(/\s+/g, ' ').trim().toLowerCase()
export const statusKey = (source: string, word: string) => `${source}|${folded(word)}`

/** Units by name; a name that several have names none. */
export function unitNamesOf({ agencies }: UnitRegister): Map<string, string> {
  const named = Map.groupBy(agencies.values(), ({ name }) => plainName(name))
  return new Map([...named].flatMap(([name, own]) => (own.length === 1 && name !== '' ? [[name, own[0]!.code]] : [])))
}

interface Judged {
  readonly outcome: FieldOutcome
  readonly here: string
  readonly why?: Unclear
}

/** All rows that the register has of one code; null: the ledger does not hold it. */
export function compareRows(rules: Rules, rows: readonly RegisterRow[], held: HeldDossier | null): Verdict {
  if (held === null) return { kind: 'not-in-ledger', fields: [], outcomes: {} }
  const fields: RegisterDifference[] = []
  const outcomes: Partial<Record<RegisterField, FieldOutcome>> = {}
  for (const field of registerFields) {
    const stated = statedIn(rows, field)
    if (stated.length === 0) continue
    const { outcome, here, why } = inOne(stated.map((value) => judge(rules, field, value, held)))
    outcomes[field] = outcome
    if (outcome !== 'equal') fields.push({ field, here, there: stated.join(' / '), ...(why !== undefined && { why }) })
  }
  return { kind: kindOf(Object.values(outcomes), fields), fields, outcomes }
}

function kindOf(outcomes: readonly FieldOutcome[], fields: readonly RegisterDifference[]): RowKind {
  if (fields.some(({ why }) => why === 'contradicts')) return 'unknown'
  if (outcomes.includes('different')) return 'different'
  return outcomes.includes('unclear') ? 'unknown' : 'equal'
}

const mostShown = 5

/** The different things that rows of one dossier say of a field. */
function statedIn(rows: readonly RegisterRow[], field: RegisterField): string[] {
  const said = new Map<string, string>()
  for (const row of rows) {
    const value = field === 'receivedAt' ? row.received : row[field]
    if (value === null) continue
    const text = String(value)
    const key = field === 'agency' ? oneNotation(text) : folded(text)
    if (!said.has(key)) said.set(key, text)
    if (said.size === mostShown) break
  }
  return [...said.values()]
}

/** Several values that all mean what the ledger holds agree with each other too; otherwise they contradict each other. */
function inOne(judged: readonly Judged[]): Judged {
  const [first, ...others] = judged as [Judged, ...Judged[]]
  if (others.length === 0) return first
  return judged.every(({ outcome }) => outcome === 'equal')
    ? first
    : { ...first, outcome: 'unclear', why: 'contradicts' }
}

/** What it was before is known of these; the others say nothing where the dossier was changed after the moment of the register. */
const knownAsOf: readonly RegisterField[] = ['status', 'steps']

function judge(rules: Rules, field: RegisterField, stated: string, held: HeldDossier): Judged {
  const judged = judgers[field](rules, stated, held)
  const mayHaveMoved = !knownAsOf.includes(field) && held.changedAt > rules.asOf
  return judged.outcome === 'different' && mayHaveMoved
    ? { ...judged, outcome: 'unclear', why: 'changed-since' }
    : judged
}

const judgers: Readonly<Record<RegisterField, (rules: Rules, stated: string, held: HeldDossier) => Judged>> = {
  agency: (rules, stated, held) => ({ ...agencyOutcome(rules, stated, held), here: held.agencyCode }),
  procedure(_rules, stated, held) {
    const here = held.procedureCode
    const same = sameProcedure(stated, here, held.nationalCode)
    if (same === 'perhaps') return { outcome: 'unclear', here, why: 'uncertain' }
    return { outcome: same ? 'equal' : 'different', here }
  },
  status(rules, stated, held) {
    const then = held.changedAt > rules.asOf ? held.before : held
    const outcome = statusOutcome(rules, stated, then ?? held, held)
    const here = (then ?? held).sourceStatus
    if (outcome === 'equal') return { outcome, here }
    if (then === null) return { outcome: 'unclear', here, why: 'changed-since' }
    return { outcome, here, ...(outcome === 'unclear' && { why: 'unmapped' }) }
  },
  receivedAt(_rules, stated, held) {
    const here = stated.includes('T') ? `${held.receivedAt.slice(0, 16)}Z` : vietnamDate(held.receivedAt)
    return { outcome: here === stated ? 'equal' : 'different', here }
  },
  steps: (_rules, stated, held) => ({
    outcome: Number(stated) === held.steps ? 'equal' : 'different',
    here: String(held.steps ?? 0),
  }),
}

function statusOutcome(
  { statuses, source }: Rules,
  stated: string,
  then: { readonly status: string | null; readonly sourceStatus: string },
  held: HeldDossier,
): FieldOutcome {
  if (folded(stated) === folded(then.sourceStatus)) return 'equal'
  const national = (system: string, word: string) => (isStatus(word) ? word : statuses.get(statusKey(system, word)))
  const there = national(source ?? held.source, stated)
  const here = then.status ?? national(held.source, then.sourceStatus)
  if (there === undefined || here === undefined) return 'unclear'
  return there === here ? 'equal' : 'different'
}

/** The same unit in another notation or under its name, or one that follows the other: on the day of the register, or on that of the reception. */
function agencyOutcome(
  { units, unitNames, asOf }: Rules,
  stated: string,
  held: HeldDossier,
): { readonly outcome: FieldOutcome; readonly why?: Unclear } {
  const there = unitOf(units, stated)?.code ?? unitNames.get(plainName(stated)) ?? stated
  if (oneNotation(there) === oneNotation(held.agencyCode)) return { outcome: 'equal' }
  if (!unitOf(units, there) && topOf(there) === null) return { outcome: 'unclear', why: 'unlisted' }
  const procedureCodes = procedureCodesOf(held.procedureCode)
  const answers = [asOf, held.receivedAt].map((at) =>
    [there, held.agencyCode].map((agencyCode) =>
      handlingUnit(units, { agencyCode, day: vietnamDate(at), procedureCodes }),
    ),
  )
  if (answers.some(([a, b]) => a!.found && b!.found && a!.agency.code === b!.agency.code)) return { outcome: 'equal' }
  const isSplit = answers[0]!.some((one) => !one.found && one.reason === 'agency-split')
  return isSplit ? { outcome: 'unclear', why: 'uncertain' } : { outcome: 'different' }
}

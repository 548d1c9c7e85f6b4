import type { Finding } from '../platform/problems.ts'
import { oneNotation, unitOf, type UnitRegister, type Succession } from './model.ts'

/** What may be said about who follows whom: all of it is judged before any of it is kept. */

export type Judged =
  | { readonly ok: true; readonly succession: Succession; readonly isKnown: boolean }
  | { readonly ok: false; readonly finding: Omit<Finding, 'field'> }

/** Judges wishes in their order, each against the register and those before it. */
export function judgeSuccessions(register: UnitRegister, wishes: readonly Succession[]): Judged[] {
  const known = [...register.successions.values()].flat()
  return wishes.map((wish) => {
    const newCode = register.spellings.get(oneNotation(wish.newCode))
    const wrong = faultOf(register, known, wish, newCode)
    if (wrong !== null) return { ok: false, finding: wrong }
    const succession = { ...wish, newCode: newCode! }
    const isKnown = known.some((one) => isSame(one, succession))
    if (!isKnown) known.push(succession)
    return { ok: true, succession, isKnown }
  })
}

const isSame = (a: Succession, b: Succession) =>
  scopeOf(a) === scopeOf(b) && sameUnit(a.newCode, b.newCode) && a.transfer === b.transfer

/** Two that speak of the same dossiers. */
const scopeOf = ({ oldCode, day, procedureCode }: Succession) =>
  JSON.stringify([oneNotation(oldCode), day, procedureCode])

const sameUnit = (a: string, b: string) => oneNotation(a) === oneNotation(b)

function faultOf(
  register: UnitRegister,
  known: readonly Succession[],
  wish: Succession,
  newCode: string | undefined,
): Omit<Finding, 'field'> | null {
  const { oldCode, day, transfer, procedureCode } = wish
  if (newCode === undefined)
    return { code: 'unknown-agency', detail: `${wish.newCode} is not in the list of agencies: import it first` }
  const invalid = (detail: string) => ({ code: 'invalid-field', detail }) as const
  const itself = sameUnit(oldCode, newCode)
  if (itself && (transfer === 'whole' || procedureCode !== null))
    return invalid('A unit that goes on itself is written as a part of itself, for all procedures')
  const [from, to] = [unitOf(register, oldCode)?.validFrom, unitOf(register, oldCode)?.validTo]
  if (from && day <= from) return invalid(`${oldCode} began on ${from}: it cannot be followed from ${day} on`)
  if (to && day < to) return invalid(`${oldCode} acts until ${to}: it cannot be followed from ${day} on`)
  const heir = register.agencies.get(newCode)
  if (!itself && heir?.validTo && heir.validTo <= day) return invalid(`${newCode} was itself closed on ${heir.validTo}`)
  if (heir?.validFrom && heir.validFrom > day) return invalid(`${newCode} begins on ${heir.validFrom} only`)
  // One unit for a procedure, or one for the whole: two would be a question again.
  const isAnswer = procedureCode !== null || transfer === 'whole'
  const other = known.find(
    (one) =>
      isAnswer &&
      scopeOf(one) === scopeOf(wish) &&
      (procedureCode !== null || one.transfer === 'whole') &&
      !sameUnit(one.newCode, newCode),
  )
  if (other) return invalid(`From ${day} on ${oldCode} is already followed by ${other.newCode}`)
  if (!itself && leadsTo(known, newCode, oldCode))
    return invalid(`${newCode} is itself followed by ${oldCode}: a circle`)
  return null
}

/** Whether one unit comes after another, over however many changes. */
function leadsTo(known: readonly Succession[], from: string, to: string): boolean {
  return predecessors(known, [to]).has(oneNotation(from))
}

/** These units, in one notation, and all whose dossiers can come to them. */
function predecessors(known: readonly Succession[], units: readonly string[]): ReadonlySet<string> {
  const before = Map.groupBy(known, ({ newCode }) => oneNotation(newCode))
  const found = new Set(units.map(oneNotation))
  // A set that grows while it is walked is walked to its end.
  for (const key of found) for (const { oldCode } of before.get(key) ?? []) found.add(oneNotation(oldCode))
  return found
}

/** Those of the codes whose dossiers a change of the given units can concern. */
export function concerned(register: UnitRegister, codes: readonly string[], units: readonly string[]): string[] {
  const found = predecessors([...register.successions.values()].flat(), units)
  return codes.filter((code) => found.has(oneNotation(code)))
}

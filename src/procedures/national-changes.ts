import type { Level } from '../organisations/model.ts'
import type { LegalBasis, NationalProcedure } from './model.ts'
import type { PulledProcedure } from './national.ts'

/** What a new list of the national catalogue changes, told apart from the one that is known. Pure. */

export const changeKinds = [
  'new',
  'renamed',
  'republished',
  'withdrawn',
  'reopened',
  'moved',
  'other-field',
  'missing',
  'found',
  'end-set',
  'legal-basis',
] as const
export type ChangeKind = (typeof changeKinds)[number]

export interface NationalChange {
  readonly code: string
  readonly kind: ChangeKind
  /** A name, a date, levels, a field or numbers of documents; null where there was, or is, none. */
  readonly before: string | null
  readonly after: string | null
}

export interface KnownProcedure extends NationalProcedure {
  readonly levels: readonly Level[]
  readonly missingSince: Date | null
  /** Null: no full record of it was ever seen. */
  readonly legalBases: readonly LegalBasis[] | null
}

/** A procedure may change in several ways at once. What a list does not say is no change; what it learns for the first time is none either. */
export function changesOf(known: readonly KnownProcedure[], came: readonly PulledProcedure[]): NationalChange[] {
  const before = new Map(known.map((one) => [one.code, one]))
  const after = new Set(came.map(({ code }) => code))
  const missing = known
    .filter((one) => one.open && one.missingSince === null && !after.has(one.code))
    .map(({ code, name }): NationalChange => ({ code, kind: 'missing', before: name, after: null }))
  return [...came.flatMap((row) => changesOfOne(before.get(row.code), row)), ...missing]
}

function changesOfOne(known: KnownProcedure | undefined, row: PulledProcedure): NationalChange[] {
  const { code } = row
  if (!known) return [{ code, kind: 'new', before: null, after: row.name }]
  const changes: NationalChange[] = []
  const say = (kind: ChangeKind, before: string | null, after: string | null) =>
    changes.push({ code, kind, before, after })
  if (known.missingSince !== null) say('found', null, known.name)
  if (row.name !== known.name) say('renamed', known.name, row.name)
  if (row.publishedOn && known.publishedOn && row.publishedOn !== known.publishedOn)
    say('republished', known.publishedOn, row.publishedOn)
  if (row.open === false && known.open) say('withdrawn', null, null)
  if (row.open === true && !known.open) say('reopened', null, null)
  if (row.endsOn !== undefined && row.endsOn !== known.endsOn) say('end-set', known.endsOn, row.endsOn)
  if (isOtherField(known, row))
    say('other-field', known.fieldName || known.fieldCode, row.fieldName || row.fieldCode || null)
  const [ours, theirs] = [sorted(known.levels), sorted(row.levels ?? [])]
  if (ours !== '' && theirs !== '' && ours !== theirs) say('moved', ours, theirs)
  if (known.legalBases !== null && row.legalBases !== undefined) {
    const [old, now] = [numbersOf(known.legalBases), numbersOf(row.legalBases)]
    if (old !== now) say('legal-basis', old || null, now || null)
  }
  return changes
}

/** Fields are told apart by their codes; by their names only while no list has said a code. */
function isOtherField(known: KnownProcedure, { fieldCode = '', fieldName = '' }: PulledProcedure): boolean {
  if (fieldCode !== '') return known.fieldCode !== '' && fieldCode !== known.fieldCode
  return known.fieldCode === '' && known.fieldName !== '' && fieldName !== '' && fieldName !== known.fieldName
}

/** A document without a number is told by its name. */
const numbersOf = (bases: readonly LegalBasis[]) =>
  [...new Set(bases.map(({ number, name }) => number || name))].toSorted().join('; ')

const sorted = (levels: readonly Level[]) => levels.toSorted().join(', ')

import type { Level } from '../organisations/model.ts'
import type { NationalProcedure } from './model.ts'
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
] as const
export type ChangeKind = (typeof changeKinds)[number]

export interface NationalChange {
  readonly code: string
  readonly kind: ChangeKind
  /** A name, a date of publication, levels or a field; null where there was, or is, none. */
  readonly before: string | null
  readonly after: string | null
}

export interface KnownProcedure extends NationalProcedure {
  readonly levels: readonly Level[]
  readonly missingSince: Date | null
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
  if (row.fieldCode && known.fieldCode !== '' && row.fieldCode !== known.fieldCode)
    say('other-field', known.fieldName || known.fieldCode, row.fieldName || row.fieldCode)
  const [ours, theirs] = [sorted(known.levels), sorted(row.levels ?? [])]
  if (ours !== '' && theirs !== '' && ours !== theirs) say('moved', ours, theirs)
  return changes
}

const sorted = (levels: readonly Level[]) => levels.toSorted().join(', ')

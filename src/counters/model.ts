import { ends, stops, type Status } from '../../config/statuses.ts'
import type { Counters } from '../../config/dialects.ts'
import type { DossierContent } from '../dossiers/model.ts'

/**
 * The rules of the monthly counters for one dossier: pure and total, so that whoever doubts a figure can follow it. The sums do the same in SQL
 * (store.ts); a test holds the two together. Instants are milliseconds.
 */

/** Changes whenever what is kept of a content does: what was kept under an older one counts as not judged. */
export const courseRevision = 1

/** How a dossier ended, or that it did not: `open`, `waiting` for the citizen, `new`; `unmapped`: nobody says what its status means. */
export type EndKind = (typeof ends)[number] | 'open' | 'waiting' | 'new' | 'unmapped'

export interface Span {
  readonly from: number
  /** Infinity: still open. */
  readonly to: number
}

/** What a content says of its dossier's course. No personal data. */
export interface Course {
  readonly endKind: EndKind
  readonly endedAt: number | null
  /** The citizen's time; null: the content names no supplement, steps decide. */
  readonly pauses: readonly Span[] | null
  /** From here on a supplement was asked for, and nobody says until when. */
  readonly pausesUntoldFrom: number | null
}

const time = (instant: string) => Date.parse(instant)

export function courseOf(content: DossierContent, status: Status | null): Course {
  return { ...endOf(content, status), ...pausesOf(content, status) }
}

function endOf(content: DossierContent, status: Status | null): Pick<Course, 'endKind' | 'endedAt'> {
  const { finishedAt, returnedAt, refusedAt } = content
  const done = finishedAt ?? returnedAt
  if (done !== undefined) return ended(content, endKindOf(content, status), time(done))
  if (status === null) return { endKind: 'unmapped', endedAt: null }
  if (!ends.includes(status)) return { endKind: goingOn[status] ?? 'open', endedAt: null }
  const refused = stops.includes(status) && refusedAt !== undefined ? time(refusedAt) : null
  return { endKind: status, endedAt: refused }
}

/** Systems that give the day alone let a dossier end before the hour of its reception; only one that was stopped may have. */
const ended = ({ receivedAt }: DossierContent, endKind: EndKind, end: number) => ({
  endKind,
  endedAt: stops.some((one) => one === endKind) ? end : Math.max(end, time(receivedAt)),
})

const goingOn: Readonly<Partial<Record<Status, EndKind>>> = { new: 'new', 'supplement-requested': 'waiting' }

/** A date of the end speaks for itself, whatever the status. */
const endKindOf = ({ finishedAt }: DossierContent, status: Status | null): EndKind =>
  status !== null && ends.includes(status) ? status : finishedAt !== undefined ? 'finished' : 'returned'

type Supplement = NonNullable<DossierContent['supplements']>[number]

function pausesOf(content: DossierContent, status: Status | null): Pick<Course, 'pauses' | 'pausesUntoldFrom'> {
  const { supplements = [] } = content
  if (supplements.length === 0) return { pauses: null, pausesUntoldFrom: null }
  // One that never came gives its time to the citizen until the end. Of a dossier that goes on it came, and nobody says when.
  const goesOn = endOf(content, status).endKind === 'open'
  const isUntold = ({ receivedAt, done }: Supplement) => receivedAt === undefined && (done === true || goesOn)
  const untold = supplements.filter(isUntold).map(({ requestedAt }) => time(requestedAt))
  return {
    pauses: supplements.flatMap((one) => {
      const span = { from: time(one.requestedAt), to: one.receivedAt === undefined ? Infinity : time(one.receivedAt) }
      return isUntold(one) || span.to <= span.from ? [] : [span]
    }),
    pausesUntoldFrom: untold.length === 0 ? null : Math.min(...untold),
  }
}

/** A course as the ledger keeps it. */
export interface CourseColumns {
  readonly courseRevision: number
  readonly endKind: string
  readonly endedAt: string | null
  /** As PostgreSQL reads a `tstzmultirange`. */
  readonly pauses: string | null
  readonly pausesUntoldFrom: string | null
}

const iso = (instant: number) => new Date(instant).toISOString()
const rangeOf = ({ from, to }: Span) => `[${iso(from)},${to === Infinity ? '' : iso(to)})`

export const courseColumns = ({ endKind, endedAt, pauses, pausesUntoldFrom }: Course): CourseColumns => ({
  courseRevision,
  endKind,
  endedAt: endedAt === null ? null : iso(endedAt),
  pauses: pauses && `{${pauses.map(rangeOf).join(',')}}`,
  pausesUntoldFrom: pausesUntoldFrom === null ? null : iso(pausesUntoldFrom),
})

/** What is known of a dossier beside its course. */
export interface Facts {
  /** Null: not judged yet. */
  readonly course: Course | null
  readonly receivedAt: number
  readonly promisedAt: number | null
  /** Of its newest change: what it says was so by then. */
  readonly changedAt: number
  /** In their order. */
  readonly steps: readonly { readonly at: number; readonly status: Status | null }[]
  readonly isMinistry: boolean
}

/** A month from its first instant in Vietnam until before `end`; `until` is earlier as long as the month goes on. */
export interface MonthSpan {
  readonly start: number
  readonly end: number
  readonly until: number
}

export type Reading = Pick<Counters, 'ministries' | 'notAccepted'>

export type Timing = 'in-time' | 'late' | 'no-promise' | 'supplement-untold'
export const unplacedReasons = ['not-judged', 'status-unmapped', 'end-unknown'] as const
export type UnplacedReason = (typeof unplacedReasons)[number]

export type Place =
  /** Not of this month. */
  | { readonly place: 'none' }
  /** Nobody can say whether it ended. */
  | { readonly place: 'unplaced'; readonly reason: UnplacedReason }
  | { readonly place: 'handled'; readonly carried: boolean; readonly timing: Timing; readonly endedAt: number }
  | { readonly place: 'pending'; readonly carried: boolean; readonly timing: Timing; readonly waiting: boolean }

const none = { place: 'none' } as const

/** Where a dossier stands in the counters of a month. */
export function placeIn(facts: Facts, month: MonthSpan, reading: Reading): Place {
  const { course, receivedAt, changedAt } = facts
  if (receivedAt >= month.until || (facts.isMinistry && reading.ministries === 'left-out')) return none
  if (course === null) return { place: 'unplaced', reason: 'not-judged' }
  const { endKind } = course
  if (endKind === 'new' || (endKind === 'not-accepted' && reading.notAccepted === 'never-received')) return none
  if (endKind === 'unmapped') return { place: 'unplaced', reason: 'status-unmapped' }
  const carried = receivedAt < month.start
  if (endKind === 'open' || endKind === 'waiting') return pendingIn(facts, course, month, carried)
  // It had ended when its newest change was made, whatever its steps say.
  const known = Math.max(changedAt, receivedAt)
  if (course.endedAt === null && known < month.start) return none
  const end = course.endedAt ?? endByStep(facts, known)
  if (end === null) return { place: 'unplaced', reason: 'end-unknown' }
  if (stops.some((one) => one === endKind) && end < receivedAt) return none
  const endedAt = Math.max(end, receivedAt)
  if (endedAt < month.start) return none
  if (endedAt >= month.until) return pendingIn(facts, course, month, carried)
  return { place: 'handled', carried, timing: timingAt(facts, course, endedAt), endedAt }
}

/** The first step that says so, after the last one that says otherwise: a dossier that was opened again ended later. */
function endByStep({ steps }: Facts, known: number): number | null {
  const goesOn = steps.flatMap(({ at, status }) => (status !== null && !ends.includes(status) ? at : []))
  const since = Math.max(-Infinity, ...goesOn)
  const told = steps.flatMap(({ at, status }) => (status !== null && ends.includes(status) && at >= since ? at : []))
  return told.length === 0 ? null : Math.min(...told, known)
}

function pendingIn(facts: Facts, course: Course, month: MonthSpan, carried: boolean): Place {
  const { pauses } = resolvedPauses(facts, course)
  const waiting = pauses.some(({ from, to }) => from < month.until && to >= month.until)
  return { place: 'pending', carried, timing: timingAt(facts, course, month.until), waiting }
}

interface Pauses {
  readonly pauses: readonly Span[]
  readonly untoldFrom: number | null
}

/** Where a content names no supplement, steps do: from the one that asks until the next one. */
function resolvedPauses({ steps, receivedAt }: Facts, course: Course): Pauses {
  if (course.pauses !== null) return { pauses: course.pauses, untoldFrom: course.pausesUntoldFrom }
  const told = steps.filter(({ status }) => status !== null)
  const pauses = told.flatMap(({ at, status }, place) => {
    const to = told[place + 1]?.at
    return status === 'supplement-requested' && to !== undefined && to > at ? [{ from: at, to }] : []
  })
  const last = told.at(-1)
  const asks = last?.status === 'supplement-requested'
  if (asks && course.endKind === 'waiting')
    return { pauses: [...pauses, { from: last.at, to: Infinity }], untoldFrom: null }
  if (asks) return { pauses, untoldFrom: last.at }
  return { pauses, untoldFrom: course.endKind === 'waiting' ? (last?.at ?? receivedAt) : null }
}

function timingAt(facts: Facts, course: Course, at: number): Timing {
  if (facts.promisedAt === null) return 'no-promise'
  const { pauses, untoldFrom } = resolvedPauses(facts, course)
  if (at <= facts.promisedAt + given(pauses, at)) return 'in-time'
  return untoldFrom !== null && untoldFrom < at ? 'supplement-untold' : 'late'
}

/** The citizen's time until a moment; spans that overlap give their common time once. */
function given(pauses: readonly Span[], at: number): number {
  let sum = 0
  let until = -Infinity
  for (const { from, to } of pauses.toSorted((a, b) => a.from - b.from)) {
    const end = Math.min(to, at)
    sum += Math.max(0, end - Math.max(from, until))
    until = Math.max(until, end)
  }
  return sum
}

/** What is sent for one unit: nothing is left untold. */
export interface SentFigures {
  readonly received: number
  readonly carried: number
  readonly handledInTime: number
  readonly handledLate: number
  readonly pendingInTime: number
  readonly pendingLate: number
}

export interface SentUnit {
  readonly code: string
  readonly name: string
  readonly figures: SentFigures
}

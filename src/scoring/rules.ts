import { stops, type Status } from '../../config/statuses.ts'
import type { ScoreReasonCode } from '../../config/score-reasons.ts'
import { indicators } from '../../config/score-766.ts'
import { courseColumns, courseOf } from '../counters/model.ts'
import type { DossierContent } from '../dossiers/model.ts'
import { marksOf, reasonOf, type ContentReasons, type IndicatorOutcome, type ScoreFacts } from './model.ts'

/** The rules of the note for one dossier: pure and total. What no field tells is unknown, never won and never lost. */

export interface ContentJudgement {
  readonly reasons: ContentReasons
  /** The promised date, later by the citizen's time for supplements; null: nothing was promised. */
  readonly dueAt: string | null
}

/** What content and status alone decide. On time may be left to the steps, or to the moment that is asked about. */
export function judgeContent(content: DossierContent, status: Status | null): ContentJudgement {
  const done = isDone(content, status)
  return {
    reasons: {
      onTime: onTime(content, status),
      online: online(content, done),
      paidOnline: paidOnline(content),
      electronicResult: electronicResult(content, done),
      digitised: digitised(content, done),
      reused: isReused(content) ? 'reused' : 'not-reused',
      personalStore: personalStore(content, done),
      populationData: populationData(content),
    },
    dueAt: dueAt(content),
  }
}

/** Every indicator of one dossier, with nothing left open. */
export function scoreDossier(content: DossierContent, facts: ScoreFacts): IndicatorOutcome[] {
  const { reasons, dueAt } = judgeContent(content, facts.status)
  const settled = {
    ...reasons,
    onTime: settleOnTime(reasons.onTime, { ...facts, receivedAt: content.receivedAt, dueAt }),
    sync: syncReason(facts),
  }
  return indicators.map((indicator) => {
    const { outcome, fields } = reasonOf(settled[indicator])
    return { indicator, outcome, reason: settled[indicator], fields }
  })
}

export function syncReason({ atPortal, stepsBehind }: Pick<ScoreFacts, 'atPortal' | 'stepsBehind'>): ScoreReasonCode {
  if (!atPortal) return 'not-at-portal'
  return stepsBehind ? 'steps-behind' : 'at-portal'
}

/** Instants are compared, not texts. */
const time = (instant: string) => Date.parse(instant)

function onTime(content: DossierContent, status: Status | null): ScoreReasonCode {
  const { receivedAt, supplements = [] } = content
  const done = content.finishedAt ?? content.returnedAt
  if (done !== undefined) return compared(content, done)
  if (status === null) return 'status-unmapped'
  if (status === 'new') return 'not-received'
  const stopped = stops.includes(status)
  if (stopped && content.refusedAt !== undefined) {
    if (time(content.refusedAt) < time(receivedAt)) return 'not-received'
    return compared(content, content.refusedAt)
  }
  if (stopped) return stoppedUntold(content)
  if (status === 'finished' || status === 'returned') return 'end-unknown'
  if (supplements.length > 1) return 'many-supplements'
  const [only] = supplements
  return only === undefined ? 'open' : atSupplement(content.promisedAt, only.requestedAt)
}

/** Nobody says when it was stopped; a supplement that never came had ended the office's time before. */
function stoppedUntold(content: DossierContent): ScoreReasonCode {
  const { supplements = [] } = content
  const open = supplements.find(neverCame)
  if (open !== undefined) return compared(content, open.requestedAt)
  return supplements.some(isUntold) ? 'supplement-end-unknown' : 'stopped-by-step'
}

function atSupplement(promisedAt: string | undefined, requestedAt: string): ScoreReasonCode {
  if (promisedAt === undefined) return 'no-promise'
  return time(requestedAt) <= time(promisedAt) ? 'supplement-on-time' : 'supplement-late'
}

type Supplement = NonNullable<DossierContent['supplements']>[number]

/** It came, and nobody says when. */
const isUntold = ({ done, receivedAt }: Supplement) => done === true && receivedAt === undefined

const neverCame = (one: Supplement) => one.receivedAt === undefined && !isUntold(one)

/** A dossier that has ended. While a supplement that never came was open, the time was the citizen's. */
function compared(content: DossierContent, end: string): ScoreReasonCode {
  const { supplements = [] } = content
  const due = dueAt(content)
  if (due === null) return 'no-promise'
  const counted = Math.min(time(end), ...supplements.filter(neverCame).map(({ requestedAt }) => time(requestedAt)))
  if (counted <= time(due)) return 'on-time'
  return supplements.some(isUntold) ? 'supplement-end-unknown' : 'late'
}

const latest = Date.parse('9999-12-31T00:00:00Z')

/** Supplements that overlap give their common time once. */
function dueAt({ promisedAt, supplements = [] }: DossierContent): string | null {
  if (promisedAt === undefined) return null
  const spans = supplements
    .flatMap(({ requestedAt, receivedAt }) =>
      receivedAt === undefined ? [] : [{ from: time(requestedAt), to: time(receivedAt) }],
    )
    .sort((a, b) => a.from - b.from)
  let given = 0
  let until = -Infinity
  for (const { from, to } of spans) {
    given += Math.max(0, to - Math.max(from, until))
    until = Math.max(until, to)
  }
  return new Date(Math.min(time(promisedAt) + given, latest)).toISOString()
}

export interface OnTimeFacts extends Pick<ScoreFacts, 'steps' | 'at'> {
  readonly receivedAt: string
  readonly dueAt: string | null
}

/** What content left open is settled by steps and moment. The sums do the same in SQL (store.ts); a test holds the two together. */
export function settleOnTime(reason: ScoreReasonCode, facts: OnTimeFacts): ScoreReasonCode {
  if (reason === 'stopped-by-step') return settleStopped(facts)
  return reason === 'open' ? settleOpen(facts) : reason
}

const timesOf = ({ steps }: OnTimeFacts, wanted: readonly Status[]) =>
  steps.flatMap(({ at, status }) => (status !== null && wanted.includes(status) ? time(at) : []))

function settleStopped(facts: OnTimeFacts): ScoreReasonCode {
  const times = timesOf(facts, stops)
  if (times.length === 0) return 'end-unknown'
  const end = Math.min(...times)
  if (end < time(facts.receivedAt)) return 'not-received'
  if (facts.dueAt === null) return 'no-promise'
  return end <= time(facts.dueAt) ? 'on-time' : 'late'
}

function settleOpen(facts: OnTimeFacts): ScoreReasonCode {
  const requests = timesOf(facts, ['supplement-requested'])
  if (requests.length > 1) return 'many-supplements'
  if (facts.dueAt === null) return 'no-promise'
  const due = time(facts.dueAt)
  if (requests.length === 1) return requests[0]! <= due ? 'supplement-on-time' : 'supplement-late'
  return time(facts.at) <= due ? 'within-time' : 'overdue'
}

const hasFile = ({ results = [] }: DossierContent) => results.some(({ url }) => url !== undefined)
const hasResult = ({ results = [] }: DossierContent) => results.length > 0
const papersOf = ({ papers = [] }: DossierContent) => papers.filter(({ deleted }) => deleted !== true)

/** A result is due. A dossier that was stopped or refused gets none, but no field tells that of its procedure. */
const isDone = ({ finishedAt, returnedAt }: DossierContent, status: Status | null) =>
  (finishedAt ?? returnedAt) !== undefined || status === 'finished' || status === 'returned'

function online(content: DossierContent, done: boolean): ScoreReasonCode {
  if (content.channel === undefined) return 'channel-empty'
  if (content.channel !== 'online') return content.channel
  if (hasFile(content)) return 'online-with-result'
  if (hasResult(content)) return 'online-without-file'
  return done ? 'online-result-unknown' : 'online-result-open'
}

function paidOnline({ fees = [], paidOnline: paid }: DossierContent): ScoreReasonCode {
  if (fees.length > 0 && fees.every(({ amount }) => amount === 0)) return 'fees-zero'
  if (paid === 'on-portal' || paid === 'local-gateway') return 'paid-online'
  if (fees.length === 0) return 'fees-unknown'
  return paid === 'no' ? 'paid-otherwise' : 'payment-untold'
}

function electronicResult(content: DossierContent, done: boolean): ScoreReasonCode {
  if (hasFile(content)) return 'result-with-file'
  if (hasResult(content)) return 'result-without-file'
  return done ? 'result-unknown' : 'result-open'
}

function digitised(content: DossierContent, done: boolean): ScoreReasonCode {
  if (!papersOf(content).some(({ url }) => url !== undefined)) return 'papers-without-file'
  if (hasFile(content)) return 'files-complete'
  return done ? 'digitised-without-result' : 'digitised-open'
}

function isReused(content: DossierContent): boolean {
  const papers = papersOf(content)
  if (content.level === 'ministry') return content.hasDigitisedPapers === true
  if (content.submittedThrough === 'national-portal') return papers.some(({ digitised: is }) => is === true)
  return papers.some(({ reused: how }) => how === 'yes' || how === 'with-replacement')
}

const usesStore = (content: DossierContent) => papersOf(content).some((paper) => paper.fromNationalStore === true)

function personalStore(content: DossierContent, done: boolean): ScoreReasonCode {
  if (usesStore(content)) return 'from-store'
  if (hasFile(content)) return 'store-unknown'
  return done ? 'not-from-store' : 'store-open'
}

function populationData(content: DossierContent): ScoreReasonCode {
  if (content.verifiedWithVneid === true || usesStore(content)) return 'population-data'
  return (content.databases ?? []).length > 0 ? 'database-unknown' : 'no-population-data'
}

/** As the ledger keeps it: letters for the index, and the course for counting past months. */
export function scoredContent(content: DossierContent, status: Status | null) {
  const { reasons, dueAt } = judgeContent(content, status)
  return { outcomes: marksOf(reasons), dueAt, course: courseColumns(courseOf(content, status)) }
}

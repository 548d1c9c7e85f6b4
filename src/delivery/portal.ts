import type { SentUnit } from '../counters/model.ts'
import type { Level } from '../organisations/model.ts'
import type { Status } from '../../config/statuses.ts'
import type { DossierContent, Step } from '../dossiers/model.ts'
import type { Urgency } from './model.ts'
import type { ContentPart, LegalBasis, NationalProcedure } from '../procedures/model.ts'

/**
 * The port through which delivery reaches the national portal. An adapter translates these plain words to the portal's wire
 * and judges every answer by its dialect's table; it never throws for anything the network or the portal does.
 */
export interface Portal {
  readonly limits: PortalLimits
  /** False when the dialect has no look-up service: an unknown outcome is then settled by an update, and a create if that finds nothing. */
  readonly canLookUp: boolean
  /** Does the look-up list the steps that the portal holds? Elsewhere a step whose outcome is lost can only be sent again. */
  readonly listsSteps: boolean
  /** What the portal would refuse, found before sending. Fields by their plain names. */
  problems(dossier: PortalDossier): readonly PortalProblem[]
  send(operation: 'create' | 'update', dossiers: readonly PortalDossier[], call: Call): Promise<Answer>
  sendSteps(steps: readonly PortalStep[], call: Call): Promise<Answer>
  lookUp(code: string, call: Call): Promise<LookUpAnswer>
  /** Compares what the portal showed with what it should show. Only fields the portal's answer carries are compared. */
  compare(expected: PortalDossier, steps: readonly PortalStep[], record: PortalRecord): RawDifference[]
  /** Does this record of the portal list this step? Null when the portal does not show steps. */
  holdsStep(record: PortalRecord, step: PortalStep): boolean | null
  /** Lists beside the catalogue's own that this portal is asked for. */
  readonly extras: readonly ExtraList[]
  pull<K extends keyof CatalogueRows>(what: K, call: Call): Promise<PullAnswer<CatalogueRows[K]>>
  pullProcedure(code: string, call: Call): Promise<PullAnswer<CatalogueRows['procedures']>>
  /** The counters of one unit for one month. Nothing looks them up: an unknown outcome stays one until a person decides. */
  sendCounters(counters: PortalCounters, call: Call): Promise<Answer>
  /** Logs in and forgets the session: for `doctor`. */
  checkLogin(call: Call): Promise<Answer>
}

export interface PortalProblem {
  readonly field: string
  readonly code: 'missing-for-portal' | 'invalid-for-portal'
  readonly detail: string
}

export interface PortalLimits {
  readonly dossiersPerCall: number
  readonly stepsPerCall: number
  /** May one step call carry steps of several dossiers? */
  readonly mixDossiersInStepCalls: boolean
  /** Upper bound of one call from first byte out to last byte in, in milliseconds. */
  readonly callDeadline: number
}

export interface PortalDossier {
  readonly code: string
  readonly content: DossierContent
  readonly status: Status
  readonly procedure: NationalProcedure
  readonly agencyName: string
}

export interface PortalStep {
  readonly dossierCode: string
  readonly step: Step
  readonly status: Status
}

export interface Call {
  /** When this work was picked up: the first of the four timestamps. */
  readonly requestIn: Date
  /** Fresh calls leave before backfill; what is not about a fresh change of a dossier is `backfill`. */
  readonly urgency: Urgency
  /**
   * Awaited right before the bytes leave, after the pace: the lane's last chance to stop (a lost lease throws). What it
   * throws is passed on to the caller unchanged.
   */
  readonly lastCheck?: () => Promise<void>
}

export interface PortalCounters extends SentUnit {
  /** `yyyy-MM`. */
  readonly month: string
  /** What the portal calls the kind of counting. */
  readonly kind: string
}

/**
 * What an answer means.
 * - `ok`: taken.
 * - `exists` / `absent`: a create met an existing dossier / an update or step met none.
 * - `refused`: the portal judged the content and said no, by a listed rule: repeating it is useless.
 * - `transient`: the portal said "later" about this content, by a listed rule.
 * - `unrecognised`: a readable answer that no rule of the dialect knows.
 * - `busy`: certainly not processed: 429, 503, connection refused, login not possible, pace closed.
 * - `unknown`: perhaps processed: time-out, cut connection, 5xx, unreadable answer.
 */
export type AnswerClass = 'ok' | 'exists' | 'absent' | 'refused' | 'transient' | 'unrecognised' | 'busy' | 'unknown'

/** A code of config/failures.ts that explains an answer that is not `ok`. */
export type PortalFailure =
  | 'portal-refused'
  | 'portal-later'
  | 'portal-unrecognised'
  | 'portal-busy'
  | 'portal-unreachable'
  | 'portal-timeout'
  | 'portal-cut'
  | 'portal-error'
  | 'portal-unreadable'
  | 'portal-login'
  | 'portal-pace'
  | 'delivery-held'

export interface Answer {
  readonly class: AnswerClass
  readonly failure?: PortalFailure
  /** The portal's own code and words, masked. */
  readonly code?: string
  readonly message?: string
  /** How long the portal asked to be left alone, in milliseconds. */
  readonly retryAfter?: number
  /** Every HTTP call made for this answer, logins included, in order. The last one carries the answer. */
  readonly exchanges: readonly Exchange[]
}

export interface LookUpAnswer extends Answer {
  /** Present when `class` is `ok`; null when the portal does not hold the dossier. */
  readonly record?: PortalRecord | null
}

/** What a look-up showed. `steps` only when the dialect names the column that lists them. */
export interface PortalRecord {
  readonly fields: Readonly<Record<string, unknown>>
  readonly steps?: readonly Readonly<Record<string, unknown>>[]
}

export interface Difference {
  /** Our plain field name; `steps` for the step list. */
  readonly field: string
  /** Masked for personal fields. */
  readonly here: string
  readonly there: string
  /** Stands for what is not shown: another one, when the hidden values are others. */
  readonly mark?: string
}

/** As a comparison finds it. */
export interface RawDifference extends Difference {
  /** Both sides in full, where `here` and `there` do not say all: personal data, never to be kept or shown. */
  readonly raw?: string
}

export interface CatalogueRows {
  procedures: {
    code: string
    name: string
    fieldCode?: string
    fieldName?: string
    publishedOn?: string | null
    endsOn?: string
    open?: boolean
    /** Of a full record. */
    levels?: readonly Level[]
    legalBases?: readonly LegalBasis[]
    parts?: readonly ContentPart[]
    raw: unknown
  }
  fields: { code: string; name: string; sector: string }
  agencies: { code: string; name: string; level: string }
  /** What the portal lists for the province's own unit, which is said with each. */
  'unit-procedures': { unit: string; code: string; name: string }
  services: {
    code: string
    name: string
    /** Blank where the portal does not say. */
    procedureCode: string
    agencyName: string
    fieldName: string
    raw: unknown
  }
}

/** A list that not every portal gives. */
export interface ExtraList {
  readonly what: 'unit-procedures' | 'services'
  /** Whether the portal may not know it: that it cannot be had is no failure of the pull then. */
  readonly optional: boolean
}

export interface PullAnswer<Row> extends Answer {
  readonly rows: readonly Row[]
}

/** One HTTP call, as evidence. Bodies are clear text here and are sealed by the store that keeps them. */
export interface Exchange {
  readonly service: string
  readonly requestIn: Date
  readonly requestOut: Date
  readonly responseIn: Date | null
  readonly httpStatus: number | null
  readonly code: string | null
  readonly message: string | null
  readonly class: AnswerClass | 'session-expired'
  readonly items: number
  readonly bytesOut: number
  readonly bytesIn: number
  readonly requestBody: string
  readonly responseBody: string
}

/**
 * The pace shared by all processes. `take` resolves when the call may leave, and throws `PaceClosed` when it would have
 * to wait too long or the gate is closed. Every slot ends with one of its two words.
 */
export interface Pace {
  take(service: string, urgency: Urgency): Promise<Slot>
}

/** Leave to make one call now. */
export interface Slot {
  /** What the portal answered, for the pace to learn from. Nobody need wait until a good answer was told. */
  done(answer: CallReport): Promise<void>
  /** The call did not leave after all. */
  unused(): Promise<void>
}

export interface CallReport {
  readonly class: AnswerClass
  readonly failure?: PortalFailure
  readonly retryAfter?: number
  /** From first byte out to last byte in. */
  readonly milliseconds?: number
  /** Dossiers or steps that the call carried. */
  readonly items?: number
}

export class PaceClosed extends Error {
  readonly wait: number
  constructor(wait: number, message: string) {
    super(message)
    this.name = 'PaceClosed'
    this.wait = wait
  }
}

export interface KnownSession {
  readonly session: string
  readonly generation: number
  /** On `performance.now()`: its age never depends on this host's clock. */
  readonly obtainedAt: number
}

/** Where the one session of the province is kept, so that one worker logs in and all use it. */
export interface SessionStore {
  /** The newest session, or null; as it was at most `maxAge` milliseconds ago. */
  read(endpoint: string, maxAge: number): Promise<KnownSession | null>
  /** True for exactly one caller at a time, for at most `milliseconds`. */
  tryLock(endpoint: string, owner: string, milliseconds: number): Promise<boolean>
  write(endpoint: string, owner: string, session: string): Promise<number>
  unlock(endpoint: string, owner: string): Promise<void>
}

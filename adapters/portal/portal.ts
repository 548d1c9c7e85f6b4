import { PaceClosed } from '../../src/delivery/portal.ts'
import type {
  Answer,
  Call,
  CallReport,
  CatalogueRows,
  Exchange,
  KnownSession,
  LookUpAnswer,
  Pace,
  Portal,
  PortalCounters,
  PortalDossier,
  PortalStep,
  PullAnswer,
  SessionStore,
  Slot,
} from '../../src/delivery/portal.ts'
import type { Dialect } from '../../config/dialects.ts'
import { isRecord, judge, readAnswer } from './answers.ts'
import type { Purpose, Reading, Verdict } from './answers.ts'
import { extraLists, listRequest, procedureService, readCatalogue, value, type Asker } from './catalogue.ts'
import { compareRecord, recordHoldsStep } from './compare.ts'
import { createSend } from './http.ts'
import type { HttpAnswer } from './http.ts'
import { maskMessage, redact } from './mask.ts'
import { readRecord } from './record.ts'
import { addressOf, bodiesOf, headersOf, methodOf } from './request.ts'
import type { Operation } from './request.ts'
import { ageOf, createSessions } from './session.ts'
import type { LoggedIn, NoSession } from './session.ts'
import { countersPayload, dossierPayload, problems, stepPayload } from './wire.ts'

export interface PortalOptions {
  /** The forwarder's base, for example `http://adapter:8080/XrdAdapter/RestService/forward`, or the gateway's. */
  readonly baseUrl: string
  readonly dstcode: string
  readonly username: string
  readonly password: string
  /** The province's organisation code. */
  readonly unit: string
  readonly dialect: Dialect
  /** Dossiers per call, when it differs from the dialect's. */
  readonly batchSize?: number
  readonly pace: Pace
  readonly sessions: SessionStore
}

/** One HTTP call and what it was found to mean. */
interface Outcome {
  readonly verdict: Verdict
  readonly code: string | null
  readonly message: string | null
  readonly retryAfter: number | undefined
  readonly session: string | null
  readonly rows: readonly unknown[] | null
  /** The answer's body as it came, without secrets. */
  readonly shown: string
}

export function createPortal(options: PortalOptions): Portal {
  const { dialect } = options
  const exchange = createExchange(options)
  return {
    limits: {
      dossiersPerCall: options.batchSize ?? dialect.batch.dossiers,
      stepsPerCall: dialect.batch.steps,
      mixDossiersInStepCalls: dialect.batch.mixDossiersInStepCalls,
      callDeadline: dialect.timeouts.call,
    },
    canLookUp: dialect.lookUp.service !== null,
    listsSteps: dialect.lookUp.service !== null && dialect.lookUp.stepsColumn !== null,
    problems: (dossier) => problems(dossier, dialect),
    send: async (operation, dossiers, call) =>
      (await exchange.work(writeOf(operation, dossiers, dialect), call)).answer,
    sendSteps: async (steps, call) => (await exchange.work(stepsOf(steps, dialect), call)).answer,
    lookUp: (code, call) => lookUp(exchange, dialect, code, call),
    compare: (expected, steps, record) => compareRecord(expected, steps, record, dialect),
    holdsStep: (record, step) => recordHoldsStep(record, step, dialect),
    extras: extraLists(dialect),
    pull: (what, call) => pullList(exchange, options, what, call),
    pullProcedure: (code, call) => pullProcedure(exchange, options, code, call),
    sendCounters: (counters, call) => sendCounters(exchange, dialect, counters, call),
    checkLogin: (call) => exchange.checkLogin(call),
  }
}

function writeOf(purpose: 'create' | 'update', dossiers: readonly PortalDossier[], dialect: Dialect): Operation {
  const personal = dossiers.flatMap(({ content: { owner } }) => {
    const numbers = (owner.identities ?? []).map((one) => one.number)
    return [owner.name, owner.idNumber, owner.email, owner.phone, owner.fax, ...numbers].filter(
      (one) => one !== undefined,
    )
  })
  const data = dossiers.map((dossier) => dossierPayload(dossier, dialect))
  return { service: 'DongBoHoSoMC', purpose, endpoint: 'integration', fields: {}, data, items: data.length, personal }
}

function stepsOf(steps: readonly PortalStep[], dialect: Dialect): Operation {
  const data = steps.map((step) => stepPayload(step, dialect))
  const service = 'CapNhatTienDoHoSoMC'
  return { service, purpose: 'steps', endpoint: 'integration', fields: {}, data, items: data.length, personal: [] }
}

function readOf(service: string, endpoint: Operation['endpoint'], fields: Readonly<Record<string, string>>): Operation {
  return { service, purpose: 'read', endpoint, fields, data: null, items: 0, personal: [] }
}

type Exchanger = ReturnType<typeof createExchange>

async function lookUp(exchange: Exchanger, dialect: Dialect, code: string, call: Call): Promise<LookUpAnswer> {
  const { service, stepsColumn } = dialect.lookUp
  if (service === null)
    return { class: 'unrecognised', failure: 'portal-unrecognised', message: 'no look-up here', exchanges: [] }
  const operation = { ...readOf(service, 'integration', { mahoso: code }), items: 1 }
  const { answer, rows } = await exchange.work(operation, call)
  // A dialect may know the words for "no such dossier": for a look-up that is an answer, not an error.
  if (answer.class === 'absent') return { ...answer, class: 'ok', record: null }
  if (answer.class !== 'ok') return answer
  const row = rows.find((one) => isRecord(one) && value(one, 'MaHoSo') === code) ?? rows[0]
  if (row === undefined || row === null) return { ...answer, record: null }
  const fields = isRecord(row) ? row : {}
  const steps = stepsColumn === null ? undefined : value(fields, stepsColumn)
  return { ...answer, record: { fields, ...(Array.isArray(steps) ? { steps: steps.filter(isRecord) } : {}) } }
}

async function sendCounters(
  exchange: Exchanger,
  dialect: Dialect,
  counters: PortalCounters,
  call: Call,
): Promise<Answer> {
  if (dialect.counters === null)
    return { class: 'busy', failure: 'portal-unrecognised', message: 'no monthly counters here', exchanges: [] }
  const { service, endpoint } = dialect.counters
  const data = [countersPayload(counters, dialect, dialect.counters)]
  const operation: Operation = { service, purpose: 'counters', endpoint, fields: {}, data, items: 1, personal: [] }
  return (await exchange.work(operation, call)).answer
}

async function pullList<K extends keyof CatalogueRows>(
  exchange: Exchanger,
  asker: Asker,
  what: K,
  call: Call,
): Promise<PullAnswer<CatalogueRows[K]>> {
  const request = listRequest(what, asker)
  if (request === null)
    return {
      class: 'unrecognised',
      failure: 'portal-unrecognised',
      message: 'no such list here',
      exchanges: [],
      rows: [],
    }
  return pull(exchange, asker, what, readOf(request.service, request.endpoint, request.fields), call)
}

async function pullProcedure(exchange: Exchanger, asker: Asker, code: string, call: Call) {
  const operation = readOf(procedureService, 'integration', { maTTHC: code })
  const answer = await pull(exchange, asker, 'procedures', operation, call)
  return { ...answer, rows: answer.rows.map((row) => ({ ...row, ...readRecord(row.raw) })) }
}

async function pull<K extends keyof CatalogueRows>(
  exchange: Exchanger,
  asker: Asker,
  what: K,
  operation: Operation,
  call: Call,
): Promise<PullAnswer<CatalogueRows[K]>> {
  const { answer, rows: found } = await exchange.work(operation, call)
  if (answer.class !== 'ok') return { ...answer, rows: [] }
  const { rows, skipped } = readCatalogue(what, found, asker)
  if (skipped === 0) return { ...answer, rows }
  const note = `${skipped} of ${found.length} rows left out: no code or no name`
  return { ...answer, message: [answer.message, note].filter(Boolean).join('; '), rows }
}

type Once = (operation: Operation, session: KnownSession | null, call: Call, trail: Exchange[]) => Promise<Outcome>

/** One HTTP call: pace, last check, call, verdict, evidence, report. Throws only what the pace and the last check throw. */
function createOnce(options: PortalOptions): Once {
  const { dialect, pace } = options
  const { call: callTimeout, login: loginTimeout } = dialect.timeouts
  const send = createSend({
    followRedirects: dialect.followRedirects,
    maxAnswerBytes: dialect.maxAnswerBytes,
    deadline: Math.min(callTimeout, loginTimeout),
  })
  return async (operation, session, call, trail) => {
    const body = bodiesOf(options, operation, session?.session ?? null)
    const slot = await leave(pace, operation.service, call)
    const leaves = performance.now()
    const http = await send({
      method: methodOf(dialect, operation),
      url: addressOf(options, operation, true),
      headers: headersOf(options, operation),
      body: body.sent,
      deadline: operation.purpose === 'login' ? loginTimeout : callTimeout,
    })
    const milliseconds = performance.now() - leaves
    const outcome = understand(options, operation, session, http)
    trail.push({
      ...evidence(operation, call, http, outcome),
      bytesOut: Buffer.byteLength(body.sent),
      requestBody: body.kept,
    })
    const told = slot.done({ ...reportOf(operation.purpose, outcome), milliseconds, items: operation.items })
    if (outcome.verdict.class !== 'ok') await told
    return outcome
  }
}

/** A slot is not used that the last check outlasted by more, in milliseconds: meanwhile the gate may have closed, and others left. */
const longestLastCheck = 50
/** A ledger that is slow every time must not keep a call for ever. */
const mostSlots = 3

/** A slot and the caller's last word, right before the bytes leave. */
async function leave(pace: Pace, service: string, call: Call): Promise<Slot> {
  for (let slots = 1; ; slots += 1) {
    const slot = await pace.take(service, call.urgency)
    const taken = performance.now()
    try {
      await call.lastCheck?.()
    } catch (error) {
      await slot.unused()
      throw error
    }
    if (performance.now() - taken < longestLastCheck || slots === mostSlots) return slot
    await slot.unused()
  }
}

function understand(
  options: PortalOptions,
  operation: Operation,
  session: KnownSession | null,
  http: HttpAnswer,
): Outcome {
  const { dialect } = options
  const reading = readAnswer(http.text, operation.purpose === 'read' ? dialect.reads.encoding : 'plain')
  const secrets = [options.password, session?.session, operation.purpose === 'login' ? reading.session : null]
  const hidden = secrets.filter((one) => typeof one === 'string')
  const said = (words: string | null) => maskMessage(words && redact(words, hidden), operation.personal)
  return {
    verdict: verdictOf(operation, http, reading, dialect),
    code: said(reading.code),
    message: said(reading.message),
    retryAfter: http.retryAfter,
    session: reading.session,
    rows: reading.rows,
    shown: redact(http.text, hidden),
  }
}

/** The one way to the portal: a session, then the call; and once more if only the session was at fault. */
function createExchange(options: PortalOptions) {
  const { dialect } = options
  const once = createOnce(options)
  const loginOperation: Operation = { ...readOf('login', 'login', { username: options.username }), purpose: 'login' }
  const needsSession = dialect.session.carrier === 'body' && dialect.paths.login !== null
  const { maxAge, suspectAfter } = dialect.session
  const obtain = createSessions({
    store: options.sessions,
    endpoint: `${addressOf(options, loginOperation, false)}#${options.unit}`,
    maxAge,
    loginTimeout: dialect.timeouts.login,
  })

  async function logIn(call: Call, trail: Exchange[]): Promise<LoggedIn> {
    try {
      const { verdict, session, code, message, retryAfter } = await once(loginOperation, null, call, trail)
      if (verdict.class === 'ok' && session !== null) return { ok: true, session }
      return { ok: false, failure: 'portal-login', code, message: message ?? verdict.failure ?? null, retryAfter }
    } catch (error) {
      return paceClosed(error)
    }
  }

  /** The session first: a slot of the pace is not held while someone logs in. Logins are not the lane's call: no last check. */
  async function sessionFor(call: Call, trail: Exchange[], expired?: number) {
    if (!needsSession) return { ok: true, session: null } as const
    return obtain(() => logIn({ requestIn: call.requestIn, urgency: call.urgency }, trail), expired)
  }

  async function attempt(operation: Operation, call: Call, trail: Exchange[], expired?: number) {
    const obtained = await sessionFor(call, trail, expired)
    if (!obtained.ok) return obtained
    try {
      const outcome = await once(operation, obtained.session, call, trail)
      return { ok: true, session: obtained.session, outcome } as const
    } catch (error) {
      return paceClosed(error)
    }
  }

  async function work(operation: Operation, call: Call): Promise<{ answer: Answer; rows: readonly unknown[] }> {
    const trail: Exchange[] = []
    const first = await attempt(operation, call, trail)
    if (!first.ok) return { answer: busy(first, trail), rows: [] }
    const isExpired = first.outcome.verdict.class === 'session-expired'
    // Nothing shows afterwards how often counters were taken: they go again only when they were certainly not.
    const isSuspected = operation.purpose !== 'counters' && isSuspect(first.outcome, first.session, suspectAfter)
    if (first.session === null || !(isExpired || isSuspected)) return answered(first.outcome, trail)
    const second = await attempt(operation, call, trail, first.session.generation)
    // A readable answer that was only suspected stands, when the second try brought none.
    const broughtNone = !second.ok || ['busy', 'session-expired'].includes(second.outcome.verdict.class)
    if (!isExpired && broughtNone) return answered(first.outcome, trail)
    return second.ok ? answered(second.outcome, trail) : { answer: busy(second, trail), rows: [] }
  }

  async function checkLogin(call: Call): Promise<Answer> {
    const trail: Exchange[] = []
    if (!needsSession) return { class: 'ok', message: 'the gateway holds the session: no login here', exchanges: trail }
    const result = await logIn(call, trail)
    return result.ok ? { class: 'ok', exchanges: trail } : busy(result, trail)
  }

  return { work, checkLogin }
}

function isSuspect({ verdict }: Outcome, session: KnownSession | null, suspectAfter: number): boolean {
  if (session === null) return false
  return verdict.class === 'unrecognised' && ageOf(session) > suspectAfter
}

/** A login counts only when it brought a session, whatever its code says. */
function verdictOf(operation: Operation, http: HttpAnswer, reading: Reading, dialect: Dialect): Verdict {
  const verdict = judge(operation.service, operation.purpose, http, reading, dialect)
  const isEmptyLogin = operation.purpose === 'login' && verdict.class === 'ok' && reading.session === null
  return isEmptyLogin ? { class: 'unrecognised', failure: 'portal-unrecognised' } : verdict
}

/** What the pace learns. An expired session is a healthy portal's answer; a login that failed keeps everything waiting. */
function reportOf(purpose: Purpose, { verdict, retryAfter }: Outcome): CallReport {
  const wait = present('retryAfter', retryAfter)
  if (purpose === 'login' && verdict.class !== 'ok') return { class: 'busy', failure: 'portal-login', ...wait }
  if (verdict.class === 'session-expired') return { class: 'ok', ...wait }
  return { class: verdict.class, ...present('failure', verdict.failure), ...wait }
}

function evidence(operation: Operation, call: Call, http: HttpAnswer, outcome: Outcome) {
  return {
    service: operation.service,
    requestIn: call.requestIn,
    requestOut: http.requestOut,
    responseIn: http.responseIn,
    httpStatus: http.status,
    code: outcome.code,
    message: outcome.message,
    class: outcome.verdict.class,
    items: operation.items,
    bytesIn: http.bytesIn,
    responseBody: outcome.shown,
  }
}

function answered(outcome: Outcome, exchanges: Exchange[]): { answer: Answer; rows: readonly unknown[] } {
  const { verdict, code, message, retryAfter } = outcome
  const said = { ...present('code', code), ...present('message', message), ...present('retryAfter', retryAfter) }
  // A session that is refused again right after a login, or that no login can renew, is a login that does not work.
  if (verdict.class === 'session-expired')
    return { answer: { class: 'busy', failure: 'portal-login', ...said, exchanges }, rows: [] }
  const failure = present('failure', verdict.failure)
  return { answer: { class: verdict.class, ...failure, ...said, exchanges }, rows: outcome.rows ?? [] }
}

function busy({ failure, code, message, retryAfter }: NoSession, exchanges: Exchange[]): Answer {
  const said = { ...present('code', code), ...present('message', message), ...present('retryAfter', retryAfter) }
  return { class: 'busy', failure, ...said, exchanges }
}

/** Nothing left: that is an answer. Everything else that is thrown belongs to the caller. */
function paceClosed(error: unknown): NoSession {
  if (!(error instanceof PaceClosed)) throw error
  return { ok: false, failure: 'portal-pace', code: null, message: error.message, retryAfter: error.wait }
}

function present<N extends string, V>(name: N, found: V | null | undefined): { [K in N]?: V } {
  return found === null || found === undefined ? {} : ({ [name]: found } as { [K in N]?: V })
}

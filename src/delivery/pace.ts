import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { BreakerPolicy } from '../../config/retry.ts'
import type { QuietWindow } from '../../config/settings.ts'
import type { Sql } from '../platform/database.ts'
import { urgencies, type Urgency } from './model.ts'
import { grantCalls, keepPace, recallPace } from './pace-ledger.ts'
import {
  confirmScript,
  grantScript,
  reportScript,
  seedScript,
  stateScript,
  takeScript,
  unusedScript,
  type Report,
  type ScriptConfig,
} from './pace-script.ts'
import { createStock, type Given } from './pace-stock.ts'
import { PaceClosed, type AnswerClass, type Pace, type PortalFailure, type Slot } from './portal.ts'

/**
 * The pace towards one endpoint of the portal, shared by all processes, kept in Redis and read against Redis' own clock, so
 * that hosts need not agree on the time. Calls leave one by one, at least 1/rate apart, and the rate never passes the
 * configured ceiling.
 *
 * The rate looks for the portal's own limit. A refusal (429, 503) is met with what the portal took in the second before: an upper
 * bound of its limit. The rate then stays a little below, and after a while feels its way up again, at first by
 * a small step, so that a limit that has not moved costs one refused call. Slow answers and time-outs lower it as well.
 * `Retry-After`, quiet hours and a used-up quota close the gate; a breaker closes it when the portal is not available, and
 * lets one probe through after each pause.
 *
 * A flushed Redis loses this state: what was learned comes back from the ledger, and the first call waits a second, so that
 * the ceiling holds across a flush.
 */
export interface PaceOptions {
  readonly redis: Redis
  readonly sql: Sql
  readonly prefix: string
  /** The portal's address: each has a pace of its own. */
  readonly endpoint: string
  /** Calls per second, all processes together. */
  readonly ceiling: number
  readonly breaker: BreakerPolicy
  /** Longest time a caller is let wait for its turn, in milliseconds. */
  readonly patience: number
  /** Longest call, in milliseconds: whoever says nothing for much longer is not counted as under way any more. */
  readonly longestCall: number
  /** Windows of the day in which nothing is sent, in minutes since midnight in Vietnam. */
  readonly quietHours?: readonly QuietWindow[] | undefined
  /** Calls a day, Vietnam's day, logins and look-ups included. */
  readonly callsPerDay?: number | undefined
}

/** Why the rate moved last: the portal refused, was slow or timed out; clean answers; a step beyond the known limit; a new start. */
export type Move = 'portal-busy' | 'portal-timeout' | 'slow' | 'clean' | 'probe' | 'start'

export const moveWords: Readonly<Record<Move, { readonly vi: string; readonly en: string }>> = {
  'portal-busy': { vi: 'Cổng báo quá tải (429, 503)', en: 'the portal turned calls away (429, 503)' },
  'portal-timeout': { vi: 'Cổng không trả lời kịp', en: 'the portal did not answer in time' },
  slow: { vi: 'Cổng trả lời chậm', en: 'the portal answered slowly' },
  clean: { vi: 'Cổng trả lời tốt', en: 'clean answers' },
  probe: { vi: 'thử vượt giới hạn đã biết', en: 'a step beyond the known limit' },
  start: { vi: 'khởi đầu', en: 'a new start' },
}

export interface PaceState {
  /** Calls per second that leave at most now. */
  readonly rate: number
  readonly ceiling: number
  readonly open: boolean
  /** A code of config/failures.ts. */
  readonly reason: string | null
  /** Milliseconds until the gate opens again. */
  readonly closedFor: number
  readonly opensAt: Date | null
  /** Milliseconds since quiet hours or a day with a quota ended; null without either. */
  readonly rested: number | null
  /** Calls that left and are not answered yet, of all processes. */
  readonly inFlight: number
  readonly moved: { readonly at: Date; readonly from: number; readonly to: number; readonly why: Move } | null
  /** Calls of today; null without a quota. */
  readonly quota: { readonly limit: number; readonly used: number } | null
}

export type Readiness =
  { readonly open: true } | { readonly open: false; readonly wait: number; readonly reason: string }

export interface SharedPace extends Pace {
  state(): Promise<PaceState>
  /** Would a call be let go now? A cheap look that reserves nothing. */
  ready(urgency: Urgency): Promise<Readiness>
}

const worthConfirming = 10
/** A slot missed by less than this is still used, in milliseconds. */
const tolerance = 20
/** Where calls are far apart, lateness of a whole interval would be too much. */
const longestLate = 250
/** A machine that is late every time gets this many slots before it leaves in the room the others left over. */
const lastTry = 4
const retryLater = 2_000
/** The quickest of so many trips to Redis is the usual one: a stall is not taken for it. */
const tripsKept = 8
const longestUsual = 150
/** A portal that nobody has spoken to yet is not met with more. */
const firstRate = 50
/** An answer nobody can read 20 times in a row says that something general is wrong, not the dossiers. */
const unrecognisedLimit = 20

export function createPace(options: PaceOptions): SharedPace {
  const store = createStore(options)
  const tell = createTeller(store.report)
  const { ceiling, breaker, callsPerDay } = options
  const stocks = { fresh: createStock(store, 'fresh'), backfill: createStock(store, 'backfill') }
  const slotOf = (service: string, { token, at, epoch }: Reserved): Slot => ({
    async done(answer) {
      const { retryAfter = 0, milliseconds = 0, items = 1, failure = '' } = answer
      const limit = answer.class === 'unrecognised' ? unrecognisedLimit : breaker.failures
      const verdict = verdictOf(answer.class, answer.failure)
      if (verdict !== 'good' || retryAfter > 0) for (const urgency of urgencies) stocks[urgency].clear()
      // Batches take longer than single dossiers: only calls of about the same size are compared.
      const kind = `${service} ${Math.ceil(Math.log2(Math.max(1, items)) / 2)}`
      await tell({
        token,
        slot: at,
        epoch,
        verdict,
        limit,
        failure,
        kind,
        retryAfter: Math.round(retryAfter),
        milliseconds: Math.round(milliseconds),
      })
    },
    async unused() {
      await store.unused(token, epoch).catch(() => undefined)
    },
  })
  return {
    take: async (service, urgency) => slotOf(service, await reserve(store, stocks[urgency], options)),
    async ready(urgency) {
      const seen = await store.state(urgency).catch(() => null)
      if (!seen) return { open: false, wait: retryLater, reason: 'portal-pace' }
      return seen.wait > 0 ? { open: false, wait: seen.wait, reason: seen.why } : { open: true }
    },
    async state() {
      const { now, known, rate, wait, why, broken, inFlight, moved, used } = await store.state('fresh')
      const closed = wait > 0 || broken
      return {
        rate: known ? rate : Math.min(firstRate, ceiling),
        ceiling,
        open: !closed,
        reason: closed ? why || 'portal-pace' : null,
        closedFor: wait,
        opensAt: wait > 0 ? new Date(now + wait) : null,
        rested: restedFor(now, options),
        inFlight,
        moved: moved && { ...moved, at: new Date(moved.at) },
        quota: callsPerDay === undefined ? null : { limit: callsPerDay, used },
      }
    },
  }
}

/** Good answers wait this long for others, in milliseconds. */
const gathers = 25

/**
 * Tells the shared pace what calls met. Good answers are told together: at hundreds of calls a second each would cost a trip to
 * Redis. Whatever should slow the others down is told at once, after what came before it. Losing a report costs a little
 * precision, never a dossier.
 */
function createTeller(send: (reports: readonly Report[]) => Promise<unknown>): (report: Report) => Promise<void> {
  let gathered: { readonly reports: Report[]; readonly told: Promise<void>; readonly go: () => void } | null = null
  const gather = () => {
    const reports: Report[] = []
    const { promise: due, resolve: go } = Promise.withResolvers<void>()
    const timer = setTimeout(go, gathers)
    const told = due.then(async () => {
      clearTimeout(timer)
      if (gathered?.reports === reports) gathered = null
      await send(reports).catch(() => undefined)
    })
    return { reports, told, go }
  }
  return (report) => {
    gathered ??= gather()
    const { reports, told, go } = gathered
    reports.push(report)
    if (report.verdict === 'good' && report.retryAfter === 0 && reports.length < 100) return told
    gathered = null
    go()
    return told
  }
}

const dayLength = 86_400_000

/** Vietnam is seven hours ahead, without summer time. */
function restedFor(now: number, { quietHours = [], callsPerDay }: PaceOptions): number | null {
  const sinceMidnight = (now + 7 * 3_600_000) % dayLength
  const ends = [...quietHours.map(({ to }) => to * 60_000), ...(callsPerDay === undefined ? [] : [0])]
  if (ends.length === 0) return null
  return Math.min(...ends.map((end) => (sinceMidnight - end + dayLength) % dayLength))
}

interface Reserved {
  readonly token: string
  /** When the call leaves, by Redis' clock. */
  readonly at: string
  readonly epoch: string
}

const closedBy = (wait: number, why: string) => new PaceClosed(wait, `The gate to the portal is closed: ${why}`)

/** Waits for a slot of the pace. Nobody leaves without a slot that held to the last moment, however long this process slept. */
async function reserve(store: Store, stock: Stock, { patience }: PaceOptions): Promise<Reserved> {
  const begun = performance.now()
  for (let late = 0; ;) {
    const turn = await stock.next()
    if (turn.kind === 'closed') throw closedBy(turn.wait, turn.why)
    if (turn.kind === 'again') {
      if (performance.now() - begun > patience) throw closedBy(turn.wait, 'portal-pace')
      await sleep(turn.wait)
      continue
    }
    const { token, epoch } = turn
    const rest = turn.answered + turn.wait - performance.now()
    if (rest > 0) await sleep(rest)
    const isLast = late >= lastTry - 1
    const behind = () => performance.now() - turn.asked - turn.wait
    // What the way to Redis takes every time shifts all calls alike; what it takes beyond that does not.
    const allowed = Math.max(Math.min(turn.interval, longestLate), tolerance) + 2 * turn.usual
    // A short wait cannot miss much; a longer one asks again whether the gate closed or Redis was flushed meanwhile.
    if (turn.wait < worthConfirming && behind() <= tolerance / 2 + 2 * turn.usual) return turn
    const confirmed = await store.confirm(token, turn.at, turn.round, epoch, allowed, isLast ? 1 : 0)
    if (confirmed.kind === 'closed') throw closedBy(confirmed.wait, confirmed.why)
    // Whoever oversleeps its slot (a busy machine) would bunch with the next ones: it takes a new slot.
    if (confirmed.kind === 'go' && (behind() <= allowed || isLast)) return { token, at: confirmed.at, epoch }
    if (confirmed.kind === 'go') await store.unused(token, epoch).catch(() => undefined)
    if (behind() > allowed) late += 1
  }
}

type Confirmed =
  | { readonly kind: 'go'; readonly at: string }
  | { readonly kind: 'again' }
  | { readonly kind: 'closed'; readonly wait: number; readonly why: string }

interface Seen {
  readonly now: number
  readonly known: boolean
  readonly rate: number
  readonly wait: number
  readonly why: string
  readonly broken: boolean
  readonly inFlight: number
  readonly moved: { readonly at: number; readonly from: number; readonly to: number; readonly why: Move } | null
  readonly used: number
}

type Store = ReturnType<typeof createStore>
type Stock = ReturnType<typeof createStock>

/** The scripts with what they answer, and the ledger behind them. */
function createStore(options: PaceOptions) {
  const { redis, sql, prefix, endpoint, ceiling, callsPerDay: quota = 0 } = options
  const key = `${prefix}:pace:${createHash('sha256').update(endpoint).digest('hex').slice(0, 12)}`
  const keys = [key, `${key}:flight`, `${key}:left`, `${key}:times`]
  const config: ScriptConfig = {
    ceiling,
    patience: options.patience,
    flightFor: options.longestCall + 5_000,
    pauses: options.breaker.pauses,
    quiet: options.quietHours ?? [],
    quota,
  }
  const configured = JSON.stringify(config)
  const scriptOf = (text: string) => {
    const run = runnerOf(redis, text)
    return (...values: (string | number)[]) => run(keys, [configured, ...values])
  }
  const scripts = {
    take: scriptOf(takeScript),
    confirm: scriptOf(confirmScript),
    unused: scriptOf(unusedScript),
    report: scriptOf(reportScript),
    seed: scriptOf(seedScript),
    grant: scriptOf(grantScript),
    state: scriptOf(stateScript),
  }
  const seed = async (server: string) => {
    const { rate, mark, closedFor, closedWhy } = await recallPace(sql, endpoint)
    await scripts.seed(server, randomUUID(), rate ?? firstRate, mark, Math.ceil(closedFor), closedWhy)
  }
  const grant = async (epoch: string) => {
    const block = Math.max(1, Math.min(50, Math.floor(quota / 100)))
    const { calls, granted } = await grantCalls(sql, endpoint, { block, quota })
    await scripts.grant(epoch, calls, granted)
  }
  const trips: number[] = []
  const take = async (urgency: Urgency, token: string, atMost: number, soon: number): Promise<Given> => {
    // Seeding and granting are rare; more than a few in a row means that Redis forgets faster than it is told.
    for (let tries = 0; tries < 5; tries += 1) {
      const asked = performance.now()
      const [kind, ...rest] = (await scripts.take(urgency, token, atMost, soon)) as [string, ...(string | number)[]]
      const answered = performance.now()
      trips.push(answered - asked)
      if (trips.length > tripsKept) trips.shift()
      if (kind === 'seed') await seed(String(rest[0]))
      else if (kind === 'grant') await grant(String(rest[0]))
      else if (kind === 'again') return { kind, wait: Number(rest[0]) }
      else if (kind === 'closed') return { kind, wait: Number(rest[0]), why: String(rest[1]) }
      else {
        const [wait, interval] = [Number(rest[0]), Number(rest[3])]
        const [round, epoch, ...times] = [rest[1], rest[2], ...rest.slice(4)].map(String) as [string, string, string]
        const usual = Math.min(longestUsual, ...trips)
        return times.map((at, number) => ({
          kind: 'slot',
          token: number === 0 ? token : `${token}.${number}`,
          at,
          wait: number === 0 ? wait : wait + Number(at) - Number(times[0]),
          round,
          epoch,
          interval,
          asked,
          answered,
          usual,
        }))
      }
    }
    throw new Error('Redis does not keep the pace')
  }
  const report = async (reports: readonly Report[]) => {
    const [rate, mark, closedFor, closedWhy] = (await scripts.report(JSON.stringify(reports))) as string[]
    if (rate === undefined) return
    await keepPace(sql, endpoint, {
      rate: Number(rate),
      mark: Number(mark),
      closedFor: Number(closedFor),
      closedWhy: closedWhy ?? '',
    })
  }
  return {
    /** Whatever is out of reach, Redis or the ledger behind it: nothing leaves. */
    take: (...wish: Parameters<typeof take>) =>
      take(...wish).catch(() => {
        throw new PaceClosed(retryLater, 'The shared pace cannot be read')
      }),
    confirm: async (...values: (string | number)[]): Promise<Confirmed> => {
      const answer = (await scripts.confirm(...values).catch(() => ['closed', retryLater, 'portal-pace'])) as string[]
      const [kind, first, why = ''] = answer
      if (kind === 'go') return { kind, at: first! }
      return kind === 'closed' ? { kind, wait: Number(first), why } : { kind: 'again' }
    },
    unused: scripts.unused,
    report,
    state: async (urgency: Urgency) => JSON.parse(String(await scripts.state(urgency))) as Seen,
  }
}

/** Sends a script once and names it from then on. */
function runnerOf(redis: Redis, text: string) {
  const digest = createHash('sha1').update(text).digest('hex')
  return async (keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> => {
    try {
      return await redis.evalsha(digest, keys.length, ...keys, ...values)
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return redis.eval(text, keys.length, ...keys, ...values)
    }
  }
}

function verdictOf(answer: AnswerClass, failure: PortalFailure | undefined): 'good' | 'busy' | 'bad' | 'none' {
  switch (answer) {
    case 'ok':
    case 'exists':
    case 'absent':
    case 'refused':
    case 'transient':
      return 'good'
    case 'busy':
      if (failure === 'portal-pace') return 'none'
      return failure === 'portal-busy' ? 'busy' : 'bad'
    case 'unknown':
    case 'unrecognised':
      return 'bad'
    default:
      return answer satisfies never
  }
}

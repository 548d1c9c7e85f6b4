import { randomOf } from '../../adapters/sandbox/chance.ts'
import type { FaultRule } from '../../adapters/sandbox/faults.ts'
import type { Plan } from './plan.ts'

/** What waves are made of. Times follow from the deadline of a call, so that slow means slow for this run. */
interface Waves {
  /** `lately`: calls per second that the portal met in the last one. */
  next(lately: number): Wave
  /** What stays until the end: the planted dossiers. */
  planted(): FaultRule[]
  readonly kinds: readonly string[]
}

interface Wave {
  /** Planted dossiers included. */
  readonly rules: readonly FaultRule[]
  /** Some of them strike logins. */
  readonly atLogin: boolean
}

type Recipe = (probability: number, lately: number) => readonly FaultRule[]

export interface WaveOptions {
  readonly plan: Plan
  /** Milliseconds. */
  readonly deadline: number
  readonly ceiling: number
  readonly without: ReadonlySet<string>
  readonly waves: number
}

/** These read a catalogue that a run does not pull; each has its test in test/integration/catalogue.test.ts. */
export const catalogueFaults = ['mixed-url', 'suffixed-codes'] as const

/** Longest time the portal works on a call, as a part of the deadline: what it takes in time must count, also when the line is cut. */
const longestWork = 0.7

function recipes(deadline: number, ceiling: number): Readonly<Record<string, Recipe>> {
  const plain =
    (kind: string, more: object = {}): Recipe =>
    (probability) => [{ kind, probability, ...more } as FaultRule]
  /** Few calls are logins: each of them is struck more often. */
  const atLogin =
    (kind: string): Recipe =>
    (probability) => [{ kind, probability: probability + 0.15, service: 'login' } as FaultRule]
  const work = Math.round(deadline * longestWork)
  /** Low enough to be met by what is called now, and not so low that the run stands still afterwards. */
  const lowered = (lately: number) => Math.ceil(Math.max(ceiling / 16, Math.min(ceiling, lately) / 2))
  return {
    latency: plain('latency', { value: [0, work] }),
    'slow-period': plain('slow-period', { value: { from: 0, to: work, over: 3_000 } }),
    ceiling: (_, lately) => [{ kind: 'ceiling', value: { perSecond: lowered(lately), retryAfter: 2 } }],
    'ceiling-503': (_, lately) => [
      { kind: 'ceiling', value: { perSecond: lowered(lately), status: 503, retryAfter: 1 } },
    ],
    'http-500': plain('http-500'),
    'http-500-after-storing': plain('http-500-after-storing'),
    'cut-before': plain('cut-before'),
    'cut-after': plain('cut-after'),
    'timeout-before-storing': plain('timeout-before-storing', { value: deadline * 2 }),
    'timeout-after-storing': plain('timeout-after-storing', { value: deadline * 2 }),
    'slow-body': plain('slow-body', { value: work }),
    'half-body': plain('half-body'),
    html: plain('html'),
    redirect: plain('redirect'),
    'json-error-status': plain('json-error-status'),
    'soap-fault': plain('soap-fault'),
    'exists-code-0': plain('exists-code', { value: 0 }),
    'exists-code-3': plain('exists-code', { value: 3 }),
    'exists-code--3': plain('exists-code', { value: -3 }),
    'numeric-codes': plain('numeric-codes'),
    'double-encoded': plain('double-encoded'),
    'session-expired-early': plain('session-expired-early'),
    'login-fails': atLogin('login-fails'),
    'login-without-session': atLogin('login-without-session'),
    'camel-case-login': atLogin('camel-case-login'),
    'unknown-code': plain('unknown-code'),
    later: plain('later'),
    'ok-without-phrase': plain('ok-without-phrase'),
    'phrase-with-error': plain('phrase-with-error'),
    'plain-ok': plain('plain-ok'),
    'missing-error-code': plain('missing-error-code'),
    'not-json': plain('not-json'),
    'empty-result-empty': plain('empty-result', { value: 'empty', service: 'TraCuuHoSo' }),
    'empty-result-missing': plain('empty-result', { value: 'missing', service: 'TraCuuHoSo' }),
    'empty-result-null': plain('empty-result', { value: 'null', service: 'TraCuuHoSo' }),
    'backward-moves-refused': plain('backward-moves-refused'),
    'foreign-refused': plain('foreign-refused'),
    'merge-lists': plain('merge-lists'),
    limit: plain('limit', { value: { items: 3 } }),
  }
}

/**
 * After a `Retry-After` of one second the service keeps below what the portal took for 50 s, as it should. A run that has these
 * in every third wave is spent waiting: each comes in one of so many, and once at least.
 */
const longRemembered = ['ceiling', 'ceiling-503']
const oneWaveIn = 40
/**
 * In a run of more waves faults come one at a time. Each unknown call of fifty dossiers takes fifty look-ups, so with four faults
 * at a time look-ups are most of what the portal meets, and a million events would take a day.
 */
const longRun = 100

/**
 * Every kind comes again and again, in an order that follows from the seed; several strike at a time, each at 5 to 20 %, those
 * of logins at 20 to 35 %.
 */
export function makeWaves({ plan, deadline, ceiling, without, waves }: WaveOptions): Waves {
  const book = recipes(deadline, ceiling)
  const kinds = Object.keys(book).filter((kind) => !without.has(kind))
  const draw = randomOf(plan.seed ^ 0x77ab)
  // Each kind comes in two waves at least: a chance of 5 % may miss one.
  const often = kinds.filter((kind) => !longRemembered.includes(kind))
  const together = waves > longRun ? 1 : 4
  const perWave = Math.min(often.length, Math.max(together, Math.ceil((2.5 * often.length) / waves)))
  const seldom = longRemembered.filter((kind) => kinds.includes(kind))
  const times = Math.max(1, Math.round(waves / oneWaveIn))
  const places = seldom.map(
    () => new Set(Array.from({ length: times }, (_, turn) => Math.floor(((turn + draw()) * waves) / times))),
  )
  let wave = 0
  const planted = (): FaultRule[] => [
    ...(plan.refused.length > 0 ? [{ kind: 'refuse-dossier' as const, dossier: [...plan.refused] }] : []),
    ...(plan.stepRefused.length > 0 ? [{ kind: 'refuse-step' as const, dossier: [...plan.stepRefused] }] : []),
  ]
  let order: string[] = []
  const take = (): string => {
    if (order.length === 0) order = shuffled(often, draw)
    return order.pop()!
  }
  return {
    kinds: [...kinds, 'refuse-dossier', 'refuse-step'],
    planted,
    next(lately) {
      const chosen = [
        ...Array.from({ length: perWave }, take),
        ...seldom.filter((_, index) => places[index]!.has(wave)),
      ].flatMap((kind) => book[kind]!(0.05 + 0.15 * draw(), lately))
      wave += 1
      return { rules: [...planted(), ...chosen], atLogin: chosen.some(({ service }) => service === 'login') }
    },
  }
}

export function shuffled<T>(items: readonly T[], draw: () => number): T[] {
  return items
    .map((item) => ({ item, place: draw() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

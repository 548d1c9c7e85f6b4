import { randomOf } from '../../adapters/sandbox/chance.ts'
import type { FaultRule } from '../../adapters/sandbox/faults.ts'
import type { Plan } from './plan.ts'

/** What waves are made of. Times follow from the deadline of a call, so that slow means slow for this run. */
interface Waves {
  /** The rules of the next wave, planted dossiers included. */
  next(): FaultRule[]
  /** What stays until the end: the planted dossiers. */
  planted(): FaultRule[]
  readonly kinds: readonly string[]
}

type Recipe = (probability: number) => readonly FaultRule[]

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
  const logins = { service: 'login' }
  /** Few logins happen by themselves: sessions that end early bring more. */
  const atLogin =
    (rule: Recipe): Recipe =>
    (probability) => [...rule(probability), { kind: 'session-expired-early', probability: 0.2 }]
  const work = Math.round(deadline * longestWork)
  return {
    latency: plain('latency', { value: [0, work] }),
    'slow-period': plain('slow-period', { value: { from: 0, to: work, over: 3_000 } }),
    ceiling: () => [{ kind: 'ceiling', value: { perSecond: Math.max(1, Math.floor(ceiling / 8)), retryAfter: 2 } }],
    'ceiling-503': () => [
      { kind: 'ceiling', value: { perSecond: Math.max(1, Math.floor(ceiling / 6)), status: 503, retryAfter: 2 } },
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
    'login-fails': atLogin(plain('login-fails', logins)),
    'login-without-session': atLogin(plain('login-without-session', logins)),
    'camel-case-login': atLogin(plain('camel-case-login', logins)),
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

/** Every kind comes again and again, in an order that follows from the seed; several strike at a time, each at 5 to 20 %. */
export function makeWaves({ plan, deadline, ceiling, without, waves }: WaveOptions): Waves {
  const book = recipes(deadline, ceiling)
  const kinds = Object.keys(book).filter((kind) => !without.has(kind))
  const draw = randomOf(plan.seed ^ 0x77ab)
  // Each kind comes in two waves at least: a chance of 5 % may miss one.
  const perWave = Math.min(kinds.length, Math.max(4, Math.ceil((2.5 * kinds.length) / waves)))
  const planted = (): FaultRule[] => [
    ...(plan.refused.length > 0 ? [{ kind: 'refuse-dossier' as const, dossier: [...plan.refused] }] : []),
    ...(plan.stepRefused.length > 0 ? [{ kind: 'refuse-step' as const, dossier: [...plan.stepRefused] }] : []),
  ]
  let order: string[] = []
  const take = (): string => {
    if (order.length === 0) order = shuffled(kinds, draw)
    return order.pop()!
  }
  return {
    kinds: [...kinds, 'refuse-dossier', 'refuse-step'],
    planted,
    next() {
      const chosen = Array.from({ length: perWave }, take).flatMap((kind) => book[kind]!(0.05 + 0.15 * draw()))
      return [...planted(), ...chosen]
    },
  }
}

export function shuffled<T>(items: readonly T[], draw: () => number): T[] {
  return items
    .map((item) => ({ item, place: draw() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item)
}

import { z } from 'zod'
import { hashed, randomOf } from './chance.ts'

/**
 * Faults on command. A rule says where a fault may strike (service, organisation, dossier, time), how often (probability,
 * count) and what it does (kind, value). README.md lists the kinds with their units.
 */
const milliseconds = z.number().min(0).max(3_600_000)
/** A number of milliseconds after the rules were set, or an instant. */
const when = z.union([z.number().min(0), z.iso.datetime({ offset: true })])
const where = {
  service: z.string().min(1).optional(),
  organisation: z.string().min(1).optional(),
  dossier: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional(),
  probability: z.number().min(0).max(1).default(1),
  count: z.number().int().min(1).optional(),
  from: when.optional(),
  until: when.optional(),
}
/** May be set where a kind leaves open whether the call was processed before its answer went wrong. */
const stored = z.boolean().optional()
const words = z.strictObject({ code: z.string().optional(), message: z.string().optional() }).optional()
const status = (value: number) => z.number().int().min(100).max(599).default(value)

const plain = <K extends string>(kind: K) => z.strictObject({ ...where, kind: z.literal(kind), stored })
const valued = <K extends string, V extends z.ZodType>(kind: K, value: V) =>
  z.strictObject({ ...where, kind: z.literal(kind), stored, value })

const Rule = z.discriminatedUnion('kind', [
  valued('latency', z.union([milliseconds, z.tuple([milliseconds, milliseconds])])),
  valued('slow-period', z.strictObject({ from: milliseconds, to: milliseconds, over: milliseconds.min(1) })),
  valued(
    'ceiling',
    z.strictObject({
      perSecond: z.number().int().min(0),
      status: z.union([z.literal(429), z.literal(503)]).default(429),
      /** Seconds, as the header has it. */
      retryAfter: z.number().int().min(0).default(1),
    }),
  ),
  plain('http-500'),
  plain('http-500-after-storing'),
  plain('cut-before'),
  plain('cut-after'),
  valued('timeout-before-storing', milliseconds.optional()),
  valued('timeout-after-storing', milliseconds.optional()),
  valued('slow-body', milliseconds),
  plain('half-body'),
  plain('html'),
  valued('redirect', z.strictObject({ status: status(307), location: z.string().optional() }).optional()),
  valued('json-error-status', z.strictObject({ status: status(400), code: z.string().optional() }).optional()),
  plain('soap-fault'),
  valued('exists-code', z.union([z.literal(0), z.literal(3), z.literal(-3)])),
  plain('numeric-codes'),
  plain('double-encoded'),
  valued('session-expired-early', words),
  valued('login-fails', words),
  plain('login-without-session'),
  plain('camel-case-login'),
  valued('unknown-code', words),
  valued('later', words),
  plain('ok-without-phrase'),
  valued('phrase-with-error', words),
  plain('plain-ok'),
  plain('missing-error-code'),
  plain('not-json'),
  valued('empty-result', z.enum(['empty', 'missing', 'null']).optional()),
  valued('refuse-dossier', words),
  valued('refuse-step', words),
  plain('backward-moves-refused'),
  plain('foreign-refused'),
  plain('merge-lists'),
  valued(
    'limit',
    z.strictObject({ items: z.number().int().min(0).optional(), bytes: z.number().int().min(0).optional() }),
  ),
  plain('mixed-url'),
  plain('zeros'),
  plain('missing-page'),
  valued('suffixed-codes', z.string().min(1)),
])
export type Fault = z.output<typeof Rule>
export type FaultRule = z.input<typeof Rule>
type Kind = Fault['kind']
type FaultOf<K extends Kind> = Extract<Fault, { kind: K }>

export const FaultRules = z.array(Rule).max(1000)

/** What a rule is compared with. */
export interface Target {
  readonly service: string
  readonly organisation: string
  readonly codes: readonly string[]
}

/** The faults that strike one call. */
export class Strike {
  readonly #byKind: ReadonlyMap<Kind, Fault>
  /** Set when a ceiling was passed. */
  readonly ceiling: FaultOf<'ceiling'> | undefined
  /** Uniform in [0, 1): fixes what a rule leaves as a range. */
  readonly chance: number
  /** Milliseconds since the rules were set. */
  readonly age: number

  constructor(byKind: ReadonlyMap<Kind, Fault>, ceiling: FaultOf<'ceiling'> | undefined, chance: number, age: number) {
    this.#byKind = byKind
    this.ceiling = ceiling
    this.chance = chance
    this.age = age
  }

  get<K extends Kind>(kind: K): FaultOf<K> | undefined {
    return this.#byKind.get(kind) as FaultOf<K> | undefined
  }

  has(kind: Kind): boolean {
    return this.#byKind.has(kind)
  }

  get nothing(): boolean {
    return this.#byKind.size === 0 && this.ceiling === undefined
  }
}

const noStrike = new Strike(new Map(), undefined, 0, 0)
/** These strike single items of a call, always the same ones: see `refusalOf`. */
const itemKinds: ReadonlySet<Kind> = new Set<Kind>(['refuse-dossier', 'refuse-step'])

interface ArmedRule {
  readonly fault: Fault
  readonly index: number
  readonly dossiers: ReadonlySet<string> | undefined
  readonly from: number
  readonly until: number
  /** Each rule has its own stream of chances: adding a rule does not change what the others do. */
  readonly draw: () => number
  left: number
  fired: number
  /** Arrival times a ceiling let pass within the last second. */
  readonly passed: number[]
}

export class Faults {
  readonly #seed: number
  #rules: ArmedRule[] = []
  #setAt = Date.now()
  #spread: () => number

  constructor(seed: number) {
    this.#seed = seed
    this.#spread = randomOf(seed)
  }

  /** Replaces all rules and starts their chances again from the seed, so that a run can be repeated. Throws a ZodError. */
  set(rules: readonly FaultRule[]): void {
    const parsed = FaultRules.parse(rules)
    this.#setAt = Date.now()
    this.#spread = randomOf(this.#seed)
    this.#rules = parsed.map((fault, index) => this.#arm(fault, index))
  }

  clear(): void {
    this.set([])
  }

  /** The rules and how often each has struck. */
  list(): { fault: Fault; fired: number }[] {
    return this.#rules.map(({ fault, fired }) => ({ fault, fired }))
  }

  strike(target: Target): Strike {
    if (this.#rules.length === 0) return noStrike
    const now = Date.now()
    const struck = new Map<Kind, Fault>()
    let ceiling: FaultOf<'ceiling'> | undefined
    for (const rule of this.#rules) {
      if (itemKinds.has(rule.fault.kind) || struck.has(rule.fault.kind) || !reaches(rule, target, now)) continue
      if (rule.fault.kind === 'ceiling') {
        if (!ceiling && overCeiling(rule, rule.fault.value.perSecond)) ceiling = rule.fault
      } else if (fires(rule)) struck.set(rule.fault.kind, rule.fault)
    }
    return new Strike(struck, ceiling, this.#spread(), now - this.#setAt)
  }

  /**
   * Is this item refused by a rule? A probability picks dossiers, not moments: the same dossier is refused every time it
   * comes, as a poisoned one is.
   */
  refusalOf(
    kind: 'refuse-dossier' | 'refuse-step',
    target: Omit<Target, 'codes'>,
    code: string,
  ): { code: string; message: string } | undefined {
    const now = Date.now()
    for (const rule of this.#rules) {
      const { fault } = rule
      if (fault.kind !== kind || rule.left === 0 || !reaches(rule, { ...target, codes: [code] }, now)) continue
      if (hashed(`${this.#seed}:${rule.index}:${code}`) >= fault.probability) continue
      spend(rule)
      return { code: fault.value?.code ?? '-10', message: fault.value?.message ?? 'Dữ liệu hồ sơ không hợp lệ' }
    }
    return undefined
  }

  #arm(fault: Fault, index: number): ArmedRule {
    const instant = (value: number | string | undefined, otherwise: number) =>
      value === undefined ? otherwise : typeof value === 'number' ? this.#setAt + value : Date.parse(value)
    return {
      fault,
      index,
      dossiers: fault.dossier === undefined ? undefined : new Set([fault.dossier].flat()),
      from: instant(fault.from, -Infinity),
      until: instant(fault.until, Infinity),
      draw: randomOf(this.#seed + 7919 * (index + 1)),
      left: fault.count ?? Infinity,
      fired: 0,
      passed: [],
    }
  }
}

function reaches(rule: ArmedRule, target: Target, now: number): boolean {
  const { service, organisation } = rule.fault
  if (service !== undefined && service !== target.service) return false
  if (organisation !== undefined && organisation !== target.organisation) return false
  if (now < rule.from || now >= rule.until) return false
  const { dossiers } = rule
  return dossiers === undefined || target.codes.some((code) => dossiers.has(code))
}

function fires(rule: ArmedRule): boolean {
  if (rule.left === 0 || rule.draw() >= rule.fault.probability) return false
  spend(rule)
  return true
}

function spend(rule: ArmedRule): void {
  rule.left -= 1
  rule.fired += 1
}

/** A call beyond the ceiling is not counted against it: the client that waits as told gets through. */
function overCeiling(rule: ArmedRule, perSecond: number): boolean {
  const now = performance.now()
  while (rule.passed.length > 0 && rule.passed[0]! <= now - 1000) rule.passed.shift()
  if (rule.passed.length < perSecond || rule.left === 0) {
    rule.passed.push(now)
    return false
  }
  spend(rule)
  return true
}

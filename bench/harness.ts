import { openLedger, type Ledger } from './ledger.ts'
import { startPortal, type WatchedPortal } from './portal.ts'
import { startBareApi, startRoles, type Environment, type RoleProcess } from './processes.ts'

/** One line of the results table. */
export interface Row {
  /** Bench, and which of its figures. */
  readonly name: string
  readonly unit: string
  readonly measured: number
  /** Measured in the same run. */
  readonly limit: number
  /** `measured / limit`. */
  readonly ratio: number
  /** Null: shown for comparison alone. */
  readonly goal: Goal | null
  readonly met: boolean | null
  readonly notes: readonly string[]
}

export interface Goal {
  readonly at: 'least' | 'most'
  readonly ratio: number
}

export const least = (ratio: number): Goal => ({ at: 'least', ratio })
export const most = (ratio: number): Goal => ({ at: 'most', ratio })

/** What a bench plays on. Whatever it opens here is closed when the bench is over, also after an error. */
export interface Stage {
  /** A size of the full run at this scale, and never below `least`. */
  size(full: number, least?: number): number
  /** How often measured and limit are repeated in turn. */
  readonly rounds: number
  readonly embedded: boolean
  ledger(): Promise<Ledger>
  portal(options?: Parameters<typeof startPortal>[0]): Promise<WatchedPortal>
  /** Roles of the service in a process of their own; `portal` null = none is configured. */
  roles(ledger: Ledger, portal: WatchedPortal | null, settings: Environment): Promise<RoleProcess>
  bareApi(ledger: Ledger): Promise<RoleProcess>
  say(text: string): void
}

export interface StageOptions {
  readonly scale: number
  readonly rounds: number
  readonly embedded: boolean
  /** Folder for CPU profiles of the service's processes. */
  readonly profile: string | undefined
  readonly say: (text: string) => void
}

export async function onStage<T>(options: StageOptions, play: (stage: Stage) => Promise<T>): Promise<T> {
  const closers: (() => Promise<void>)[] = []
  const opened = async <O>(opening: Promise<O>, close: (one: O) => Promise<void>): Promise<O> => {
    const one = await opening
    closers.push(() => close(one))
    return one
  }
  const stop = (one: { stop(): Promise<void> }) => one.stop()
  const stage: Stage = {
    size: (full, least = 1) => Math.max(Math.round(full * options.scale), least),
    rounds: options.rounds,
    embedded: options.embedded,
    ledger: () => opened(openLedger(), (one) => one.close()),
    portal: (sandbox) => opened(startPortal(sandbox), stop),
    roles: (ledger, portal, settings) =>
      opened(startRoles({ ...ledger.environment, ...reaching(portal), ...settings }, options.profile), stop),
    bareApi: (ledger) => opened(startBareApi(ledger.databaseUrl), stop),
    say: options.say,
  }
  const closeAll = async () => {
    for (const close of closers.splice(0).toReversed())
      await close().catch((error: unknown) => options.say(String(error)))
  }
  // Whoever stops the run early gets back an empty server all the same.
  const interrupted = () => void closeAll().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    return await play(stage)
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    await closeAll()
  }
}

export function reaching(portal: WatchedPortal | null): Environment {
  if (portal === null) return {}
  return {
    PORTAL_URL: portal.url,
    PORTAL_USERNAME: 'sandbox',
    PORTAL_PASSWORD: 'sandbox',
    PORTAL_UNIT: '000.00.00.H34',
    PORTAL_DIALECT: 'sandbox',
    PORTAL_MAX_CALLS_PER_SECOND: '10000',
  }
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Nearest rank: a value that was really measured. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

export interface Turns {
  readonly measured: number[]
  readonly limit: number[]
}

/**
 * Measures both sides in turn (limit, ours, limit, ours ...), so that a machine that becomes slower or faster meets both. The
 * first turn of each warms up and does not count.
 */
export async function inTurns(
  stage: Stage,
  limit: (turn: number) => Promise<number>,
  ours: (turn: number) => Promise<number>,
): Promise<Turns> {
  const turns: Turns = { measured: [], limit: [] }
  for (let turn = 0; turn <= stage.rounds; turn += 1) {
    const bare = await limit(turn)
    const own = await ours(turn)
    stage.say(`${turn === 0 ? 'warm-up' : `round ${turn}`}: limit ${short(bare)}, ours ${short(own)}`)
    if (turn === 0) continue
    turns.limit.push(bare)
    turns.measured.push(own)
  }
  return turns
}

/** The row of two sides measured in turns: medians, and the rounds themselves as a note. */
export function rowOf(name: string, unit: string, goal: Goal | null, turns: Turns, notes: readonly string[]): Row {
  const list = (values: readonly number[]) => values.map(short).join(', ')
  const rounds = `rounds: ours ${list(turns.measured)}; limit ${list(turns.limit)}`
  return row(name, unit, goal, median(turns.measured), median(turns.limit), [...notes, rounds])
}

export function row(
  name: string,
  unit: string,
  goal: Goal | null,
  measured: number,
  limit: number,
  notes: readonly string[],
): Row {
  const ratio = measured / limit
  return { name, unit, measured, limit, ratio, goal, met: goal === null ? null : meets(goal, ratio), notes }
}

/** A figure with a bound of its own: the limit is that bound. */
export function bounded(name: string, unit: string, measured: number, bound: number, notes: readonly string[]): Row {
  return row(name, unit, most(1), measured, bound, notes)
}

function meets({ at, ratio: wanted }: Goal, ratio: number): boolean {
  return at === 'least' ? ratio >= wanted : ratio <= wanted
}

/** Three significant digits, as people read them. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toPrecision(3)
}

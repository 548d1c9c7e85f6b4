import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from '../../src/platform/database.ts'
import { startClients, type Clients } from './clients.ts'
import { makePlan, type Plan } from './plan.ts'
import { makeWaves } from './portal-faults.ts'
import type { ServerKind } from './servers.ts'
import type { Size } from './size.ts'
import { raiseStage, type Stage } from './stage.ts'
import { makeStrikes, type StrikeName, type Strikes } from './strikes.ts'
import { startWatch, type Watch } from './watch.ts'
import type { VerifyGround } from './verify.ts'

export interface ChaosOptions extends Size {
  readonly seed: number
  readonly events: number
  readonly servers: ServerKind
  /** Strikes and portal faults to leave out. */
  readonly without: ReadonlySet<string>
  readonly clients: number
  /** Workers live on so many hosts of the run's own, where that can be. */
  readonly hosts: number
  /** 1 = outages of seconds. */
  readonly scale: number
  /** The pushing and striking part ends after this long, in milliseconds; the rest of the plan is then pushed in peace. */
  readonly longest: number
  readonly progress: (text: string) => void
}

/** What happened, so that a run in which nothing happened is told from one in which all went well. */
export interface Evidence {
  /** Strikes that never met what they were meant for, and faults that never struck. */
  readonly missing: readonly string[]
  /** By kind: how often the portal misbehaved. */
  readonly faults: Readonly<Record<string, number>>
  readonly figures: Readonly<Record<string, number>>
}

export interface Chaos {
  readonly plan: Plan
  readonly stage: Stage
  readonly watch: Watch
  readonly strikes: Strikes
  readonly clients: Clients
  readonly ground: VerifyGround
  readonly settled: boolean
  readonly evidence: Evidence
  readonly seconds: number
  stop(): Promise<void>
}

/** Raises the stage, pushes the whole plan while everything strikes, and waits until nothing is open any more. */
export async function runChaos(options: ChaosOptions): Promise<Chaos> {
  const began = performance.now()
  const plan = makePlan(options.seed, options.events)
  options.progress(`${plan.dossiers} dossiers, ${plan.pushes} pushes, ${plan.events} events; raising the stage`)
  const stage = await raiseStage({ ...options, kind: options.servers })
  const watch = startWatch(stage)
  const clients = startClients({ plan, key: stage.key, count: options.clients, apis: () => stage.crew.apis() })
  const stop = async () => {
    await clients.stop()
    await watch.stop()
    await stage.stop()
  }
  try {
    const strikes = makeStrikes({ ...options, stage, clients, watch })
    const faults = await strikeAll({ options, plan, stage, watch, clients, strikes })
    await strikes.end()
    const settled = await settle({ options, plan, stage, watch, clients })
    await tally(stage, faults)
    const ground = { stage, plan, answers: clients.answers, watch, blows: strikes.blows }
    const evidence = await gather({ stage, watch, clients, strikes, faults })
    const seconds = (performance.now() - began) / 1000
    return { plan, stage, watch, strikes, clients, ground, settled, evidence, seconds, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Running {
  readonly options: ChaosOptions
  readonly plan: Plan
  readonly stage: Stage
  readonly watch: Watch
  readonly clients: Clients
}

/** Acts beyond those planned, as a part of them, after which what is not pushed by then is pushed in peace. */
const mostActs = 3
/** Sessions end this often while a wave has faults of the login, in milliseconds: without that, few logins happen. */
const sessionsEndEvery = 1_000

/**
 * One act per strike: a new wave of portal faults, a share of the plan, the strike, and a moment of peace. A machine that is
 * slower than its share goes on with more acts until all is pushed, so that the whole plan meets the fire. Returns what struck.
 */
async function strikeAll({
  options,
  plan,
  stage,
  watch,
  clients,
  strikes,
}: Running & { strikes: Strikes }): Promise<Map<string, number>> {
  const acts = Math.max(1, strikes.possible.length * options.cycles)
  const waves = makeWaves({ plan, waves: acts, ...stage, without: options.without })
  const struck = new Map(waves.kinds.map((kind) => [kind, 0]))
  const end = performance.now() + options.longest
  const stopPressing = repeatWhile(100, () => clients.hold(watch.openLanes() > options.mostOpen))
  let [isPushed, lately] = [false, options.ceiling / 4]
  for (let act = 0; (act < acts || (!isPushed && act < mostActs * acts)) && performance.now() < end; act += 1) {
    if (stage.servers.failure()) throw new Error(`${stage.servers.failure()}`)
    const wave = waves.next(lately)
    await stage.setFaults(wave.rules)
    const [since, callsBefore] = [performance.now(), await stage.calls()]
    const stopEnding = wave.atLogin
      ? repeatWhile(sessionsEndEvery, () => void stage.expireSessions().catch(() => undefined))
      : () => undefined
    clients.open(Math.min(1, (act + 1) / acts))
    const name: StrikeName | null = strikes.possible.length > 0 ? await strikes.strike() : null
    isPushed = await clients.caughtUp(Math.min(20_000, end - performance.now()))
    await atWork(stage, struck, options.scale)
    stopEnding()
    await tally(stage, struck)
    lately = ((await stage.calls()) - callsBefore) / ((performance.now() - since) / 1000)
    const { from = 0, until = 0 } = strikes.blows.at(-1) ?? {}
    options.progress(
      `act ${act + 1}/${acts} ${name} (${((until - from) / 1000).toFixed(1)} s, ${lately.toFixed(0)} calls/s): ` +
        `${clients.answers.answered()} of ${plan.pushes} answered, ${watch.openLanes()} open`,
    )
  }
  stopPressing()
  clients.hold(false)
  clients.open(1)
  await stage.setFaults(waves.planted())
  return struck
}

/** Adds how often the rules struck that are in force. */
async function tally(stage: Stage, struck: Map<string, number>): Promise<void> {
  for (const [kind, count] of await stage.struck()) struck.set(kind, (struck.get(kind) ?? 0) + count)
}

/**
 * The wave goes on until the portal has met enough calls, or for a few seconds; longer while one of its faults has not struck in
 * the whole run.
 */
async function atWork(stage: Stage, struck: ReadonlyMap<string, number>, scale: number): Promise<void> {
  // A short form is judged by its strikes alone.
  const longest = performance.now() + (scale < 1 ? 0 : 20_000)
  const enough = (await stage.calls()) + Math.max(60, stage.ceiling) * scale
  const end = performance.now() + 4_000 * scale
  while (performance.now() < end && (await stage.calls()) < enough) await sleep(100)
  // Planted dossiers come when they come: no wave is theirs.
  const isNew = async () =>
    [...(await stage.struck())].some(
      ([kind, count]) => count === 0 && struck.get(kind) === 0 && !kind.startsWith('refuse-'),
    )
  while (performance.now() < longest && (await isNew())) await sleep(200)
}

function repeatWhile(every: number, work: () => void): () => void {
  const timer = setInterval(work, every)
  return () => clearInterval(timer)
}

/** Milliseconds without any progress after which what is still open counts as stopped for good. */
const standstill = 60_000

/** Everything stands and behaves: now all must come to its end; the run gives up after a standstill, or long after it should be through. */
async function settle({ options, plan, stage, watch, clients }: Running): Promise<boolean> {
  const end = performance.now() + 2 * standstill + plan.events * 20
  const left = () => plan.pushes - clients.answers.answered() + watch.openLanes()
  let [least, movedAt] = [Number.POSITIVE_INFINITY, performance.now()]
  while (performance.now() < end && performance.now() - movedAt < standstill) {
    if (stage.servers.failure()) throw new Error(`${stage.servers.failure()}`)
    const lanes = await watch.ask()
    if (lanes && left() === 0) return true
    if (lanes && left() < least) [least, movedAt] = [left(), performance.now()]
    options.progress(`settling: ${clients.answers.answered()} of ${plan.pushes} answered, ${watch.openLanes()} open`)
    await sleep(500)
  }
  return false
}

interface Gathering extends Pick<Running, 'stage' | 'watch' | 'clients'> {
  readonly strikes: Strikes
  readonly faults: ReadonlyMap<string, number>
}

async function gather({ stage, watch, clients, strikes, faults }: Gathering): Promise<Evidence> {
  const figures = { ...(await stage.ledger(callFigures)), 'leases looked at': watch.judged.count }
  const all = {
    ...figures,
    'answers never heard': clients.answers.unheard(),
    'bytes searched': watch.bytesSearched.count,
  }
  const missing = [
    ...strikes.possible
      .filter((name) => strikes.counts[name].met === 0)
      .map((name) => `${name}: ${strikes.counts[name].meets}`),
    ...[...faults].filter(([, count]) => count === 0).map(([kind]) => `fault ${kind} never struck`),
    ...Object.entries(all)
      .filter(([, count]) => count === 0)
      .map(([name]) => `${name}: none`),
  ]
  return { missing, faults: Object.fromEntries(faults), figures: all }
}

/** What the ledger's own evidence says of the way things went. */
async function callFigures(sql: Sql): Promise<Record<string, number>> {
  const [row] = await sql<Record<string, number>[]>`
    select
      count(*) filter (where class = 'unknown')::int as "outcomes unknown",
      count(*) filter (where service = 'TraCuuHoSo')::int as "look-ups",
      count(*) filter (where items > 1 and class in ('refused', 'transient', 'unrecognised'))::int as "halvings",
      count(*) filter (where items = 1 and class in ('transient', 'unrecognised'))::int as "retries",
      count(*) filter (where class = 'busy')::int as "turned away",
      count(*) filter (where service = 'login')::int as "logins"
    from exchanges`
  return row!
}

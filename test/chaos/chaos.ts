import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from '../../src/platform/database.ts'
import { startClients, type Clients } from './clients.ts'
import type { Role } from './crew.ts'
import { makePlan, type Plan } from './plan.ts'
import { makeWaves } from './portal-faults.ts'
import type { ServerKind } from './servers.ts'
import { raiseStage, type Stage } from './stage.ts'
import { makeStrikes, type StrikeName, type Strikes } from './strikes.ts'
import { startWatch, type Watch } from './watch.ts'
import type { VerifyGround } from './verify.ts'

export interface ChaosOptions {
  readonly seed: number
  readonly events: number
  readonly servers: ServerKind
  /** Strikes and portal faults to leave out. */
  readonly without: ReadonlySet<string>
  /** Calls per second. */
  readonly ceiling: number
  readonly count: Readonly<Record<Role, number>>
  readonly clients: number
  /** Times each possible strike comes. */
  readonly cycles: number
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

/** Open lanes beyond which clients wait: pushing then follows delivery, and every strike finds both at work. */
const mostOpen = 3_000

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

/** One act per strike: a new wave of portal faults, a share of the plan, the strike, and a moment of peace. Returns what struck. */
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
  const pressure = repeatWhile(() => clients.hold(watch.openLanes() > mostOpen))
  for (let act = 0; act < acts && performance.now() < end; act += 1) {
    if (stage.servers.failure()) throw new Error(`${stage.servers.failure()}`)
    await stage.setFaults(waves.next())
    clients.open((act + 1) / acts)
    const name: StrikeName | null = strikes.possible.length > 0 ? await strikes.strike() : null
    await clients.caughtUp(Math.min(20_000, end - performance.now()))
    await atWork(stage, options.scale)
    await tally(stage, struck)
    const { from = 0, until = 0 } = strikes.blows.at(-1) ?? {}
    options.progress(
      `act ${act + 1}/${acts} ${name} (${((until - from) / 1000).toFixed(1)} s): ` +
        `${clients.answers.answered()} of ${plan.pushes} answered, ${watch.openLanes()} open`,
    )
  }
  pressure()
  clients.hold(false)
  clients.open(1)
  await stage.setFaults(waves.planted())
  return struck
}

/** Adds how often the rules struck that are in force. */
async function tally(stage: Stage, struck: Map<string, number>): Promise<void> {
  for (const [kind, count] of await stage.struck()) struck.set(kind, (struck.get(kind) ?? 0) + count)
}

/** The wave goes on until the portal has met enough calls, or for a few seconds. */
async function atWork(stage: Stage, scale: number): Promise<void> {
  const enough = (await stage.calls()) + 60 * scale
  const end = performance.now() + 4_000 * scale
  while (performance.now() < end && (await stage.calls()) < enough) await sleep(100)
}

function repeatWhile(work: () => void): () => void {
  const timer = setInterval(work, 100)
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

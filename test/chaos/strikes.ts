import { setTimeout as sleep } from 'node:timers/promises'
import { randomOf } from '../../adapters/sandbox/chance.ts'
import type { Clients } from './clients.ts'
import type { Member } from './crew.ts'
import type { Host } from './hosts.ts'
import type { LineMode } from './line.ts'
import { shuffled } from './portal-faults.ts'
import { serverStrikes, type ServerStrike } from './servers.ts'
import type { Stage } from './stage.ts'
import type { Watch } from './watch.ts'

export const strikeNames = [
  'kill-workers',
  'kill-worker',
  'kill-api',
  'kill-scheduler',
  'kill-all',
  'line-cut',
  'line-stall',
  'line-drop',
  'cut-host',
  'cut-portal',
  'clock-jump',
  'sessions-expire',
  ...serverStrikes,
] as const
export type StrikeName = (typeof strikeNames)[number]

/** What a strike met: a kill of an idle process, or a flush of an empty Redis, proves little. */
export interface StrikeCount {
  struck: number
  /** Strikes that met what they were meant for. */
  met: number
  /** What "met" means. */
  readonly meets: string
  /** Set when it cannot be done here. */
  readonly notRun?: string
}

/** Milliseconds since 1970: from the moment before the blow to the moment when everything stood again. */
export interface Blow {
  readonly name: StrikeName
  readonly from: number
  readonly until: number
}

export interface Strikes {
  readonly counts: Readonly<Record<StrikeName, StrikeCount>>
  readonly blows: readonly Blow[]
  /** Strikes in one cycle. */
  readonly possible: readonly StrikeName[]
  strike(): Promise<StrikeName>
  /** Everything stands again and clocks are right. */
  end(): Promise<void>
}

interface Ground {
  readonly stage: Stage
  readonly clients: Clients
  readonly watch: Watch
  readonly seed: number
  readonly without: ReadonlySet<string>
  /** 1 = as long as a real outage of seconds; less for a short run. */
  readonly scale: number
}

/** Need hosts of the run's own. */
const onHosts: ReadonlySet<StrikeName> = new Set<StrikeName>(['cut-host', 'cut-portal'])

type Act = () => Promise<boolean>

const meanings: Readonly<Record<StrikeName, string>> = {
  'kill-workers': 'lanes were left sending with no worker alive',
  'kill-worker': 'lanes were sending',
  'kill-api': 'requests were in flight',
  'kill-scheduler': 'work waited',
  'kill-all': 'lanes were sending',
  'line-cut': 'lanes were sending, or connections stood',
  'line-stall': 'lanes were sending, or connections stood',
  'line-drop': 'lanes were sending, or connections stood',
  'cut-host': 'a call from that host was under way',
  'cut-portal': 'a call was under way',
  'clock-jump': 'always',
  'sessions-expire': 'always',
  'redis-flush': 'work waited',
  'redis-restart': 'work waited',
  'redis-kill': 'work waited',
  'redis-replace': 'work waited',
  'redis-pause': 'work waited',
  'database-restart': 'work waited',
  'database-crash': 'work waited',
  'disk-full': 'work waited',
}

const hour = 3_600_000
/** Longer than a lease: what the host had in hand is then in other hands when it comes back. */
const longestCut = 18_000
/** Several times a call's deadline: calls that were given up still lie in the kernel's hands when the line is back. */
const longestOutage = 8_000

export function makeStrikes({ stage, clients, watch, seed, without, scale }: Ground): Strikes {
  const draw = randomOf(seed ^ 0x51c7)
  const between = (least: number, most: number) => Math.round((least + draw() * (most - least)) * scale)
  const { crew, servers, line, hosts } = stage
  const some = (members: readonly Member[]) => members[Math.floor(draw() * members.length)]!
  const working = async (state?: string) => {
    for (let tries = 0; tries < 30; tries += 1) {
      const lanes = await watch.ask()
      if (lanes && (state ? (lanes[state] ?? 0) : watch.openLanes()) > 0) return true
      await sleep(50)
    }
    return false
  }
  const killed = async (members: readonly Member[]) =>
    Promise.all(members.map((member) => member.kill(between(200, 2_000))))
  /** Takes a cable out while calls from these hosts are under way: their answers are kept back until it is out. */
  const cutOff = async (callers: readonly Host[], cable: Host, longest: number): Promise<boolean> => {
    let calls = 0
    for (let tries = 0; calls === 0 && tries < 100; tries += 1) {
      calls = await line.hold(callers.map(({ address }) => address))
      await sleep(20)
    }
    cable.setLink('down')
    await line.hold([])
    await sleep(between(2_000, longest))
    cable.setLink('up')
    return calls > 0
  }
  const cut =
    (mode: LineMode): Act =>
    async () => {
      const met = await working('sending')
      const held = await line.set(mode)
      await sleep(between(800, 3_000))
      await line.set('open')
      return met || held > 0
    }
  const acts: Record<Exclude<StrikeName, ServerStrike>, Act> = {
    async 'kill-workers'() {
      await working('sending')
      await killed(crew.of('worker'))
      return ((await watch.ask())?.['sending'] ?? 0) > 0
    },
    async 'kill-worker'() {
      const met = await working('sending')
      await killed([some(crew.of('worker'))])
      return met
    },
    async 'kill-api'() {
      for (let tries = 0; clients.inFlight() === 0 && tries < 40; tries += 1) await sleep(25)
      const met = clients.inFlight() > 0
      await killed([some(crew.of('api'))])
      return met
    },
    async 'kill-scheduler'() {
      const met = await working()
      await killed([some(crew.of('scheduler'))])
      return met
    },
    async 'kill-all'() {
      const met = await working('sending')
      await killed(crew.members)
      return met
    },
    'line-cut': cut('cut'),
    'line-stall': cut('stall'),
    'line-drop': cut('drop'),
    async 'cut-host'() {
      if (typeof hosts === 'string') return false
      const host = hosts.workers[Math.floor(draw() * hosts.workers.length)]!
      return cutOff([host], host, longestCut)
    },
    async 'cut-portal'() {
      return typeof hosts === 'string' ? false : cutOff(hosts.workers, hosts.portal, longestOutage)
    },
    async 'clock-jump'() {
      some(crew.members).setClock(Math.round((draw() * 2 - 1) * hour))
      // All clocks of one role together, as on one host: nobody is left to do the work by the right time.
      const role = some(crew.members).role
      const offset = (draw() < 0.5 ? -1 : 1) * hour
      for (const member of crew.of(role)) member.setClock(offset)
      return true
    },
    async 'sessions-expire'() {
      await stage.expireSessions()
      return true
    },
  }
  const counts = Object.fromEntries(
    strikeNames.map((name) => {
      const blow = name in acts ? null : servers.blows[name as ServerStrike]
      const impossible = onHosts.has(name) ? stage.hosts : blow
      const notRun = without.has(name) ? 'switched off' : typeof impossible === 'string' ? impossible : undefined
      return [name, { struck: 0, met: 0, meets: meanings[name], ...(notRun ? { notRun } : {}) }]
    }),
  ) as Record<StrikeName, StrikeCount>
  const possible = strikeNames.filter((name) => counts[name].notRun === undefined)
  const blows: Blow[] = []
  let order: StrikeName[] = []

  const actOf = (name: StrikeName): Act => {
    if (name in acts) return acts[name as keyof typeof acts]
    return async () => {
      const met = await working()
      const blow = servers.blows[name as ServerStrike]
      if (typeof blow === 'function') await blow(between(name === 'redis-pause' ? 2_000 : 300, 4_000))
      return met
    }
  }
  return {
    counts,
    blows,
    possible,
    async strike() {
      if (order.length === 0) order = shuffled(possible, draw)
      const name = order.pop()!
      const from = Date.now()
      watch.disturbed()
      const met = await actOf(name)()
      await crew.standing()
      watch.calm()
      counts[name].struck += 1
      if (met) counts[name].met += 1
      blows.push({ name, from, until: Date.now() })
      return name
    },
    async end() {
      for (const member of crew.members) member.setClock(0)
      await line.set('open')
      await crew.allUp()
    },
  }
}

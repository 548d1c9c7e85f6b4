import { setTimeout as sleep } from 'node:timers/promises'
import { clock } from './clock.ts'
import { dossier, dossiers } from './dossiers.ts'
import { least, row, short, type Row, type Stage } from './harness.ts'
import {
  bareClient,
  payloadOf,
  stepPayloadsOf,
  type BareClient,
  type PortalLog,
  type Told,
  type WatchedPortal,
} from './portal.ts'

const callsPerSecond = 20
const latency = 200
const second = 1000
/** What leaves in the first seconds of a run is not counted: connections, login, our pace that finds the ceiling. */
const start = 10 * second
const lately = { steps: 1, state: 1 } as const

/**
 * Every dossier is known to the portal in an older state; each has one new state with one new step. A change counts when the
 * sandbox holds both. All ways meet the same sandbox: 200 ms, 20 calls/s.
 */
export async function waysOfOthers(stage: Stage): Promise<Row[]> {
  const portal = await stage.portal()
  const milliseconds = start + Math.max((40 * second * stage.size(1000)) / 1000, 15 * second)
  const race: Race = { stage, portal, milliseconds, next: 1 }
  const openCps = await theirs(race, 15, openCpsChange)
  const tanDan = await theirs(race, 1, tanDanChange)
  const many = await ours(race, 50)
  const single = await ours(race, 1)
  const against = (name: string, own: Pace, other: Pace, goal: number) =>
    row(`ways-of-others, ${name}`, 'changes/s', least(goal), own.changes, other.changes, [
      `portal calls per change: ours ${short(own.calls)}, theirs ${short(other.calls)}`,
      `turned away: ours ${own.turnedAway}, theirs ${other.turnedAway}`,
    ])
  return [
    against('OpenCPS, batches of 50', many, openCps, 10),
    against('TanDan, batches of 50', many, tanDan, 50),
    against('OpenCPS, one dossier per call', single, openCps, 1.8),
    against('TanDan, one dossier per call', single, tanDan, 10),
  ]
}

interface Race {
  readonly stage: Stage
  readonly portal: WatchedPortal
  readonly milliseconds: number
  next: number
}

interface Pace {
  /** Per second. */
  readonly changes: number
  /** Answered calls per change. */
  readonly calls: number
  readonly turnedAway: number
}

/** One way after the other has its own dossiers, its own share of time, and the whole portal to itself. */
async function theirs(race: Race, threads: number, change: Way): Promise<Pace> {
  const { portal, milliseconds } = race
  const most = Math.ceil((milliseconds / second) * callsPerSecond)
  const first = await known(race, most)
  const client = await bareClient(portal.url, threads)
  const call = evenly(client)
  const begun = await open(portal)
  let next = first
  const thread = async () => {
    while (clock() < begun + milliseconds) {
      const n = next
      next += 1
      await change(call, n)
    }
  }
  await Promise.all(Array.from({ length: threads }, thread))
  client.close()
  return paceOf(race, begun)
}

async function ours(race: Race, batch: number): Promise<Pace> {
  const { stage, portal, milliseconds } = race
  const count = Math.ceil((milliseconds / second) * callsPerSecond * Math.max(1, batch / 4))
  const first = await known(race, count)
  const ledger = await stage.ledger()
  await ledger.hold(true)
  await ledger.load({ from: first, count, wish: lately, lane: () => ({ state: 'waiting', known: true }) })
  const worker = await stage.roles(ledger, portal, {
    ROLES: 'worker,scheduler',
    PORTAL_CONCURRENCY: '16',
    PORTAL_BATCH_SIZE: String(batch),
    PORTAL_MAX_CALLS_PER_SECOND: String(callsPerSecond),
  })
  const begun = await open(portal)
  await ledger.hold(false)
  await sleep(milliseconds)
  const pace = await paceOf(race, begun)
  await worker.stop()
  return pace
}

/** Dossiers that the portal already holds, in their first state and without steps; returns the number of the first. */
async function known(race: Race, count: number): Promise<number> {
  const first = race.next
  race.next += count
  await race.portal.faults([])
  const client = await bareClient(race.portal.url, 1)
  for (let from = first; from < first + count; from += 500) {
    const group = [...dossiers(from, Math.min(500, first + count - from), { steps: 0 })]
    const data = group.map(payloadOf)
    const { code, message } = await client.post(client.body('DongBoHoSoMC', { isUpdating: 'False', data }))
    if (code !== '0') throw new Error(`The sandbox refused the known dossiers: ${code} ${message}`)
  }
  client.close()
  return first
}

/** From here on calls take their time and the ceiling counts. */
async function open(portal: WatchedPortal): Promise<number> {
  await portal.faults([
    { kind: 'latency', value: latency },
    { kind: 'ceiling', value: { perSecond: callsPerSecond, retryAfter: 1 } },
  ])
  await portal.log()
  return clock()
}

async function paceOf({ portal, milliseconds, stage }: Race, begun: number): Promise<Pace> {
  const { writes, answers }: PortalLog = await portal.log()
  const counts = ([at]: readonly [number, ...unknown[]]) => at >= begun + start && at < begun + milliseconds
  const changes = completions(writes).filter((at) => counts([at])).length
  const inside = answers.filter(counts)
  const turnedAway = inside.filter(([, , outcome]) => outcome.startsWith('http-')).length
  const perSecond = changes / ((milliseconds - start) / second)
  stage.say(`${short(perSecond)} changes/s, ${inside.length} calls, ${turnedAway} of them turned away`)
  return { changes: perSecond, calls: (inside.length - turnedAway) / changes, turnedAway }
}

/** The moments at which the sandbox held both halves of a change: the new content and the new step. */
function completions(writes: PortalLog['writes']): number[] {
  const held = new Map<string, string>()
  return writes.flatMap(([at, what, code]) => {
    const before = held.get(code)
    held.set(code, before === undefined || before === what ? what : 'both')
    return before !== undefined && before !== what && before !== 'both' ? [at] : []
  })
}

type Call = (service: string, fields: Record<string, unknown>) => Promise<Told>
type Way = (call: Call, n: number) => Promise<void>

/**
 * Neither of them knows a pace or handles "too many requests" (for the one any failure is final, the other tries again at its
 * next full run). Here their calls leave evenly at the ceiling, and one that is turned away all the same is repeated as
 * told: kinder than the field, so that what is compared is the way and not its luck.
 */
function evenly(client: BareClient): Call {
  let slot = 0
  return async (service, fields) => {
    for (;;) {
      slot = Math.max(clock(), slot + second / callsPerSecond)
      await sleep(Math.max(0, slot - clock()))
      const told = await client.post(client.body(service, fields))
      if (told.status !== 429) return told
      await sleep(told.retryAfter * second)
    }
  }
}

/** For each change: is it there, what is its procedure called, the dossier, and the one current step. 15 threads, one session. */
async function openCpsChange(call: Call, n: number): Promise<void> {
  const change = dossier(n, lately)
  const there = await call('TraCuuHoSo', { mahoso: change.code })
  await call('LayThuTuc', { maTTHC: change.procedureCode })
  const isUpdating = there.result.length > 0 ? 'True' : 'False'
  await call('DongBoHoSoMC', { isUpdating, data: [payloadOf(change)] })
  await call('CapNhatTienDoHoSoMC', { data: stepPayloadsOf(change).slice(-1) })
}

/** One by one: create, and when it exists update; then its steps, ten per call. Over a kept connection, which it does not have. */
async function tanDanChange(call: Call, n: number): Promise<void> {
  const change = dossier(n, lately)
  const data = [payloadOf(change)]
  const { message } = await call('DongBoHoSoMC', { isUpdating: 'False', data })
  if (message.includes('đã tồn tại')) await call('DongBoHoSoMC', { isUpdating: 'True', data })
  const steps = stepPayloadsOf(change)
  for (let from = 0; from < steps.length; from += 10)
    await call('CapNhatTienDoHoSoMC', { data: steps.slice(from, from + 10) })
}

import { setTimeout as sleep } from 'node:timers/promises'
import { clock } from './clock.ts'
import { bounded, least, row, short, type Row, type Stage } from './harness.ts'
import { waiting } from './ledger.ts'
import type { PortalLog } from './portal.ts'

const ceiling = 20
const batch = 10
const second = 1000
/** Time to find a ceiling that nobody told, before anything is measured. */
const learning = 40 * second
const goalDown = 20 * second
const goalUp = 30 * second
/** What counts as "again at the new ceiling" is judged over this long. */
const view = 5 * second

/**
 * A portal that turns calls away above a ceiling that is not configured anywhere; it is halved and then doubled while work goes
 * on. The limit is the ceiling times the batch. Everything is counted at the sandbox, transitions included for the refused calls.
 */
export async function pushCeiling(stage: Stage): Promise<Row[]> {
  const quiet = await variant(stage, 0)
  const told = await variant(stage, 1)
  return [...quiet, ...told]
}

interface Phase {
  readonly from: number
  readonly until: number
  readonly perSecond: number
}

async function variant(stage: Stage, retryAfter: number): Promise<Row[]> {
  const steady = Math.max(30 * second * Math.min(1, stage.size(1000) / 1000), 10 * second)
  const ledger = await stage.ledger()
  const portal = await stage.portal()
  await ledger.hold(true)
  const worker = await stage.roles(ledger, portal, {
    ROLES: 'worker,scheduler',
    PORTAL_CONCURRENCY: '8',
    PORTAL_BATCH_SIZE: String(batch),
    PORTAL_MAX_CALLS_PER_SECOND: '500',
  })
  const longest = (learning + goalDown + goalUp + 3 * steady) / second
  await ledger.load({ from: 1, count: Math.ceil(longest * ceiling * batch * 1.1), wish: { steps: 0 }, lane: waiting })
  const set = (perSecond: number) => portal.faults([{ kind: 'ceiling', value: { perSecond, retryAfter } }])
  await set(ceiling)
  await ledger.hold(false)
  await sleep(learning)
  const first = await phase(ceiling, steady)
  await set(ceiling / 2)
  const halved = await phase(ceiling / 2, goalDown + steady)
  await set(ceiling)
  const doubled = await phase(ceiling, goalUp + steady)
  const log = await portal.log()
  await worker.stop()
  const lasts = { ...halved, from: halved.from + goalDown }
  return rowsOf(log, retryAfter, [first, lasts, { ...doubled, from: doubled.from + goalUp }], halved, doubled)
}

async function phase(perSecond: number, milliseconds: number): Promise<Phase> {
  const from = clock()
  await sleep(milliseconds)
  return { from, until: clock(), perSecond }
}

function rowsOf(log: PortalLog, retryAfter: number, steady: readonly Phase[], halved: Phase, doubled: Phase): Row[] {
  const name = `push-ceiling, ${retryAfter === 0 ? 'no Retry-After' : `Retry-After: ${retryAfter}`}`
  const seconds = (one: Phase) => (one.until - one.from) / second
  const total = (of: (one: Phase) => number) => steady.reduce((sum, one) => sum + of(one), 0)
  const whole = { from: steady[0]!.from, until: doubled.until }
  const { accepted, refused } = callsWithin(log, whole)
  const learnt = callsWithin(log, { from: 0, until: whole.from })
  const parts = steady.map((one) => short(written(log, one) / (one.perSecond * batch * seconds(one))))
  return [
    row(
      `${name}: steady`,
      'dossiers/s',
      least(0.95),
      total((one) => written(log, one)) / total(seconds),
      total((one) => one.perSecond * batch * seconds(one)) / total(seconds),
      [`share of the ceiling at ${ceiling}, ${ceiling / 2} and ${ceiling} calls/s: ${parts.join(', ')}`],
    ),
    bounded(`${name}: refused`, '% of calls', (refused / (accepted + refused)) * 100, 1, [
      `${refused} of ${accepted + refused} calls, both changes included; while learning ${learnt.refused} of ${learnt.accepted + learnt.refused}`,
    ]),
    bounded(`${name}: down`, 's', recovery(log, halved) / second, goalDown / second, ['until 0.9 of half the ceiling']),
    bounded(`${name}: up`, 's', recovery(log, doubled) / second, goalUp / second, ['until 0.9 of the whole ceiling']),
  ]
}

type Span = Pick<Phase, 'from' | 'until'>

function written({ writes }: PortalLog, { from, until }: Span): number {
  return writes.filter(([at]) => at >= from && at < until).length
}

function callsWithin({ answers }: PortalLog, { from, until }: Span): { accepted: number; refused: number } {
  const inside = answers.filter(([at, service]) => at >= from && at < until && service === 'DongBoHoSoMC')
  const refused = inside.filter(([, , outcome]) => outcome === 'http-429').length
  return { accepted: inside.length - refused, refused }
}

/** Milliseconds from the change until the last five seconds brought 0.9 of the new ceiling; infinite when they never did. */
function recovery(log: PortalLog, { from, until, perSecond }: Phase): number {
  const enough = 0.9 * perSecond * batch * (view / second)
  for (let end = from + view; end <= until; end += 250)
    if (written(log, { from: end - view, until: end }) >= enough) return end - from
  return Infinity
}

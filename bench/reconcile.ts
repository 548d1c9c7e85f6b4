import { setTimeout as sleep } from 'node:timers/promises'
import { readSettings } from '../config/settings.ts'
import type { Portal } from '../src/delivery/portal.ts'
import { prepareGround } from '../src/main.ts'
import { createLog } from '../src/platform/log.ts'
import { clock } from './clock.ts'
import { dossiers } from './dossiers.ts'
import { inTurns, least, median, reaching, rowOf, short, type Row, type Stage } from './harness.ts'
import { delivered, type Ledger } from './ledger.ts'
import { processorTime } from './processes.ts'
import { bareClient, payloadOf, stepPayloadsOf, type BareClient } from './portal.ts'
import { chunks, perCall, stepsPerCall } from './pushing.ts'

const stepsPerDossier = 2
/** Look-ups in hand at the same time, as in the service. */
const hands = 4

/**
 * A whole reconciliation run, from the request to the last count, against a sandbox without a ceiling; against a bare loop of the same
 * look-ups over as many kept connections, whose answers are parsed and thrown away. The limit leaves out queue, pace, session, opening
 * of contents, what the portal should hold, comparison, progress and counts. Beside it, what reconciling adds to look-ups that are made by the
 * service's own client with its pace and session.
 */
export async function reconcile(stage: Stage): Promise<Row[]> {
  const ledger = await stage.ledger()
  const portal = await stage.portal()
  const count = stage.size(100_000, 1_000)
  await ledger.load({ from: 1, count, wish: { steps: stepsPerDossier }, lane: delivered })
  const client = await bareClient(portal.url, hands)
  await fill(client, count)
  const api = await stage.roles(ledger, portal, { ROLES: 'all', DATABASE_POOL: '8' })
  const own = await prepareGround(
    readSettings({ ...ledger.environment, ...reaching(portal) }, () => ''),
    {
      log: createLog('silent'),
    },
  )
  const spent: number[] = []
  const asked: number[] = []
  const turns = await inTurns(
    stage,
    async () => {
      asked.push((count / (await byAdapter(own.portal!, count))) * 1000)
      return (count / (await bare(client, count))) * 1000
    },
    async () => {
      const before = processorTime(api.pid)
      const took = await run(ledger, api.url, count)
      if (before !== null) spent.push((processorTime(api.pid)! - before) / count)
      return (count / took) * 1000
    },
  )
  client.close()
  await own.close()
  const notes = [
    `${count} dossiers with ${stepsPerDossier} steps, ${hands} look-ups at a time, every one found equal`,
    ...(spent.length > 0 ? [`processor time of the service: ${short(median(spent))} ms a look-up`] : []),
  ]
  const ownTurns = { measured: turns.measured, limit: asked.slice(1) }
  return [
    rowOf('reconcile', 'look-ups/s', least(0.7), turns, notes),
    rowOf('reconcile, own client', 'look-ups/s', null, ownTurns, []),
  ]
}

/** The portal holds what the ledger says that it holds. */
async function fill(client: BareClient, count: number): Promise<void> {
  for (let from = 1; from <= count; from += perCall) {
    const group = [...dossiers(from, Math.min(perCall, count - from + 1), { steps: stepsPerDossier })]
    const steps = chunks(group.flatMap(stepPayloadsOf), stepsPerCall)
    await taken(client, client.body('DongBoHoSoMC', { isUpdating: 'False', data: group.map(payloadOf) }))
    for (const data of steps) await taken(client, client.body('CapNhatTienDoHoSoMC', { data }))
  }
}

async function taken(client: BareClient, body: string): Promise<void> {
  const { code, message } = await client.post(body)
  if (code !== '0') throw new Error(`The sandbox refused: ${code} ${message}`)
}

/** Milliseconds for all look-ups. */
async function bare(client: BareClient, count: number): Promise<number> {
  const bodies = [...dossiers(1, count, { steps: 0 })].map(({ code }) => client.body('TraCuuHoSo', { mahoso: code }))
  const begun = clock()
  const hand = async () => {
    for (let body = bodies.pop(); body; body = bodies.pop()) {
      const { code, result } = await client.post(body)
      if (code !== '0' || result.length !== 1) throw new Error(`A bare look-up found nothing: ${code}`)
    }
  }
  await Promise.all(Array.from({ length: hands }, hand))
  return clock() - begun
}

/** Milliseconds for all look-ups by the service's own client. */
async function byAdapter(portal: Portal, count: number): Promise<number> {
  const codes = [...dossiers(1, count, { steps: 0 })].map(({ code }) => code)
  const begun = clock()
  const hand = async () => {
    for (let code = codes.pop(); code !== undefined; code = codes.pop()) {
      const answer = await portal.lookUp(code, { requestIn: new Date(), urgency: 'backfill' })
      if (answer.class !== 'ok') throw new Error(`A look-up was answered ${answer.class}`)
    }
  }
  await Promise.all(Array.from({ length: hands }, hand))
  return clock() - begun
}

/** Milliseconds from asking for a run to its end. */
async function run({ sql, key }: Ledger, url: string, count: number): Promise<number> {
  const begun = clock()
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const answer = await fetch(`${url}/v1/reconciliation/runs`, { method: 'POST', headers, body: '{}' })
  const { id } = (await answer.json()) as { id: number }
  for (;;) {
    const [row] = await sql<{ state: string; equal: number; note: string }[]>`
      select state, equal, note from reconciliation_runs where id = ${id}`
    if (row!.state === 'failed') throw new Error(`The run failed: ${row!.note}`)
    if (row!.state === 'finished') {
      if (row!.equal !== count) throw new Error(`${count} dossiers were to agree, ${row!.equal} did`)
      return clock() - begun
    }
    await sleep(50)
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import { dossiers } from './dossiers.ts'
import { most, quantile, row, short, type Row, type Stage } from './harness.ts'
import { waiting, type Ledger } from './ledger.ts'
import type { WatchedPortal } from './portal.ts'
import { residentSize, type RoleProcess } from './processes.ts'

const second = 1000
/** Dossiers that each pair passes on before it is watched. */
const few = 300

/**
 * Resident size of the API and of a worker (with the relay) while a million dossiers wait and leave at 20 calls a second;
 * against the same two processes with nothing to do. Both pairs are just started, have passed the same few dossiers on and
 * are asked for health and metrics; the largest size within the watch counts on both sides.
 */
export async function memory(stage: Stage): Promise<Row[]> {
  const ledger = await stage.ledger()
  const portal = await stage.portal()
  await portal.faults([{ kind: 'latency', value: 200 }])
  const count = stage.size(1_000_000, 10_000)
  const idle = await sizesOf(stage, ledger, portal, 1)
  await ledger.load({ from: 1_000_001, count, wish: { steps: 1, backfill: true }, lane: waiting })
  const busy = await sizesOf(stage, ledger, portal, few + 1)
  return ['api', 'worker'].map((name, index) => {
    const [full, empty] = [busy[index]!, idle[index]!]
    return row(`memory, ${name}`, 'MB', most(1.5), quantile(full, 1), quantile(empty, 1), [
      `${count} waiting; median ${short(quantile(full, 0.5))} MB, idle ${short(quantile(empty, 0.5))} MB`,
    ])
  })
}

/** A new pair of processes, watched for a while after its first dossiers. */
async function sizesOf(stage: Stage, ledger: Ledger, portal: WatchedPortal, from: number): Promise<number[][]> {
  const watch = Math.max((30 * second * stage.size(1000)) / 1000, 10 * second)
  const api = await stage.roles(ledger, portal, { ROLES: 'api' })
  const worker = await stage.roles(ledger, portal, { ROLES: 'worker,scheduler', PORTAL_MAX_CALLS_PER_SECOND: '20' })
  await warmUp(api.url, ledger.key, from)
  await sleep(5 * second)
  const seen = await sizes([api, worker], watch)
  await worker.stop()
  await api.stop()
  return seen
}

async function warmUp(url: string, key: string, from: number): Promise<void> {
  const lines = [...dossiers(from, few, { steps: 1 })].map((change) => `${JSON.stringify(change)}\n`)
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' }
  const answer = await fetch(`${url}/v1/dossiers/stream`, { method: 'POST', headers, body: lines.join('') })
  await answer.text()
  if (!answer.ok) throw new Error(`The intake answered ${answer.status}`)
}

async function sizes(processes: readonly RoleProcess[], milliseconds: number): Promise<number[][]> {
  const seen = processes.map((): number[] => [])
  const end = performance.now() + milliseconds
  for (let beat = 0; performance.now() < end; beat += 1) {
    if (beat % 25 === 0) await Promise.all(processes.map(({ url }) => ask(url)))
    for (const [index, { pid }] of processes.entries()) seen[index]!.push(residentSize(pid))
    await sleep(200)
  }
  return seen
}

/** As a load balancer and a metrics collector do. */
async function ask(url: string): Promise<void> {
  for (const path of ['health/ready', 'metrics']) await (await fetch(`${url}/${path}`)).text()
}

import { setTimeout as sleep } from 'node:timers/promises'
import { clock } from './clock.ts'
import { dossier } from './dossiers.ts'
import { most, quantile, row, short, type Row, type Stage } from './harness.ts'
import { waiting, type Ledger } from './ledger.ts'
import type { WatchedPortal } from './portal.ts'

const second = 1000
const perSecond = 4
const portalSettings = { PORTAL_MAX_CALLS_PER_SECOND: '20', PORTAL_CONCURRENCY: '8' }

/**
 * How old a fresh change is when the portal first holds it: from the answer to its push to the sandbox's first write. With
 * half a million old dossiers waiting, against the same without; portal of 200 ms and 20 calls/s, a few fresh changes a second.
 */
export async function freshness(stage: Stage): Promise<Row[]> {
  const ledger = await stage.ledger()
  const portal = await stage.portal()
  await portal.faults([
    { kind: 'latency', value: 200 },
    { kind: 'ceiling', value: { perSecond: 20, retryAfter: 1 } },
  ])
  const backlog = stage.size(500_000, 5_000)
  const api = await stage.roles(ledger, portal, { ROLES: 'api' })
  await stage.roles(ledger, portal, { ROLES: 'worker,scheduler', ...portalSettings })
  const count = Math.max(stage.size(240), 60)
  await ages(ledger, portal, api.url, { from: 1, count: 20 })
  const alone = await ages(ledger, portal, api.url, { from: 1_001, count })
  await ledger.hold(true)
  const old = { steps: 1, backfill: true }
  await ledger.load({ from: 1_000_001, count: backlog, wish: old, lane: waiting })
  await ledger.hold(false)
  await sleep(10 * second)
  const among = await ages(ledger, portal, api.url, { from: 500_001, count })
  const shown = (all: readonly number[]) => `p50 ${short(quantile(all, 0.5))}, worst ${short(quantile(all, 1))} ms`
  return [
    row('freshness', 'ms', most(3), quantile(among, 0.95), quantile(alone, 0.95), [
      `p95 of ${count} fresh changes, ${perSecond} a second, while ${backlog} wait`,
      `with backlog ${shown(among)}; without ${shown(alone)}`,
    ]),
  ]
}

/** Pushes fresh dossiers at a steady beat, one by one, and returns the age of each at the portal in milliseconds. */
async function ages(
  { key }: Ledger,
  portal: WatchedPortal,
  url: string,
  { from, count }: { from: number; count: number },
): Promise<number[]> {
  const answered = new Map<string, number>()
  const arrived = new Map<string, number>()
  const look = async () => {
    for (const [at, , code] of (await portal.log()).writes) if (!arrived.has(code)) arrived.set(code, at)
  }
  const begun = clock()
  for (let index = 0; index < count; index += 1) {
    await sleep(Math.max(0, begun + (index * second) / perSecond - clock()))
    const code = await put(url, key, from + index)
    answered.set(code, clock())
  }
  const patience = clock() + 120 * second
  do {
    await sleep(200)
    await look()
  } while ([...answered.keys()].some((code) => !arrived.has(code)) && clock() < patience)
  // One that did not arrive is as old as the end of the wait.
  return [...answered].map(([code, at]) => (arrived.get(code) ?? clock()) - at)
}

async function put(url: string, key: string, n: number): Promise<string> {
  const { code, ...body } = dossier(n, { steps: 0 })
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const answer = await fetch(`${url}/v1/dossiers/${code}`, { method: 'PUT', headers, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`A fresh change was not taken: ${answer.status} ${await answer.text()}`)
  await answer.text()
  return code
}

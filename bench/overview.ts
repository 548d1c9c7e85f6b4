import { setTimeout as sleep } from 'node:timers/promises'
import { createKey } from '../src/platform/auth.ts'
import { most, quantile, row, short, type Row, type Stage } from './harness.ts'
import type { Ledger } from './ledger.ts'
import { groupByAll, mixedLane, timed } from './report.ts'

/** A report that was read for one person serves the next within this time: between two that must read it anew lies a little more. */
const freshFor = 15_000

/**
 * The overview as a person opens it, when nobody looked at it lately: every figure is read from the ledger. Against the bare statements
 * that the page cannot do without, on one connection: one `group by` for rate and causes, what waits, what disagrees, the trend.
 * Both p95, measured in turns. How long it takes while others look at it too is noted beside.
 */
export async function overview(stage: Stage): Promise<Row[]> {
  const ledger = await stage.ledger()
  const count = stage.size(1_000_000, 10_000)
  await ledger.load({ from: 1, count, wish: { steps: 0 }, lane: mixedLane })
  const api = await stage.roles(ledger, null, { ROLES: 'api' })
  const cookie = await signIn(ledger, api.url)
  const [bare, cold, warm]: [number[], number[], number[]] = [[], [], []]
  for (let turn = 0; turn <= 4 * stage.rounds; turn += 1) {
    const limit = await timed(() => statements(ledger))
    const ours = await timed(() => open(api.url, cookie))
    const again = await timed(() => open(api.url, cookie))
    stage.say(
      `${turn === 0 ? 'warm-up' : `turn ${turn}`}: statements ${short(limit)}, page ${short(ours)}, again ${short(again)}`,
    )
    if (turn > 0) {
      bare.push(limit)
      cold.push(ours)
      warm.push(again)
    }
    await sleep(freshFor + 500)
  }
  const notes = [
    `${count} dossiers`,
    `${cold.length} pages`,
    `p95 while others look: ${short(quantile(warm, 0.95))} ms`,
  ]
  return [row('overview', 'ms', most(3), quantile(cold, 0.95), quantile(bare, 0.95), notes)]
}

async function signIn({ sql }: Ledger, url: string): Promise<string> {
  const { key } = await createKey(sql, {
    name: 'bench',
    source: 'console',
    rights: ['reports:read', 'deliveries:read'],
    agencies: ['*'],
    person: true,
    by: 'bench',
  })
  const body = new URLSearchParams({ key })
  const answer = await fetch(`${url}/console/sign-in`, {
    method: 'POST',
    headers: { origin: url },
    body,
    redirect: 'manual',
  })
  return answer.headers.get('set-cookie')!.split(';')[0]!
}

async function open(url: string, cookie: string): Promise<void> {
  const answer = await fetch(`${url}/console/overview`, { headers: { cookie } })
  const text = await answer.text()
  if (answer.status !== 200 || !text.includes('class="ring"')) throw new Error(`The overview answered ${answer.status}`)
}

async function statements(ledger: Ledger): Promise<void> {
  const { sql } = ledger
  await groupByAll(ledger)
  await sql`
    select state, reason, count(*), min(due_since) from deliveries where state in ('waiting', 'sending', 'unknown', 'blocked', 'parked')
    group by 1, 2`
  await sql`select kind, count(*), min(opened_at) from discrepancies where closed_at is null group by 1`
  await sql`select day, sum(received), sum(delivered) from sync_snapshots where part = 'agency' group by 1 order by 1 desc limit 30`
}

import { setTimeout as sleep } from 'node:timers/promises'
import { clock } from './clock.ts'
import { bounded, inTurns, median, most, rowOf, short, type Row, type Stage } from './harness.ts'
import type { Ledger, LoadedLane } from './ledger.ts'
import { residentSize } from './processes.ts'

const from = '2020-01-01'
const to = '2021-01-01'

/** Seven in ten delivered; the others wait, are blocked or parked. */
export function mixedLane(n: number): LoadedLane {
  const kind = n % 20
  if (kind < 14) return { state: 'delivered' }
  if (kind < 16) return { state: 'waiting' }
  return kind < 19 ? { state: 'blocked', reason: 'no-national-code' } : { state: 'parked', reason: 'portal-refused' }
}

/**
 * The whole report over HTTP (totals, causes, four breakdowns, checked and written as JSON); against one bare `group by` over the
 * same columns of the same rows with the same settings, whose groups are counted and not fetched. The time of a `group by` over
 * the cause alone is noted beside it.
 */
export async function report(stage: Stage): Promise<Row[]> {
  const ledger = await stage.ledger()
  const count = stage.size(1_000_000, 10_000)
  await ledger.load({ from: 1, count, wish: { steps: 0 }, lane: mixedLane })
  const api = await stage.roles(ledger, null, { ROLES: 'api' })
  const before = residentSize(api.pid)
  const watch = highest(api.pid)
  const causes: number[] = []
  const turns = await inTurns(
    stage,
    async () => {
      causes.push(await timed(() => groupByCause(ledger)))
      return timed(() => groupByAll(ledger))
    },
    () => timed(() => read(api.url, ledger.key, count)),
  )
  const peak = await watch.stop()
  return [
    rowOf('report', 'ms', most(2), turns, [
      `${count} dossiers`,
      `group by over the cause alone: ${short(median(causes.slice(1)))} ms`,
    ]),
    bounded('report, memory', 'MB', peak - before, 100, [
      `api process ${short(before)} MB before, ${short(peak)} MB at most`,
    ]),
  ]
}

export async function timed(work: () => Promise<void>): Promise<number> {
  const begun = clock()
  await work()
  return clock() - begun
}

async function read(url: string, key: string, count: number): Promise<void> {
  const headers = { authorization: `Bearer ${key}` }
  const answer = await fetch(`${url}/v1/reports/sync-rate?from=${from}&to=${to}`, { headers })
  const { total } = (await answer.json()) as { total: { received: number } }
  if (total.received !== count) throw new Error(`The report speaks of ${total.received} dossiers, not of ${count}`)
}

const begin = new Date(`${from}T00:00:00+07:00`)
const end = new Date(`${to}T00:00:00+07:00`)

export async function groupByAll({ sql }: Ledger): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`select set_config('work_mem', '64MB', true), set_config('jit', 'off', true)`
    await tx`
      select count(*), sum(received), sum(at_portal) from (
        select d.level, d.agency_code, d.procedure_code, date_trunc('month', d.received_at at time zone interval '7 hours'), l.state,
          l.reason, count(*) as received, count(*) filter (where l.delivered_change_id is not null) as at_portal
        from dossiers d join deliveries l on l.dossier_id = d.id
        where d.received_at >= ${begin} and d.received_at < ${end}
        group by 1, 2, 3, 4, 5, 6
      ) as groups`
  })
}

async function groupByCause({ sql }: Ledger): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`select set_config('work_mem', '64MB', true), set_config('jit', 'off', true)`
    await tx`
      select l.state, l.reason, count(*) from dossiers d join deliveries l on l.dossier_id = d.id
      where d.received_at >= ${begin} and d.received_at < ${end} group by 1, 2`
  })
}

/** Watches a process; `stop` tells its largest resident size in megabytes. */
function highest(pid: number): { stop(): Promise<number> } {
  const stopping = new AbortController()
  let peak = 0
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      peak = Math.max(peak, residentSize(pid))
      await sleep(20)
    }
  })()
  return {
    async stop() {
      stopping.abort()
      await loop
      return peak
    },
  }
}

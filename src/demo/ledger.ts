import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from '../platform/database.ts'
import { sampleCodes, syncRate } from '../reconciliation/store.ts'
import type { SyncRateReport } from '../reconciliation/model.ts'

/** The year that the demo replays, in Vietnam dates. */
export const year = { from: '2020-01-01', to: '2021-01-01' } as const

export interface Standing {
  readonly received: number
  readonly delivered: number
  /** In a worker's hands. */
  readonly sending: number
  /** Due, or to be looked up. */
  readonly waiting: number
}

export async function standingOf(sql: Sql): Promise<Standing> {
  const [row] = await sql<Standing[]>`
    select count(*)::int as received, count(*) filter (where state = 'delivered')::int as delivered,
      count(*) filter (where state = 'sending')::int as sending,
      count(*) filter (where state in ('waiting', 'unknown'))::int as waiting
    from deliveries`
  return row!
}

/** Watches the ledger until `enough` says so; returns false when the time was up first. Often near the end, seldom before. */
export async function watch(
  sql: Sql,
  options: {
    readonly enough: (now: Standing) => boolean
    /** How far there is to go, in dossiers: decides how soon to look again. */
    readonly left: (now: Standing) => number
    readonly onLook: (now: Standing) => void
    readonly deadline: number
    readonly signal: AbortSignal
  },
): Promise<boolean> {
  let before: { left: number; at: number } | null = null
  for (;;) {
    const now = await standingOf(sql)
    options.onLook(now)
    if (options.enough(now)) return true
    const at = performance.now()
    if (at > options.deadline) return false
    const left = options.left(now)
    const pace = before === null ? 0 : (before.left - left) / (at - before.at)
    before = { left, at }
    const untilThen = pace > 0 ? left / pace : 500
    await sleep(Math.min(1000, Math.max(30, untilThen / 2)), undefined, { signal: options.signal })
  }
}

/** The report of the demo's year as the ledger has it now, with a few codes for each cause. */
export async function reportOf(sql: Sql): Promise<{ report: SyncRateReport; samples: Record<string, string[]> }> {
  const report = await syncRate(sql, year)
  const samples = await sampleCodes(
    sql,
    year,
    report.causes.map(({ code }) => code),
  )
  return { report, samples }
}

/** The three causes that the province's report names, and what can never be sent as it is. */
export interface Causes {
  readonly noNationalCode: number
  readonly predatesPublication: number
  readonly slowSync: number
  readonly unsendable: number
}

const grouped: Readonly<Record<string, keyof Causes>> = {
  'no-national-code': 'noNationalCode',
  'predates-publication': 'predatesPublication',
  'waiting-for-portal': 'slowSync',
  retrying: 'slowSync',
  'outcome-unknown': 'slowSync',
}

export function causesOf(report: SyncRateReport): Causes {
  const causes = { noNationalCode: 0, predatesPublication: 0, slowSync: 0, unsendable: 0 }
  for (const { code, count } of report.causes) causes[grouped[code] ?? 'unsendable'] += count
  return causes
}

import { vietnamDate } from '../dossiers/model.ts'
import { transaction, type Sql, type Tx } from '../platform/database.ts'
import { beginRun } from './reconcile.ts'

/** The look of every day: everything delivered since the last one, and a turn of all the others, so that each is seen once in some days. */

interface Last {
  /** When the newest one began, whatever became of it. */
  readonly startedAt: Date | null
  /** When the newest finished one began: until then everything was looked at. */
  readonly provenUntil: Date | null
  readonly count: number
  readonly running: boolean
}

async function lastDaily(sql: Sql | Tx): Promise<Last> {
  const [row] = await sql<Last[]>`
    select max(started_at) as "startedAt", max(started_at) filter (where state = 'finished') as "provenUntil",
      count(*)::int as count, coalesce(bool_or(state = 'running'), false) as running
    from reconciliation_runs where scope ? 'daily'`
  return row!
}

/** Begins today's run for the service to carry out; null while the one before still runs. Said by several at once, it begins one. */
export const startDaily = (sql: Sql, every: number): Promise<number | null> =>
  transaction(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('daily reconciliation'))`
    await giveUpStuck(tx)
    const { provenUntil, count, running } = await lastDaily(tx)
    if (running) return null
    const daily = { since: provenUntil?.toISOString() ?? null, every, turn: count }
    return beginRun(tx, { askedBy: 'schedule', scope: { daily }, served: true })
  })

/** A run that fails at every try must not keep all later ones from beginning. One that waits for a silent portal says so, and is not meant. */
const giveUpStuck = (tx: Tx) => tx`
  update reconciliation_runs set state = 'failed', finished_at = now(), note = 'It came no further for two days; see the logs of the workers',
    total = equal + different + missing_there + missing_here + unknown
  where state = 'running' and scope ? 'daily' and note = '' and coalesce(moved_at, started_at) < now() - interval '2 days'`

/** Whether the run of today, at `HH:mm` in Vietnam, was missed: no process was there. One that never ran is not missed. */
export async function isDailyMissed(sql: Sql, at: string, now = new Date()): Promise<boolean> {
  const { startedAt } = await lastDaily(sql)
  if (startedAt === null) return false
  const today = new Date(`${vietnamDate(now.toISOString())}T${at}:00+07:00`)
  const due = today <= now ? today : new Date(today.getTime() - 86_400_000)
  return startedAt < due
}

export interface DailyState {
  /** Seconds since everything delivered was last proved; null when it never was. */
  readonly age: number | null
}

export async function dailyState(sql: Sql, now = Date.now()): Promise<DailyState> {
  const { provenUntil } = await lastDaily(sql)
  return { age: provenUntil === null ? null : Math.max(0, (now - provenUntil.getTime()) / 1000) }
}

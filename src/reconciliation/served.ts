import type { Sql } from '../platform/database.ts'

/**
 * Runs that the service carries out. The ledger says which ones are due, so that a queue that was emptied, a worker that was killed or a
 * portal that was silent for a night only delays them.
 */

/** Seconds for which a worker has a run without a word from it. */
const lease = 120
/** Seconds after which a run that could not go on is taken up again. */
const pause = 60

/** Runs that nobody carries. */
export async function dueRuns(sql: Sql): Promise<number[]> {
  const rows = await sql<{ id: number }[]>`
    select id from reconciliation_runs
    where state = 'running' and served and (carried_until is null or carried_until < now()) order by id`
  return rows.map(({ id }) => id)
}

/** Leaves a run that somebody began to the service. */
export async function leaveToService(sql: Sql, id: number): Promise<void> {
  await sql`update reconciliation_runs set served = true, carried_until = null where id = ${id} and state = 'running'`
}

/**
 * Carries a run for as long as `work` takes; does nothing when somebody else has it. What `work` leaves undone because it was told to stop
 * may be taken up at once, anything else after a pause.
 */
export async function carry(sql: Sql, id: number, work: () => Promise<unknown>, stopped?: AbortSignal): Promise<void> {
  const until = (seconds: number | null) =>
    sql`update reconciliation_runs set carried_until = now() + ${seconds} * interval '1 second' where id = ${id}`
  const taken = await sql`
    update reconciliation_runs set carried_until = now() + ${lease} * interval '1 second'
    where id = ${id} and state = 'running' and (carried_until is null or carried_until < now()) returning 1`
  if (taken.length === 0) return
  const timer = setInterval(() => void until(lease).catch(() => undefined), (lease * 1000) / 4)
  try {
    await work()
  } finally {
    clearInterval(timer)
    await until(stopped?.aborted === true ? null : pause)
  }
}

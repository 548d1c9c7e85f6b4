import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger } from './ledger.ts'

/** Batches in hand at the same time: in the worker, and in the bare loop. */
export const hands = 8
export const perCall = 50
export const stepsPerCall = 10

/**
 * Lets the held lanes go, waits until all of them are delivered and holds again. Returns the wall time from the release to the last
 * delivery, in milliseconds by the database's clock.
 */
export async function pushHeld(ledger: Ledger, count: number): Promise<number> {
  const { sql } = ledger
  const [begun] = await sql<{ at: Date }[]>`select clock_timestamp() as at`
  await ledger.hold(false)
  for (;;) {
    await sleep(100)
    const [row] = await sql<{ open: boolean }[]>`
      select exists (select 1 from deliveries where state in ('waiting', 'unknown'))
        or exists (select 1 from deliveries where state = 'sending') as open`
    if (!row!.open) break
  }
  const [row] = await sql<{ count: number; wall: number }[]>`
    select count(*)::int as count, extract(epoch from max(delivered_at) - ${begun!.at}::timestamptz)::float8 * 1000 as wall
    from deliveries where state = 'delivered' and delivered_at > ${begun!.at}::timestamptz`
  if (row!.count !== count) throw new Error(`${count} dossiers were to be delivered, ${row!.count} were`)
  await ledger.hold(true)
  return row!.wall
}

/** A session of PostgreSQL that has become idle tells its figures after ten seconds, not always, and with its next statement. */
const untilTold = 12_000
/** More than the sessions of a ledger: with so many statements at a time each of them has one. */
const statements = 16

/** Milliseconds that the sessions of this ledger have spent in statements so far; 0 where the database does not say. */
export async function databaseTime({ sql, embedded }: Ledger): Promise<number> {
  if (embedded) return 0
  await sleep(untilTold)
  // What loading and vacuuming a large ledger took would else be told in the middle of the round.
  await Promise.all(Array.from({ length: statements }, () => sql`select pg_sleep(0.002)`))
  await sleep(1_500)
  await Promise.all(Array.from({ length: statements }, () => sql`select pg_sleep(0)`))
  const [row] = await sql<{ time: number }[]>`
    select active_time::float8 as time from pg_stat_database where datname = current_database()`
  return row!.time
}

export function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, part) =>
    items.slice(part * size, (part + 1) * size),
  )
}

import { transaction, type Sql } from '../platform/database.ts'

export interface Retention {
  /** Days the sealed bodies of exchanges are kept. */
  readonly bodyDays: number
  /** Days the content of a change is kept that is neither wanted nor delivered any more. */
  readonly contentDays: number
  /** Months the evidence of calls is kept (exchanges and attempts); null = for good. */
  readonly evidenceMonths: number | null
}

export interface Rotated {
  /** Partitions made ready for the coming weeks and months. */
  readonly made: number
  readonly dropped: readonly string[]
  /** Bodies dropped on their own, from the week that is half over. */
  readonly bodies: number
  /** Contents of old changes that were emptied. */
  readonly contents: number
}

/**
 * Makes the coming partitions and lets go of what is older than the policy says. Whole partitions are dropped, which costs
 * nothing however large they are; only the one that the limit runs through is cleared row by row. Safe to run at any time
 * and twice.
 */
export async function rotate(sql: Sql, { bodyDays, contentDays, evidenceMonths }: Retention): Promise<Rotated> {
  const made = await makePartitions(sql)
  const bodyLimit = await limitOf(sql, `${bodyDays} days`)
  const dropped = await dropBefore(sql, 'exchange_bodies', bodyLimit)
  if (evidenceMonths !== null) {
    const limit = await limitOf(sql, `${evidenceMonths} months`)
    for (const parent of ['attempts', 'exchanges']) dropped.push(...(await dropBefore(sql, parent, limit)))
  }
  return {
    made,
    dropped,
    bodies: await clearBodies(sql, bodyLimit),
    contents: await emptyContents(sql, contentDays),
  }
}

/** Partitions for this and the next weeks and months, where they are missing. Returns how many were made. */
export async function makePartitions(sql: Sql): Promise<number> {
  const [row] = await sql<{ made: number }[]>`
    select ensure_partitions('exchanges', 'month', now()::date, (now() + interval '2 months')::date)
      + ensure_partitions('attempts', 'month', now()::date, (now() + interval '2 months')::date)
      + ensure_partitions('exchange_bodies', 'week', now()::date, (now() + interval '2 weeks')::date) as made`
  return row!.made
}

async function limitOf(sql: Sql, age: string): Promise<Date> {
  const [row] = await sql<{ at: Date }[]>`select now() - ${age}::interval as at`
  return row!.at
}

/** Somebody reads the table for long: new evidence must not queue up behind our wish to drop a partition. */
const lockNotAvailable = '55P03'

/**
 * Drops the partitions of `parent` that end before `limit`, oldest first; never the default one. One that is in use is left for
 * the next time. Returns their names.
 */
async function dropBefore(sql: Sql, parent: string, limit: Date): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select c.relname as name
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
      cross join lateral substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \\(''([^'']+)''\\)') as bound(text)
    where i.inhparent = ${parent}::regclass and bound.text::timestamptz <= ${limit}
    order by bound.text::timestamptz`
  const dropped: string[] = []
  for (const { name } of rows)
    try {
      await transaction(sql, async (tx) => {
        await tx`set local lock_timeout = '2s'`
        await tx`drop table ${tx(name)}`
      })
      dropped.push(name)
    } catch (error) {
      if ((error as { code?: string }).code !== lockNotAvailable) throw error
    }
  return dropped
}

const lot = 5_000

async function clearBodies(sql: Sql, limit: Date): Promise<number> {
  return inLots(
    async () =>
      (
        await sql`
          delete from exchange_bodies where (exchange_id, at) in (
            select exchange_id, at from exchange_bodies where at < ${limit} limit ${lot}
          ) returning 1`
      ).length,
  )
}

async function emptyContents(sql: Sql, days: number): Promise<number> {
  return inLots(
    async () =>
      (
        await sql`
          update changes c set content = null where c.id in (
            select c.id from changes c join deliveries l on l.dossier_id = c.dossier_id
            where c.stored_at < now() - ${days} * interval '1 day' and c.content is not null
              and c.id is distinct from l.wanted_change_id and c.id is distinct from l.delivered_change_id
              and c.id is distinct from l.sent_change_id and l.state not in ('sending', 'unknown')
            limit ${lot} for update of l skip locked
          ) returning 1`
      ).length,
  )
}

async function inLots(some: () => Promise<number>): Promise<number> {
  for (let total = 0; ;) {
    const count = await some()
    total += count
    if (count < lot) return total
  }
}

import { transaction, type Sql, type Tx } from '../platform/database.ts'

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
  const bodies = await clearBodies(sql, bodyLimit)
  if (evidenceMonths !== null)
    dropped.push(...(await letGoOfEvidence(sql, await limitOf(sql, `${evidenceMonths} months`))))
  return { made, dropped, bodies, contents: await emptyContents(sql, contentDays) }
}

/**
 * Partitions for this and the next weeks and months, where they are missing. Returns how many were made: none when somebody
 * reads the default partition for long; what has no partition yet is kept there.
 */
export async function makePartitions(sql: Sql): Promise<number> {
  const made = await withoutQueueing(sql, async (tx) => {
    const [row] = await tx<{ made: number }[]>`
      select ensure_partitions('exchanges', 'month', now()::date, (now() + interval '2 months')::date)
        + ensure_partitions('attempts', 'month', now()::date, (now() + interval '2 months')::date)
        + ensure_partitions('exchange_bodies', 'week', now()::date, (now() + interval '2 weeks')::date) as made`
    return row!.made
  })
  return made ?? 0
}

async function limitOf(sql: Sql, age: string): Promise<Date> {
  const [row] = await sql<{ at: Date }[]>`select now() - ${age}::interval as at`
  return row!.at
}

const lockNotAvailable = '55P03'

/**
 * Changes tables, unless somebody reads them for long: then null, and the next time will do. New evidence queues up behind our
 * wish for the lock, so it is given up soon.
 */
async function withoutQueueing<T>(sql: Sql, work: (tx: Tx) => Promise<T>): Promise<T | null> {
  try {
    return await transaction(sql, async (tx) => {
      await tx`set local lock_timeout = '2s'`
      return work(tx)
    })
  } catch (error) {
    if ((error as { code?: string }).code !== lockNotAvailable) throw error
    return null
  }
}

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
    if ((await withoutQueueing(sql, (tx) => tx`drop table if exists ${tx(name)}`)) !== null) dropped.push(name)
  return dropped
}

/** By whole months; and what lies in the default partitions, since nobody drops those. */
async function letGoOfEvidence(sql: Sql, limit: Date): Promise<string[]> {
  const dropped = [...(await dropBefore(sql, 'attempts', limit)), ...(await dropBefore(sql, 'exchanges', limit))]
  await inLots(
    () => sql`
      delete from attempts_default where ctid = any(array(
        select ctid from attempts_default where at < ${limit} limit ${lot}
      )) returning 1`,
  )
  await inLots(
    () => sql`
      delete from exchanges_default where ctid = any(array(
        select ctid from exchanges_default where response_out < ${limit} limit ${lot}
      )) returning 1`,
  )
  return dropped
}

const lot = 5_000

function clearBodies(sql: Sql, limit: Date): Promise<number> {
  // The limit stands twice, so that younger partitions are not even looked at.
  return inLots(
    () => sql`
      delete from exchange_bodies where at < ${limit} and (exchange_id, at) in (
        select exchange_id, at from exchange_bodies where at < ${limit} limit ${lot}
      ) returning 1`,
  )
}

async function inLots(some: () => PromiseLike<readonly unknown[]>): Promise<number> {
  for (let total = 0; ;) {
    const { length } = await some()
    total += length
    if (length < lot) return total
  }
}

/**
 * Walks over the changes once, oldest first, as far as they are old enough. A lane that is on the line keeps everything: what a
 * call carries must be there when its answer comes.
 */
async function emptyContents(sql: Sql, days: number): Promise<number> {
  let total = 0
  for (let after = 0; ;) {
    const [row] = await sql<{ last: number; old: boolean; emptied: number }[]>`
      with walked as (
        select id, dossier_id, stored_at < now() - ${days} * interval '1 day' as old, content is null as empty
        from changes where id > ${after} order by id limit ${lot}
      ), chosen as (
        select w.id from walked w join deliveries l on l.dossier_id = w.dossier_id
        where w.old and not w.empty and w.id is distinct from l.wanted_change_id and w.id is distinct from l.delivered_change_id
          and w.id is distinct from l.sent_change_id and l.state not in ('sending', 'unknown')
        for update of l skip locked
      ), emptied as (
        update changes c set content = null from chosen where c.id = chosen.id returning 1
      )
      select (select max(id) from walked) as last, (select bool_or(old) from walked) as old,
        (select count(*)::int from emptied) as emptied`
    total += row!.emptied
    if (!row!.old) return total
    after = row!.last
  }
}

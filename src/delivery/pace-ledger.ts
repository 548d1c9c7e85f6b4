import type { Sql } from '../platform/database.ts'

/** What of the pace must outlive Redis. */
export interface PaceMemory {
  /** Calls per second that were learned; null when nothing was. */
  readonly rate: number | null
  /** The portal's own limit as it was last met; 0 = not known. */
  readonly mark: number
  /** Milliseconds the portal wants to be left alone. */
  readonly closedFor: number
  readonly closedWhy: string
}

export async function recallPace(sql: Sql, endpoint: string): Promise<PaceMemory> {
  const [row] = await sql<PaceMemory[]>`
    select rate, mark, closed_why as "closedWhy",
      greatest(0, coalesce(extract(epoch from closed_until - now()) * 1000, 0))::float8 as "closedFor"
    from portal_pace where endpoint = ${endpoint}`
  return row ?? { rate: null, mark: 0, closedFor: 0, closedWhy: '' }
}

/** A wish of the portal to be left alone is never shortened by a later, shorter one. */
export async function keepPace(sql: Sql, endpoint: string, memory: PaceMemory): Promise<void> {
  const { rate, mark, closedFor, closedWhy } = memory
  await sql`
    insert into portal_pace as p (endpoint, rate, mark, closed_until, closed_why)
    values (${endpoint}, ${rate}, ${mark}, now() + ${closedFor} * interval '1 millisecond', ${closedWhy})
    on conflict (endpoint) do update set rate = excluded.rate, mark = excluded.mark, updated_at = now(),
      closed_why = case when excluded.closed_until >= p.closed_until then excluded.closed_why else p.closed_why end,
      closed_until = greatest(p.closed_until, excluded.closed_until)`
}

/**
 * Grants up to `block` of the day's calls; all that was granted counts as spent. The day is Vietnam's by the ledger's clock; a clock
 * that goes back by less than a day does not grant a day twice.
 */
export async function grantCalls(
  sql: Sql,
  endpoint: string,
  { block, quota }: { block: number; quota: number },
): Promise<{ calls: number; granted: number }> {
  await sql`insert into portal_pace (endpoint) values (${endpoint}) on conflict do nothing`
  const [row] = await sql<{ calls: number; granted: number }[]>`
    with today as (select (now() at time zone 'UTC' + interval '7 hours')::date as day),
    before as (
      select case when quota_day - today.day in (0, 1) then quota_day else today.day end as day,
        case when quota_day - today.day in (0, 1) then quota_granted else 0 end as granted
      from portal_pace, today where endpoint = ${endpoint} for update of portal_pace
    )
    update portal_pace p set quota_day = before.day, updated_at = now(),
      quota_granted = before.granted + greatest(0, least(${block}::int, ${quota}::int - before.granted))
    from before where p.endpoint = ${endpoint}
    returning p.quota_granted as granted, p.quota_granted - before.granted as calls`
  return row!
}

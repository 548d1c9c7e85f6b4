import type { Sql } from '../platform/database.ts'

/** A hold is noticed by every worker within this time, in milliseconds. */
const fresh = 1_000

/** Did an operator stop all sending? Asked before every call, so the answer is kept for a second. */
export function createHoldWatch(sql: Sql): () => Promise<boolean> {
  let known = { held: false, until: 0 }
  return async () => {
    if (performance.now() < known.until) return known.held
    const rows = await sql`select from delivery_hold`
    known = { held: rows.length > 0, until: performance.now() + fresh }
    return known.held
  }
}

export interface Hold {
  readonly held: boolean
  readonly since: string | null
  readonly actor: string | null
  readonly why: string | null
  /** Dossiers in calls that had left before: they come to their end. */
  readonly onWay: number
}

export async function readHold(sql: Sql): Promise<Hold> {
  const [row] = await sql<{ since: Date | null; actor: string | null; why: string | null; onWay: number }[]>`
    select h.since, h.actor, h.why, lanes.count as "onWay"
    from (select count(*)::int as count from deliveries where state = 'sending') lanes left join delivery_hold h on true`
  const { since, ...rest } = row!
  return { held: since !== null, since: since?.toISOString() ?? null, ...rest }
}

/** Stops all sending: nothing is handed out or claimed, and no further call leaves. The first word stays until it is taken back. */
export async function holdDeliveries(sql: Sql, { actor, why }: { actor: string; why: string }): Promise<Hold> {
  await sql`
    with held as (insert into delivery_hold (actor, why) values (${actor}, ${why}) on conflict do nothing returning why)
    insert into audit (actor, action, subject, detail)
    select ${actor}, 'deliveries.held', 'all', jsonb_build_object('why', held.why) from held`
  return readHold(sql)
}

/** Dossiers go again; false when nothing was held. */
export async function endHold(sql: Sql, { actor, why }: { actor: string; why?: string | undefined }): Promise<boolean> {
  const rows = await sql`
    with ended as (delete from delivery_hold returning since)
    insert into audit (actor, action, subject, detail)
    select ${actor}, 'deliveries.released', 'all', jsonb_build_object('why', ${why ?? ''}::text, 'heldSince', ended.since) from ended
    returning id`
  return rows.length > 0
}

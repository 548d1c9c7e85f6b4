import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Sql } from '../platform/database.ts'
import type { Logger } from '../platform/log.ts'
import { priorities, type Urgency } from './model.ts'

type Role = 'worker' | 'scheduler'

/** The newest sign of life of a role on a queue, over all processes. */
export interface Heartbeat {
  readonly role: Role
  readonly queue: string
  readonly seconds: number
}

export interface Pulse {
  /** Says that work moves here. Writes at most once per `every`; a ledger that is away is no reason to stop working. */
  beat(role: Role, queue: string): Promise<void>
  /** This process stops in order: its silence from now on means nothing. */
  end(): Promise<void>
}

/** The signs of life of one process, kept in the ledger, by whose clock alone their age is read. */
export function createPulse({ sql, every, log }: { sql: Sql; every: number; log: Logger }): Pulse {
  const own = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`
  const next = new Map<string, number>()
  return {
    async beat(role, queue) {
      const now = performance.now()
      if (now < (next.get(`${role} ${queue}`) ?? 0)) return
      next.set(`${role} ${queue}`, now + every)
      await write(sql, own, role, queue).catch((error: unknown) =>
        log.debug({ err: error, role, queue }, 'A sign of life could not be written'),
      )
    },
    async end() {
      await sql`delete from heartbeats where process = ${own}`.catch(() => undefined)
    },
  }
}

/** What processes left behind that were killed is swept with it. */
async function write(sql: Sql, own: string, role: Role, queue: string): Promise<void> {
  await sql`
    with swept as (delete from heartbeats where at < now() - interval '1 day')
    insert into heartbeats (process, role, queue) values (${own}, ${role}, ${queue})
    on conflict (process, role, queue) do update set at = now()`
}

export async function lastBeats(sql: Sql): Promise<Heartbeat[]> {
  return sql<Heartbeat[]>`
    select role, queue, extract(epoch from now() - max(at))::float8 as seconds from heartbeats
    group by role, queue order by role, queue`
}

/** Could a lane of this urgency have been sent for so long? */
export async function isOverdue(sql: Sql, urgency: Urgency, seconds: number): Promise<boolean> {
  const rows = await sql`
    select from deliveries where state in ('waiting', 'unknown') and priority = ${priorities[urgency]}
      and next_at < now() - ${seconds} * interval '1 second' and not exists (select 1 from delivery_hold) limit 1`
  return rows.length > 0
}

import type { Vault } from '../platform/crypto.ts'
import type { Sql } from '../platform/database.ts'
import type { KnownSession, SessionStore } from './portal.ts'

/** The province's one session at the portal, sealed in the ledger: one worker logs in, all use it, Redis never sees it. */
export function createSessionStore(sql: Sql, vault: Vault): SessionStore {
  const context = (endpoint: string) => `session:${endpoint}`
  const cache = new Map<string, { found: KnownSession | null; at: number }>()
  return {
    async read(endpoint, maxAge) {
      const known = cache.get(endpoint)
      if (known && performance.now() - known.at < maxAge) return known.found
      const at = performance.now()
      // How old it is, is said by the clock that stamped it: the database's.
      const [row] = await sql<{ sealed: Buffer; generation: number; age: number }[]>`
        select sealed, generation, (extract(epoch from now() - obtained_at) * 1000)::float8 as age from portal_sessions
        where endpoint = ${endpoint} and sealed is not null`
      const found = row && {
        session: vault.open(row.sealed, context(endpoint)),
        generation: row.generation,
        obtainedAt: at - row.age,
      }
      cache.set(endpoint, { found: found ?? null, at })
      return found ?? null
    },
    async tryLock(endpoint, owner, milliseconds) {
      const rows = await sql`
        insert into portal_sessions as s (endpoint, login_owner, login_until)
        values (${endpoint}, ${owner}, now() + ${milliseconds} * interval '1 millisecond')
        on conflict (endpoint) do update set login_owner = excluded.login_owner, login_until = excluded.login_until
        where s.login_until is null or s.login_until < now()
        returning 1`
      return rows.length > 0
    },
    async write(endpoint, owner, session) {
      const [row] = await sql<{ generation: number }[]>`
        update portal_sessions set sealed = ${vault.seal(session, context(endpoint))}, generation = generation + 1,
          obtained_at = now(), login_until = null
        where endpoint = ${endpoint} and login_owner = ${owner} returning generation`
      // The lock ran out while we logged in: somebody else's session counts, ours still works for this call.
      return row?.generation ?? 0
    },
    async unlock(endpoint, owner) {
      await sql`update portal_sessions set login_until = null where endpoint = ${endpoint} and login_owner = ${owner}`
    },
  }
}

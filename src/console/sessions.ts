import { consoleSessions } from '../../config/console.ts'
import { bothSpellings, type ApiClient, type Spelling } from '../platform/auth.ts'
import { randomSecret, sha256 } from '../platform/crypto.ts'
import type { Sql } from '../platform/database.ts'

/** Who is signed in: kept in the ledger, so that every process knows it and a revoked key ends it at once. */
export interface Sessions {
  /** Returns what the browser is given; it is not stored. `old` is what the browser held before: it ends. */
  open(person: ApiClient, old: string | undefined): Promise<string>
  /**
   * Null: never opened, closed, idle for too long, or its key was revoked. `unattended`: a page asks by itself, which keeps nobody signed in.
   */
  find(token: string, unattended?: boolean): Promise<ApiClient | null>
  close(token: string): Promise<void>
}

export function createSessions(sql: Sql, spelling: Spelling): Sessions {
  const { idleMinutes, longestHours } = consoleSessions
  return {
    async open(person, old) {
      const token = randomSecret()
      await sql`delete from console_sessions where expires_at < now() or token_hash = ${sha256(old ?? '')}`
      await sql`
        with session as (
          insert into console_sessions (token_hash, client_id, expires_at)
          values (${sha256(token)}, ${person.id}, now() + ${longestHours} * interval '1 hour') returning client_id
        )
        insert into audit (actor, action, subject) select 'key:' || client_id, 'console.signed-in', client_id from session`
      return token
    },
    async find(token, unattended = false) {
      const [person] = await sql<(ApiClient & { stale: boolean })[]>`
        select c.id, c.name, c.source, c.rights, c.agencies, c.person, s.seen_at < now() - interval '1 minute' as stale
        from console_sessions s join api_clients c on c.id = s.client_id
        where s.token_hash = ${sha256(token)} and c.revoked_at is null and c.person and s.expires_at > now()
          and s.seen_at > now() - ${idleMinutes} * interval '1 minute'`
      if (!person) return null
      const { stale, ...client } = person
      if (stale && !unattended)
        await sql`
          with seen as (update console_sessions set seen_at = now() where token_hash = ${sha256(token)} returning client_id)
          update api_clients set used_at = now() where id in (select client_id from seen)`
      return bothSpellings(client, spelling)
    },
    async close(token) {
      await sql`
        with session as (delete from console_sessions where token_hash = ${sha256(token)} returning client_id)
        insert into audit (actor, action, subject) select 'key:' || client_id, 'console.signed-out', client_id from session`
    },
  }
}

import { randomBytes, timingSafeEqual } from 'node:crypto'
import { randomSecret, sha256 } from './crypto.ts'
import { transaction, type Sql } from './database.ts'
import { Refusal } from './problems.ts'

export const rights = [
  'dossiers:write',
  'dossiers:read',
  'personal:read',
  'reports:read',
  'deliveries:read',
  'deliveries:resend',
  'webhooks:manage',
  'mappings:read',
  'mappings:write',
  'settings:read',
  'audit:read',
  'queues:read',
  'queues:write',
] as const
export type Right = (typeof rights)[number]

export interface ApiClient {
  readonly id: string
  readonly name: string
  /** The one-stop system behind this key; status mappings are per source. */
  readonly source: string
  readonly rights: readonly Right[]
  /** Agency codes this key speaks for, as it was given them and as the ledger writes them; `*` = all. */
  readonly agencies: readonly string[]
  /** The key of somebody who works at the console; otherwise that of a program. */
  readonly person: boolean
}

interface ClientRow extends ApiClient {
  secret_hash: Buffer
}

const keyForm = /^dvcqg_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/

/** A revoked key stops working within this time on every process, whatever is done to the host's clock. */
const cacheMilliseconds = 5_000

export interface Authority {
  /** Whose key this is; throws a `Refusal` when it is nobody's. */
  identify(key: string): Promise<ApiClient>
  /** Finds the client of an `Authorization` header and checks the right; throws a `Refusal` otherwise. */
  authorise(header: string | undefined, right: Right): Promise<ApiClient>
}

/** The code under which the ledger has a unit, whichever notation it is written in. */
export type Spelling = (agencyCode: string) => string

/** Dossiers, reports and lists are found by the ledger's codes: a key that was given another notation of them has these too. */
export const bothSpellings = <T extends Pick<ApiClient, 'agencies'>>(client: T, spelling: Spelling): T => ({
  ...client,
  agencies: [...new Set([...client.agencies, ...client.agencies.map(spelling)])],
})

/** The agencies that somebody is limited to; undefined: to none. */
export const limitOf = (agencies: readonly string[]) => (agencies.includes('*') ? undefined : agencies)

/** Says that a key was used, at most once a minute: nothing that is asked for waits for it, or fails with it. */
function noteUse(sql: Sql): (id: string) => void {
  const next = new Map<string, number>()
  return (id) => {
    const now = performance.now()
    if (now < (next.get(id) ?? 0)) return
    if (next.size > 10_000) next.clear()
    next.set(id, now + 60_000)
    sql`update api_clients set used_at = now() where id = ${id}`.catch(() => undefined)
  }
}

export function createAuthority(sql: Sql, spelling: Spelling): Authority {
  const used = noteUse(sql)
  const cache = new Map<string, { row: ClientRow | null; until: number }>()
  const find = async (id: string): Promise<ClientRow | null> => {
    const known = cache.get(id)
    if (known && known.until > performance.now()) return known.row
    const until = performance.now() + cacheMilliseconds
    const [row] = await sql<ClientRow[]>`
      select id, name, source, rights, agencies, person, secret_hash from api_clients where id = ${id} and revoked_at is null`
    if (cache.size > 10_000) cache.clear()
    cache.set(id, { row: row ?? null, until })
    return row ?? null
  }
  const identify = async (key: string): Promise<ApiClient> => {
    const [, id, secret] = keyForm.exec(key.trim()) ?? []
    if (!id || !secret) throw new Refusal('invalid-key', 'The key does not have the form of an API key')
    const row = await find(id)
    if (!row || !timingSafeEqual(row.secret_hash, sha256(secret)))
      throw new Refusal('invalid-key', 'The key is not known')
    used(id)
    const { secret_hash: _, ...client } = row
    return bothSpellings(client, spelling)
  }
  return {
    identify,
    async authorise(header, right) {
      if (!header) throw new Refusal('missing-key', 'The header Authorization is missing')
      const client = await identify(header.replace(/^Bearer\s+/i, ''))
      if (!client.rights.includes(right)) throw new Refusal('missing-right', `The key lacks the right ${right}`)
      return client
    },
  }
}

export function speaksFor(client: Pick<ApiClient, 'agencies'>, agencyCode: string): boolean {
  return client.agencies.includes('*') || client.agencies.includes(agencyCode)
}

export interface NewKey {
  readonly name: string
  readonly source: string
  readonly rights: readonly Right[]
  readonly agencies: readonly string[]
  readonly person?: boolean
  readonly by: string
}

/** Creates a key. The returned text is shown once; only its hash is stored. */
export async function createKey(sql: Sql, wish: NewKey): Promise<{ id: string; key: string }> {
  const id = randomBytes(6).toString('hex')
  const secret = randomSecret()
  await sql`
    with client as (
      insert into api_clients (id, name, source, secret_hash, rights, agencies, person, created_by)
      values (${id}, ${wish.name}, ${wish.source}, ${sha256(secret)}, ${[...wish.rights]}, ${[...wish.agencies]}, ${wish.person ?? false}, ${wish.by})
      returning id
    )
    insert into audit (actor, action, subject, detail)
    select ${wish.by}, 'key.created', client.id, ${sql.json({ name: wish.name, rights: [...wish.rights], agencies: [...wish.agencies] })}
    from client`
  return { id, key: `dvcqg_${id}_${secret}` }
}

/** Revokes a key; false when there is no such key in force. */
export async function revokeKey(sql: Sql, id: string, by: string): Promise<boolean> {
  const rows = await sql`
    with client as (
      update api_clients set revoked_at = now() where id = ${id} and revoked_at is null returning id
    )
    insert into audit (actor, action, subject) select ${by}, 'key.revoked', client.id from client returning id`
  return rows.length > 0
}

/** What became of a wish to change the rights of a key; null: no key in force has this id. */
export type RightChange = 'changed' | 'already' | null

/** Gives a key that is in force one more right. */
export const grantRight = (sql: Sql, id: string, right: Right, by: string): Promise<RightChange> =>
  changeRight(sql, { id, right, by, granted: true })

/** Takes a right from a key that is in force. */
export const revokeRight = (sql: Sql, id: string, right: Right, by: string): Promise<RightChange> =>
  changeRight(sql, { id, right, by, granted: false })

interface RightWish {
  readonly id: string
  readonly right: Right
  readonly by: string
  readonly granted: boolean
}

const changeRight = (sql: Sql, { id, right, by, granted }: RightWish): Promise<RightChange> =>
  transaction(sql, async (tx) => {
    const [key] = await tx<{ rights: Right[] }[]>`
      select rights from api_clients where id = ${id} and revoked_at is null for no key update`
    if (!key) return null
    if (key.rights.includes(right) === granted) return 'already'
    const rights = granted ? [...key.rights, right] : key.rights.filter((one) => one !== right)
    await tx`update api_clients set rights = ${rights} where id = ${id}`
    await tx`insert into audit (actor, action, subject, detail)
      values (${by}, ${granted ? 'key.right-granted' : 'key.right-revoked'}, ${id}, ${tx.json({ right })})`
    return 'changed'
  })

export interface KeyLine extends ApiClient {
  readonly createdAt: Date
  readonly createdBy: string
  /** To the minute; null: never, or not since this is noted. */
  readonly usedAt: Date | null
  readonly revokedAt: Date | null
}

export async function listKeys(sql: Sql): Promise<KeyLine[]> {
  return sql`
    select id, name, source, rights, agencies, person, created_at as "createdAt", created_by as "createdBy",
      used_at as "usedAt", revoked_at as "revokedAt"
    from api_clients order by created_at`
}

import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Vault } from '../platform/crypto.ts'
import { transaction, type Sql, type Tx } from '../platform/database.ts'
import { Refusal } from '../platform/problems.ts'
import { EventPattern, newSecret } from './model.ts'
import type { Sender } from './sender.ts'

/** Where events go, and who changed what about it. */

const name = z.string().trim().min(1).max(100)
const url = z.url().max(2000)
const kinds = z.array(EventPattern).min(1).max(20)
const agencies = z.array(z.string().min(1).max(100)).min(1).max(200)

export const NewDestination = z.strictObject({
  name,
  url,
  kinds: kinds.default(['*']),
  agencies: agencies.default(['*']),
})
export type NewDestination = z.output<typeof NewDestination>

export const DestinationChange = z.strictObject({
  name: name.optional(),
  url: url.optional(),
  kinds: kinds.optional(),
  agencies: agencies.optional(),
  state: z.enum(['active', 'paused']).optional(),
})
export type DestinationChange = z.output<typeof DestinationChange>

export interface Destination {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly kinds: readonly string[]
  readonly agencies: readonly string[]
  readonly state: 'active' | 'paused'
  readonly pausedReason: string | null
  readonly brokenSince: Date | null
  readonly lastError: string | null
  readonly createdAt: Date
  readonly createdBy: string
}

export interface DestinationView extends Destination {
  /** Up to `countedUpTo` each. */
  readonly waiting: number
  readonly parked: number
  /** When the oldest that waits was raised. */
  readonly oldestWaiting: Date | null
}

/** Counting stops here: a list must not read a million rows to say "very many". */
export const countedUpTo = 100_000

export async function listDestinations(sql: Sql): Promise<DestinationView[]> {
  return sql<DestinationView[]>`
    select ${columns(sql)},
      (select count(*)::int from (select 1 from event_deliveries e where e.destination_id = d.id and e.state = 'waiting' limit ${countedUpTo}) w) as waiting,
      (select count(*)::int from (select 1 from event_deliveries e where e.destination_id = d.id and e.state = 'parked' limit ${countedUpTo}) p) as parked,
      (select min(o.occurred_at) from outbound_events o where o.id =
        (select e.event_id from event_deliveries e where e.destination_id = d.id and e.state = 'waiting' order by e.next_at, e.event_id limit 1)
      ) as "oldestWaiting"
    from event_destinations d order by d.created_at, d.id`
}

export async function readDestination(sql: Sql, id: string): Promise<Destination | null> {
  const [row] = await sql<Destination[]>`select ${columns(sql)} from event_destinations d where d.id = ${id}`
  return row ?? null
}

const columns = (sql: Sql | Tx) => sql`
  d.id, d.name, d.url, d.kinds, d.agencies, d.state, d.paused_reason as "pausedReason", d.broken_since as "brokenSince",
  d.last_error as "lastError", d.created_at as "createdAt", d.created_by as "createdBy"`

/** What the desk for destinations needs. */
export interface DestinationDeps {
  readonly sql: Sql
  readonly vault: Vault
  readonly sender: Pick<Sender, 'check'>
}

/** The secret is told here and never again. */
export async function addDestination(
  { sql, vault, sender }: DestinationDeps,
  wish: NewDestination,
  by: string,
): Promise<{ id: string; secret: string }> {
  await orRefuse(sender, wish.url)
  const id = `wh_${randomBytes(8).toString('hex')}`
  const secret = newSecret()
  await nameFree(() =>
    transaction(sql, async (tx) => {
      await tx`
        insert into event_destinations (id, name, url, secrets, kinds, agencies, created_by)
        values (${id}, ${wish.name}, ${wish.url}, ${sealed(vault, id, [secret])}, ${wish.kinds}, ${wish.agencies}, ${by})`
      await note(tx, by, 'webhook.added', id, { name: wish.name, kinds: wish.kinds, agencies: wish.agencies })
    }),
  )
  return { id, secret }
}

/** False when there is no such destination. Resuming also forgets that it was down. */
export async function changeDestination(
  { sql, sender }: Omit<DestinationDeps, 'vault'>,
  id: string,
  change: DestinationChange,
  by: string,
): Promise<boolean> {
  if (change.url !== undefined) await orRefuse(sender, change.url)
  const { state } = change
  return nameFree(() =>
    transaction(sql, async (tx) => {
      const rows = await tx`
        update event_destinations set
          name = coalesce(${change.name ?? null}, name), url = coalesce(${change.url ?? null}, url),
          kinds = coalesce(${change.kinds ?? null}::text[], kinds), agencies = coalesce(${change.agencies ?? null}::text[], agencies),
          state = coalesce(${state ?? null}, state),
          paused_reason = case ${state ?? ''} when 'paused' then 'operator' when 'active' then null else paused_reason end
          ${state === 'active' || change.url !== undefined ? tx`, failures = 0, broken_since = null, probe_at = null, last_error = null` : tx``}
        where id = ${id} returning id`
      // An address may hold a token of its own: that it changed is enough for the audit.
      const { url: address, ...rest } = change
      if (rows.length > 0) await note(tx, by, 'webhook.changed', id, { ...rest, address: address !== undefined })
      return rows.length > 0
    }),
  )
}

/** Its events and their log go with it. */
export async function removeDestination(sql: Sql, id: string, by: string): Promise<boolean> {
  return transaction(sql, async (tx) => {
    const rows = await tx<{ name: string }[]>`delete from event_destinations where id = ${id} returning name`
    if (rows.length === 0) return false
    await tx`delete from event_deliveries where destination_id = ${id}`
    await tx`delete from event_attempts where destination_id = ${id}`
    await note(tx, by, 'webhook.removed', id, { name: rows[0]!.name })
    return true
  })
}

/** Puts a new secret in front; the one before stays in force until the next rotation, or until `dropOld`. Null: no such destination. */
export async function rotateSecret(
  { sql, vault }: Pick<DestinationDeps, 'sql' | 'vault'>,
  id: string,
  by: string,
): Promise<string | null> {
  const secret = newSecret()
  const isDone = await changeSecrets(sql, vault, id, ([newest]) => [secret, newest!])
  if (!isDone) return null
  await note(sql, by, 'webhook.secret-rotated', id, {})
  return secret
}

/** Ends a rotation: only the newest secret signs. */
export async function dropOldSecret(
  { sql, vault }: Pick<DestinationDeps, 'sql' | 'vault'>,
  id: string,
  by: string,
): Promise<boolean> {
  const isDone = await changeSecrets(sql, vault, id, ([newest]) => [newest!])
  if (isDone) await note(sql, by, 'webhook.old-secret-dropped', id, {})
  return isDone
}

function changeSecrets(
  sql: Sql,
  vault: Vault,
  id: string,
  change: (secrets: readonly string[]) => string[],
): Promise<boolean> {
  return transaction(sql, async (tx) => {
    const [row] = await tx<{ secrets: Buffer }[]>`select secrets from event_destinations where id = ${id} for update`
    if (!row) return false
    await tx`
      update event_destinations set secrets = ${sealed(vault, id, change(secretsOf(vault, id, row.secrets)))} where id = ${id}`
    return true
  })
}

/** Where to send and with what to sign, read anew for every batch. */
export async function readTarget(
  sql: Sql,
  vault: Vault,
  id: string,
): Promise<{ url: string; secrets: readonly string[] } | null> {
  const [row] = await sql<{ url: string; secrets: Buffer }[]>`
    select url, secrets from event_destinations where id = ${id}`
  return row ? { url: row.url, secrets: secretsOf(vault, id, row.secrets) } : null
}

const sealed = (vault: Vault, id: string, secrets: readonly string[]) =>
  vault.seal(JSON.stringify(secrets), `webhook:${id}`)
const secretsOf = (vault: Vault, id: string, value: Buffer) =>
  JSON.parse(vault.open(value, `webhook:${id}`)) as string[]

async function orRefuse(sender: Pick<Sender, 'check'>, address: string): Promise<void> {
  const problem = await sender.check(address)
  if (problem) throw new Refusal('destination-forbidden', `url: ${problem}`, { field: 'url' })
}

async function nameFree<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if ((error as { code?: string }).code === '23505')
      throw new Refusal('destination-exists', 'name: another destination has it', { field: 'name' })
    throw error
  }
}

async function note(sql: Sql | Tx, by: string, action: string, id: string, detail: Record<string, unknown>) {
  await sql`insert into audit (actor, action, subject, detail) values (${by}, ${action}, ${id}, ${sql.json(detail as never)})`
}

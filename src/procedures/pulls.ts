import type { Sql, Tx } from '../platform/database.ts'

/** Lists as they came from the portal, or as files: what became of each. */

export interface Applied {
  readonly pull: number
  readonly applied: boolean
  /** Rows that are new or different. */
  readonly changed: number
  /** Why it was held. */
  readonly note: string
}

export interface Origin {
  readonly startedAt?: Date
  readonly origin?: PullOrigin
  /** It covers a part of the catalogue, as one ministry's decision does: nothing is missing in it. */
  readonly partial?: boolean
  /** Who brought the list, or applies one that had been held, and why. */
  readonly by?: string
  readonly why?: string
  /** Applied although it shrank: somebody looked at it. */
  readonly meant?: boolean
  /** The portal may not know such a list. */
  readonly optional?: boolean
}

export interface Pull {
  readonly service: string
  readonly outcome: 'applied' | 'held' | 'failed'
  readonly rows: number
  readonly note: string
  /** The portal may not know it: without it nothing else is amiss. */
  readonly optional?: boolean
}

export async function recordPull(sql: Sql, startedAt: Date, pull: Pull): Promise<void> {
  await sql`insert into pulls (service, started_at, finished_at, rows, outcome, note, optional)
    values (${pull.service}, ${startedAt}, now(), ${pull.rows}, ${pull.outcome}, ${pull.note}, ${pull.optional === true})`
}

export const pullOrigins = ['portal', 'file'] as const
export type PullOrigin = (typeof pullOrigins)[number]

/** Keeps the rows of a list that is held, for somebody who looks at it; of the newest of its kind alone, and none once a newer one came. */
export async function keepHeldRows(tx: Tx, { service, id, rows }: HeldRows): Promise<void> {
  await tx`update pulls set list = null where service = ${service} and list is not null`
  if (rows.length > 0) await tx`update pulls set list = ${tx.json(rows as never)} where id = ${id}`
}

interface HeldRows {
  readonly service: string
  readonly id: number
  readonly rows: readonly unknown[]
}

/** Lists that are held when they shrink, and that a person may apply all the same. */
export const heldLists = ['procedures', 'unit-procedures', 'services'] as const
export type HeldList = (typeof heldLists)[number]

export interface PullLine extends Pick<Pull, 'outcome' | 'rows' | 'note'> {
  readonly id: number
  readonly list: HeldList
  readonly at: string
  readonly origin: PullOrigin
  /** It covered a part of the catalogue. */
  readonly partial: boolean
  /** Who brought it as a file, or applied it although it had been held, and why. */
  readonly by: string | null
  readonly why: string | null
  /** It was held and can be applied: nothing newer was. */
  readonly appliable: boolean
  /** How many changes of each kind it brought. */
  readonly changes: Readonly<Record<string, number>>
}

/** Lists as they came, the newest first. */
export const listPulls = (sql: Sql, limit: number, list: HeldList = 'procedures'): Promise<PullLine[]> =>
  pullLines(sql, sql`where p.service = ${list} order by p.id desc limit ${limit}`)

/** Lists of every kind that are held and can be applied. */
export const heldPulls = (sql: Sql): Promise<PullLine[]> =>
  pullLines(sql, sql`where p.list is not null order by p.id desc`)

const pullLines = (sql: Sql, which: ReturnType<Sql>): Promise<PullLine[]> => sql<PullLine[]>`
  select p.id, p.service as list, to_char(p.finished_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at, p.outcome, p.rows, p.note,
    p.origin, p.partial, coalesce(c.name, p.decided_by) as by, p.why, p.list is not null as appliable, coalesce(k.changes, '{}') as changes
  from pulls p left join api_clients c on p.decided_by = 'key:' || c.id
  left join lateral (
    select jsonb_object_agg(kind, count) as changes
    from (select kind, count(*)::int as count from national_changes where pull_id = p.id group by 1) kinds
  ) k on true
  ${which}`

/** Keeps a list that was applied or held. */
export async function insertPull(
  tx: Tx,
  { startedAt = new Date(), origin = 'portal', partial = false, optional = false, by, why }: Origin,
  pull: Pull,
): Promise<number> {
  const [row] = await tx<{ id: number }[]>`
    insert into pulls (service, started_at, finished_at, rows, outcome, note, origin, partial, optional, decided_by, why)
    values (${pull.service}, ${startedAt}, now(), ${pull.rows}, ${pull.outcome}, ${pull.note}, ${origin}, ${partial}, ${optional},
      ${by ?? null}, ${why ?? null})
    returning id`
  return row!.id
}

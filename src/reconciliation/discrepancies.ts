import { z } from 'zod'
import type { Difference } from '../delivery/portal.ts'
import type { Fragment, Sql, Tx } from '../platform/database.ts'
import { transaction } from '../platform/database.ts'

/**
 * What disagrees, from the run that found it until both sides agree or a person says that it may stay. A run reports; resolving is an act of
 * its own, kept with who and why; and only another look closes what was repaired.
 */

/** With whom the ledger disagrees: the portal, or the province's own register. */
export const sides = ['portal', 'register'] as const
export type Side = (typeof sides)[number]

export const discrepancyKinds = [
  'different',
  'missing-there',
  'missing-here',
  'missing-everywhere',
  'not-in-register',
] as const
/**
 * `different`: both hold it, fields differ. With the portal: `missing-there`: delivered, and the portal does not hold it; `missing-here`: the register has
 * it and the portal holds it, the ledger does not; `missing-everywhere`: only the register has it. With the register: `not-in-register`; what the ledger
 * lacks of it is among the former, because the portal is asked for it.
 */
export type DiscrepancyKind = (typeof discrepancyKinds)[number]

export const acts = ['resend', 'accept', 'ignore'] as const
/** `resend`: send it again to the portal; `accept`: the portal is right, or the ledger against the register; `ignore`: it may stay as it is. The last two close it until it changes. */
export type DiscrepancyAct = (typeof acts)[number]

export interface Seen {
  readonly code: string
  readonly kind: DiscrepancyKind
  readonly fields: readonly Difference[]
}

export interface Looked {
  readonly side: Side
  /** When the looks began: what was seen, closed or acted on since then is newer than they are. */
  readonly at: string
  readonly found: readonly Seen[]
  readonly agreed: readonly Agreed[]
}

export interface Agreed {
  readonly code: string
  /** The fields that were compared; left out: all. What was not compared may still differ. */
  readonly fields?: readonly string[]
}

/**
 * Opens what a stretch of a run found, renews what was open, and closes what agrees now. What a person let stay is not opened again while it is the same.
 * Runs look at the same time: an older look does not overrule a newer one, nor an act after it.
 */
export async function keepDiscrepancies(tx: Tx, run: number, { side, at, found, agreed }: Looked): Promise<void> {
  if (agreed.length > 0)
    await tx`
      update discrepancies d set closed_at = now(), closed_how = 'agreed', closed_run = ${run}
        ${side === 'register' ? tx`, seen_at = ${at}::timestamptz` : tx``}
      from unnest(
        ${agreed.map(({ code }) => code)}::text[], ${agreed.map(({ fields }) => (fields ? JSON.stringify(fields) : null))}::text[]
      ) as a(code, fields)
      where d.closed_at is null and d.side = ${side} and d.seen_at <= ${at}::timestamptz and d.code = a.code
        and (a.fields is null or not exists (
          select 1 from jsonb_array_elements(d.fields) as one where not a.fields::jsonb ? (one ->> 'field')
        ))`
  if (found.length === 0) return
  // A register speaks of its own moment, whenever it is handed in: one that agrees is older than one that speaks of a later moment.
  const closedAt =
    side === 'register' ? tx`case when c.closed_how = 'agreed' then c.seen_at else c.closed_at end` : tx`c.closed_at`
  await tx`
    with found as (
      select r.code, r.kind, r.fields::jsonb as fields from unnest(
        ${found.map(({ code }) => code)}::text[], ${found.map(({ kind }) => kind)}::text[],
        ${found.map(({ fields }) => JSON.stringify(fields))}::text[]
      ) as r(code, kind, fields)
    ), settled as (
      select distinct on (code) code, kind, fields from discrepancies
      where closed_how in ('accept', 'ignore') and side = ${side} and code in (select code from found) order by code, id desc
    )
    insert into discrepancies (side, code, agency_code, kind, fields, opened_run, seen_at, seen_run)
    select ${side}, f.code, d.agency_code, f.kind, f.fields, ${run}, ${at}::timestamptz, ${run}
    from found f left join dossiers d using (code)
    where not exists (select 1 from settled s where (s.code, s.kind, s.fields) = (f.code, f.kind, f.fields))
      and not exists (select 1 from discrepancies c where c.side = ${side} and c.code = f.code and ${closedAt} > ${at}::timestamptz)
    on conflict (side, code) where closed_at is null do update set
      agency_code = excluded.agency_code, kind = excluded.kind, fields = excluded.fields, seen_at = excluded.seen_at, seen_run = excluded.seen_run,
      seen = discrepancies.seen + 1,
      -- It was acted on before and is still there: it waits for somebody again.
      act = case when discrepancies.acted_at > excluded.seen_at then discrepancies.act end,
      acted_at = case when discrepancies.acted_at > excluded.seen_at then discrepancies.acted_at end,
      acted_by = case when discrepancies.acted_at > excluded.seen_at then discrepancies.acted_by end,
      why = case when discrepancies.acted_at > excluded.seen_at then discrepancies.why end
    where discrepancies.seen_at <= excluded.seen_at`
}

export const DiscrepancyFilter = z.strictObject({
  /** `open`: waits for somebody; `acted`: was acted on and not seen since; `closed`. */
  state: z.enum(['open', 'acted', 'closed']).default('open'),
  /** With whom; left out: both. */
  side: z.enum(sides).optional(),
  kind: z.enum(discrepancyKinds).optional(),
  agency: z.string().max(50).optional(),
  /** A field that differs. */
  field: z.string().max(100).optional(),
  run: z.coerce.number().int().min(1).optional(),
})
export type DiscrepancyFilter = z.output<typeof DiscrepancyFilter> & {
  /** Agencies the reader is limited to. */
  readonly agencies?: readonly string[] | undefined
}

export interface Discrepancy extends Seen {
  readonly id: number
  readonly side: Side
  readonly agencyCode: string | null
  readonly agencyName: string | null
  readonly openedAt: string
  readonly openedRun: number
  readonly seenAt: string
  readonly seenRun: number
  readonly seen: number
  readonly act: DiscrepancyAct | null
  readonly actedAt: string | null
  readonly actedBy: string | null
  readonly why: string | null
  readonly closedAt: string | null
  readonly closedHow: 'agreed' | 'accept' | 'ignore' | null
}

/** A dossier may have moved to another agency since it was seen: whose it is now, is asked to mend it. */
const agencyNow = (sql: Sql | Tx) =>
  sql`coalesce((select d.agency_code from dossiers d where d.code = discrepancies.code), discrepancies.agency_code)`

function chosen(sql: Sql | Tx, { state, side, kind, agency, field, run, agencies }: DiscrepancyFilter): Fragment {
  const where = {
    open: sql`closed_at is null and act is null`,
    acted: sql`closed_at is null and act is not null`,
    closed: sql`closed_at is not null`,
  }[state]
  return sql`${where}
    ${side === undefined ? sql`` : sql`and side = ${side}`}
    ${kind === undefined ? sql`` : sql`and kind = ${kind}`}
    ${agency === undefined ? sql`` : sql`and ${agencyNow(sql)} = ${agency}`}
    ${agencies === undefined ? sql`` : sql`and ${agencyNow(sql)} = any(${[...agencies]}::text[])`}
    ${run === undefined ? sql`` : sql`and seen_run = ${run}`}
    ${field === undefined ? sql`` : sql`and fields @> ${sql.json([{ field }])}`}`
}

const instant = (sql: Sql, column: Fragment) => sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`

/** The oldest first: what waits longest is what is forgotten. */
export async function listDiscrepancies(
  sql: Sql,
  filter: DiscrepancyFilter,
  { after = 0, limit }: { readonly after?: number | undefined; readonly limit: number },
): Promise<{ discrepancies: Discrepancy[]; next: number | null }> {
  const rows = await sql<Discrepancy[]>`
    select x.id, x.side, x.code, x.agency_now as "agencyCode", a.name as "agencyName", x.kind, x.fields,
      ${instant(sql, sql`x.opened_at`)} as "openedAt", x.opened_run as "openedRun", ${instant(sql, sql`x.seen_at`)} as "seenAt",
      x.seen_run as "seenRun", x.seen, x.act, ${instant(sql, sql`x.acted_at`)} as "actedAt", coalesce(c.name, x.acted_by) as "actedBy",
      x.why, ${instant(sql, sql`x.closed_at`)} as "closedAt", x.closed_how as "closedHow"
    from (
      select *, ${agencyNow(sql)} as agency_now from discrepancies where id > ${after} and ${chosen(sql, filter)} order by id limit ${limit + 1}
    ) x
    left join agencies a on a.code = x.agency_now left join api_clients c on x.acted_by = 'key:' || c.id order by x.id`
  const shown = rows.slice(0, limit)
  return { discrepancies: shown, next: rows.length > limit ? shown.at(-1)!.id : null }
}

export interface DiscrepancySum {
  readonly side: Side
  readonly kind: DiscrepancyKind
  readonly state: 'open' | 'acted'
  readonly count: number
  /** When the oldest of them was opened. */
  readonly since: string
}

export const sumDiscrepancies = (sql: Sql, agencies?: readonly string[]): Promise<DiscrepancySum[]> => sql<
  DiscrepancySum[]
>`
  select side, kind, case when act is null then 'open' else 'acted' end as state, count(*)::int as count,
    ${instant(sql, sql`min(opened_at)`)} as since
  from discrepancies where closed_at is null
    ${agencies === undefined ? sql`` : sql`and ${agencyNow(sql)} = any(${[...agencies]}::text[])`}
  group by 1, 2, 3 order by 1, 2, 3`

/** Brings dossiers to the portal as they should be there; how many were set going. Those on their way already are left alone. */
export type Resend = (codes: readonly string[], act: { readonly by: string; readonly why: string }) => Promise<number>

/** Most that one act takes: more is a question for the delivery's own replays. */
export const mostAtOnce = 10_000

export interface Resolved {
  /** Discrepancies that were chosen. */
  readonly chosen: number
  /** Of them done: sent again, accepted or ignored. */
  readonly done: number
  /** Left as they are: what is not in the ledger cannot be sent. */
  readonly left: number
}

export interface Resolution {
  readonly filter: DiscrepancyFilter
  /** Only these of them. */
  readonly ids?: readonly number[] | undefined
  readonly act: DiscrepancyAct
  readonly by: string
  readonly why: string
}

/** What `resolve` would do; changes nothing. */
export async function foresee(sql: Sql, wish: Pick<Resolution, 'filter' | 'ids' | 'act'>): Promise<Resolved> {
  const rows = await chosenRows(sql, wish)
  const done = rows.filter((row) => canBe(wish.act, row)).length
  return { chosen: rows.length, done, left: rows.length - done }
}

/** Acts on what a filter chooses, at most `mostAtOnce`. What is sent again stays until a look at the portal says that it agrees. */
export async function resolve(sql: Sql, wish: Resolution, resend: Resend): Promise<Resolved> {
  const { act, by, why } = wish
  const rows = await chosenRows(sql, wish)
  const able = rows.filter((row) => canBe(act, row))
  // Sent first: an act that is kept was begun.
  if (act === 'resend' && able.length > 0)
    await resend(
      able.map(({ code }) => code),
      { by, why },
    )
  const ids = able.map(({ id }) => id)
  await transaction(sql, async (tx) => {
    await tx`
      update discrepancies set act = ${act}, acted_at = now(), acted_by = ${by}, why = ${why}
        ${act === 'resend' ? tx`` : tx`, closed_at = now(), closed_how = ${act}`}
      where id = any(${ids}::bigint[]) and closed_at is null`
    if (ids.length > 0)
      await tx`
        insert into audit (actor, action, subject, detail)
        values (${by}, ${`discrepancies.${act}`}, ${`${ids.length} discrepancies`}, ${tx.json({ why, ids: ids.slice(0, 1000) })})`
  })
  return { chosen: rows.length, done: able.length, left: rows.length - able.length }
}

interface Chosen {
  readonly id: number
  readonly code: string
  readonly side: Side
  readonly kind: DiscrepancyKind
}

/** At most `mostAtOnce` of those that are open, the oldest first. */
export const chosenRows = (sql: Sql, { filter, ids }: Pick<Resolution, 'filter' | 'ids'>): Promise<Chosen[]> => sql<
  Chosen[]
>`
  select id, code, side, kind from discrepancies
  where closed_at is null and ${chosen(sql, filter)} ${ids === undefined ? sql`` : sql`and id = any(${[...ids]}::bigint[])`}
  order by id limit ${mostAtOnce}`

/** What the register has otherwise is pushed again by the one-stop system: sending what is here would mend nothing. */
const canBe = (act: DiscrepancyAct, { side, kind }: Chosen) =>
  act !== 'resend' || (side === 'portal' && (kind === 'different' || kind === 'missing-there'))

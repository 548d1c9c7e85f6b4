import { z } from 'zod'
import { failures, type Failure } from '../../config/failures.ts'
import type { Fragment, Sql } from '../platform/database.ts'
import { Refusal } from '../platform/problems.ts'
import { priorities, type LaneState } from './model.ts'
import type { Scope } from './replay-filter.ts'

/** The open lanes for people: what stopped, is in doubt, is being sent or waits, with ages and next steps. No personal data. */

export type OpenState = Exclude<LaneState, 'delivered'>
/** In the order in which they ask for attention. */
export const openStates = ['parked', 'blocked', 'unknown', 'sending', 'waiting'] as const satisfies readonly OpenState[]

export interface CauseInWords {
  readonly vi: Failure['vi']
  readonly en: Failure['en']
}

export interface LaneLine {
  readonly code: string
  readonly agency: string
  readonly procedure: string
  readonly nationalCode: string | null
  readonly state: LaneState
  /** Why it stopped, or what it waits for: a code of the catalogue of failures. Null when it is delivered. */
  readonly reason: string | null
  readonly words: CauseInWords | null
  /** The field at fault, when one is. */
  readonly field: string | null
  /** Seconds since it became due for the portal. */
  readonly age: number
  readonly nextAttemptAt: string | null
  readonly attempts: number
  /** The portal's own code and words, masked, or what is wrong with the field. */
  readonly errorCode: string | null
  readonly errorText: string | null
  /** The replay that set it going. */
  readonly replay: number | null
}

export interface LaneFilter {
  readonly state?: OpenState | undefined
  readonly reason?: string | undefined
  readonly agency?: string | undefined
  readonly procedure?: string | undefined
  /** One dossier, whatever its state. */
  readonly code?: string | undefined
  /** The portal's own code for the error. */
  readonly error?: string | undefined
  /** Due for at least so many hours. */
  readonly olderThan?: number | undefined
  /** Where the last page ended. */
  readonly after?: string | undefined
  readonly limit: number
}

interface LaneRow extends Omit<LaneLine, 'words' | 'nextAttemptAt'> {
  readonly id: number
  readonly priority: number
  readonly nextAt: Date
  readonly dueMicros: number
  readonly nextMicros: number
}

/**
 * One page. Stopped lanes come oldest first, waiting ones in the order in which they are handed out; without a state the lists follow
 * one another. A page is read along an index, so that it comes quickly however many lanes there are.
 */
export async function listLanes(
  sql: Sql,
  filter: LaneFilter,
  scope: Scope,
): Promise<{ deliveries: LaneLine[]; next: string | null }> {
  const { limit, code } = filter
  if (code !== undefined) {
    const rows = await pageOf(sql, { where: sql`d.code = ${code}`, order: orders.id(sql), limit: 1 }, filter, scope)
    return { deliveries: rows.map(lineOf), next: null }
  }
  const place = filter.after === undefined ? null : placeOf(filter.after)
  const sections = sectionsOf(filter, scope)
  const from =
    place === null
      ? 0
      : Math.max(
          0,
          sections.findIndex((section) => holds(section, place)),
        )
  const rows: LaneRow[] = []
  for (const section of sections.slice(from)) {
    const begin = place !== null && holds(section, place) ? sql`and ${after(sql, place)}` : sql``
    const where = sql`${stateIs(sql, section.state)} ${turnIs(sql, section)} ${begin}`
    const page = { where, order: orders[orderOf[section.state]](sql), limit: limit + 1 - rows.length }
    rows.push(...(await pageOf(sql, page, filter, scope)))
    if (rows.length > limit) break
  }
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return { deliveries: shown.map(lineOf), next: rows.length > limit && last ? cursorOf(last) : null }
}

/** A stretch of the list that is read along one index. */
interface Section {
  readonly state: OpenState
  readonly turn?: { readonly priority: number; readonly agency: string }
}

/** Waiting lanes of some agencies only are read agency by agency: a few among a million others are found at once. */
function sectionsOf({ state, agency }: LaneFilter, scope: Scope): Section[] {
  const states: readonly OpenState[] = state === undefined ? openStates : [state]
  const agencies = agency === undefined ? scope : [agency]
  const turns =
    agencies && Object.values(priorities).flatMap((priority) => agencies.map((code) => ({ priority, agency: code })))
  return states.flatMap((one) =>
    one === 'waiting' && turns ? turns.map((turn) => ({ state: one, turn })) : [{ state: one }],
  )
}

const holds = ({ state, turn }: Section, place: Place): boolean =>
  state === place.state && (!turn || (turn.priority === place.priority && turn.agency === place.agency))

const turnIs = (sql: Sql, { turn }: Section) =>
  turn ? sql`and l.priority = ${turn.priority}::smallint and l.agency_code = ${turn.agency}` : sql``

/** Written out by state, so that the partial indexes can be used. */
function stateIs(sql: Sql, state: OpenState) {
  const is = {
    parked: sql`l.state = 'parked'`,
    blocked: sql`l.state = 'blocked'`,
    unknown: sql`l.state = 'unknown'`,
    sending: sql`l.state = 'sending'`,
    waiting: sql`l.state = 'waiting'`,
  }
  return is[state]
}

const orders = {
  age: (sql: Sql) => sql`l.due_since, l.dossier_id`,
  turn: (sql: Sql) => sql`l.priority, l.agency_code, l.next_at, l.dossier_id`,
  id: (sql: Sql) => sql`l.dossier_id`,
}
const orderOf: Readonly<Record<OpenState, keyof typeof orders>> = {
  parked: 'age',
  blocked: 'age',
  waiting: 'turn',
  unknown: 'id',
  sending: 'id',
}

/** Where a page ended: the last row's place in the order of its state. Times in microseconds. */
const Place = z.strictObject({
  state: z.enum(openStates),
  due: z.number().int(),
  next: z.number().int(),
  priority: z.number().int().min(0).max(9),
  agency: z.string().max(100),
  id: z.number().int(),
})
type Place = z.output<typeof Place>

const cursorOf = ({ state, dueMicros, nextMicros, priority, agency, id }: LaneRow): string =>
  Buffer.from(JSON.stringify({ state, due: dueMicros, next: nextMicros, priority, agency, id })).toString('base64url')

function placeOf(cursor: string): Place {
  try {
    return Place.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  } catch {
    throw new Refusal('invalid-field', 'after is not what a list gave out', { field: 'after' })
  }
}

const instant = (sql: Sql, micros: number) => sql`timestamptz 'epoch' + ${micros}::float8 * interval '1 microsecond'`

function after(sql: Sql, { state, due, next, priority, agency, id }: Place) {
  const order = orderOf[state]
  if (order === 'age') return sql`(l.due_since, l.dossier_id) > (${instant(sql, due)}, ${id}::bigint)`
  if (order === 'id') return sql`l.dossier_id > ${id}::bigint`
  return sql`(l.priority, l.agency_code, l.next_at, l.dossier_id) >
    (${priority}::smallint, ${agency}::text, ${instant(sql, next)}, ${id}::bigint)`
}

/** What an open lane is about when the ledger holds no nearer reason. */
const standing = (sql: Sql) => sql`case
  when l.state in ('parked', 'blocked') then l.state
  when l.state = 'unknown' then 'outcome-unknown'
  when l.state = 'waiting' and l.attempts > 0 then 'retrying'
  when l.state in ('waiting', 'sending') then 'waiting-for-portal' end`

/** One agency is looked for in an index, several are not. */
function within(sql: Sql, scope: Scope) {
  if (scope === null) return sql``
  return scope.length === 1
    ? sql`and l.agency_code = ${scope[0]!}`
    : sql`and l.agency_code = any(${[...scope]}::text[])`
}

/** A reason that stands for "none nearer is known" is in no index; any other is. */
const reasonIs = (sql: Sql, reason: string) =>
  standings.includes(reason)
    ? sql`(l.reason = ${reason} or l.reason is null and ${standing(sql)} = ${reason})`
    : sql`l.reason = ${reason}`
const standings: readonly string[] = ['outcome-unknown', 'retrying', 'waiting-for-portal']

interface Page {
  readonly where: Fragment
  readonly order: Fragment
  readonly limit: number
}

async function pageOf(
  sql: Sql,
  { where, order, limit }: Page,
  { reason, agency, procedure, error, olderThan }: LaneFilter,
  scope: Scope,
): Promise<LaneRow[]> {
  return sql<LaneRow[]>`
    select d.code, l.agency_code as agency, d.procedure_code as procedure, l.national_code as "nationalCode", l.state,
      coalesce(l.reason, ${standing(sql)}) as reason, l.detail->>'field' as field,
      extract(epoch from now() - l.due_since)::float8 as age, l.next_at as "nextAt", l.attempts,
      l.detail->>'code' as "errorCode", l.detail->>'text' as "errorText", i.replay_id as replay, l.dossier_id as id, l.priority,
      (extract(epoch from l.due_since) * 1000000)::bigint as "dueMicros",
      (extract(epoch from l.next_at) * 1000000)::bigint as "nextMicros"
    from deliveries l join dossiers d on d.id = l.dossier_id
      left join replay_items i on i.dossier_id = l.dossier_id and i.state = 'released'
    where ${where}
      ${reason === undefined ? sql`` : sql`and ${reasonIs(sql, reason)}`}
      ${agency === undefined ? sql`` : sql`and l.agency_code = ${agency}`}
      ${within(sql, scope)}
      ${procedure === undefined ? sql`` : sql`and d.procedure_code = ${procedure}`}
      ${error === undefined ? sql`` : sql`and l.detail->>'code' = ${error}`}
      ${olderThan === undefined ? sql`` : sql`and l.due_since < now() - ${olderThan}::float8 * interval '1 hour'`}
    order by ${order} limit ${limit}`
}

function lineOf(row: LaneRow): LaneLine {
  const { id: _id, priority: _priority, dueMicros: _due, nextMicros: _next, nextAt, reason, age, ...line } = row
  const tried = row.state === 'waiting' || row.state === 'unknown'
  return {
    ...line,
    reason,
    words: wordsOf(reason),
    age: Math.round(age),
    nextAttemptAt: tried ? nextAt.toISOString() : null,
  }
}

/** The catalogue's words for a reason: cause and next step. */
export function wordsOf(reason: string | null): CauseInWords | null {
  if (reason === null || !Object.hasOwn(failures, reason)) return null
  const { vi, en } = failures[reason as keyof typeof failures]
  return { vi, en }
}

export interface LaneGroup {
  readonly state: OpenState
  readonly reason: string
  readonly words: CauseInWords | null
  readonly count: number
  /** Age of the oldest, in seconds since it became due for the portal. */
  readonly oldest: number
}

/** What is not delivered, by state and reason. */
export async function summariseLanes(sql: Sql, scope: Scope): Promise<LaneGroup[]> {
  const part = (where: Fragment) => sql`
    select l.state, coalesce(l.reason, ${standing(sql)}) as reason, count(*)::int as count,
      extract(epoch from now() - min(l.due_since))::float8 as oldest
    from deliveries l where ${where} ${within(sql, scope)}
    group by 1, 2`
  const rows = await sql<Omit<LaneGroup, 'words'>[]>`
    ${part(sql`l.state in ('blocked', 'parked')`)}
    union all ${part(sql`l.state in ('waiting', 'unknown')`)}
    union all ${part(sql`l.state = 'sending'`)}`
  return rows
    .map((row) => ({ ...row, oldest: Math.round(row.oldest), words: wordsOf(row.reason) }))
    .sort((a, b) => openStates.indexOf(a.state) - openStates.indexOf(b.state) || b.count - a.count)
}

import { createHash, randomUUID } from 'node:crypto'
import { countersVersion } from '../../config/counters.ts'
import type { Answer, Portal } from '../delivery/portal.ts'
import { transaction, type Sql, type Tx } from '../platform/database.ts'
import { Refusal } from '../platform/problems.ts'
import type { SentFigures, SentUnit } from './model.ts'

/** Counters as they were sent: asked for by a person or the schedule, carried to the portal once, kept for good. */

export type ReportState = 'waiting' | 'sent' | 'unknown' | 'refused'

export interface Report {
  readonly id: number
  /** `yyyy-MM`. */
  readonly month: string
  readonly code: string
  readonly name: string
  readonly kind: string
  readonly version: number
  readonly rules: string
  readonly figures: SentFigures
  readonly state: ReportState
  /** A call may be under way. */
  readonly onWay: boolean
  readonly askedBy: string
  readonly askedAt: string
  readonly failure: string | null
  /** The portal's own code and words, masked. */
  readonly portalCode: string | null
  readonly message: string | null
  readonly exchange: number | null
  readonly answeredAt: string | null
  readonly decided: { readonly by: string; readonly at: string; readonly why: string } | null
}

type Row = Omit<Report, 'askedAt' | 'answeredAt' | 'decided'> & {
  readonly askedAt: Date
  readonly answeredAt: Date | null
  readonly decidedBy: string | null
  readonly decidedAt: Date | null
  readonly decidedWhy: string | null
}

const firstDay = (month: string) => `${month}-01`

/** All of a month, each unit's newest first. */
export async function readReports(sql: Sql | Tx, month: string): Promise<Report[]> {
  const rows = await sql<Row[]>`
    select r.id, to_char(r.month, 'YYYY-MM') as month, r.agency_code as code, r.agency_name as name, r.kind, r.version, r.rules, r.figures,
      r.state, coalesce(r.state = 'unknown' and r.carried_until > now(), false) as "onWay", coalesce(a.name, r.asked_by) as "askedBy",
      r.asked_at as "askedAt", r.failure, r.code as "portalCode", r.message, r.exchange_id as exchange, r.answered_at as "answeredAt",
      coalesce(d.name, r.decided_by) as "decidedBy", r.decided_at as "decidedAt", r.decided_why as "decidedWhy"
    from counter_reports r left join api_clients a on r.asked_by = 'key:' || a.id left join api_clients d on r.decided_by = 'key:' || d.id
    where r.month = ${firstDay(month)} order by r.agency_code, r.id desc`
  return rows.map(({ askedAt, answeredAt, decidedBy, decidedAt, decidedWhy, ...row }) => ({
    ...row,
    askedAt: askedAt.toISOString(),
    answeredAt: answeredAt?.toISOString() ?? null,
    decided: decidedBy === null ? null : { by: decidedBy, at: decidedAt!.toISOString(), why: decidedWhy ?? '' },
  }))
}

const names = ['received', 'carried', 'handledInTime', 'handledLate', 'pendingInTime', 'pendingLate'] as const

export const sameFigures = (one: SentFigures, other: SentFigures): boolean =>
  names.every((name) => one[name] === other[name])

/** Stands for exactly these figures of these units. */
export const hashOf = (month: string, kind: string, units: readonly SentUnit[]): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        month,
        kind,
        countersVersion,
        units.map(({ code, name, figures }) => [code, name, ...names.map((one) => figures[one])]),
      ]),
    )
    .digest('hex')

/** What sending would do for a unit: nothing when the portal has the same, or when the one before is not settled. */
export type Fate = 'first' | 'again' | 'same' | 'unsettled'

export function fateOf({ name, figures }: SentUnit, newest: Report | undefined): Fate {
  if (newest === undefined) return 'first'
  if (newest.state === 'waiting' || newest.state === 'unknown') return 'unsettled'
  return newest.state === 'sent' && newest.name === name && sameFigures(newest.figures, figures) ? 'same' : 'again'
}

/** The newest one of each unit. */
export const newestOf = (reports: readonly Report[], kind: string): ReadonlyMap<string, Report> =>
  new Map(
    reports
      .filter((one) => one.kind === kind)
      .toReversed()
      .map((one) => [one.code, one]),
  )

export interface Wish {
  readonly month: string
  readonly kind: string
  readonly units: readonly SentUnit[]
  readonly by: string
  /** Only those that never went: what was sent before is never sent again by itself. */
  readonly onlyFirst?: boolean
}

/** Leaves units to the service to be sent; how many. Said by several at once, each unit waits once. */
export const askFor = (sql: Sql, { month, kind, units, by, onlyFirst = false }: Wish): Promise<number> =>
  transaction(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('monthly counters'))`
    const newest = newestOf(await readReports(tx, month), kind)
    const rows = units.filter((unit) => {
      const fate = fateOf(unit, newest.get(unit.code))
      return fate === 'first' || (fate === 'again' && !onlyFirst)
    })
    if (rows.length === 0) return 0
    const asked = await tx`
      insert into counter_reports (month, agency_code, agency_name, kind, version, rules, figures, asked_by)
      select ${firstDay(month)}, r.code, r.name, ${kind}, r.version, ${countersVersion}, r.figures, ${by}
      from unnest(${rows.map(({ code }) => code)}::text[], ${rows.map(({ name }) => name)}::text[],
        ${rows.map(({ code }) => (newest.get(code)?.version ?? 0) + 1)}::int[],
        ${rows.map(({ figures }) => JSON.stringify(figures))}::jsonb[]) as r(code, name, version, figures)
      on conflict do nothing returning 1`
    await tx`insert into audit (actor, action, subject, detail)
      values (${by}, 'counters.asked', ${month}, ${tx.json({ kind, units: asked.length })})`
    return asked.length
  })

export interface CarryDeps {
  readonly sql: Sql
  readonly portal: Portal
  /** Somebody stopped all sending. */
  readonly held: () => Promise<boolean>
  /** Keeps calls as evidence; their ids. */
  readonly keep: (exchanges: Answer['exchanges']) => Promise<readonly number[]>
}

/** Thrown right before the bytes would leave. */
class StandStill extends Error {}

/** Seconds after which a report that could not leave is tried again, where the portal names none. */
const pause = 60

interface Due extends SentUnit {
  readonly id: number
  readonly month: string
  readonly kind: string
}

/** Brings to the portal what waits, one after another, until something keeps all from leaving; how many left. */
export async function carryReports(deps: CarryDeps, options: { readonly stop?: AbortSignal } = {}): Promise<number> {
  let count = 0
  while (options.stop?.aborted !== true && !(await deps.held())) {
    const [due] = await deps.sql<Due[]>`
      select id, to_char(month, 'YYYY-MM') as month, agency_code as code, agency_name as name, kind, figures from counter_reports
      where state = 'waiting' and next_at <= now() order by id limit 1`
    if (!due || !(await carryOne(deps, due))) break
    count += 1
  }
  return count
}

/** False when it did not leave and the next one would not either. */
async function carryOne({ sql, portal, held, keep }: CarryDeps, due: Due): Promise<boolean> {
  const claim = randomUUID()
  const lastCheck = async () => {
    if (await held()) throw new StandStill('All sending was stopped')
    if (!(await take(sql, due.id, claim, portal.limits.callDeadline))) throw new StandStill('Somebody else has it')
  }
  try {
    const answer = await portal.sendCounters(due, { requestIn: new Date(), urgency: 'backfill', lastCheck })
    const ids = await keep(answer.exchanges)
    await record(sql, { id: due.id, claim, answer, exchange: ids.at(-1) ?? null })
    return answer.class !== 'busy'
  } catch (error) {
    if (!(error instanceof StandStill)) throw error
    // Between two tries with a new session sending may have been stopped: the first one brought no outcome.
    await sql`update counter_reports set state = 'waiting', claim = null, carried_until = null where id = ${due.id} and claim = ${claim}`
    return !(await held())
  }
}

/** From now on nobody can say whether the portal took it, until its answer is recorded. The second try with a new session is ours as well. */
async function take(sql: Sql, id: number, claim: string, deadline: number): Promise<boolean> {
  const rows = await sql`
    update counter_reports set state = 'unknown', claim = ${claim}, carried_until = now() + ${deadline * 2} * interval '1 millisecond'
    where id = ${id} and (state = 'waiting' or (state = 'unknown' and claim = ${claim} and carried_until > now())) returning 1`
  return rows.length > 0
}

const stateAfter: Readonly<Record<Answer['class'], ReportState>> = {
  ok: 'sent',
  refused: 'refused',
  exists: 'refused',
  absent: 'refused',
  busy: 'waiting',
  transient: 'waiting',
  unrecognised: 'unknown',
  unknown: 'unknown',
}

interface Recorded {
  readonly id: number
  readonly claim: string
  readonly answer: Answer
  readonly exchange: number | null
}

/** An answer to a call that was ours, or to none at all (no login, the gate is closed). */
async function record(sql: Sql, { id, claim, answer, exchange }: Recorded): Promise<void> {
  const { class: meaning, failure = null, code = null, message = null, retryAfter } = answer
  const wait = retryAfter === undefined ? pause * 1000 : retryAfter
  await sql`
    update counter_reports set state = ${stateAfter[meaning]}, claim = null, carried_until = null, failure = ${failure}, code = ${code},
      message = ${message}, exchange_id = coalesce(${exchange}::bigint, exchange_id), answered_at = now(),
      next_at = now() + ${wait} * interval '1 millisecond'
    where id = ${id} and (claim = ${claim} or (claim is null and state = 'waiting'))`
}

export interface Decision {
  readonly id: number
  /** The portal has it, or it does not. */
  readonly taken: boolean
  readonly by: string
  readonly why: string
}

/** A person's word on an outcome that is unknown. Throws a refusal when none is asked for. */
export const decide = (sql: Sql, { id, taken, by, why }: Decision): Promise<void> =>
  transaction(sql, async (tx) => {
    const [row] = await tx<{ month: string; code: string }[]>`
      update counter_reports set state = ${taken ? 'sent' : 'refused'}, decided_by = ${by}, decided_at = now(), decided_why = ${why}
      where id = ${id} and state = 'unknown' and coalesce(carried_until, '-infinity') < now()
      returning to_char(month, 'YYYY-MM') as month, agency_code as code`
    if (!row) throw new Refusal('counters-decided', `The report ${id} does not wait for a decision`)
    await tx`insert into audit (actor, action, subject, detail)
      values (${by}, 'counters.decided', ${`${row.month} ${row.code}`}, ${tx.json({ id, taken, why })})`
  })

/** Notes once a day that the schedule could send nothing, and why. */
export async function noteObstacle(sql: Sql, month: string, obstacles: readonly string[]): Promise<void> {
  await sql`
    insert into audit (actor, action, subject, detail)
    select 'schedule', 'counters.not-sent', ${month}, ${sql.json({ obstacles: [...obstacles] })}
    where not exists (
      select 1 from audit where action = 'counters.not-sent' and subject = ${month} and at > now() - interval '20 hours')`
}

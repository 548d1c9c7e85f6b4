import type { FailureCode } from '../../config/failures.ts'
import type { AnswerKind } from '../../config/delivery-words.ts'
import type { Fragment, Sql } from '../platform/database.ts'

/** The calls to the portal as they were kept: no bodies, and the portal's words masked. */

export interface TrafficLine {
  readonly id: number
  readonly service: string
  readonly class: string
  readonly code: string | null
  readonly message: string | null
  readonly httpStatus: number | null
  readonly items: number
  readonly bytesOut: number
  readonly bytesIn: number
  readonly requestIn: Date
  readonly requestOut: Date
  readonly responseIn: Date | null
  readonly responseOut: Date
}

export const trafficFailures = [
  'portal-refused',
  'portal-later',
  'portal-unrecognised',
  'portal-busy',
  'portal-unreachable',
  'portal-error',
  'portal-unreadable',
  'outcome-unknown',
] as const satisfies readonly FailureCode[]
export type TrafficFailure = (typeof trafficFailures)[number]

export interface TrafficFilter {
  readonly service?: string | undefined
  readonly class?: AnswerKind | undefined
  readonly failure?: TrafficFailure | undefined
  /** Recorded from this instant on, and before that one. */
  readonly from?: Date | undefined
  readonly to?: Date | undefined
  readonly cursor?: string | undefined
  readonly limit: number
}

/** A place in the traffic: time of recording in microseconds, then id. */
export const trafficCursor = /^(\d{1,16})-(\d{1,15})$/

export interface Traffic {
  readonly lines: readonly TrafficLine[]
  readonly next: string | null
  /** The page ended because it had looked at so many calls, not because it was full. */
  readonly lookedAt: number | null
}

/** A page looks at so many calls at most: a rare answer is not searched for through the calls of years. */
const furthest = 100_000

/** The newest first, along the index on the time of recording. */
export async function listTraffic(sql: Sql, filter: TrafficFilter): Promise<Traffic> {
  const within = withinOf(sql, filter)
  const rows = await sql<(TrafficLine & { micros: number })[]>`
    select id, service, class, code, message, http_status as "httpStatus", items, bytes_out as "bytesOut", bytes_in as "bytesIn",
      request_in as "requestIn", request_out as "requestOut", response_in as "responseIn", response_out as "responseOut",
      (extract(epoch from response_out) * 1000000)::bigint as micros
    from (select * from exchanges where ${within} order by response_out desc, id desc limit ${furthest}) as near
    where ${chosen(sql, filter)}
    order by response_out desc, id desc limit ${filter.limit + 1}`
  const lines = rows.slice(0, filter.limit).map(({ micros: _micros, ...line }) => line)
  const last = rows[filter.limit - 1]
  if (rows.length > filter.limit && last) return { lines, next: `${last.micros}-${last.id}`, lookedAt: null }
  const end = await endOf(sql, within)
  return { lines, next: end, lookedAt: end === null ? null : furthest }
}

/** Where the looking ended; null when there was nothing more. */
async function endOf(sql: Sql, within: Fragment): Promise<string | null> {
  const [end] = await sql<{ id: number; micros: number }[]>`
    select id, (extract(epoch from response_out) * 1000000)::bigint as micros
    from exchanges where ${within} order by response_out desc, id desc offset ${furthest - 1} limit 1`
  return end === undefined ? null : `${end.micros}-${end.id}`
}

function withinOf(sql: Sql, { from, to, cursor }: TrafficFilter): Fragment {
  const place = cursor === undefined ? null : trafficCursor.exec(cursor)
  return sql`true
    ${from === undefined ? sql`` : sql`and response_out >= ${from}`}
    ${to === undefined ? sql`` : sql`and response_out < ${to}`}
    ${
      place === null
        ? sql``
        : sql`and (response_out, id) <
          (timestamptz 'epoch' + ${Number(place[1])}::float8 * interval '1 microsecond', ${Number(place[2])}::bigint)`
    }`
}

function chosen(sql: Sql, { service, class: kind, failure }: TrafficFilter): Fragment {
  return sql`true
    ${service === undefined ? sql`` : sql`and service = ${service}`}
    ${kind === undefined ? sql`` : sql`and class = ${kind}`}
    ${failure === undefined ? sql`` : sql`and ${failedWith(sql, failure)}`}`
}

/** What `failureOfAnswer` says of a call, the other way round. */
function failedWith(sql: Sql, failure: TrafficFailure): Fragment {
  const is = {
    'portal-refused': sql`class = 'refused'`,
    'portal-later': sql`class = 'transient'`,
    'portal-unrecognised': sql`class = 'unrecognised'`,
    'portal-busy': sql`class = 'busy' and http_status is not null`,
    'portal-unreachable': sql`class = 'busy' and http_status is null`,
    'portal-error': sql`class = 'unknown' and http_status >= 500`,
    'portal-unreadable': sql`class = 'unknown' and http_status < 500`,
    'outcome-unknown': sql`class = 'unknown' and http_status is null`,
  }
  return is[failure]
}

/** Services that were called lately. */
export async function recentServices(sql: Sql): Promise<string[]> {
  const rows = await sql<{ service: string }[]>`
    select distinct service from (select service from exchanges order by response_out desc limit 5000) as near order by service`
  return rows.map(({ service }) => service)
}

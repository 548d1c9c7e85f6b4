import { failureOfAnswer } from '../../config/delivery-words.ts'
import type { FailureCode } from '../../config/failures.ts'
import type { Sql } from '../platform/database.ts'
import type { PortalHealth } from './model.ts'

const healthMinutes = 15
/** A busy quarter of an hour is judged by its newest calls. */
const furthest = 50_000

export async function portalHealth(sql: Sql): Promise<PortalHealth> {
  const since = new Date(Date.now() - healthMinutes * 60_000)
  const groups = await sql<{ class: string; httpStatus: number | null; count: number }[]>`
    select class, http_status as "httpStatus", count(*)::int as count from ${newest(sql, since)} group by 1, 2`
  const [times] = await sql<{ slowest: number | null }[]>`
    select percentile_disc(0.95) within group (order by extract(epoch from response_in - request_out) * 1000)::float8 as slowest
    from ${newest(sql, since)} where response_in is not null`
  const [last] = await sql<{ reached: boolean }[]>`
    select http_status is not null as reached from exchanges order by response_out desc limit 1`
  return { since: since.toISOString(), ...sumOf(groups), slowest: times!.slowest, reached: last?.reached ?? null }
}

const newest = (sql: Sql, since: Date) => sql`(
  select class, http_status, request_out, response_in from exchanges
  where response_out >= ${since} order by response_out desc limit ${furthest}) as near`

function sumOf(groups: readonly { class: string; httpStatus: number | null; count: number }[]) {
  const counts = new Map<FailureCode | null, number>()
  for (const { class: kind, httpStatus, count } of groups) {
    const failure = failureOfAnswer(kind, httpStatus)
    counts.set(failure, (counts.get(failure) ?? 0) + count)
  }
  const good = counts.get(null) ?? 0
  const failures = [...counts]
    .flatMap(([failure, count]) => (failure === null ? [] : [{ failure, count }]))
    .sort((a, b) => b.count - a.count)
  return { calls: failures.reduce((sum, { count }) => sum + count, good), good, failures }
}

import { createHash } from 'node:crypto'
import { startOfDay } from '../dossiers/model.ts'
import type { Fragment, Sql, Tx } from '../platform/database.ts'
import type { Daily, RunScope } from './runs.ts'

/** Which dossiers a run is about, and which of them it draws. */

/** A number from 0 to 2^52 drawn for a dossier in a run: from its code and the run alone, so that a resumed run draws the same. */
export function lot(runId: number, code: string): number {
  return Number.parseInt(createHash('md5').update(`${runId}:${code}`).digest('hex').slice(0, 13), 16)
}
/** The same number in SQL. */
export const lotInSql = (sql: Sql | Tx, runId: number) =>
  sql`('x' || substr(md5(${`${runId}:`}::text || code), 1, 13))::bit(52)::bigint`

/** `only`: an array of codes. */
export function inScope(sql: Sql | Tx, { from, to, agency, daily }: Omit<RunScope, 'only' | 'codes'>, only?: Fragment) {
  return sql`
    ${from === undefined ? sql`` : sql`and received_at >= ${startOfDay(from)}`}
    ${to === undefined ? sql`` : sql`and received_at < ${startOfDay(to)}`}
    ${agency === undefined ? sql`` : sql`and agency_code = ${agency}`}
    ${only === undefined ? sql`` : sql`and code = any(${only}::text[])`}
    ${daily === undefined ? sql`` : inDaily(sql, daily)}`
}

const inDaily = (sql: Sql | Tx, { since, every, turn }: Daily) => sql`and (
  id % ${every} = ${turn % every} or exists (
    select 1 from deliveries l where l.dossier_id = dossiers.id and l.delivered_at is not null
      ${since === null ? sql`` : sql`and l.delivered_at >= ${since}`}
  ))`

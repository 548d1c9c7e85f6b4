import { vietnamDate } from '../dossiers/model.ts'
import type { Fragment, Sql } from '../platform/database.ts'
import { rateOf } from './model.ts'

/** The sync rate as it stood, day by day: kept once a day, so that a trend needs no history of single dossiers. */

/** Keeps how it stands now as the stand of a day; said again, the later one holds. */
export async function takeSnapshot(sql: Sql, now = new Date()): Promise<void> {
  await sql`
    insert into sync_snapshots (day, part, key, received, delivered)
    select ${vietnamDate(now.toISOString())}, case when grouping(agency_code) = 0 then 'agency' else 'month' end,
      coalesce(agency_code, to_char(month, 'YYYY-MM')), count(*)::int, (count(*) filter (where in_step))::int
    from (
      select agency_code, in_step, date_trunc('month', received_at at time zone 'Asia/Ho_Chi_Minh') as month from standing
    ) dossiers group by grouping sets ((agency_code), (month))
    on conflict (part, day, key) do update set received = excluded.received, delivered = excluded.delivered`
}

export interface DayRate {
  readonly day: string
  readonly received: number
  readonly delivered: number
  readonly rate: number | null
}

/** The last days that were kept, the oldest first, of all agencies or of some. */
export const trend = (sql: Sql, days: number, agencies?: readonly string[]): Promise<DayRate[]> =>
  keptOn(sql, sql`select distinct day from sync_snapshots order by day desc limit ${days}`, agencies)

/** The same by the last day kept of each month. */
export const monthlyTrend = (sql: Sql, months: number, agencies?: readonly string[]): Promise<DayRate[]> =>
  keptOn(
    sql,
    sql`select max(day) from sync_snapshots group by date_trunc('month', day) order by 1 desc limit ${months}`,
    agencies,
  )

/** What is drawn wherever a trend is: days, and months for what goes slowly. */
export interface Trends {
  readonly days: readonly DayRate[]
  readonly months: readonly DayRate[]
}

export const trendsOf = async (sql: Sql, agencies?: readonly string[]): Promise<Trends> => ({
  days: await trend(sql, 30, agencies),
  months: await monthlyTrend(sql, 12, agencies),
})

async function keptOn(sql: Sql, days: Fragment, agencies?: readonly string[]): Promise<DayRate[]> {
  const rows = await sql<Omit<DayRate, 'rate'>[]>`
    select to_char(day, 'YYYY-MM-DD') as day, sum(received)::int as received, sum(delivered)::int as delivered
    from sync_snapshots where part = 'agency' and day in (${days})
      ${agencies === undefined ? sql`` : sql`and key = any(${[...agencies]}::text[])`}
    group by 1 order by 1`
  return rows.map((row) => ({ ...row, rate: rateOf(row.delivered, row.received) }))
}

/** A month of reception, `yyyy-MM`, of the whole province as it was last kept. */
export interface MonthRate {
  readonly key: string
  readonly received: number
  readonly delivered: number
  readonly rate: number | null
}

/** The last months of reception, the oldest first. */
export async function lastMonths(sql: Sql, months: number): Promise<MonthRate[]> {
  const rows = await sql<Omit<MonthRate, 'rate'>[]>`
    select key, received, delivered from sync_snapshots
    where part = 'month' and day = (select max(day) from sync_snapshots where part = 'month')
    order by key desc limit ${months}`
  return rows.toReversed().map((row) => ({ ...row, rate: rateOf(row.delivered, row.received) }))
}

/** A month of reception as it stood when it had just ended, and as it stands now. */
export interface MonthMoved {
  readonly month: string
  readonly first: DayRate
  readonly last: DayRate
}

/** Months whose rate moved since they ended, the newest first: late syncing changes the past, and this says where. */
export async function movedMonths(sql: Sql, limit: number): Promise<MonthMoved[]> {
  const rows = await sql<
    {
      month: string
      thenDay: string
      thenReceived: number
      thenDelivered: number
      nowDay: string
      nowReceived: number
      nowDelivered: number
    }[]
  >`
    with ended as (
      select key, min(day) as first, max(day) as last from sync_snapshots
      where part = 'month' and day >= (to_date(key, 'YYYY-MM') + interval '1 month')::date group by key
    )
    select e.key as month, to_char(e.first, 'YYYY-MM-DD') as "thenDay", a.received as "thenReceived", a.delivered as "thenDelivered",
      to_char(e.last, 'YYYY-MM-DD') as "nowDay", b.received as "nowReceived", b.delivered as "nowDelivered"
    from ended e
    join sync_snapshots a on a.part = 'month' and a.key = e.key and a.day = e.first
    join sync_snapshots b on b.part = 'month' and b.key = e.key and b.day = e.last
    where (a.received, a.delivered) <> (b.received, b.delivered) order by e.key desc limit ${limit}`
  const at = (day: string, received: number, delivered: number) => ({
    day,
    received,
    delivered,
    rate: rateOf(delivered, received),
  })
  return rows.map((row) => ({
    month: row.month,
    first: at(row.thenDay, row.thenReceived, row.thenDelivered),
    last: at(row.nowDay, row.nowReceived, row.nowDelivered),
  }))
}

import { transaction, type Fragment, type Sql, type Tx } from '../platform/database.ts'
import { levelNames, type Level } from '../organisations/model.ts'
import { startOfDay, yearUntil } from '../dossiers/model.ts'
import { checkParts, noLevel, rateOf, type Breakdown, type Figures, type Part, type SyncRateReport } from './model.ts'

export interface Selection {
  /** Vietnam dates of reception, `yyyy-MM-dd`; `to` is exclusive. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly agency?: string | undefined
  readonly level?: string | undefined
  readonly procedure?: string | undefined
  /** The agencies the reader may see; absent = all. */
  readonly agencies?: readonly string[] | undefined
}

export const orders = ['oldest', 'newest'] as const
type Order = (typeof orders)[number]

export interface DossierFilter extends Selection {
  readonly cause?: string | undefined
  readonly state?: 'delivered' | 'gap' | undefined
  readonly atPortal?: boolean | undefined
  /** The one-stop system it came from. */
  readonly source?: string | undefined
  /** A status word of its system that nobody had said the meaning of when it came. */
  readonly unmapped?: string | undefined
  /** The dossier of this code, or those whose code begins with it. */
  readonly code?: { readonly text: string; readonly whole: boolean } | undefined
  readonly cursor?: string | undefined
  /** In order of reception; the oldest first, if nothing is said. */
  readonly order?: Order | undefined
  readonly limit: number
}

function received(sql: Sql, { from, to }: Selection): Fragment {
  return sql`
    ${from === undefined ? sql`` : sql`and received_at >= ${startOfDay(from)}`}
    ${to === undefined ? sql`` : sql`and received_at < ${startOfDay(to)}`}`
}

function selected(sql: Sql, selection: Selection): Fragment {
  const { agency, level, procedure, agencies } = selection
  const levelIs = level === noLevel ? sql`and level is null` : sql`and level = ${level ?? ''}`
  return sql`
    ${received(sql, selection)}
    ${agency === undefined ? sql`` : sql`and agency_code = ${agency}`}
    ${procedure === undefined ? sql`` : sql`and procedure_code = ${procedure}`}
    ${level === undefined ? sql`` : levelIs}
    ${agencies === undefined ? sql`` : sql`and agency_code = any(${agencies as string[]})`}`
}

interface Group {
  /** Which breakdown, as PostgreSQL's `grouping()` bits over level, agency, procedure, month; 15 is the total. */
  part: number
  key: string | null
  cause: string | null
  received: number
  delivered: number
  at_portal: number
}

const breakdownOf: Readonly<Record<number, Breakdown>> = {
  0b0111: 'byLevel',
  0b1011: 'byAgency',
  0b1101: 'byProcedure',
  0b1110: 'byMonth',
}
const totalPart = 0b1111

/**
 * The sync rate of the dossiers received in a period. All counts come from one statement over the view `standing`, so they
 * show one moment and add up; should they not, this throws rather than show a wrong report.
 */
export async function syncRate(
  sql: Sql,
  selection: Selection & { readonly from: string; readonly to: string },
): Promise<SyncRateReport> {
  const groups = await countGroups(sql, selection)
  const whole = figuresOf(groups.filter((group) => group.part === totalPart))
  const parts = await partsOf(sql, groups)
  const { causes, ...total } = whole
  const report: SyncRateReport = {
    period: { from: selection.from, to: selection.to },
    only: {
      agency: selection.agency ?? null,
      level: selection.level ?? null,
      procedure: selection.procedure ?? null,
    },
    generatedAt: new Date().toISOString(),
    total,
    causes: Object.entries(causes)
      .map(([code, count]) => ({ code, count }))
      .sort((a, b) => b.count - a.count || a.code.localeCompare(b.code)),
    ...parts,
  }
  const wrong = checkParts(report)
  if (wrong.length > 0) throw new Error(`The sync rate report does not add up: ${wrong.join('; ')}`)
  return report
}

/**
 * A transaction for statements that may go through millions of rows. With PostgreSQL's small default memory they would spill to
 * disk; compiling them takes longer than running them; and a plan that is kept for any period fits none.
 */
function atLength<T>(sql: Sql, work: (tx: Tx) => Promise<T>): Promise<T> {
  return transaction(sql, async (tx) => {
    await tx`select set_config('work_mem', '64MB', true), set_config('jit', 'off', true),
      set_config('plan_cache_mode', 'force_custom_plan', true)`
    return work(tx)
  })
}

/**
 * One grouping into the smallest cells, and the cells into all breakdowns. PostgreSQL expects nearly as many cells as dossiers:
 * left to itself it would rather sort them all than count them, and not in several processes.
 */
function countGroups(sql: Sql, selection: Selection): Promise<Group[]> {
  return atLength(sql, async (tx) => {
    await tx`select set_config('enable_sort', 'off', true), set_config('parallel_tuple_cost', '0.01', true)`
    return tx<Group[]>`
      with cells as materialized (
        select level, agency_code, procedure_code, cause, date_trunc('month', received_at at time zone interval '7 hours') as month,
          count(*) as received, count(*) filter (where in_step) as delivered, count(*) filter (where at_portal) as at_portal
        from standing
        where true ${selected(sql, selection)}
        group by 1, 2, 3, 4, 5
      )
      select
        grouping(level, agency_code, procedure_code, month) as part,
        coalesce(level, agency_code, procedure_code, to_char(month, 'YYYY-MM')) as key,
        cause,
        sum(received)::bigint as received,
        sum(delivered)::bigint as delivered,
        sum(at_portal)::bigint as at_portal
      from cells
      group by grouping sets ((cause), (level, cause), (agency_code, cause), (procedure_code, cause), (month, cause))`
  })
}

function figuresOf(groups: readonly Group[]): Figures {
  const add = (what: 'received' | 'delivered' | 'at_portal') => groups.reduce((sum, group) => sum + group[what], 0)
  const received = add('received')
  const delivered = add('delivered')
  const causes = groups.flatMap(({ cause, received: count }) => (cause === null ? [] : [[cause, count] as const]))
  return {
    received,
    delivered,
    atPortal: add('at_portal'),
    rate: rateOf(delivered, received),
    causes: Object.fromEntries(causes),
  }
}

/** Months in order of time; everything else with the largest gap first. */
async function partsOf(sql: Sql, groups: readonly Group[]): Promise<Record<Breakdown, Part[]>> {
  const sorted = new Map<Breakdown, Map<string, Group[]>>()
  for (const group of groups) {
    const breakdown = breakdownOf[group.part]
    if (breakdown === undefined) continue
    const keys = sorted.get(breakdown) ?? new Map<string, Group[]>()
    const key = group.key ?? noLevel
    keys.set(key, [...(keys.get(key) ?? []), group])
    sorted.set(breakdown, keys)
  }
  const keysOf = (breakdown: Breakdown) => [...(sorted.get(breakdown)?.keys() ?? [])]
  const names = await namesOf(sql, keysOf('byAgency'), keysOf('byProcedure'))
  const list = (breakdown: Breakdown, name: (key: string) => string | undefined) =>
    [...(sorted.get(breakdown) ?? [])].map(([key, rows]) => ({ key, name: name(key) ?? key, ...figuresOf(rows) }))
  const gapFirst = (a: Part, b: Part) =>
    b.received - b.delivered - (a.received - a.delivered) || b.received - a.received || a.key.localeCompare(b.key)
  return {
    byLevel: list('byLevel', (key) => levelNames[key as Level]?.vi).sort(gapFirst),
    byAgency: list('byAgency', (key) => names.agencies.get(key)).sort(gapFirst),
    byProcedure: list('byProcedure', (key) => names.procedures.get(key)).sort(gapFirst),
    byMonth: list('byMonth', () => undefined).sort((a, b) => a.key.localeCompare(b.key)),
  }
}

/** Only names are read here; no number depends on these tables. */
async function namesOf(sql: Sql, agencies: string[], procedures: string[]) {
  const agencyNames = await sql<{ code: string; name: string }[]>`
    select code, name from agencies where code = any(${agencies})`
  const procedureNames = await sql<{ code: string; name: string }[]>`
    select p.code, coalesce(l.name, n.name) as name
    from unnest(${procedures}::text[]) as p (code)
    left join local_names l on l.code = p.code
    left join national_procedures n on n.code = p.code
    where coalesce(l.name, n.name) is not null`
  const toMap = (rows: readonly { code: string; name: string }[]) => new Map(rows.map(({ code, name }) => [code, name]))
  return { agencies: toMap(agencyNames), procedures: toMap(procedureNames) }
}

/** A dossier behind a number of the report; no personal data. */
export interface DossierLine {
  code: string
  source: string
  agencyCode: string
  agencyName: string | null
  level: string | null
  procedureCode: string
  nationalCode: string | null
  status: string | null
  sourceStatus: string
  receivedAt: string
  updatedAt: string
  state: string
  cause: string | null
  atPortal: boolean
  attempts: number
}

interface DossierRow extends Omit<DossierLine, 'receivedAt' | 'updatedAt'> {
  id: number
  receivedAt: Date
  updatedAt: Date
  micros: number
}

/** A place in a list of dossiers: time of reception in microseconds, then id. */
export const dossierCursor = /^(\d{1,16})-(\d{1,15})$/

/** So many dossiers, in order of reception, are looked at before the lanes are asked for all that have a cause. */
const nearby = 50_000

/**
 * The dossiers behind a number, in order of reception. The same filter as in the report gives exactly as many dossiers. What
 * is frequent is found among the next dossiers; what is rare, or comes late, through the indexes of the lanes that are not
 * delivered. So a list never takes much longer than it takes to read the lanes it speaks of, however large the ledger is.
 */
export async function listDossiers(
  sql: Sql,
  filter: DossierFilter,
): Promise<{ dossiers: DossierLine[]; next: string | null }> {
  const { cause, state, code, cursor, limit, order = 'oldest' } = filter
  const place = cursor === undefined ? null : dossierCursor.exec(cursor)
  if (place === null && cursor !== undefined) throw new Error('The cursor is not one that a list gave out')
  const from = place === null ? sql`` : after(sql, place, order)
  const where = sql`true ${selected(sql, filter)} ${wanted(sql, filter)} ${from}`
  const count = limit + 1
  const rows = await atLength(sql, async (tx) => {
    if (code?.whole || (cause === undefined && state !== 'gap'))
      return linesOf(tx, idsOf(sql, where, order, count), order)
    const near = await linesOf(tx, nearIds(sql, { period: received(sql, filter), from, where, order, count }), order)
    return near.length === count ? near : linesOf(tx, allIds(sql, where, order, count), order)
  })
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    dossiers: shown.map(lineOf),
    next: rows.length > limit && last !== undefined ? `${last.micros}-${last.id}` : null,
  }
}

/**
 * The view's `cause`, written as the partial indexes of the lanes have it. That both say the same is what the tests of the
 * report are about.
 */
function causeIs(sql: Sql, cause: string): Fragment {
  const stopped = sql`state in ('blocked', 'parked') and reason = ${cause}`
  const other = standings.get(cause)
  return other === undefined ? stopped : sql`(${stopped} or ${other(sql)})`
}

/** Causes that stand for "no nearer one is known". */
const standings: ReadonlyMap<string, (sql: Sql) => Fragment> = new Map([
  ['blocked', (sql: Sql) => sql`state = 'blocked' and reason is null`],
  ['parked', (sql: Sql) => sql`state = 'parked' and reason is null`],
  ['outcome-unknown', (sql: Sql) => sql`state = 'unknown'`],
  ['retrying', (sql: Sql) => sql`state = 'waiting' and attempts > 0`],
  ['waiting-for-portal', (sql: Sql) => sql`state = 'waiting' and attempts <= 0 or state = 'sending'`],
])

function wanted(sql: Sql, { cause, state, atPortal, source, unmapped, code }: DossierFilter): Fragment {
  const inGap = sql`(state in ('blocked', 'parked') or state in ('waiting', 'sending', 'unknown'))`
  return sql`
    ${cause === undefined ? sql`` : sql`and ${causeIs(sql, cause)}`}
    ${state === undefined ? sql`` : state === 'gap' ? sql`and ${inGap}` : sql`and in_step`}
    ${source === undefined ? sql`` : sql`and source = ${source}`}
    ${unmapped === undefined ? sql`` : sql`and status is null and source_status = ${unmapped}`}
    ${atPortal === undefined ? sql`` : sql`and at_portal = ${atPortal}`}
    ${code === undefined ? sql`` : code.whole ? sql`and code = ${code.text}` : sql`and starts_with(code, ${code.text})`}`
}

/** Is this the whole code of a dossier that the reader may see? Then it is looked for in an index, whenever it was received. */
export async function isWholeCode(sql: Sql, code: string, agencies: readonly string[] | undefined): Promise<boolean> {
  const rows = await sql`
    select from dossiers where code = ${code}
      ${agencies === undefined ? sql`` : sql`and agency_code = any(${agencies as string[]})`}`
  return rows.length > 0
}

/** All that a filter chooses, page by page, so that never more than one is held. */
export async function* allDossiers(
  sql: Sql,
  filter: Omit<DossierFilter, 'cursor' | 'limit'>,
): AsyncGenerator<readonly DossierLine[]> {
  let cursor: string | null | undefined
  do {
    const page = await listDossiers(sql, { ...filter, ...(cursor && { cursor }), limit: perPart })
    yield page.dossiers
    cursor = page.next
  } while (cursor !== null)
}

/** Where a rare cause makes each page read all lanes of it, few pages are quicker. */
const perPart = 5_000

function after(sql: Sql, place: RegExpExecArray, order: Order): Fragment {
  return sql`and (received_at, id) ${order === 'newest' ? sql`<` : sql`>`}
    (timestamptz 'epoch' + ${Number(place[1])}::float8 * interval '1 microsecond', ${Number(place[2])}::bigint)`
}

const way = (sql: Sql | Tx, order: Order) => (order === 'newest' ? sql`desc` : sql``)

const idsOf = (sql: Sql, where: Fragment, order: Order, count: number) => sql`
  select id from standing where ${where} order by received_at ${way(sql, order)}, id ${way(sql, order)} limit ${count}`

interface Near {
  readonly period: Fragment
  readonly from: Fragment
  readonly where: Fragment
  readonly order: Order
  readonly count: number
}

/** Left to itself, PostgreSQL would go through all dossiers where it hopes to meet some soon. */
const nearIds = (sql: Sql, { period, from, where, order, count }: Near) => sql`
  select id from (
    select id, received_at as at from dossiers where true ${period} ${from} order by received_at ${way(sql, order)}, id ${way(sql, order)}
    limit ${nearby}
  ) as near join standing using (id)
  where ${where} order by at ${way(sql, order)}, id ${way(sql, order)} limit ${count}`

/** From the lanes: all of them are read before the first ones are chosen. */
const allIds = (sql: Sql, where: Fragment, order: Order, count: number) => sql`
  select id from (
    with chosen as materialized (select id, received_at from standing where ${where}) select id, received_at from chosen
  ) as chosen order by received_at ${way(sql, order)}, id ${way(sql, order)} limit ${count}`

/** A page is chosen before its lines are read: it is short, whatever PostgreSQL expects. */
function linesOf(tx: Tx, ids: Fragment, order: Order): Promise<DossierRow[]> {
  return tx<DossierRow[]>`
    with page as materialized (${ids})
    select id, code, source, agency_code as "agencyCode", agency_name as "agencyName", level,
      procedure_code as "procedureCode", national_code as "nationalCode", status, source_status as "sourceStatus",
      received_at as "receivedAt", updated_at as "updatedAt", state, cause, at_portal as "atPortal", attempts,
      (extract(epoch from received_at) * 1000000)::bigint as micros
    from page join standing using (id)
    order by received_at ${way(tx, order)}, id ${way(tx, order)}`
}

function lineOf({ id: _id, micros: _micros, receivedAt, updatedAt, ...line }: DossierRow): DossierLine {
  return { ...line, receivedAt: receivedAt.toISOString(), updatedAt: updatedAt.toISOString() }
}

/** Today; or the newest day on which a dossier was received, when none was this year: pages are not empty in January, nor in a trial with old data. */
export async function newestDay(sql: Sql, agencies?: readonly string[], now = new Date()): Promise<Date> {
  const [newest] = await sql<{ at: Date }[]>`
    select received_at as at from dossiers
    where true ${agencies === undefined ? sql`` : sql`and agency_code = any(${[...agencies]}::text[])`}
    order by received_at desc limit 1`
  return newest && newest.at < startOfDay(yearUntil(now).from) ? newest.at : now
}

/** A few dossier codes for each cause, to make a number tangible. */
export async function sampleCodes(
  sql: Sql,
  selection: Selection,
  causes: readonly string[],
): Promise<Record<string, string[]>> {
  const samples: Record<string, string[]> = {}
  for (const cause of causes) {
    const { dossiers } = await listDossiers(sql, { ...selection, cause, limit: 10 })
    samples[cause] = dossiers.map((dossier) => dossier.code)
  }
  return samples
}

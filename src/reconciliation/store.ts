import { transaction, type Sql } from '../platform/database.ts'
import { levelNames, type Level } from '../organisations/model.ts'
import { vietnamDate } from '../dossiers/model.ts'
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

export interface DossierFilter extends Selection {
  readonly cause?: string | undefined
  readonly state?: 'delivered' | 'gap' | undefined
  readonly atPortal?: boolean | undefined
  readonly cursor?: string | undefined
  readonly limit: number
}

/** The first instant of a Vietnam calendar date. */
const startOf = (date: string) => new Date(`${date}T00:00:00+07:00`)

function selected(sql: Sql, { from, to, agency, level, procedure, agencies }: Selection) {
  const levelIs = level === noLevel ? sql`and level is null` : sql`and level = ${level ?? ''}`
  return sql`
    ${from === undefined ? sql`` : sql`and received_at >= ${startOf(from)}`}
    ${to === undefined ? sql`` : sql`and received_at < ${startOf(to)}`}
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
 * One scan into all breakdowns. The settings hold for this statement only: with PostgreSQL's small default memory the join
 * and the groups of a million dossiers would spill to disk, and compiling the statement takes longer than running it.
 */
function countGroups(sql: Sql, selection: Selection): Promise<Group[]> {
  return transaction(sql, async (tx) => {
    await tx`select set_config('work_mem', '64MB', true), set_config('jit', 'off', true)`
    return tx<Group[]>`
      select
        grouping(level, agency_code, procedure_code, month) as part,
        coalesce(level, agency_code, procedure_code, to_char(month, 'YYYY-MM')) as key,
        cause,
        count(*) as received,
        count(*) filter (where in_step) as delivered,
        count(*) filter (where at_portal) as at_portal
      from (
        select level, agency_code, procedure_code, cause, in_step, at_portal,
          date_trunc('month', received_at at time zone interval '7 hours') as month
        from standing
        where true ${selected(sql, selection)}
      ) as chosen
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
    left join local_procedures l on l.code = p.code
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

/** The dossiers behind a number, in order of reception. The same filter as in the report gives exactly as many dossiers. */
export async function listDossiers(
  sql: Sql,
  filter: DossierFilter,
): Promise<{ dossiers: DossierLine[]; next: string | null }> {
  const { cause, state, atPortal, cursor, limit } = filter
  const place = cursor === undefined ? null : dossierCursor.exec(cursor)
  if (place === null && cursor !== undefined) throw new Error('The cursor is not one that a list gave out')
  const rows = await sql<DossierRow[]>`
    select id, code, source, agency_code as "agencyCode", agency_name as "agencyName", level,
      procedure_code as "procedureCode", national_code as "nationalCode", status, source_status as "sourceStatus",
      received_at as "receivedAt", updated_at as "updatedAt", state, cause, at_portal as "atPortal", attempts,
      (extract(epoch from received_at) * 1000000)::bigint as micros
    from standing
    where true ${selected(sql, filter)}
      ${cause === undefined ? sql`` : sql`and cause = ${cause}`}
      ${state === undefined ? sql`` : sql`and in_step = ${state === 'delivered'}`}
      ${atPortal === undefined ? sql`` : sql`and at_portal = ${atPortal}`}
      ${place === null ? sql`` : after(sql, place)}
    order by received_at, id
    limit ${limit + 1}`
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    dossiers: shown.map(lineOf),
    next: rows.length > limit && last !== undefined ? `${last.micros}-${last.id}` : null,
  }
}

function after(sql: Sql, place: RegExpExecArray) {
  return sql`and (received_at, id) >
    (timestamptz 'epoch' + ${Number(place[1])}::float8 * interval '1 microsecond', ${Number(place[2])}::bigint)`
}

function lineOf({ id: _id, micros: _micros, receivedAt, updatedAt, ...line }: DossierRow): DossierLine {
  return { ...line, receivedAt: receivedAt.toISOString(), updatedAt: updatedAt.toISOString() }
}

/** The current year in Vietnam up to and including today: what a report shows when nobody says otherwise. */
export function currentYear(now: Date): { from: string; to: string } {
  const tomorrow = vietnamDate(new Date(now.getTime() + 86_400_000).toISOString())
  return { from: `${vietnamDate(now.toISOString()).slice(0, 4)}-01-01`, to: tomorrow }
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

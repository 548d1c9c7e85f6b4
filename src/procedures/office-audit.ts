import { actsOn, type Level } from '../organisations/model.ts'
import type { Sql } from '../platform/database.ts'
import { listLocalProcedures } from './local-lists.ts'
import { nationalOf, type Catalogue, type ContentPart, type OnlineLevel } from './model.ts'

/**
 * What an office is asked for beside the rate of matching codes: is each procedure published for the province, is each online service
 * integrated, are accounts for payment set up, which legal bases changed, and what records lack. Whatever no list says is unknown, not missing.
 */
export interface OfficeAudit {
  /** Vietnam date. */
  readonly today: string
  readonly published: PublishedAudit
  readonly integrated: IntegratedAudit
  readonly accounts: AccountAudit
  readonly legal: readonly LegalChange[]
  readonly content: ContentAudit
}

export type PublishedState = 'published' | 'not-listed' | 'withdrawn' | 'unmapped'

/** The procedures of the province's lists against those that the portal lists for the province. */
export interface PublishedAudit {
  /** When the portal's list came; null: it was never had, and `published` says only that the national catalogue has it. */
  readonly listedAt: string | null
  readonly total: number
  readonly published: number
  /** What is not as it should be. */
  readonly rows: readonly {
    readonly localCode: string
    readonly name: string
    readonly nationalCode: string | null
    readonly state: Exclude<PublishedState, 'published'>
  }[]
  /** The portal lists them for the province, and no local procedure means them. */
  readonly notLocal: readonly { readonly nationalCode: string; readonly name: string }[]
}

/** Local procedures that are online, by whether the portal has a service for them. Who applies a service is in a list whose form is not public. */
export interface IntegratedAudit {
  /** When the portal's services came; null: never, and nothing is known. */
  readonly listedAt: string | null
  readonly online: number
  readonly integrated: number
  readonly rows: readonly {
    readonly localCode: string
    readonly name: string
    readonly nationalCode: string | null
    readonly onlineLevel: OnlineLevel
  }[]
}

export interface AccountAudit {
  readonly set: number
  readonly missing: number
  readonly unknown: number
  /** Units without one, or of which nobody said. */
  readonly rows: readonly {
    readonly code: string
    readonly name: string
    readonly level: Level
    readonly account: boolean | null
  }[]
}

export interface LegalChange {
  readonly at: string
  readonly nationalCode: string
  readonly name: string
  readonly before: string | null
  readonly after: string | null
  readonly localCodes: readonly string[]
  readonly dossiers: number
}

/** Records of the procedures in use, by whether they say everything that is to be published. */
export interface ContentAudit {
  readonly complete: number
  readonly incomplete: number
  /** Records that were never had. */
  readonly unseen: number
  readonly rows: readonly {
    readonly nationalCode: string
    readonly name: string
    readonly missing: readonly ContentPart[]
  }[]
}

export interface AuditPeriod {
  readonly from: string
  readonly to: string
  readonly today: string
}

/** Legal bases are those that changed in the period; the rest is as of today. */
export async function officeAudit(sql: Sql, catalogue: Catalogue, period: AuditPeriod): Promise<OfficeAudit> {
  const { today } = period
  const [locals, listed, services, agencies] = await Promise.all([
    meant(sql, catalogue, today),
    unitList(sql),
    serviceList(sql),
    actingAgencies(sql, catalogue, today),
  ])
  const codes = [...new Set(locals.flatMap(({ nationalCode }) => nationalCode ?? []))]
  return {
    today,
    published: publishedOf(catalogue, locals, listed),
    integrated: integratedOf(locals, services),
    accounts: accountsOf(agencies),
    legal: await legalChanges(sql, period, locals),
    content: await contentOf(sql, codes),
  }
}

interface Meant {
  readonly localCode: string
  readonly name: string
  readonly onlineLevel: OnlineLevel | null
  readonly nationalCode: string | null
  readonly withdrawn: boolean
}

/** The lists' procedures, each once for each national one that it means today. */
async function meant(sql: Sql, catalogue: Catalogue, today: string): Promise<Meant[]> {
  const rows = (await listLocalProcedures(sql)).map(({ code, name, level, agencyCode, source, onlineLevel }): Meant => {
    const { answer } = nationalOf(catalogue, {
      procedureCode: code,
      source: source ?? '',
      agencyCode,
      level,
      receivedOn: today,
      unitDay: today,
    })
    return {
      localCode: code,
      name,
      onlineLevel: onlineLevel ?? null,
      nationalCode: answer.found ? answer.procedure.code : (answer.nationalCode ?? null),
      withdrawn: !answer.found && answer.reason === 'procedure-closed',
    }
  })
  return [...new Map(rows.map((row) => [`${row.localCode}|${row.nationalCode}`, row])).values()]
}

interface PortalList {
  readonly at: string | null
  readonly rows: ReadonlyMap<string, string>
}

const newest = (sql: Sql, service: string) => sql`
  select to_char(max(finished_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at from pulls
  where service = ${service} and outcome = 'applied'`

async function unitList(sql: Sql): Promise<PortalList> {
  const [pull] = await sql<{ at: string | null }[]>`${newest(sql, 'unit-procedures')}`
  const rows = await sql<{ code: string; name: string }[]>`
    select distinct code, name from unit_procedures where missing_since is null order by code`
  return { at: pull!.at, rows: new Map(rows.map(({ code, name }) => [code, name])) }
}

async function serviceList(sql: Sql): Promise<PortalList> {
  const [pull] = await sql<{ at: string | null }[]>`${newest(sql, 'services')}`
  const rows = await sql<{ code: string; name: string }[]>`
    select procedure_code as code, min(name) as name from portal_services
    where missing_since is null and procedure_code <> '' group by 1`
  return { at: pull!.at, rows: new Map(rows.map(({ code, name }) => [code, name])) }
}

export function publishedOf(catalogue: Catalogue, locals: readonly Meant[], listed: PortalList): PublishedAudit {
  const stateOf = ({ nationalCode, withdrawn }: Meant): PublishedState => {
    if (nationalCode === null) return 'unmapped'
    if (withdrawn) return 'withdrawn'
    const has = listed.at === null ? catalogue.national.has(nationalCode) : listed.rows.has(nationalCode)
    return has ? 'published' : 'not-listed'
  }
  const judged = locals.map((local) => ({ ...local, state: stateOf(local) }))
  const used = new Set(locals.map(({ nationalCode }) => nationalCode))
  return {
    listedAt: listed.at,
    total: judged.length,
    published: judged.filter(({ state }) => state === 'published').length,
    rows: judged.flatMap(({ localCode, name, nationalCode, state }) =>
      state === 'published' ? [] : [{ localCode, name, nationalCode, state }],
    ),
    notLocal: [...listed.rows].flatMap(([nationalCode, name]) =>
      used.has(nationalCode) ? [] : [{ nationalCode, name }],
    ),
  }
}

export function integratedOf(locals: readonly Meant[], services: PortalList): IntegratedAudit {
  const online = locals.filter(({ onlineLevel }) => onlineLevel !== null && onlineLevel !== 'none')
  const without = online.filter(({ nationalCode }) => nationalCode === null || !services.rows.has(nationalCode))
  return {
    listedAt: services.at,
    online: online.length,
    integrated: online.length - without.length,
    rows: without.map(({ localCode, name, nationalCode, onlineLevel }) => ({
      localCode,
      name,
      nationalCode,
      onlineLevel: onlineLevel!,
    })),
  }
}

type AccountRow = AccountAudit['rows'][number]

/** Units that act today, by the very rule that sends dossiers. */
async function actingAgencies(sql: Sql, { register }: Catalogue, today: string): Promise<AccountRow[]> {
  const rows = await sql<AccountRow[]>`
    select code, name, level, beneficiary_account as account from agencies order by code`
  return rows.filter(({ code }) => actsOn(register, code, today))
}

function accountsOf(agencies: readonly AccountRow[]): AccountAudit {
  const count = (account: boolean | null) => agencies.filter((agency) => agency.account === account).length
  return {
    set: count(true),
    missing: count(false),
    unknown: count(null),
    rows: agencies.filter(({ account }) => account !== true),
  }
}

async function legalChanges(sql: Sql, { from, to }: AuditPeriod, locals: readonly Meant[]): Promise<LegalChange[]> {
  const codes = Map.groupBy(locals, ({ nationalCode }) => nationalCode)
  const rows = await sql<Omit<LegalChange, 'localCodes'>[]>`
    select to_char(c.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at, c.code as "nationalCode", n.name, c.before, c.after, c.dossiers
    from national_changes c join national_procedures n using (code)
    where c.kind = 'legal-basis' and c.at >= ${from}::date::timestamp at time zone 'Asia/Ho_Chi_Minh'
      and c.at < ${to}::date::timestamp at time zone 'Asia/Ho_Chi_Minh' order by c.dossiers desc, c.at desc, c.code`
  return rows.map((row) => ({
    ...row,
    localCodes: [...new Set((codes.get(row.nationalCode) ?? []).map(({ localCode }) => localCode))],
  }))
}

/** What a record has to say (index 766, 1.3). */
const allParts: readonly ContentPart[] = ['name', 'steps', 'ways', 'components', 'time-limit', 'subject', 'agency']

async function contentOf(sql: Sql, codes: readonly string[]): Promise<ContentAudit> {
  const rows = await sql<{ nationalCode: string; name: string; parts: ContentPart[] | null }[]>`
    select code as "nationalCode", name, parts from national_procedures where code = any(${[...codes]}::text[]) order by code`
  const seen = rows.flatMap(({ parts, ...row }) =>
    parts === null ? [] : [{ ...row, missing: allParts.filter((part) => !parts.includes(part)) }],
  )
  const incomplete = seen.filter(({ missing }) => missing.length > 0)
  return {
    complete: seen.length - incomplete.length,
    incomplete: incomplete.length,
    unseen: rows.length - seen.length,
    rows: incomplete,
  }
}

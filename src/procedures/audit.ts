import type { Level } from '../organisations/model.ts'
import type { Sql } from '../platform/database.ts'
import { Refusal } from '../platform/problems.ts'
import { rateOf } from '../reconciliation/model.ts'
import { nationalOf, type Catalogue } from './model.ts'

/** The audit that an office is asked for: how many of each agency's procedure codes match the national catalogue. The goal is all of them. */

export interface MatchCount {
  /** Different codes that the agency uses: in dossiers of the period, or in its list of local procedures. */
  readonly codes: number
  readonly matched: number
  /** Dossiers received in the period. */
  readonly dossiers: number
  readonly matchedDossiers: number
}

export interface AgencyMatch extends MatchCount {
  readonly agencyCode: string
  readonly agencyName: string | null
  readonly level: Level | null
}

export interface LevelMatch extends MatchCount {
  /** Null: agencies whose level nobody said. */
  readonly level: Level | null
}

/** A code of an agency that does not match, and why. */
export interface Unmatched {
  readonly agencyCode: string
  readonly agencyName: string | null
  readonly localCode: string
  readonly name: string | null
  readonly dossiers: number
  readonly reason: string
}

export interface MatchAudit {
  readonly period: { readonly from: string; readonly to: string }
  readonly total: MatchCount
  readonly byLevel: readonly LevelMatch[]
  /** Those with most codes that do not match first. */
  readonly byAgency: readonly AgencyMatch[]
  /** Those with most dossiers first. */
  readonly unmatched: readonly Unmatched[]
}

interface UseRow {
  readonly agencyCode: string
  readonly agencyName: string | null
  readonly level: Level | null
  /** As sending takes it: the dossier's own, else the agency's. */
  readonly dossierLevel: Level | null
  readonly localCode: string
  readonly name: string | null
  readonly source: string | null
  readonly dossiers: number
}

/** Judged by the very rules that send dossiers, as of `today`. Throws a refusal for a period that ends before it begins. Days of reception are Vietnam dates, `to` exclusive. */
export async function matchAudit(
  sql: Sql,
  catalogue: Catalogue,
  { from, to, today }: { readonly from: string; readonly to: string; readonly today: string },
): Promise<MatchAudit> {
  if (from >= to) throw new Refusal('invalid-field', 'from must be earlier than to', { field: 'from' })
  const rows = await usedCodes(sql, from, to)
  return { period: { from, to }, ...audited(catalogue, rows, today) }
}

const usedCodes = (sql: Sql, from: string, to: string): Promise<UseRow[]> => sql<UseRow[]>`
  with used as (
    select agency_code, procedure_code as code, source, level, count(*)::int as dossiers from dossiers
    where received_at >= ${from}::date::timestamp at time zone 'Asia/Ho_Chi_Minh'
      and received_at < ${to}::date::timestamp at time zone 'Asia/Ho_Chi_Minh'
    group by 1, 2, 3, 4
    union all
    select p.agency_code, p.code, p.source, p.level, 0 from local_procedures p where p.agency_code is not null and p.missing_since is null
  )
  select u.agency_code as "agencyCode", a.name as "agencyName", a.level, coalesce(u.level, a.level) as "dossierLevel", u.code as "localCode", p.name, u.source, u.dossiers
  from used u left join agencies a on a.code = u.agency_code left join local_names p on p.code = u.code
  order by u.agency_code, u.code, u.source nulls last`

type Audited = Omit<MatchAudit, 'period'>

/** A code that one agency uses from two systems, or at two levels, is one code; it matches when it does for every use. */
export function audited(catalogue: Catalogue, rows: readonly UseRow[], today: string): Audited {
  const uses = [
    ...Map.groupBy(rows, ({ agencyCode, localCode }) => JSON.stringify([agencyCode, localCode])).values(),
  ].map((own) => {
    const first = own[0]!
    const said = own.some(({ source }) => source !== null) ? own.filter(({ source }) => source !== null) : own
    const reasons = said.flatMap((use) => reasonOf(catalogue, use, today) ?? [])
    const dossiers = own.reduce((sum, use) => sum + use.dossiers, 0)
    return { ...first, dossiers, reason: reasons[0] ?? null }
  })
  const count = (some: readonly { dossiers: number; reason: string | null }[]): MatchCount => {
    const good = some.filter(({ reason }) => reason === null)
    const sum = (list: typeof some) => list.reduce((all, { dossiers }) => all + dossiers, 0)
    return { codes: some.length, matched: good.length, dossiers: sum(some), matchedDossiers: sum(good) }
  }
  const byAgency = [...Map.groupBy(uses, ({ agencyCode }) => agencyCode).values()].map((own): AgencyMatch => ({
    agencyCode: own[0]!.agencyCode,
    agencyName: own[0]!.agencyName,
    level: own[0]!.level,
    ...count(own),
  }))
  return {
    total: count(uses),
    byLevel: [...Map.groupBy(uses, ({ level }) => level)].map(([level, own]): LevelMatch => ({ level, ...count(own) })),
    byAgency: byAgency.toSorted(
      (a, b) => b.codes - b.matched - (a.codes - a.matched) || (a.agencyCode < b.agencyCode ? -1 : 1),
    ),
    unmatched: uses
      .flatMap(({ reason, level: _level, dossierLevel: _own, source: _source, ...use }) =>
        reason === null ? [] : [{ ...use, reason }],
      )
      .toSorted((a, b) => b.dossiers - a.dossiers || (a.localCode < b.localCode ? -1 : 1)),
  }
}

function reasonOf(
  catalogue: Catalogue,
  { localCode, source, agencyCode, dossierLevel: level }: UseRow,
  today: string,
): string | null {
  const { answer } = nationalOf(catalogue, {
    procedureCode: localCode,
    source: source ?? '',
    agencyCode,
    level,
    receivedOn: today,
    unitDay: today,
  })
  return answer.found ? null : answer.reason
}

/** In percent; 100 means all. */
export const matchRate = ({ codes, matched }: MatchCount): number | null => rateOf(matched, codes)

import type { Difference } from '../delivery/portal.ts'
import type { Fragment, Sql, Tx } from '../platform/database.ts'
import { agreementOf, type Agreement, type Counts, type FindingKind } from './agreement.ts'
import type { RegisterKind } from './register-compare.ts'
import { registerOf, type FieldCount, type RegisterState } from './registers.ts'

export interface RunScope {
  /** Share of the dossiers to look at, above 0 and up to 1. */
  readonly sample?: number
  /** At most so many of the ledger's dossiers, chosen at random. */
  readonly limit?: number
  /** Vietnam dates of reception, `yyyy-MM-dd`; `to` is exclusive. */
  readonly from?: string
  readonly to?: string
  readonly agency?: string
  /** These dossiers alone, by their codes. */
  readonly only?: readonly string[]
  /** Everything that was delivered since a moment, and a turn of all the others: each of them once in `every` days. */
  readonly daily?: Daily
  /** The province's own register: codes that the ledger does not hold are looked up too. */
  readonly codes?: readonly string[]
}

export interface Daily {
  /** ISO 8601; null: all that was ever delivered. */
  readonly since: string | null
  readonly every: number
  readonly turn: number
}

/** The scope as kept with the run: fixed at its start, so that a resumed run goes over the same dossiers. Its codes are columns of their own. */
export interface KeptScope extends Omit<RunScope, 'codes' | 'only'> {
  /** Dossiers stored later belong to the next run. */
  readonly lastId: number
  /** A dossier is looked at when its `lot` lies below; `allLots` = every one. */
  readonly lots: number
  /** What runs before registers had fields kept of theirs. */
  readonly register?: Pick<RegisterCount, 'total' | 'held' | 'missing' | 'unregistered' | 'examples'> | undefined
}

/** The province's own register against the ledger. `held` and `missing` together are `total`. */
export interface RegisterCount {
  /** Different codes in the register. */
  readonly total: number
  /** Of them in the ledger. */
  readonly held: number
  readonly missing: number
  /** Dossiers of the ledger, within the scope of the run, that the register does not have, the first of them by name; null: it is not a whole one. */
  readonly unregistered: number | null
  readonly examples: readonly string[]
  /** The parts of `total`, and `not-in-register` beside them; null in runs of before. */
  readonly counts: Readonly<Record<RegisterKind, number>> | null
  /** By field: in how many dossiers it was equal, different, or not to be compared. */
  readonly fields: Readonly<Record<string, FieldCount>>
  readonly given: RegisterGiven | null
}

/** Where a register came from and what it says of itself. */
export interface RegisterGiven {
  readonly name: string
  /** SHA-256 of what came. */
  readonly hash: string | null
  readonly rows: number
  /** The moment it speaks of. */
  readonly asOf: string
  readonly source: string | null
  readonly complete: boolean
  /** Dossiers of the ledger in its scope when the run began. */
  readonly inLedger: number
  /** Null: it is being judged, and its counts grow. */
  readonly judgedAt: string | null
}

export const allLots = 2 ** 52

export interface Run {
  readonly id: number
  readonly startedAt: string
  readonly finishedAt: string | null
  readonly askedBy: string
  readonly state: 'running' | 'finished' | 'failed'
  /** Of codes the first `shownCodes`. */
  readonly scope: RunScope & {
    readonly onlyCount: number | null
    readonly codes: readonly string[]
    readonly codesCount: number
  }
  readonly sampled: boolean
  readonly register: RegisterCount | null
  /** Dossiers to look at; once finished, those that were looked at: the sum of `counts`. */
  readonly total: number
  readonly counts: Counts
  readonly agreement: Agreement
  readonly note: string
}

/** Codes of a run that are shown with it: all of them can be a million. */
const shownCodes = 100

export interface RunRow {
  id: number
  started_at: Date
  finished_at: Date | null
  asked_by: string
  scope: KeptScope
  state: Run['state']
  total: number
  position: number
  unheld: string[]
  codesCount: number
  codeCursor: string
  register: RegisterState | null
  unregistered: string[]
  only: string[] | null
  onlyCount: number | null
  equal: number
  different: number
  missing_there: number
  missing_here: number
  unknown: number
  note: string
}

export function runOf(row: RunRow): Run {
  const { lastId: _lastId, lots, register: former, ...scope } = row.scope
  const counts: Counts = {
    equal: row.equal,
    different: row.different,
    'missing-there': row.missing_there,
    'missing-here': row.missing_here,
    unknown: row.unknown,
  }
  const sampled = lots < allLots
  return {
    id: row.id,
    startedAt: row.started_at.toISOString(),
    finishedAt: row.finished_at?.toISOString() ?? null,
    askedBy: row.asked_by,
    state: row.state,
    scope: {
      ...scope,
      ...(row.only !== null && { only: row.only }),
      onlyCount: row.onlyCount,
      codes: row.unheld,
      codesCount: row.codesCount,
    },
    sampled,
    register: registerIn(row) ?? (former === undefined ? null : { ...former, counts: null, fields: {}, given: null }),
    total: row.total,
    counts,
    agreement: agreementOf(counts, sampled),
    note: row.note,
  }
}

function registerIn({ register, unregistered }: RunRow): RegisterCount | null {
  if (register === null) return null
  const { total, equal, different, unknown, notInLedger, notInRegister, fields, ...about } = register
  const { name, hash, rows, asOf, source, complete, inLedger, judgedAt } = about
  return {
    total,
    held: total - notInLedger,
    missing: notInLedger,
    unregistered: complete ? notInRegister : null,
    examples: unregistered,
    counts: { equal, different, 'not-in-ledger': notInLedger, 'not-in-register': notInRegister, unknown },
    fields,
    given: { name, hash, rows, asOf, source, complete, inLedger, judgedAt },
  }
}

/** Unregistered dossiers that are named. */
const namedExamples = 200

/** What a run is read by. */
export const runColumns = (sql: Sql | Tx): Fragment => sql`
  r.id, r.started_at, r.finished_at, r.asked_by, r.scope, r.state, r.total, r.position, r.equal, r.different, r.missing_there,
  r.missing_here, r.unknown, r.note, r.codes_count as "codesCount", r.code_cursor as "codeCursor", ${registerOf(sql, sql`r.id`)} as register,
  array(select f.code from register_findings f where f.run_id = r.id and f.look_up order by f.code limit ${shownCodes}) as unheld,
  array(
    select f.code from register_findings f where f.run_id = r.id and f.kind = 'not-in-register' order by f.code limit ${namedExamples}
  ) as unregistered,
  r.only_codes[1:${shownCodes}] as only, cardinality(r.only_codes) as "onlyCount"`

export async function readRunRow(sql: Sql | Tx, id: number): Promise<RunRow | null> {
  const [row] = await sql<RunRow[]>`select ${runColumns(sql)} from reconciliation_runs r where id = ${id}`
  return row ?? null
}

/** Who may see only some agencies sees only the runs over one of them: counts of a wider run cannot be divided. */
const visible = (sql: Sql, agencies: readonly string[] | undefined) =>
  agencies === undefined ? sql`` : sql`and r.scope ->> 'agency' = any(${[...agencies]}::text[])`

/** Runs with the name of who asked for them. */
const named = (sql: Sql, which: Fragment) => sql<RunRow[]>`
  select ${runColumns(sql)}, coalesce(c.name, r.asked_by) as asked_by
  from reconciliation_runs r left join api_clients c on r.asked_by = 'key:' || c.id where ${which}`

export async function readRun(sql: Sql, id: number, agencies?: readonly string[]): Promise<Run | null> {
  const [row] = await named(sql, sql`r.id = ${id} ${visible(sql, agencies)}`)
  return row === undefined ? null : runOf(row)
}

/** Newest first. */
export async function listRuns(sql: Sql, limit: number, agencies?: readonly string[]): Promise<Run[]> {
  const rows = await named(sql, sql`true ${visible(sql, agencies)} order by r.id desc limit ${limit}`)
  return rows.map(runOf)
}

/** Those under way, the newest first, at most 20. */
export async function listRunning(sql: Sql, agencies?: readonly string[]): Promise<Run[]> {
  const rows = await named(sql, sql`r.state = 'running' ${visible(sql, agencies)} order by r.id desc limit 20`)
  return rows.map(runOf)
}

export interface FindingRow {
  code: string
  kind: FindingKind
  fields: Difference[]
  checkedAt: string
}

/** What a run found, in order of dossier codes; equal dossiers are counted only. The cursor is the last code shown. */
export async function listFindings(
  sql: Sql,
  filter: { runId: number; kind?: FindingKind | undefined; cursor?: string | undefined; limit: number },
): Promise<{ findings: FindingRow[]; next: string | null }> {
  const { runId, kind, cursor, limit } = filter
  const rows = await sql<(Omit<FindingRow, 'checkedAt'> & { checkedAt: Date })[]>`
    select code, kind, coalesce(fields, '[]') as fields, checked_at as "checkedAt"
    from reconciliation_findings
    where run_id = ${runId}
      ${kind === undefined ? sql`` : sql`and kind = ${kind}`}
      ${cursor === undefined ? sql`` : sql`and code > ${cursor}`}
    order by code
    limit ${limit + 1}`
  const findings = rows.slice(0, limit).map((row) => ({ ...row, checkedAt: row.checkedAt.toISOString() }))
  return { findings, next: rows.length > limit ? (findings.at(-1)?.code ?? null) : null }
}

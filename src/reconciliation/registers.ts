import type { Fragment, Sql, Tx } from '../platform/database.ts'
import { problem } from '../platform/table.ts'
import type { RegisterDifference, RegisterKind } from './register-compare.ts'
import type { RegisterRow } from './register-row.ts'
import { RegisterFaults, type RegisterRows } from './register-reading.ts'

/**
 * The province's own registers in the ledger's database: their rows come in part by part, each part committed, because nothing may wait for a client in a
 * transaction; a run takes them over when the last one is there, and judges them.
 */

export interface RegisterGiven {
  /** Of the file, or what else it is called. */
  readonly name: string
  readonly by: string
  /** ISO 8601: the moment it speaks of; left out: now. */
  readonly asOf?: string | undefined
  /** The one-stop system whose words it uses, and whose dossiers alone it has. */
  readonly source?: string | undefined
  /** It has every dossier of its scope. */
  readonly complete?: boolean | undefined
}

/** Keeps the rows until a run takes them; the id of the register. What cannot be read leaves nothing behind. */
export async function stageRegister(
  sql: Sql,
  { name, by, asOf, source, complete = false }: RegisterGiven,
  rows: RegisterRows,
  hash: () => string | null = () => null,
): Promise<number> {
  const [created] = await sql<{ id: number }[]>`
    insert into registers (name, given_by, as_of, source, complete)
    values (${name.slice(0, 200)}, ${by}, coalesce(${asOf ?? null}::timestamptz, now()), ${source ?? null}, ${complete}) returning id`
  const id = created!.id
  try {
    let count = 0
    for await (const some of rows) {
      await insertRows(sql, id, some, count)
      count += some.length
    }
    await sql`update registers set rows = ${count}, hash = ${hash()}, touched_at = now() where id = ${id}`
    // Statistics of a table that was empty a minute ago would have every part sorted anew.
    if (count > rowsAtOnce) await sql`analyze register_rows`
    if (count > mostOfOneCode) await refuseCrowds(sql, id)
    return id
  } catch (error) {
    await dropRegister(sql, id)
    throw error
  }
}

/** Rows of one code are judged together, in memory. */
const mostOfOneCode = 5_000

async function refuseCrowds(sql: Sql, id: number): Promise<void> {
  const [crowd] = await sql<{ first: number }[]>`
    select min(number) as first from register_rows where register_id = ${id} group by code having count(*) > ${mostOfOneCode} limit 1`
  if (crowd)
    throw new RegisterFaults([problem(crowd.first, null, `More than ${mostOfOneCode} rows have the code of this one`)])
}

async function insertRows(sql: Sql, id: number, rows: readonly RegisterRow[], before: number): Promise<void> {
  await sql`
    with kept as (
      insert into register_rows (register_id, number, code, agency, procedure, status, received, steps)
      select ${id}, ${before} + r.number, r.code, r.agency, r.procedure, r.status, r.received, r.steps from unnest(
        ${rows.map(({ code }) => code)}::text[], ${rows.map(({ agency }) => agency)}::text[],
        ${rows.map(({ procedure }) => procedure)}::text[], ${rows.map(({ status }) => status)}::text[],
        ${rows.map(({ received }) => received)}::text[], ${rows.map(({ steps }) => steps)}::int[]
      ) with ordinality as r(code, agency, procedure, status, received, steps, number)
    )
    update registers set touched_at = now() where id = ${id}`
}

const rowsAtOnce = 20_000

/** Lets go of its rows, in parts that hold nobody up. */
export async function dropRows(sql: Sql, id: number): Promise<void> {
  for (let count = rowsAtOnce; count === rowsAtOnce;) {
    const gone = await sql`
      delete from register_rows where ctid = any(array(select ctid from register_rows where register_id = ${id} limit ${rowsAtOnce})) returning 1`
    count = gone.length
  }
}

async function dropRegister(sql: Sql, id: number): Promise<void> {
  await dropRows(sql, id)
  await sql`delete from registers where id = ${id} and run_id is null`
}

/** Registers whose sender went away before the end, and rows of those that nobody judges any more. Returns how many were let go of. */
export async function sweepRegisters(sql: Sql): Promise<number> {
  const left = await sql<{ id: number }[]>`
    select id from registers where run_id is null and touched_at < now() - interval '6 hours'`
  for (const { id } of left) await dropRegister(sql, id)
  const done = await sql<{ id: number }[]>`
    select g.id from registers g join reconciliation_runs run on run.id = g.run_id
    where (g.judged_at is not null or run.state <> 'running') and exists (select 1 from register_rows r where r.register_id = g.id)`
  for (const { id } of done) await dropRows(sql, id)
  return left.length
}

/** A register as a run is read with it. */
export interface RegisterState {
  readonly id: number
  readonly name: string
  readonly hash: string | null
  readonly asOf: string
  readonly source: string | null
  readonly complete: boolean
  readonly rows: number
  readonly lastId: number
  readonly inLedger: number
  readonly codeCursor: string
  readonly idCursor: number
  readonly codesJudged: boolean
  readonly judgedAt: string | null
  readonly total: number
  readonly equal: number
  readonly different: number
  readonly notInLedger: number
  readonly unknown: number
  readonly notInRegister: number
  readonly fields: Readonly<Record<string, FieldCount>>
}

/** In how many dossiers a field was equal, different, or not to be compared. */
export interface FieldCount {
  readonly equal: number
  readonly different: number
  readonly unclear: number
}

const utc = (sql: Sql | Tx, column: Fragment) =>
  sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

/** The register of a run as one value; null where it has none. */
export const registerOf = (sql: Sql | Tx, runId: Fragment): Fragment => sql`(
  select jsonb_build_object(
    'id', g.id, 'name', g.name, 'hash', g.hash, 'asOf', ${utc(sql, sql`g.as_of`)}, 'source', g.source, 'complete', g.complete,
    'rows', g.rows, 'lastId', g.last_id, 'inLedger', g.in_ledger, 'codeCursor', g.code_cursor, 'idCursor', g.id_cursor,
    'codesJudged', g.codes_judged, 'judgedAt', ${utc(sql, sql`g.judged_at`)}, 'total', g.total, 'equal', g.equal,
    'different', g.different, 'notInLedger', g.not_in_ledger, 'unknown', g.unknown, 'notInRegister', g.not_in_register, 'fields', g.fields
  ) from registers g where g.run_id = ${runId})`

export interface RegisterFinding {
  readonly code: string
  readonly kind: Exclude<RegisterKind, 'equal'>
  readonly agencyCode: string | null
  readonly agencyName: string | null
  readonly fields: readonly RegisterDifference[]
}

export interface RegisterFilter {
  readonly runId: number
  readonly kind?: RegisterFinding['kind'] | undefined
  /** A field that differs or cannot be compared. */
  readonly field?: string | undefined
  /** Whether a field (`field`, or any) differs or cannot be compared. */
  readonly outcome?: 'different' | 'unclear' | undefined
  readonly cursor?: string | undefined
  readonly limit: number
}

/** What of a register does not agree with the ledger, in order of codes. The cursor is the last code shown. */
export async function listRegisterFindings(
  sql: Sql,
  { runId, kind, field, outcome, cursor, limit }: RegisterFilter,
): Promise<{ rows: RegisterFinding[]; next: string | null }> {
  const rows = await sql<RegisterFinding[]>`
    select f.code, f.kind, f.agency_code as "agencyCode", a.name as "agencyName", f.fields
    from register_findings f left join agencies a on a.code = f.agency_code
    where f.run_id = ${runId}
      ${kind === undefined ? sql`` : sql`and f.kind = ${kind}`}
      ${field === undefined ? sql`` : sql`and f.fields @> ${sql.json([{ field }])}`}
      ${outcome === undefined ? sql`` : withOutcome(sql, outcome, field)}
      ${cursor === undefined ? sql`` : sql`and f.code > ${cursor}`}
    order by f.code limit ${limit + 1}`
  const shown = rows.slice(0, limit)
  return { rows: shown, next: rows.length > limit ? shown.at(-1)!.code : null }
}

const withOutcome = (sql: Sql, outcome: 'different' | 'unclear', field: string | undefined) => sql`and exists (
  select 1 from jsonb_array_elements(f.fields) as one
  where (one ? 'why') = ${outcome === 'unclear'} ${field === undefined ? sql`` : sql`and one ->> 'field' = ${field}`}
)`

/** All of them, part by part. */
export async function* allRegisterFindings(
  sql: Sql,
  filter: Omit<RegisterFilter, 'cursor' | 'limit'>,
): AsyncGenerator<readonly RegisterFinding[]> {
  let cursor: string | undefined
  do {
    const { rows, next } = await listRegisterFindings(sql, { ...filter, cursor, limit: 2_000 })
    if (rows.length > 0) yield rows
    cursor = next ?? undefined
  } while (cursor !== undefined)
}

/** Gives the register to a run, with what the ledger holds in this moment. */
export async function giveToRun(
  tx: Tx,
  { register, runId, chosen }: { readonly register: number; readonly runId: number; readonly chosen: Fragment },
): Promise<void> {
  const taken = await tx`
    update registers set run_id = ${runId}, touched_at = now(), last_id = (select coalesce(max(id), 0) from dossiers),
      in_ledger = (select count(*) from dossiers where received_at <= as_of and (registers.source is null or dossiers.source = registers.source) ${chosen})
    where id = ${register} and run_id is null returning 1`
  if (taken.length === 0) throw new Error(`There is no register ${register} that waits for a run`)
}

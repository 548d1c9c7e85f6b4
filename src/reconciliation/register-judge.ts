import { readUnitRegister } from '../organisations/unit-register.ts'
import { transaction, type Sql, type Tx } from '../platform/database.ts'
import { keepDiscrepancies, type Looked } from './discrepancies.ts'
import { compareRows, statusKey, unitNamesOf, type HeldDossier, type Rules, type Verdict } from './register-compare.ts'
import type { RegisterRow } from './register-row.ts'
import { dropRows, type FieldCount, type RegisterState } from './registers.ts'
import { inScope, lot } from './run-scope.ts'
import { readRunRow, type RunRow } from './runs.ts'

/**
 * Judges the register of a run, part by part: first each of its codes against the ledger, then, where the register is whole, the ledger's dossiers against
 * it. Each part is read by one statement and kept with its counts and the place reached, so that a killed run goes on there and counts nothing twice. What a
 * dossier does meanwhile falsifies nothing: what was changed after the moment of the register is not concluded from.
 */
export async function judgeRegister(sql: Sql, run: RunRow, isStopped: () => boolean): Promise<RunRow> {
  let row = run
  if (row.register === null || row.register.judgedAt !== null) return row
  const rules = await transaction(sql, (tx) => readRules(tx, row.register!))
  while (row.register!.judgedAt === null && !isStopped()) {
    const register = row.register!
    if (!register.codesJudged) await judgeCodes(sql, row, { register, rules })
    else if (register.complete && register.idCursor < register.lastId) await findLacking(sql, row, register)
    else await conclude(sql, row, register)
    row = (await readRunRow(sql, row.id))!
  }
  if (row.register!.judgedAt !== null) await dropRows(sql, row.register!.id)
  return row
}

async function readRules(tx: Tx, { source, asOf }: RegisterState): Promise<Rules> {
  const units = await readUnitRegister(tx)
  const words = await tx<{ source: string; word: string; status: string }[]>`
    select source, local_status as word, status from status_mappings`
  const statuses = new Map(words.map((one) => [statusKey(one.source, one.word), one.status]))
  return { units, unitNames: unitNamesOf(units), statuses, source, asOf }
}

/** Rows of a part; one code may have more than that. */
const partSize = 5_000

interface Joined extends RegisterRow {
  readonly id: number | null
  readonly source: string
  readonly heldAgency: string
  readonly heldProcedure: string
  readonly nationalCode: string | null
  readonly heldStatus: string | null
  readonly sourceStatus: string
  readonly receivedAt: Date
  readonly changedAt: Date
  readonly heldSteps: number | null
  readonly statusBefore: string | null
  readonly sourceStatusBefore: string | null
}

/** The next rows with what the ledger holds of them, every code with all its rows. */
async function nextRows(sql: Sql, { id, codeCursor }: RegisterState): Promise<Joined[]> {
  for (let size = partSize; ; size *= 2) {
    const rows = await sql<Joined[]>`
      with register as (select as_of from registers where id = ${id}),
        part as (select * from register_rows where register_id = ${id} and code > ${codeCursor} order by code, number limit ${size})
      select s.code, s.agency, s.procedure, s.status, s.received, s.steps,
        d.id, d.source, d.agency_code as "heldAgency", d.procedure_code as "heldProcedure", l.national_code as "nationalCode",
        d.status as "heldStatus", d.source_status as "sourceStatus", d.received_at as "receivedAt", d.changed_at as "changedAt",
        case when s.steps is not null and d.id is not null then
          (select count(*)::int from steps t where t.dossier_id = d.id and t.at <= register.as_of) end as "heldSteps",
        before.status as "statusBefore", before.source_status as "sourceStatusBefore"
      from part s cross join register
        -- Some systems write the same letters in another form of Unicode.
        left join lateral (
          select * from dossiers d where d.code = any(array[s.code, normalize(s.code, nfd)]) order by d.code <> s.code limit 1
        ) d on true
        left join deliveries l on l.dossier_id = d.id
        left join lateral (
          select c.status, c.source_status from changes c
          where s.status is not null and d.changed_at > register.as_of and c.dossier_id = d.id and c.changed_at <= register.as_of
          order by c.changed_at desc, c.number desc limit 1
        ) before on true
      order by s.code, s.number`
    if (rows.length < size) return rows
    // The last code may have more rows than were read.
    const last = rows.at(-1)!.code
    const whole = rows.filter(({ code }) => code !== last)
    if (whole.length > 0) return whole
  }
}

const heldOf = (row: Joined): HeldDossier | null =>
  row.id === null
    ? null
    : {
        source: row.source,
        agencyCode: row.heldAgency,
        procedureCode: row.heldProcedure,
        nationalCode: row.nationalCode,
        status: row.heldStatus,
        sourceStatus: row.sourceStatus,
        receivedAt: row.receivedAt.toISOString(),
        changedAt: row.changedAt.toISOString(),
        steps: row.heldSteps,
        before:
          row.sourceStatusBefore === null ? null : { status: row.statusBefore, sourceStatus: row.sourceStatusBefore },
      }

type JudgedCode = Verdict & { readonly code: string; readonly agencyCode: string | null }

async function judgeCodes(
  sql: Sql,
  run: RunRow,
  { register, rules }: { readonly register: RegisterState; readonly rules: Rules },
): Promise<void> {
  const rows = await nextRows(sql, register)
  const judged = [...Map.groupBy(rows, ({ code }) => code)].map(([code, own]): JudgedCode => {
    const held = heldOf(own[0]!)
    return { ...compareRows(rules, own, held), code, agencyCode: held?.agencyCode ?? null }
  })
  await keepPart(sql, run, { register, judged, last: rows.at(-1)?.code })
}

async function keepPart(
  sql: Sql,
  run: RunRow,
  {
    register,
    judged,
    last,
  }: { readonly register: RegisterState; readonly judged: readonly JudgedCode[]; readonly last: string | undefined },
): Promise<void> {
  const count = (kind: JudgedCode['kind']) => judged.filter((one) => one.kind === kind).length
  const kept = judged.filter(({ kind }) => kind !== 'equal')
  await transaction(sql, async (tx) => {
    const moved = await tx`
      update registers set code_cursor = ${last ?? register.codeCursor}, codes_judged = ${last === undefined},
        total = total + ${judged.length}, equal = equal + ${count('equal')}, different = different + ${count('different')},
        not_in_ledger = not_in_ledger + ${count('not-in-ledger')}, unknown = unknown + ${count('unknown')},
        fields = ${tx.json(addedUp(register.fields, judged) as never)}
      where id = ${register.id} and code_cursor = ${register.codeCursor} and not codes_judged returning 1`
    if (moved.length === 0) throw new Error(`Reconciliation run ${run.id} is being continued by another process`)
    if (kept.length > 0)
      await tx`
        insert into register_findings (run_id, code, kind, agency_code, fields, look_up)
        select ${run.id}, r.code, r.kind, r.agency_code, r.fields::jsonb, r.look_up = 'true' from unnest(
          ${kept.map(({ code }) => code)}::text[], ${kept.map(({ kind }) => kind)}::text[],
          ${kept.map(({ agencyCode }) => agencyCode)}::text[], ${kept.map(({ fields }) => JSON.stringify(fields))}::text[],
          ${kept.map(({ kind, code }) => String(kind === 'not-in-ledger' && lot(run.id, code) < run.scope.lots))}::text[]
        ) as r(code, kind, agency_code, fields, look_up)`
    await keepDiscrepancies(tx, run.id, { side: 'register', at: register.asOf, ...concludedOf(judged) })
  })
}

/** Of a dossier of which nothing can be said, nothing is opened and nothing closed. */
const concludedOf = (judged: readonly JudgedCode[]): Pick<Looked, 'found' | 'agreed'> => ({
  found: judged.flatMap(({ code, kind, fields }) =>
    kind === 'different' ? [{ code, kind, fields: fields.filter(({ why }) => why === undefined) }] : [],
  ),
  agreed: judged.flatMap(({ code, kind, outcomes }) =>
    kind === 'equal' ? [{ code, fields: Object.keys(outcomes) }] : [],
  ),
})

function addedUp(before: RegisterState['fields'], judged: readonly JudgedCode[]): Record<string, FieldCount> {
  const sums: Record<string, { equal: number; different: number; unclear: number }> = structuredClone({ ...before })
  for (const { outcomes } of judged)
    for (const [field, outcome] of Object.entries(outcomes)) {
      sums[field] ??= { equal: 0, different: 0, unclear: 0 }
      sums[field][outcome] += 1
    }
  return sums
}

/** Dossiers of the ledger that are looked for in the register at once. */
const ledgerPart = 20_000

async function findLacking(sql: Sql, run: RunRow, register: RegisterState): Promise<void> {
  await transaction(sql, async (tx) => {
    const [part] = await tx<{ last: number | null; lacking: number }[]>`
      with register as (select as_of, source from registers where id = ${register.id}),
        part as (
          select dossiers.id, code, agency_code from dossiers, register
          where dossiers.id > ${register.idCursor} and dossiers.id <= ${register.lastId} and received_at <= register.as_of
            and (register.source is null or dossiers.source = register.source) ${inScope(tx, run.scope)}
          order by dossiers.id limit ${ledgerPart}
        ),
        lacking as (
          insert into register_findings (run_id, code, kind, agency_code)
          select ${run.id}, s.code, 'not-in-register', s.agency_code
          -- One by one through the index: every part would read the whole register otherwise.
          from part s left join lateral (
            select true as known from register_rows r where r.register_id = ${register.id} and r.code = normalize(s.code, nfc) limit 1
          ) r on true
          where r.known is null
          on conflict do nothing returning 1
        )
      select (select max(id) from part) as last, (select count(*)::int from lacking) as lacking`
    const moved = await tx`
      update registers set id_cursor = ${part!.last ?? register.lastId}, not_in_register = not_in_register + ${part!.lacking}
      where id = ${register.id} and id_cursor = ${register.idCursor} returning 1`
    if (moved.length === 0) throw new Error(`Reconciliation run ${run.id} is being continued by another process`)
  })
}

/** A register that lacks most of the ledger was hardly whole, whatever was said: what it lacks is shown with the run, and opens nothing. */
const isBelieved = ({ notInRegister, inLedger }: RegisterState) => notInRegister * 2 <= inLedger

async function openLacking(tx: Tx, run: RunRow, { asOf }: RegisterState): Promise<void> {
  for (let cursor = ''; ;) {
    const rows = await tx<{ code: string }[]>`
      select code from register_findings where run_id = ${run.id} and kind = 'not-in-register' and code > ${cursor} order by code limit ${partSize}`
    if (rows.length === 0) return
    const found = rows.map(({ code }) => ({ code, kind: 'not-in-register' as const, fields: [] }))
    await keepDiscrepancies(tx, run.id, { side: 'register', at: asOf, found, agreed: [] })
    cursor = rows.at(-1)!.code
  }
}

/** From here on the run knows which codes it looks up beside the ledger's dossiers. */
async function conclude(sql: Sql, run: RunRow, register: RegisterState): Promise<void> {
  await transaction(sql, async (tx) => {
    const done =
      await tx`update registers set judged_at = now() where id = ${register.id} and judged_at is null returning 1`
    if (done.length === 0) return
    if (isBelieved(register)) await openLacking(tx, run, register)
    await tx`
      update reconciliation_runs r set codes_count = n.count, total = total + n.count, moved_at = now()
      from (select count(*)::int as count from register_findings where run_id = ${run.id} and look_up) n where r.id = ${run.id}`
  })
}

import { bools, transaction, type Sql, type Tx } from '../platform/database.ts'
import { Refusal, type Finding } from '../platform/problems.ts'
import { lockCatalogue, raiseVersion } from '../procedures/catalogue-version.ts'
import type { Release } from '../procedures/model.ts'
import { oneNotation, plainName, type Agency, type Succession } from './model.ts'
import { readUnitRegister } from './unit-register.ts'
import { concerned, judgeSuccessions } from './successions.ts'

/** The province's units in the ledger, and what persons say about what became of them: kept with who and why, taken back at will. */

export interface AgencyRow extends Omit<Agency, 'formerNames'> {
  /** First day of the name, where it had another one before. */
  readonly renamedOn?: string | null | undefined
  /** Whether its account for online payment is set up. */
  readonly beneficiaryAccount?: boolean | null | undefined
}

/**
 * Adds units and changes those that are there, all or none; how many were new or different. What a row leaves out stays as it is. A list without
 * days must not rewrite the past: a changed name needs the day of the renaming, unless `corrections` says that the name before was a mistake. Throws
 * a refusal that names each row that cannot be (`agencies.3`).
 */
export const importAgencies = (
  sql: Sql,
  rows: readonly AgencyRow[],
  { corrections = false }: { readonly corrections?: boolean } = {},
): Promise<number> =>
  transaction(sql, async (tx) => {
    await lockCatalogue(tx)
    const changed = await keepAgencies(tx, rows, corrections)
    if (changed > 0) await raiseVersion(tx)
    return changed
  })

async function keepAgencies(tx: Tx, rows: readonly AgencyRow[], corrections: boolean): Promise<number> {
  const register = await readUnitRegister(tx)
  const spellings = new Map(register.spellings)
  const findings = rows.flatMap((row, place) => {
    const fault = faultOf(register.agencies.get(row.code), row, corrections) ?? secondNotation(spellings, row.code)
    return fault === null ? [] : [{ code: 'invalid-field', field: `agencies.${place}`, detail: fault } as const]
  })
  if (findings.length > 0) throw new Refusal('invalid-field', 'Some agencies cannot be', { findings })
  const named = tx`unnest(
    ${rows.map((row) => row.code)}::text[], ${rows.map((row) => row.name)}::text[], ${rows.map((row) => row.level)}::text[],
    ${rows.map((row) => row.validFrom ?? null)}::date[], ${rows.map((row) => row.validTo ?? null)}::date[],
    ${bools(rows.map((row) => row.beneficiaryAccount ?? null))}::text[]::bool[],
    ${rows.map((row) => row.renamedOn ?? null)}::date[]
  ) as r(code, name, level, valid_from, valid_to, beneficiary_account, renamed_on)`
  await tx`
    insert into agency_names (code, until, name)
    select a.code, r.renamed_on, a.name from ${named} join agencies a using (code)
    where r.name <> a.name and r.renamed_on is not null
    -- Said again for the same day, only the newer name was corrected.
    on conflict do nothing`
  const changed = await tx`
    insert into agencies as known (code, name, level, valid_from, valid_to, beneficiary_account)
    select code, name, level, valid_from, valid_to, beneficiary_account from ${named}
    on conflict (code) do update set
      name = excluded.name, level = excluded.level, valid_from = coalesce(excluded.valid_from, known.valid_from),
      valid_to = coalesce(excluded.valid_to, known.valid_to),
      beneficiary_account = coalesce(excluded.beneficiary_account, known.beneficiary_account)
    where (known.name, known.level, known.valid_from, known.valid_to, known.beneficiary_account) is distinct from
      (excluded.name, excluded.level, coalesce(excluded.valid_from, known.valid_from), coalesce(excluded.valid_to, known.valid_to),
        coalesce(excluded.beneficiary_account, known.beneficiary_account))
    returning 1`
  return changed.length
}

function faultOf(known: Agency | undefined, row: AgencyRow, corrections: boolean): string | null {
  const { code, name, validFrom, validTo, renamedOn } = row
  const [from, to] = [validFrom ?? known?.validFrom, validTo ?? known?.validTo]
  if (from && to && to <= from) return `${code} would end before it begins`
  if (renamedOn && from && renamedOn <= from) return `${code} began on ${from}: it cannot be renamed on ${renamedOn}`
  if (known && plainName(known.name) !== plainName(name) && !renamedOn && !corrections)
    return `${code} is called "${known.name}" so far. Say since when it is called otherwise (renamed_on), or that the name was wrong (corrections)`
  return null
}

function secondNotation(spellings: Map<string, string>, code: string): string | null {
  const other = spellings.get(oneNotation(code)) ?? code
  spellings.set(oneNotation(code), other)
  return other === code ? null : `${code} is the unit ${other} in another notation: one unit, one code`
}

/** What a change of units means for blocked dossiers of these agency codes, looked at inside its transaction. */
export type LookAt = (tx: Tx, agencyCodes: readonly string[]) => Promise<Release>

/** For lists, whose dossiers are counted when they go. */
const nobodyLooks: LookAt = async () => ({ blocked: 0, released: 0, still: {} })

export interface Act {
  readonly by: string
  readonly why: string
}

export interface Outcome {
  /** Rows that are new. */
  readonly changed: number
  /** What was said before already. */
  readonly already: number
  readonly dossiers: Release
}

/** Keeps who follows whom: all of it or nothing. Throws a refusal that names each row that cannot be (`successions.3`). */
export const succeed = (sql: Sql, wishes: readonly Succession[], act: Act, look = nobodyLooks): Promise<Outcome> =>
  transaction(sql, async (tx) => {
    await lockCatalogue(tx)
    const outcome = await succeedWithin(tx, wishes, act, look)
    if (outcome.changed > 0) await raiseVersion(tx)
    return outcome
  })

class RolledBack extends Error {}

/** What `succeed` would do: nothing is kept, and nobody has to wait. Refuses what it refuses. */
export async function foreseen(sql: Sql, wishes: readonly Succession[], look: LookAt): Promise<Outcome> {
  let outcome: Outcome | undefined
  try {
    await transaction(sql, async (tx) => {
      outcome = await succeedWithin(tx, wishes, { by: '', why: '' }, look)
      throw new RolledBack()
    })
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error
  }
  return outcome!
}

async function succeedWithin(tx: Tx, wishes: readonly Succession[], act: Act, look: LookAt): Promise<Outcome> {
  const judged = judgeSuccessions(await readUnitRegister(tx), wishes)
  const findings = judged.flatMap((one, place): Finding[] =>
    one.ok ? [] : [{ ...one.finding, field: `successions.${place}` }],
  )
  if (findings.length > 0) throw new Refusal('invalid-field', 'Some successions cannot be', { findings })
  const rows = judged.flatMap((one) => (one.ok && !one.isKnown ? [one.succession] : []))
  await insertSuccessions(tx, rows, act)
  const dossiers = await lookAt(
    tx,
    rows.map(({ oldCode }) => oldCode),
    look,
  )
  return { changed: rows.length, already: wishes.length - rows.length, dossiers }
}

async function insertSuccessions(tx: Tx, rows: readonly Succession[], { by, why }: Act): Promise<void> {
  if (rows.length === 0) return
  await tx`
    insert into agency_successions (old_code, new_code, day, transfer, procedure_code, decided_by, why)
    select r.*, ${by}, ${why} from unnest(
      ${rows.map((row) => row.oldCode)}::text[], ${rows.map((row) => row.newCode)}::text[], ${rows.map((row) => row.day)}::date[],
      ${rows.map((row) => row.transfer)}::text[], ${rows.map((row) => row.procedureCode)}::text[]
    ) as r
    -- Two previews may say the same thing in the same moment; whoever keeps it holds the lock.
    on conflict do nothing`
}

/** Takes back what was said about one unit: its dossiers are judged as before. Null: there is none of this number. Throws a refusal when it was taken back before. */
export const withdraw = (sql: Sql, id: number, { by, why }: Act, look = nobodyLooks): Promise<Outcome | null> =>
  transaction(sql, async (tx) => {
    await lockCatalogue(tx)
    const [row] = await tx<{ oldCode: string; withdrawn: boolean }[]>`
      select old_code as "oldCode", withdrawn_at is not null as withdrawn from agency_successions where id = ${id}`
    if (!row) return null
    if (row.withdrawn) throw new Refusal('already-undone', `Succession ${id} was taken back already`)
    await tx`update agency_successions set withdrawn_at = now(), withdrawn_by = ${by}, withdrawn_why = ${why} where id = ${id}`
    await raiseVersion(tx)
    return { changed: 1, already: 0, dossiers: await lookAt(tx, [row.oldCode], look) }
  })

/** Reasons for which dossiers wait for somebody who knows units. */
const unitReasons = ['unknown-agency', 'agency-closed', 'agency-split'] as const

async function lookAt(tx: Tx, units: readonly string[], look: LookAt): Promise<Release> {
  if (units.length === 0) return { blocked: 0, released: 0, still: {} }
  const codes = (await blockedCodes(tx)).map(({ code }) => code)
  return look(tx, concerned(await readUnitRegister(tx), codes, units))
}

/** Agency codes of dossiers that wait for somebody who knows units. */
export const blockedCodes = (sql: Sql | Tx): Promise<{ code: string; waiting: number }[]> => sql<
  { code: string; waiting: number }[]
>`
  select d.agency_code as code, count(*)::int as waiting from deliveries l join dossiers d on d.id = l.dossier_id
  where l.state = 'blocked' and l.reason = any(${[...unitReasons]}::text[]) group by 1`

/** Adds one unit that dossiers use and no list has. */
export const addAgency = (sql: Sql, row: AgencyRow, { by, why }: Act, look: LookAt): Promise<Outcome> =>
  transaction(sql, async (tx) => {
    await lockCatalogue(tx)
    const changed = await keepAgencies(tx, [row], false)
    if (changed > 0) await raiseVersion(tx)
    await tx`insert into audit (actor, action, subject, detail) values (${by}, 'agency.kept', ${row.code}, ${tx.json({ why })})`
    return { changed, already: 1 - changed, dossiers: await lookAt(tx, [row.code], look) }
  })

export interface SuccessionLine extends Succession {
  readonly id: number
  readonly newName: string
  readonly at: string
  readonly by: string
  readonly why: string
  readonly withdrawn: { readonly at: string; readonly by: string; readonly why: string } | null
}

/** Everything that was ever said, or what was said about some units (old or new), the newest first. */
export const listSuccessions = (sql: Sql, units?: readonly string[]): Promise<SuccessionLine[]> => sql<
  SuccessionLine[]
>`
  select s.id, s.old_code as "oldCode", s.new_code as "newCode", a.name as "newName", to_char(s.day, 'YYYY-MM-DD') as day, s.transfer,
    s.procedure_code as "procedureCode", to_char(s.decided_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at,
    coalesce(c.name, s.decided_by) as by, s.why,
    case when s.withdrawn_at is not null then jsonb_build_object(
      'at', to_char(s.withdrawn_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
      'by', coalesce(w.name, s.withdrawn_by), 'why', s.withdrawn_why) end as withdrawn
  from agency_successions s join agencies a on a.code = s.new_code
  left join api_clients c on s.decided_by = 'key:' || c.id left join api_clients w on s.withdrawn_by = 'key:' || w.id
  where ${units === undefined ? sql`true` : sql`s.old_code = any(${[...units]}::text[]) or s.new_code = any(${[...units]}::text[])`}
  order by s.id desc`

/** Dossiers that wait because of units, by procedure. */
export interface WaitingProcedure {
  readonly procedureCode: string
  readonly name: string | null
  readonly waiting: number
}

export const waitingByProcedure = (sql: Sql, units: readonly string[]): Promise<WaitingProcedure[]> => sql<
  WaitingProcedure[]
>`
  select d.procedure_code as "procedureCode", coalesce(min(p.name), min(n.name)) as name, count(*)::int as waiting
  from deliveries l join dossiers d on d.id = l.dossier_id left join local_names p on p.code = d.procedure_code
  left join national_procedures n on n.code = d.procedure_code
  where l.state = 'blocked' and l.reason = any(${[...unitReasons]}::text[]) and l.agency_code = any(${[...units]}::text[])
  group by 1 order by waiting desc, 1`

/** What the portal calls a unit, whichever notation it uses; null when its list does not have it. */
export async function nameAtPortal(sql: Sql, code: string): Promise<string | null> {
  const rows = await unitsAtPortal(sql)
  return rows.find((row) => oneNotation(row.code) === oneNotation(code))?.name ?? null
}

/** The portal's newest list of units: what it lacks is no longer there. */
export const unitsAtPortal = (sql: Sql) => sql<{ code: string; name: string }[]>`
  select code, name from portal_agencies
  where seen_at >= (select max(started_at) from pulls where service = 'agencies' and outcome = 'applied')`

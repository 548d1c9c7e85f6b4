import { setTimeout as pause } from 'node:timers/promises'
import type { Difference, LookUpAnswer, Portal, PortalDossier, PortalStep, RawDifference } from '../delivery/portal.ts'
import type { Vault } from '../platform/crypto.ts'
import { Refusal } from '../platform/problems.ts'
import { transaction, type Fragment, type Sql, type Tx } from '../platform/database.ts'
import { findingKinds, type FindingKind } from './agreement.ts'
import { keepDiscrepancies, type Seen } from './discrepancies.ts'
import { judgeRegister } from './register-judge.ts'
import { rowsOfCodes, type RegisterRows } from './register-reading.ts'
import { giveToRun, stageRegister, type RegisterGiven } from './registers.ts'
import { inScope, lotInSql } from './run-scope.ts'
import { allLots, readRunRow, runColumns, runOf, type KeptScope, type Run, type RunRow, type RunScope } from './runs.ts'

/**
 * Proves the ledger against the portal: every dossier in scope is looked up and compared with the change that the ledger
 * believes delivered. What each kind means:
 * - `equal`: both show the same, or both say that the portal does not hold it (not delivered yet is a gap of the sync rate,
 *   not a disagreement).
 * - `different`: both hold it and fields differ; or the portal holds what the ledger never delivered (field `presence`).
 * - `missing-there`: the ledger says delivered, the portal does not hold it.
 * - `missing-here`: a code of the province's register that the portal holds and the ledger does not.
 * - `unknown`: the look-up was not answered, or a delivery is under way right now; nothing is concluded.
 */
export interface ReconcileDeps {
  readonly sql: Sql
  readonly vault: Pick<Vault, 'fingerprint'>
  readonly portal: Pick<Portal, 'canLookUp' | 'lookUp' | 'compare'>
  /**
   * What the portal should hold by dossier id: the delivered change and its delivered steps; null = never delivered,
   * `untellable` = delivered, but the catalogue of today cannot say as what; `unreadable` = its content here cannot be opened.
   */
  readonly expected: (ids: number[]) => Promise<Map<number, Expectation>>
}

type Expectation = Expected | 'untellable' | 'unreadable' | null

export interface Expected {
  readonly dossier: PortalDossier
  readonly steps: PortalStep[]
}

export interface ReconcileOptions {
  readonly concurrency: number
  readonly onProgress?: (run: Run) => void
  readonly signal?: AbortSignal
  /** Pause before a busy portal is asked again when it named none, in milliseconds. */
  readonly busyPause?: number
}

interface Target {
  /** Null for a code of the register that the ledger does not hold. */
  readonly id: number | null
  readonly code: string
  /** Where the run stands once this one is done. */
  readonly position: number
}

interface Finding {
  readonly kind: FindingKind
  readonly fields: readonly Difference[]
}

const checkpointEvery = 200
const busyAttempts = 3
/** This many look-ups in a row that the portal did not take say something about the portal and nothing about the dossiers. */
const silentStretch = 20

export interface RunWish {
  readonly askedBy: string
  readonly scope: RunScope
  /** The service carries it out. */
  readonly served?: boolean
  /** The province's own register, staged (`stageRegister`). */
  readonly register?: number | undefined
}

/**
 * Fixes what the run will look at and returns its id; `continueRun` does the looking. The codes of its scope are the province's whole register, which says
 * nothing but codes.
 */
export async function startRun(sql: Sql, wish: RunWish): Promise<number> {
  const { codes = [], ...scope } = wish.scope
  if (codes.length === 0 || scope.only !== undefined) return transaction(sql, (tx) => beginRun(tx, wish))
  const given = { name: 'codes', complete: true }
  return startRegisterRun(sql, { ...wish, scope, given, rows: rowsOfCodes(codes) })
}

export interface RegisterWish extends Omit<RunWish, 'register'> {
  readonly given: Omit<RegisterGiven, 'by'>
  readonly rows: RegisterRows
  readonly hash?: (() => string) | undefined
}

/** Begins a run with a register, once all of its rows are there. Throws `RegisterFaults`. */
export async function startRegisterRun(sql: Sql, { given, rows, hash, ...wish }: RegisterWish): Promise<number> {
  if (given.asOf !== undefined && Date.parse(given.asOf) > Date.now() + 60_000)
    throw new Refusal('invalid-field', 'asOf lies in the future', { field: 'asOf' })
  refuseEmpty(wish.scope)
  const register = await stageRegister(sql, { ...given, by: wish.askedBy }, rows, hash)
  return transaction(sql, (tx) => beginRun(tx, { ...wish, register }))
}

/** A period that ends before it begins holds nothing, and nobody meant it. */
function refuseEmpty({ from, to }: RunScope): void {
  if (from !== undefined && to !== undefined && from >= to)
    throw new Refusal('invalid-field', 'from must be earlier than to', { field: 'from' })
}

/** The same within a transaction. A register whose rows are all there goes with the run. */
export async function beginRun(tx: Tx, { askedBy, scope: wish, served = false, register }: RunWish): Promise<number> {
  const { codes = [], only, ...scope } = wish
  refuseEmpty(scope)
  if (scope.sample !== undefined && !(scope.sample > 0 && scope.sample <= 1))
    throw new RangeError('A sample is a share above 0 and up to 1')
  const [created] = await tx<{ id: number }[]>`
    insert into reconciliation_runs (asked_by, scope, served) values (${askedBy}, '{}', ${served}) returning id`
  const id = created!.id
  const chosen = inScope(tx, scope, only && tx`${[...only]}`)
  const lots = await lotsOf(tx, id, scope, chosen)
  const unheld = only === undefined ? [] : await withoutHeld(tx, codes)
  await tx`
    insert into register_findings (run_id, code, kind, look_up) select ${id}, code, 'not-in-ledger', true from unnest(${unheld}::text[]) as c(code)`
  if (register !== undefined) await giveToRun(tx, { register, runId: id, chosen })
  const [held] = await tx<{ last: number; total: number }[]>`
    select coalesce(max(id), 0) as last, count(*)::int as total from dossiers
    where ${lotInSql(tx, id)} < ${lots}::bigint ${chosen}`
  const kept: KeptScope = { ...scope, lastId: held!.last, lots }
  await tx`
    update reconciliation_runs set scope = ${tx.json(kept as never)}, total = ${held!.total + unheld.length},
      codes_count = ${unheld.length}, only_codes = ${only ? [...only] : null}::text[]
    where id = ${id}`
  return id
}

/** Dossiers with a lot below this are looked at. A limit takes those with the smallest lots: a random sample of that size. */
async function lotsOf(tx: Tx, runId: number, { sample, limit }: RunScope, chosen: Fragment): Promise<number> {
  const bySample = Math.round((sample ?? 1) * allLots)
  if (limit === undefined) return bySample
  const [next] = await tx<{ lot: number }[]>`
    select ${lotInSql(tx, runId)} as lot from dossiers where true ${chosen} order by lot offset ${limit} limit 1`
  return Math.min(bySample, next?.lot ?? allLots)
}

async function withoutHeld(sql: Sql | Tx, codes: readonly string[]): Promise<string[]> {
  const distinct = [...new Set(codes)].sort()
  if (distinct.length === 0) return []
  const held = await sql<{ code: string }[]>`select code from dossiers where code = any(${distinct})`
  const known = new Set(held.map(({ code }) => code))
  return distinct.filter((code) => !known.has(code))
}

/**
 * Goes on from where the run stands. Findings, counts and position are written together every 200 dossiers, so a killed run
 * loses at most one stretch of look-ups and counts nothing twice. Returns with the state `running` when it was told to stop
 * or the portal does not answer at all; it can then be continued later.
 */
export async function continueRun(deps: ReconcileDeps, runId: number, options: ReconcileOptions): Promise<Run> {
  let row = await readRunRow(deps.sql, runId)
  if (row === null) throw new Error(`There is no reconciliation run ${runId}`)
  if (row.state === 'running' && !deps.portal.canLookUp)
    row = await closeRun(deps.sql, row, 'failed', 'The dialect of the portal has no look-up service')
  if (row.state === 'running') {
    row = await judgeRegister(deps.sql, row, () => options.signal?.aborted === true)
    options.onProgress?.(runOf(row))
  }
  while (row.state === 'running' && options.signal?.aborted !== true) {
    const { targets, at } = await nextTargets(deps.sql, row)
    if (targets.length === 0) {
      row = await closeRun(deps.sql, row, 'finished', '')
      break
    }
    const findings = await lookAt(deps, targets, options)
    if (findings === 'silent')
      return runOf(await noteOn(deps.sql, row, 'The portal does not answer; continue the run later'))
    row = await checkpoint(deps.sql, row, { targets, at, findings })
    options.onProgress?.(runOf(row))
  }
  return runOf(row)
}

interface Stretch {
  readonly targets: readonly Target[]
  /** When it began, by the ledger's clock: what was done since then, its looks may not have seen. */
  readonly at: string
}

/** The dossiers in order of their ids, then the codes of the register, whose positions follow the last id. */
async function nextTargets(sql: Sql, row: RunRow): Promise<Stretch> {
  const { scope, position } = row
  const [{ at }] = (await sql`select now()::text as at`) as unknown as [{ at: string }]
  if (position < scope.lastId) {
    const only = row.only === null ? undefined : sql`(select only_codes from reconciliation_runs where id = ${row.id})`
    const dossiers = await sql<{ id: number; code: string }[]>`
      select id, code from dossiers
      where id > ${position} and id <= ${scope.lastId}
        and ${lotInSql(sql, row.id)} < ${scope.lots}::bigint ${inScope(sql, scope, only)}
      order by id limit ${checkpointEvery}`
    if (dossiers.length > 0) return { at, targets: dossiers.map(({ id, code }) => ({ id, code, position: id })) }
  }
  const done = Math.max(0, position - scope.lastId)
  // One that came into the ledger since has been looked at as a dossier.
  const codes = await sql<{ code: string }[]>`
    select f.code from register_findings f
    where f.run_id = ${row.id} and f.look_up and f.code > ${row.codeCursor}
      and not exists (select 1 from dossiers d where d.code = f.code and d.id <= ${scope.lastId})
    order by f.code limit ${checkpointEvery}`
  const targets = codes.map(({ code }, index) => ({ id: null, code, position: scope.lastId + done + index + 1 }))
  return { at, targets }
}

/** A stretch with its findings in the same order, cut off where the run was told to stop. Null = no longer to be counted. */
async function lookAt(
  deps: ReconcileDeps,
  targets: readonly Target[],
  options: ReconcileOptions,
): Promise<(Finding | null)[] | 'silent'> {
  const ids = targets.flatMap(({ id }) => (id === null ? [] : [id]))
  const expected = ids.length > 0 ? await deps.expected(ids) : new Map<number, Expectation>()
  const results: (Finding | null | undefined)[] = targets.map(() => undefined)
  let next = 0
  let silent = 0
  let heard = false
  const isSilent = () => silent >= silentStretch && !heard
  const work = async () => {
    while (next < targets.length && options.signal?.aborted !== true && !isSilent()) {
      const index = next
      next += 1
      const target = targets[index]!
      const answer = await ask(deps, target.code, options)
      if (answer === null) return
      if (answer.class === 'busy') silent += 1
      results[index] = await judge(deps, target, expected.get(target.id ?? 0) ?? null, answer, options)
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, options.concurrency) }, work))
  if (
    silent >= Math.min(silentStretch, targets.length) &&
    silent === results.filter((result) => result !== undefined).length
  )
    return 'silent'
  const end = results.indexOf(undefined)
  return (end === -1 ? results : results.slice(0, end)) as (Finding | null)[]
}

/** Looks up once, and again when the portal was certainly not reached. Null when told to stop meanwhile. */
async function ask(
  { portal }: ReconcileDeps,
  code: string,
  { signal, busyPause = 1000 }: ReconcileOptions,
): Promise<LookUpAnswer | null> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await portal.lookUp(code, { requestIn: new Date(), urgency: 'backfill' })
    if (answer.class !== 'busy' || attempt === busyAttempts) return answer
    try {
      await pause(Math.min(answer.retryAfter ?? busyPause, 30_000), undefined, signal ? { signal } : {})
    } catch {
      return null
    }
  }
}

/**
 * A disagreement is believed only when it is seen twice with the same expectation and no delivery is under way: dossiers
 * go on changing while the run reads. Null = the dossier came into the ledger meanwhile; undefined = told to stop.
 */
async function judge(
  deps: ReconcileDeps,
  target: Target,
  expected: Expectation,
  answer: LookUpAnswer,
  options: ReconcileOptions,
): Promise<Finding | null | undefined> {
  const first = classify(deps, target, expected, answer)
  if (first.kind === 'equal' || first.kind === 'unknown') return first
  if (target.id === null) return (await withoutHeld(deps.sql, [target.code])).length === 0 ? null : first
  const again = await ask(deps, target.code, options)
  if (again === null) return undefined
  const renewed = (await deps.expected([target.id])).get(target.id) ?? null
  const second = classify(deps, target, renewed, again)
  if (second.kind === 'equal' || second.kind === 'unknown') return second
  const [lane] = await deps.sql<{ state: string }[]>`select state from deliveries where dossier_id = ${target.id}`
  const underWay = lane?.state === 'sending' || lane?.state === 'unknown'
  return underWay ? { kind: 'unknown', fields: [{ field: 'delivery', here: lane.state, there: '' }] } : second
}

const notAnswered = (why: string): Finding => ({
  kind: 'unknown',
  fields: [{ field: 'look-up', here: '', there: why }],
})
/** Nothing can be said, because of this field on our side. */
const unsaid = (field: string): Finding => ({ kind: 'unknown', fields: [{ field, here: '', there: '' }] })
const presence = (here: boolean, there: boolean): Difference => ({
  field: 'presence',
  here: here ? 'present' : 'absent',
  there: there ? 'present' : 'absent',
})

function classify(
  { portal, vault }: ReconcileDeps,
  target: Target,
  expected: Expectation,
  answer: LookUpAnswer,
): Finding {
  if (answer.class !== 'ok' && answer.class !== 'absent') return notAnswered(answer.failure ?? answer.class)
  const record = answer.record ?? null
  if (target.id === null) {
    // Neither side holds it: no disagreement, yet kept as a row, because the register says that it should exist.
    return { kind: record === null ? 'equal' : 'missing-here', fields: [presence(false, record !== null)] }
  }
  if (expected === null)
    return record === null ? { kind: 'equal', fields: [] } : { kind: 'different', fields: [presence(false, true)] }
  if (record === null) return { kind: 'missing-there', fields: [presence(true, false)] }
  if (expected === 'untellable') return unsaid('procedureCode')
  if (expected === 'unreadable') return unsaid('content')
  const fields = portal.compare(expected.dossier, expected.steps, record).map((one) => marked(vault, one))
  return { kind: fields.length === 0 ? 'equal' : 'different', fields }
}

/** What is hidden is told apart by a keyed hash: what a person let stay must not hide another difference of the same field later. */
function marked(vault: Pick<Vault, 'fingerprint'>, { raw, ...shown }: RawDifference): Difference {
  return raw === undefined ? shown : { ...shown, mark: vault.fingerprint(raw).toString('hex').slice(0, 16) }
}

/** Writes findings, counts and position together, and only if nobody else moved the run meanwhile. */
async function checkpoint(
  sql: Sql,
  row: RunRow,
  { targets, at, findings }: Stretch & { readonly findings: readonly (Finding | null)[] },
): Promise<RunRow> {
  if (findings.length === 0) return row
  const seen = findings.flatMap((finding, index) =>
    finding === null ? [] : [{ ...finding, code: targets[index]!.code }],
  )
  const count = Object.fromEntries(
    findingKinds.map((kind) => [kind, seen.filter((finding) => finding.kind === kind).length]),
  ) as Record<FindingKind, number>
  const rows = seen
    .filter(({ fields }) => fields.length > 0)
    .map(({ code, kind, fields }) => ({ run_id: row.id, code, kind, fields: sql.json(fields as never) }))
  const last = targets[findings.length - 1]!
  return transaction(sql, async (tx) => {
    const [moved] = await tx<RunRow[]>`
      update reconciliation_runs r set
        position = ${last.position}, code_cursor = ${last.id === null ? last.code : row.codeCursor},
        equal = equal + ${count.equal}, different = different + ${count.different},
        missing_there = missing_there + ${count['missing-there']},
        missing_here = missing_here + ${count['missing-here']},
        unknown = unknown + ${count.unknown}, note = '', moved_at = now()
      where id = ${row.id} and position = ${row.position} and state = 'running'
      returning ${runColumns(tx)}`
    if (moved === undefined) throw new Error(`Reconciliation run ${row.id} is being continued by another process`)
    if (rows.length > 0) await tx`insert into reconciliation_findings ${tx(rows)}`
    await keepDiscrepancies(tx, row.id, {
      side: 'portal',
      at,
      found: seen.flatMap((one) => discrepancyIn(one)),
      agreed: seen.filter(({ kind, fields }) => kind === 'equal' && fields.length === 0).map(({ code }) => ({ code })),
    })
    return moved
  })
}

/** What nobody answered says nothing; what neither side holds is equal, and still missing. */
function discrepancyIn({ kind, code, fields }: Finding & { readonly code: string }): Seen[] {
  if (kind === 'unknown') return []
  if (kind !== 'equal') return [{ code, kind, fields }]
  return fields.length === 0 ? [] : [{ code, kind: 'missing-everywhere', fields }]
}

async function closeRun(sql: Sql, row: RunRow, state: 'finished' | 'failed', note: string): Promise<RunRow> {
  const [closed] = await sql<RunRow[]>`
    update reconciliation_runs r set state = ${state}, note = ${note}, finished_at = now(),
      total = equal + different + missing_there + missing_here + unknown
    where id = ${row.id} and position = ${row.position} and state = 'running'
    returning ${runColumns(sql)}`
  if (closed === undefined) throw new Error(`Reconciliation run ${row.id} is being continued by another process`)
  return closed
}

async function noteOn(sql: Sql, row: RunRow, note: string): Promise<RunRow> {
  const [noted] = await sql<RunRow[]>`
    update reconciliation_runs r set note = ${note} where id = ${row.id} returning ${runColumns(sql)}`
  return noted ?? row
}

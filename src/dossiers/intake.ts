import type { Status } from '../../config/statuses.ts'
import { speaksFor, type ApiClient } from '../platform/auth.ts'
import type { Vault } from '../platform/crypto.ts'
import { transaction, type Sql, type Tx } from '../platform/database.ts'
import { findingsOf, type Finding } from '../platform/problems.ts'
import type { Lanes, LaneView } from './lanes.ts'
import { DossierChange, isLegalMove, isOlder, type DossierContent, type Step, type Verdict } from './model.ts'
import {
  insertChanges,
  insertDossiers,
  insertSteps,
  knownHashes,
  lockDossiers,
  nextChangeIds,
  updateDossiers,
} from './store.ts'
import type { DossierRow, NewChange, NewStep } from './store.ts'

/** The answer to one pushed change: what the ledger did with it, and what stands between it and the portal. */
export interface IntakeResult {
  code: string | null
  result: Verdict | 'refused'
  change?: number
  steps?: { stored: number; unchanged: number }
  delivery?: { state: string; reason: string | null; field: string | null }
  flags?: string[]
  findings?: Finding[]
}

export interface Intake {
  /** Judges and stores changes in their order, each on its own: a refused one never stops its neighbours. */
  push(client: ApiClient, values: readonly unknown[], options: { oneRequest: boolean }): Promise<IntakeResult[]>
  /** The first half of `push`, without the ledger: a stream prepares its next lines while the ledger stores the last. */
  prepare(client: ApiClient, values: readonly unknown[]): Prepared
  /** The second half of `push`. */
  store(client: ApiClient, prepared: Prepared): Promise<IntakeResult[]>
  /** Adds steps to a dossier that is already known; null when it is not. */
  pushSteps(client: ApiClient, code: string, steps: readonly Step[]): Promise<IntakeResult | null>
}

export interface IntakeDeps {
  readonly sql: Sql
  readonly vault: Vault
  readonly lanes: Lanes
  /** Awaited before each push: the catalogue that `statusOf` and `lanes` judge by is at most a second old afterwards. */
  readonly refresh: () => Promise<unknown>
  /** What a source's status word means, null when nobody has mapped it yet. */
  readonly statusOf: (source: string, word: string) => Status | null
  readonly onResult?: (result: IntakeResult['result']) => void
  readonly now?: () => number
}

/** Clocks of one-stop systems are allowed to run ahead this much. A time in the far future would make every later change look old. */
const clockTolerance = 3_600_000

/** Values that were judged by themselves: refused already, or ready for the ledger. */
export interface Prepared {
  readonly results: (IntakeResult | undefined)[]
  readonly accepted: readonly Accepted[]
}

interface Accepted {
  readonly index: number
  readonly change: DossierChange
  readonly content: DossierContent
  readonly hash: Buffer
}

/** Another process created one of our dossiers in the same moment: the transaction is run again and then finds it. */
const raced = () =>
  Object.assign(new Error('A dossier was created by somebody else in the same moment'), { code: '40001' })

export function createIntake(deps: IntakeDeps): Intake {
  const now = deps.now ?? Date.now
  const prepare = (client: ApiClient, values: readonly unknown[]): Prepared => {
    const results = Array.from<IntakeResult | undefined>({ length: values.length })
    const accepted: Accepted[] = []
    for (const [index, value] of values.entries()) {
      const judged = judge(deps, client, value, index, now())
      if ('refused' in judged) results[index] = judged.refused
      else accepted.push(judged)
    }
    return { results, accepted }
  }
  const store = async (client: ApiClient, { results, accepted }: Prepared): Promise<IntakeResult[]> => {
    await deps.refresh()
    for (const wave of waves(accepted.filter(({ index }) => results[index] === undefined)))
      for (const [index, result] of await transaction(deps.sql, (tx) => storeWave(deps, client, tx, wave)))
        results[index] = result
    for (const result of results) deps.onResult?.(result!.result)
    return results.map((result) => result!)
  }
  return {
    prepare,
    store,
    async push(client, values, { oneRequest }) {
      const prepared = prepare(client, values)
      if (oneRequest) refuseDuplicates(prepared.accepted, prepared.results)
      return store(client, prepared)
    },
    async pushSteps(client, code, steps) {
      const future = inFuture(now(), timesOf(steps))
      if (future) return refusal(code, [future])
      await deps.refresh()
      return transaction(deps.sql, async (tx) => {
        const row = (await lockDossiers(tx, [code])).get(code)
        if (!row) return null
        if (!speaksFor(client, row.agencyCode)) return outOfScope(code)
        const stored = await storeSteps(deps, client, tx, [{ row, steps }])
        const count = stored.get(row.id) ?? 0
        const news = count > 0 ? [{ dossierId: row.id, count, backfill: false }] : []
        const lane = (await deps.lanes.wake(tx, news)).get(row.id)
        return {
          code,
          result: count > 0 ? 'stored' : 'unchanged',
          steps: { stored: count, unchanged: steps.length - count },
          ...(lane ? { delivery: { ...lane } } : {}),
        }
      })
    },
  }
}

function judge(
  deps: IntakeDeps,
  client: ApiClient,
  value: unknown,
  index: number,
  now: number,
): Accepted | { refused: IntakeResult } {
  const parsed = DossierChange.safeParse(value)
  if (!parsed.success) return { refused: refusal(codeOf(value), findingsOf(parsed.error)) }
  const { code, changedAt, version: _version, backfill: _backfill, steps, ...content } = parsed.data
  const future = inFuture(now, [['changedAt', changedAt], ['receivedAt', content.receivedAt], ...timesOf(steps ?? [])])
  if (future) return { refused: refusal(code, [future]) }
  if (!speaksFor(client, content.agencyCode)) return { refused: outOfScope(code) }
  return { index, change: parsed.data, content, hash: deps.vault.fingerprint(JSON.stringify(content)) }
}

const timesOf = (steps: readonly Step[]) => steps.map((step, position) => [`steps[${position}].at`, step.at] as const)

function inFuture(now: number, times: readonly (readonly [field: string, time: string])[]): Finding | null {
  const late = times.find(([, time]) => Date.parse(time) > now + clockTolerance)
  return late ? { code: 'invalid-field', field: late[0], detail: `${late[0]} lies in the future` } : null
}

const refusal = (code: string | null, findings: Finding[]): IntakeResult => ({ code, result: 'refused', findings })

/** Never names the agency that holds the dossier: whoever may not speak for it need not learn it. */
const outOfScope = (code: string): IntakeResult =>
  refusal(code, [
    {
      code: 'agency-out-of-scope',
      field: 'agencyCode',
      detail: 'The key may not speak for the agency of this dossier',
    },
  ])

/** The code of a refused value, so that the sender can tell which one it was; only when it looks like a code. */
function codeOf(value: unknown): string | null {
  const code = typeof value === 'object' && value !== null ? (value as { code?: unknown }).code : undefined
  return typeof code === 'string' && code.length <= 100 && /^[^\s\p{C}]+$/u.test(code) ? code : null
}

/** In one request the same code twice is only clear when the later one is newer; otherwise a person must say which counts. */
function refuseDuplicates(accepted: readonly Accepted[], results: (IntakeResult | undefined)[]): void {
  const latest = new Map<string, Accepted>()
  for (const item of accepted) {
    const earlier = latest.get(item.change.code)
    if (earlier && !isOlder(age(earlier.change), age(item.change)))
      results[item.index] = refusal(item.change.code, [
        {
          code: 'duplicate-in-batch',
          field: 'code',
          detail: `The same code stands at position ${earlier.index}, and this one is not newer`,
        },
      ])
    else latest.set(item.change.code, item)
  }
}

const age = (change: DossierChange) => ({ version: change.version ?? null, changedAt: change.changedAt })

/** Splits into groups without a repeated code: each group is one set-based transaction, and order per dossier is kept. */
function waves(items: readonly Accepted[]): Accepted[][] {
  const groups: { codes: Set<string>; items: Accepted[] }[] = []
  for (const item of items) {
    // After the last group that holds this code, so that its changes stay in order.
    const after = groups.findLastIndex((group) => group.codes.has(item.change.code)) + 1
    const group = groups[after] ?? groups[groups.push({ codes: new Set(), items: [] }) - 1]!
    group.codes.add(item.change.code)
    group.items.push(item)
  }
  return groups.map((group) => group.items)
}

interface Judged {
  readonly item: Accepted
  row: DossierRow
  readonly verdict: Verdict
  readonly changeId: number
  readonly number: number
  readonly flags: string[]
  readonly status: Status | null
}

async function storeWave(
  deps: IntakeDeps,
  client: ApiClient,
  tx: Tx,
  wave: readonly Accepted[],
): Promise<Map<number, IntakeResult>> {
  const codes = wave.map(({ change }) => change.code)
  const [rows, ids] = await Promise.all([lockDossiers(tx, codes), nextChangeIds(tx, wave.length)])
  const results = new Map<number, IntakeResult>()
  const allowed = wave.filter(({ index, change }) => {
    const row = rows.get(change.code)
    if (!row || speaksFor(client, row.agencyCode)) return true
    results.set(index, outOfScope(change.code))
    return false
  })
  const seen = await knownHashes(tx, olderThanCurrent(allowed, rows))
  const judged = allowed.map((item, position) =>
    judgeAgainst(deps, client, item, rows.get(item.change.code), ids[position]!, seen),
  )
  await write(client, deps.vault, tx, judged, rows)
  const newSteps = await storeSteps(
    deps,
    client,
    tx,
    judged.flatMap(({ row, item }) => (item.change.steps?.length ? [{ row, steps: item.change.steps }] : [])),
  )
  const lanes = await tellDelivery(deps, client, tx, judged, newSteps)
  for (const one of judged) results.set(one.item.index, resultOf(one, newSteps, lanes))
  return results
}

function olderThanCurrent(items: readonly Accepted[], rows: ReadonlyMap<string, DossierRow>) {
  return items.flatMap(({ change, hash }) => {
    const row = rows.get(change.code)
    return row && !row.hash.equals(hash) && isOlder(age(change), row) ? [{ dossierId: row.id, hash }] : []
  })
}

function judgeAgainst(
  deps: IntakeDeps,
  client: ApiClient,
  item: Accepted,
  row: DossierRow | undefined,
  changeId: number,
  seen: ReadonlySet<string>,
): Judged {
  const status = deps.statusOf(client.source, item.content.status)
  const fresh: DossierRow = {
    id: 0,
    code: item.change.code,
    agencyCode: item.content.agencyCode,
    changedAt: item.change.changedAt,
    version: item.change.version ?? null,
    hash: item.hash,
    status,
    changes: 0,
  }
  const base = { item, row: row ?? fresh, changeId, number: (row?.changes ?? 0) + 1, status }
  if (!row) return { ...base, verdict: 'stored', flags: [] }
  if (row.hash.equals(item.hash)) return { ...base, verdict: 'unchanged', flags: [] }
  if (isOlder(age(item.change), row)) {
    const verdict = seen.has(`${row.id}:${item.hash.toString('hex')}`) ? 'unchanged' : 'superseded'
    return { ...base, verdict, flags: [] }
  }
  const flags = isLegalMove(row.status, status) ? [] : ['illegal-status-move']
  return { ...base, verdict: 'stored', flags }
}

async function write(
  client: ApiClient,
  vault: Vault,
  tx: Tx,
  judged: Judged[],
  rows: ReadonlyMap<string, DossierRow>,
): Promise<void> {
  const isNew = ({ item }: Judged) => !rows.has(item.change.code)
  const created = await insertDossiers(tx, client.source, judged.filter(isNew).map(asDossier))
  if (created.size !== judged.filter(isNew).length) throw raced()
  for (const one of judged) {
    const id = created.get(one.item.change.code)
    if (id !== undefined) one.row = { ...one.row, id }
  }
  // An unchanged content with a newer time or version still moves the clock, so that a change in between is seen as older.
  const moved = judged.filter((one) => {
    if (isNew(one)) return false
    return (
      one.verdict === 'stored' ||
      (one.verdict === 'unchanged' && isOlder(one.row, age(one.item.change)) && one.row.hash.equals(one.item.hash))
    )
  })
  await updateDossiers(
    tx,
    moved.map((one) => ({ ...asDossier(one), id: one.row.id, isChange: one.verdict === 'stored' })),
  )
  await insertChanges(
    tx,
    judged.filter((one) => one.verdict !== 'unchanged').map((one) => asChange(client, vault, one)),
  )
}

const asDossier = ({ item, status, changeId, flags }: Judged) => ({
  code: item.change.code,
  agencyCode: item.content.agencyCode,
  level: item.content.level ?? null,
  procedureCode: item.content.procedureCode,
  status,
  sourceStatus: item.content.status,
  channel: item.content.channel ?? null,
  receivedAt: item.content.receivedAt,
  promisedAt: item.content.promisedAt ?? null,
  finishedAt: item.content.finishedAt ?? null,
  changedAt: item.change.changedAt,
  version: item.change.version ?? null,
  hash: item.hash,
  changeId,
  flags,
})

function asChange(
  client: ApiClient,
  vault: Vault,
  { item, row, verdict, changeId, number, flags, status }: Judged,
): NewChange {
  return {
    id: changeId,
    dossierId: row.id,
    number,
    version: item.change.version ?? null,
    changedAt: item.change.changedAt,
    status,
    sourceStatus: item.content.status,
    verdict: verdict as 'stored' | 'superseded',
    flags,
    clientId: client.id,
    hash: item.hash,
    content: vault.seal(JSON.stringify(item.content), `change:${item.change.code}`),
  }
}

/** Stores the steps that are not known yet; returns how many per dossier. */
async function storeSteps(
  deps: IntakeDeps,
  client: ApiClient,
  tx: Tx,
  items: readonly { row: DossierRow; steps: readonly Step[] }[],
): Promise<Map<number, number>> {
  const steps = items.flatMap(({ row, steps }) =>
    steps.map((step): NewStep => {
      const text = JSON.stringify(step)
      return {
        dossierId: row.id,
        at: step.at,
        status: deps.statusOf(client.source, step.status),
        sourceStatus: step.status,
        clientId: client.id,
        hash: deps.vault.fingerprint(text),
        content: deps.vault.seal(text, `step:${row.code}`),
      }
    }),
  )
  return insertSteps(tx, steps)
}

async function tellDelivery(
  deps: IntakeDeps,
  client: ApiClient,
  tx: Tx,
  judged: readonly Judged[],
  newSteps: ReadonlyMap<number, number>,
): Promise<Map<number, LaneView>> {
  const changed = judged.filter((one) => one.verdict === 'stored')
  const armed = await deps.lanes.arm(
    tx,
    changed.map(({ item, row, changeId }) => ({
      dossierId: row.id,
      code: row.code,
      source: client.source,
      changeId,
      content: item.content,
      newSteps: newSteps.get(row.id) ?? 0,
      backfill: item.change.backfill ?? false,
    })),
  )
  const onlySteps = judged.filter((one) => one.verdict !== 'stored' && newSteps.has(one.row.id))
  const woken = await deps.lanes.wake(
    tx,
    onlySteps.map(({ row, item }) => ({
      dossierId: row.id,
      count: newSteps.get(row.id)!,
      backfill: item.change.backfill ?? false,
    })),
  )
  return new Map([...armed, ...woken])
}

function resultOf(
  one: Judged,
  newSteps: ReadonlyMap<number, number>,
  lanes: ReadonlyMap<number, LaneView>,
): IntakeResult {
  const pushed = one.item.change.steps?.length ?? 0
  const stored = newSteps.get(one.row.id) ?? 0
  const lane = lanes.get(one.row.id)
  return {
    code: one.item.change.code,
    result: one.verdict,
    ...(one.verdict === 'unchanged' ? {} : { change: one.number }),
    ...(pushed > 0 ? { steps: { stored, unchanged: pushed - stored } } : {}),
    ...(lane ? { delivery: { ...lane } } : {}),
    ...(one.flags.length > 0 ? { flags: one.flags } : {}),
  }
}

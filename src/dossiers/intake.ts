import type { Status } from '../../config/statuses.ts'
import type { CourseColumns } from '../counters/model.ts'
import { speaksFor, type ApiClient, type Spelling } from '../platform/auth.ts'
import type { Vault } from '../platform/crypto.ts'
import { transaction, type Sql, type Tx } from '../platform/database.ts'
import { findingsOf, type Finding } from '../platform/problems.ts'
import { shareCommits } from './commits.ts'
import type { Lanes, LaneView } from './lanes.ts'
import { DossierChange, isLegalMove, isOlder, type DossierContent, type Step, type Verdict } from './model.ts'
import {
  insertChanges,
  insertDossiers,
  insertSteps,
  knownHashes,
  lockDossiers,
  takeIds,
  updateDossiers,
} from './store.ts'
import type { DossierRow, Ids, NewChange, NewStep } from './store.ts'

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
  /** Judges and stores the changes of one request in their order, each on its own: a refused one never stops its neighbours. */
  push(client: ApiClient, values: readonly unknown[]): Promise<IntakeResult[]>
  /** The first half of a push, without the ledger: a stream judges its next lines while the ledger stores the last. */
  judge(client: ApiClient, value: unknown): Judgement
  /** The second half, in their order; resolves when all are committed. */
  store(judgements: readonly Judgement[]): Promise<IntakeResult[]>
  /** Adds steps to a dossier that is already known; null when it is not. */
  pushSteps(client: ApiClient, code: string, steps: readonly Step[]): Promise<IntakeResult | null>
}

export interface IntakeDeps {
  readonly sql: Sql
  readonly vault: Vault
  readonly lanes: Lanes
  /** Awaited before each push: the catalogue that `statusOf` and `lanes` judge by is at most a second old afterwards. */
  readonly refresh: () => Promise<unknown>
  /** One code for one unit: the one that the list of agencies has, whichever notation was pushed. */
  readonly spelling: Spelling
  /** What a source's status word means, null when nobody has mapped it yet. */
  readonly statusOf: (source: string, word: string) => Status | null
  /** What a content means for the index, as the ledger keeps it beside the sealed content: without personal data. */
  readonly scored?: (content: DossierContent, status: Status | null) => Scored
  readonly onResult?: (result: IntakeResult['result']) => void
  readonly now?: () => number
}

export interface Scored {
  readonly outcomes: string
  readonly dueAt: string | null
  readonly course: CourseColumns
}

/** Clocks of one-stop systems are allowed to run ahead this much. A time in the far future would make every later change look old. */
const clockTolerance = 3_600_000

/** A value that was judged by itself: refused already, or ready for the ledger. */
export type Judgement = { readonly refused: IntakeResult } | Accepted

export interface Accepted {
  readonly client: ApiClient
  readonly change: DossierChange
  readonly content: DossierContent
  /** The content as it is hashed and sealed. */
  readonly text: string
  readonly hash: Buffer
}

/** Requests of at most this many dossiers share their commits; larger ones and streams fill transactions of their own. */
const sharedUpTo = 20

/** Another process created one of our dossiers in the same moment: the transaction is run again and then finds it. */
const raced = () =>
  Object.assign(new Error('A dossier was created by somebody else in the same moment'), { code: '40001' })

export function createIntake(deps: IntakeDeps): Intake {
  const now = deps.now ?? Date.now
  const storeTogether = async (items: readonly Accepted[]): Promise<IntakeResult[]> => {
    await deps.refresh()
    return transaction(deps.sql, (tx) => storeWave(deps, tx, items))
  }
  const share = shareCommits(storeTogether)
  const storeAll = async (items: readonly Accepted[]): Promise<IntakeResult[]> => {
    if (items.length <= sharedUpTo) return Promise.all(items.map(share))
    const results = new Map<Accepted, IntakeResult>()
    for (const wave of waves(items))
      for (const [position, result] of (await storeTogether(wave)).entries()) results.set(wave[position]!, result)
    return items.map((item) => results.get(item)!)
  }
  const store = async (judgements: readonly Judgement[]): Promise<IntakeResult[]> => {
    const stored = (await storeAll(judgements.filter((one): one is Accepted => !('refused' in one)))).values()
    const results = judgements.map((one) => ('refused' in one ? one.refused : stored.next().value!))
    for (const { result } of results) deps.onResult?.(result)
    return results
  }
  const judge = (client: ApiClient, value: unknown) => judgeAlone(deps, client, value, now())
  return {
    judge,
    store,
    push: (client, values) => store(withoutDuplicates(values.map((value) => judge(client, value)))),
    async pushSteps(client, code, steps) {
      const future = inFuture(now(), timesOf(steps))
      if (future) return refusal(code, [future])
      await deps.refresh()
      return transaction(deps.sql, async (tx) => {
        const row = (await lockDossiers(tx, [code])).get(code)
        if (!row) return null
        if (!speaks(deps, client, row.agencyCode)) return outOfScope(code)
        const stored = await insertSteps(tx, sealSteps(deps, [{ client, row, steps, isNew: false }]))
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

function judgeAlone(deps: IntakeDeps, client: ApiClient, value: unknown, now: number): Judgement {
  const parsed = DossierChange.safeParse(value)
  if (!parsed.success) return { refused: refusal(codeOf(value), findingsOf(parsed.error)) }
  const { code, changedAt, version: _version, backfill: _backfill, steps, ...content } = parsed.data
  const future = inFuture(now, [['changedAt', changedAt], ['receivedAt', content.receivedAt], ...timesOf(steps ?? [])])
  if (future) return { refused: refusal(code, [future]) }
  if (!speaks(deps, client, content.agencyCode)) return { refused: outOfScope(code) }
  const text = JSON.stringify(content)
  return { client, change: parsed.data, content, text, hash: deps.vault.fingerprint(text) }
}

/** Whichever notation the dossier has; the key has both. */
const speaks = ({ spelling }: IntakeDeps, client: ApiClient, agencyCode: string) =>
  speaksFor(client, spelling(agencyCode))

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
function withoutDuplicates(judgements: readonly Judgement[]): Judgement[] {
  const latest = new Map<string, { change: DossierChange; position: number }>()
  return judgements.map((judgement, position) => {
    if ('refused' in judgement) return judgement
    const { change } = judgement
    const earlier = latest.get(change.code)
    if (earlier && !isOlder(age(earlier.change), age(change))) {
      const detail = `The same code stands at position ${earlier.position}, and this one is not newer`
      return { refused: refusal(change.code, [{ code: 'duplicate-in-batch', field: 'code', detail }]) }
    }
    latest.set(change.code, { change, position })
    return judgement
  })
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
  readonly row: DossierRow
  /** As the list of agencies writes it. */
  readonly agencyCode: string
  /** The ledger has not seen this dossier before. */
  readonly isNew: boolean
  readonly verdict: Verdict
  readonly changeId: number
  readonly number: number
  readonly flags: string[]
  readonly status: Status | null
}

/** Stores changes of different dossiers; one result each, in their order. */
async function storeWave(deps: IntakeDeps, tx: Tx, wave: readonly Accepted[]): Promise<IntakeResult[]> {
  const codes = wave.map(({ change }) => change.code)
  const [rows, ids] = await Promise.all([lockDossiers(tx, codes), takeIds(tx, wave.length)])
  const inScope = ({ change, client }: Accepted) => {
    const row = rows.get(change.code)
    return !row || speaks(deps, client, row.agencyCode)
  }
  const allowed = wave.filter(inScope)
  const seen = await knownHashes(tx, olderThanCurrent(allowed, rows))
  const judged = allowed.map((item, position) =>
    judgeAgainst(deps, item, rows.get(item.change.code), ids[position]!, seen),
  )
  const { newSteps, lanes } = await write(deps, tx, judged)
  const results = new Map(judged.map((one) => [one.item, resultOf(one, newSteps, lanes)]))
  return wave.map((item) => results.get(item) ?? outOfScope(item.change.code))
}

function olderThanCurrent(items: readonly Accepted[], rows: ReadonlyMap<string, DossierRow>) {
  return items.flatMap(({ change, hash }) => {
    const row = rows.get(change.code)
    return row && !row.hash.equals(hash) && isOlder(age(change), row) ? [{ dossierId: row.id, hash }] : []
  })
}

function judgeAgainst(
  deps: IntakeDeps,
  item: Accepted,
  row: DossierRow | undefined,
  ids: Ids,
  seen: ReadonlySet<string>,
): Judged {
  const status = deps.statusOf(item.client.source, item.content.status)
  const agencyCode = deps.spelling(item.content.agencyCode)
  const fresh = (): DossierRow => ({
    id: ids.dossier,
    code: item.change.code,
    agencyCode,
    changedAt: item.change.changedAt,
    version: item.change.version ?? null,
    hash: item.hash,
    status,
    changes: 0,
  })
  const number = (row?.changes ?? 0) + 1
  const base = { item, agencyCode, row: row ?? fresh(), isNew: !row, changeId: ids.change, number, status }
  if (!row) return { ...base, verdict: 'stored', flags: [] }
  if (row.hash.equals(item.hash)) return { ...base, verdict: 'unchanged', flags: [] }
  if (isOlder(age(item.change), row)) {
    const verdict = seen.has(`${row.id}:${item.hash.toString('hex')}`) ? 'unchanged' : 'superseded'
    return { ...base, verdict, flags: [] }
  }
  const flags = isLegalMove(row.status, status) ? [] : ['illegal-status-move']
  return { ...base, verdict: 'stored', flags }
}

interface Written {
  /** How many steps were not known before, by dossier. */
  readonly newSteps: ReadonlyMap<number, number>
  readonly lanes: ReadonlyMap<number, LaneView>
}

/**
 * The statements leave one after another without waiting for each other's answer, and the database inserts dossiers while we
 * still seal their contents.
 */
async function write(deps: IntakeDeps, tx: Tx, judged: readonly Judged[]): Promise<Written> {
  const created = judged.filter((one) => one.isNew)
  const creating = insertDossiers(
    tx,
    created.map((one) => asDossier(deps, one)),
  )
  const rest = writeRest(deps, tx, judged)
  // Where a dossier could not be created, what follows fails for that alone.
  rest.catch(() => undefined)
  if ((await creating) < created.length) throw raced()
  return rest
}

async function writeRest(deps: IntakeDeps, tx: Tx, judged: readonly Judged[]): Promise<Written> {
  await sent()
  const updating = updateDossiers(
    tx,
    judged.filter(movesOn).map((one) => ({ ...asDossier(deps, one), isChange: one.verdict === 'stored' })),
  )
  const kept = judged.filter((one) => one.verdict !== 'unchanged')
  const changing = insertChanges(
    tx,
    kept.map((one) => asChange(deps.vault, one)),
  )
  const before = Promise.all([updating, changing])
  before.catch(() => undefined)
  await sent()
  const steps = sealSteps(
    deps,
    judged.map(({ item, row, isNew }) => ({ client: item.client, row, isNew, steps: item.change.steps ?? [] })),
  )
  const counting = insertSteps(tx, steps)
  const allNew = judged.every((one) => one.isNew)
  const telling = Promise.resolve(allNew ? countDistinct(steps) : counting).then((newSteps) =>
    tellDelivery(deps, tx, judged, newSteps),
  )
  const [newSteps, lanes] = await Promise.all([counting, telling, before])
  return { newSteps, lanes }
}

/** Lets the driver send what it was given before we go on computing. */
const sent = () => new Promise<void>((resolve) => setImmediate(resolve))

/** An unchanged content with a newer time or version still moves the clock, so that a change in between is seen as older. */
function movesOn({ isNew, verdict, row, item }: Judged): boolean {
  if (isNew) return false
  if (verdict === 'stored') return true
  return verdict === 'unchanged' && isOlder(row, age(item.change)) && row.hash.equals(item.hash)
}

const asDossier = ({ scored }: IntakeDeps, { item, row, agencyCode, status, changeId, flags }: Judged) => ({
  id: row.id,
  code: item.change.code,
  source: item.client.source,
  agencyCode,
  intakeAgencyCode: item.content.intakeAgencyCode ?? null,
  receivingAgencyCode: item.content.receivingAgencyCode ?? null,
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
  ...(scored?.(item.content, status) ?? { outcomes: null, dueAt: null, course: null }),
})

function asChange(vault: Vault, { item, row, verdict, changeId, number, flags, status }: Judged): NewChange {
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
    clientId: item.client.id,
    hash: item.hash,
    content: vault.seal(item.text, `change:${item.change.code}`),
  }
}

interface StepsOf {
  readonly client: ApiClient
  readonly row: DossierRow
  readonly isNew: boolean
  readonly steps: readonly Step[]
}

function sealSteps({ vault, statusOf }: IntakeDeps, all: readonly StepsOf[]): NewStep[] {
  return all.flatMap(({ client, row, isNew, steps }) =>
    steps.map((step): NewStep => {
      const text = JSON.stringify(step)
      return {
        dossierId: row.id,
        isFirst: isNew,
        at: step.at,
        status: statusOf(client.source, step.status),
        sourceStatus: step.status,
        clientId: client.id,
        hash: vault.fingerprint(text),
        content: vault.seal(text, `step:${row.code}`),
      }
    }),
  )
}

/** How many steps a dossier gets that had none before. */
function countDistinct(steps: readonly NewStep[]): Map<number, number> {
  const hashes = Map.groupBy(steps, ({ dossierId }) => dossierId)
  return new Map([...hashes].map(([id, same]) => [id, new Set(same.map(({ hash }) => hash.toString('latin1'))).size]))
}

async function tellDelivery(
  deps: IntakeDeps,
  tx: Tx,
  judged: readonly Judged[],
  newSteps: ReadonlyMap<number, number>,
): Promise<Map<number, LaneView>> {
  const changed = judged.filter((one) => one.verdict === 'stored')
  const arming = deps.lanes.arm(
    tx,
    changed.map(({ item, row, agencyCode, changeId }) => ({
      dossierId: row.id,
      code: row.code,
      source: item.client.source,
      changeId,
      agencyCode,
      content: item.content,
      changedAt: item.change.changedAt,
      newSteps: newSteps.get(row.id) ?? 0,
      backfill: item.change.backfill ?? false,
    })),
  )
  const onlySteps = judged.filter((one) => one.verdict !== 'stored' && newSteps.has(one.row.id))
  const waking = deps.lanes.wake(
    tx,
    onlySteps.map(({ row, item }) => ({
      dossierId: row.id,
      count: newSteps.get(row.id)!,
      backfill: item.change.backfill ?? false,
    })),
  )
  const [armed, woken] = await Promise.all([arming, waking])
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

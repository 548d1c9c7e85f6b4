import type { Sql } from '../../src/platform/database.ts'
import { digestOf } from '../../adapters/sandbox/history.ts'
import { told, type Answers } from './clients.ts'
import { linesOf, renderingOf, WriteJudge, type Entry, type Rendering } from './judge.ts'
import { judgeCeiling, judgeRetryAfter, type LimitFinding } from './limit.ts'
import { stepsBy, type Plan, type PlannedDossier } from './plan.ts'
import type { Stage } from './stage.ts'
import type { Blow } from './strikes.ts'
import type { Watch } from './watch.ts'

/** Each must be 0. */
export const columns = [
  'lost',
  'invented',
  'different',
  'older over newer',
  'reordered',
  'duplicate steps',
  'stuck beyond lease',
  'not settled',
  'limit passed',
  'personal data',
  'unanswered',
  'answered wrongly',
] as const
export type Column = (typeof columns)[number]

export interface Found {
  count: number
  /** The first few, for whoever looks for the cause. */
  readonly examples: string[]
}

export interface Verdict {
  readonly columns: Readonly<Record<Column, Found>>
  readonly limit: LimitFinding
  readonly writes: number
  readonly repeatedContents: number
  readonly calls: number
  /** The whole story of the first dossiers that are wrong. */
  readonly stories: readonly Story[]
}

export interface VerifyGround {
  readonly stage: Stage
  readonly plan: Plan
  readonly answers: Answers
  readonly watch: Watch
  readonly blows: readonly Blow[]
}

type Say = (column: Column, example: string) => void
const mostExamples = 5

export async function verify({ stage, plan, answers, watch, blows }: VerifyGround): Promise<Verdict> {
  const found = Object.fromEntries(columns.map((name) => [name, { count: 0, examples: [] as string[] }])) as Record<
    Column,
    Found
  >
  const say: Say = (column, example) => {
    found[column].count += 1
    if (found[column].examples.length < mostExamples) found[column].examples.push(example)
  }
  const rendering = renderingOf(stage.dialect)
  const writes = new WriteJudge(plan, rendering, say)
  const held = await readHeld(stage, plan, rendering, say)
  const { limit, calls } = await readHistory(stage, writes, blows)
  for (const passed of limit.passed) say('limit passed', passed)
  await stage.ledger((sql) => compareLedger({ sql, plan, answers, held }, say))
  const stories = await tellStories(stage, plan, found)
  watch.searchFiles()
  for (const code of watch.stuck) say('stuck beyond lease', code)
  for (const where of watch.leaks) say('personal data', where)
  return { columns: found, limit, writes: writes.writes, repeatedContents: writes.repeatedContents, calls, stories }
}

export const isClean = ({ columns: found }: Verdict): boolean => columns.every((name) => found[name].count === 0)

export interface Story {
  readonly code: string
  readonly versions: number
  readonly steps: number
  /** What the ledger noted about calls that carried it, and what the portal applied, each in its order. */
  readonly calls: readonly object[]
  readonly writes: readonly object[]
}

const mostStories = 10

async function tellStories(stage: Stage, plan: Plan, found: Readonly<Record<Column, Found>>): Promise<Story[]> {
  const words = Object.values(found).flatMap(({ examples }) => examples)
  const codes = [...new Set(words.map((text) => text.split(/[ :]/)[0]!))].filter((code) => plan.find(code))
  if (codes.length === 0) return []
  const chosen = new Set(codes.slice(0, mostStories))
  const writes: Extract<Entry, { write: number }>[] = []
  for await (const entry of linesOf<Entry>(`${stage.sandbox.controlUrl}/history`))
    if ('write' in entry && chosen.has(entry.code)) writes.push(entry)
  const calls = await stage.ledger(
    (sql) => sql<{ code: string }[]>`
      select d.code, a.at, e.response_in, e.service, e.class, e.code as said, e.message, e.items, a.meaning, c.version, a.step_ids
      from attempts a join exchanges e on e.id = a.exchange_id join dossiers d on d.id = a.dossier_id
      left join changes c on c.id = a.change_id where d.code = any(${[...chosen]}::text[]) order by e.id`,
  )
  return [...chosen].map((code) => ({
    code,
    versions: plan.find(code)!.versions,
    steps: plan.find(code)!.steps,
    calls: calls.filter((call) => call.code === code),
    writes: writes.filter((write) => write.code === code),
  }))
}

/** One pass through the sandbox's log: writes are judged, calls are measured. */
async function readHistory(stage: Stage, writes: WriteJudge, blows: readonly Blow[]) {
  const times: number[] = []
  const away: { at: number; away: number }[] = []
  for await (const entry of linesOf<Entry>(`${stage.sandbox.controlUrl}/history`)) {
    if ('call' in entry) times.push(entry.at)
    else if ('away' in entry) away.push(entry)
    else writes.take(entry)
  }
  const ceiling = judgeCeiling(times, stage.ceiling)
  const { passed, periods } = judgeRetryAfter(times, away, blows)
  return { limit: { ...ceiling, passed: [...ceiling.passed, ...passed], periods }, calls: times.length }
}

/** What the sandbox holds in the end, by dossier: which version, and how many steps in the right order (-1: other ones). */
interface Held {
  /** 0: nothing; 255: a content that no version of the plan has. */
  readonly versions: Uint8Array
  readonly steps: Int8Array
}

interface HeldLine {
  readonly code: string
  readonly payload: Readonly<Record<string, unknown>>
  readonly steps: readonly unknown[]
}

const foreign = 255

async function readHeld(stage: Stage, plan: Plan, rendering: Rendering, say: Say): Promise<Held> {
  const held = { versions: new Uint8Array(plan.dossiers), steps: new Int8Array(plan.dossiers) }
  for await (const { code, payload, steps } of linesOf<HeldLine>(`${stage.sandbox.controlUrl}/dossiers`)) {
    const dossier = plan.find(code)
    if (!dossier) {
      say('invented', `${code} is at the portal and was never pushed`)
      continue
    }
    const version = Number(/^v(\d)$/.exec(String(payload['GhiChu']))?.[1] ?? 0)
    const known = version >= 1 && version <= dossier.versions
    const right = known && rendering.version(dossier, version) === digestOf(payload)
    held.versions[dossier.index] = right ? version : foreign
    const inOrder = steps.every((step, place) => digestOf(step) === rendering.step(dossier, place + 1))
    held.steps[dossier.index] = inOrder ? steps.length : -1
  }
  return held
}

interface LedgerRow {
  readonly code: string
  readonly state: string
  readonly reason: string | null
  readonly delivered: number | null
  readonly versions: string
  readonly steps: number
  readonly done: number
}

interface Ledger {
  readonly sql: Sql
  readonly plan: Plan
  readonly answers: Answers
  readonly held: Held
}

const lotSize = 2_000

/** Every dossier of the plan: what clients were told, what the ledger says, what the portal holds. */
async function compareLedger(ledger: Ledger, say: Say): Promise<void> {
  const { sql, plan } = ledger
  for (let from = 0; from < plan.dossiers; from += lotSize) {
    const lot = Array.from({ length: Math.min(lotSize, plan.dossiers - from) }, (_, place) =>
      plan.dossier(from + place),
    )
    const rows = await sql<LedgerRow[]>`
      select d.code, l.state, l.reason, k.version::int as delivered, l.steps_done as done,
        coalesce((select string_agg(c.version::text, ',') from changes c where c.dossier_id = d.id), '') as versions,
        (select count(*)::int from steps s where s.dossier_id = d.id) as steps
      from dossiers d join deliveries l on l.dossier_id = d.id left join changes k on k.id = l.delivered_change_id
      where d.code = any(${lot.map(({ code }) => code)}::text[])`
    const byCode = new Map(rows.map((row) => [row.code, row]))
    for (const dossier of lot) compareOne(ledger, dossier, byCode.get(dossier.code), say)
  }
  const [strangers] = await sql<{ count: number }[]>`
    select count(*)::int as count from dossiers where code not like '000.00.01.H34-200703-_______'`
  if (strangers!.count > 0) say('invented', `${strangers!.count} dossiers in the ledger were never pushed`)
}

function compareOne({ answers, held }: Ledger, dossier: PlannedDossier, row: LedgerRow | undefined, say: Say): void {
  judgeAnswers(answers, dossier, row, say)
  if (dossier.fate === 'invalid') {
    if (row) say('invented', `${dossier.code} was refused and is in the ledger`)
    return
  }
  if (!row) return
  const { code, versions, steps } = dossier
  const end = ends[dossier.fate]
  if (['waiting', 'sending', 'unknown'].includes(row.state))
    return say('not settled', `${code} is ${row.state} ${row.reason}`)
  if (row.state !== end.state || row.reason !== end.reason)
    say('lost', `${code} ended ${row.state} ${row.reason}, expected ${end.state} ${end.reason}`)
  else if (end.content && row.delivered !== versions)
    say('lost', `${code}: version ${row.delivered} delivered, ${versions} pushed`)
  const there = held.versions[dossier.index]!
  const expected = end.content ? versions : 0
  if (there === foreign) say('different', `${code} holds another content at the portal`)
  else if (there < expected) say(there === 0 ? 'lost' : 'different', `${code} holds v${there}, expected v${expected}`)
  else if (there > expected) say('invented', `${code} holds v${there}, expected v${expected}`)
  const stepsThere = held.steps[dossier.index]!
  const stepsExpected = end.steps ? steps : 0
  if (stepsThere >= 0 && stepsThere < stepsExpected)
    say('lost', `${code} holds ${stepsThere} of ${stepsExpected} steps (ledger: ${row.done} done)`)
  else if (stepsThere !== stepsExpected) say('different', `${code} holds other steps than s1..s${stepsExpected}`)
}

const ends = {
  delivered: { state: 'delivered', reason: null, content: true, steps: true },
  refused: { state: 'parked', reason: 'portal-refused', content: false, steps: false },
  'step-refused': { state: 'parked', reason: 'step-refused', content: true, steps: false },
  unmapped: { state: 'blocked', reason: 'no-national-code', content: false, steps: false },
} as const

/** A 2xx means stored: the change and its steps are in the ledger. A refusal means that nothing is. */
function judgeAnswers(answers: Answers, dossier: PlannedDossier, row: LedgerRow | undefined, say: Say): void {
  const stored = new Set(row?.versions.split(',').map(Number))
  const taken = told.stored | told.superseded | told.unchanged
  for (const push of dossier.pushes) {
    const answer = answers.of(push)
    const said = `${dossier.code} ${push.what} v${push.version}`
    const refused = (answer & told.refused) !== 0
    if ((answer & (taken | told.refused)) === 0) say('unanswered', said)
    else if (refused !== (dossier.fate === 'invalid'))
      say('answered wrongly', `${said} was ${refused ? 'refused' : 'taken'}`)
    else if (!refused && push.what === 'change' && !stored.has(push.version))
      say('lost', `${said} was answered and is not stored`)
    else if (!refused && (row?.steps ?? 0) < stepsBy(dossier, push))
      say('lost', `${said}: its steps were answered and are not stored`)
  }
}

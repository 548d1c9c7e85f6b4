import { Refusal, type Finding } from '../platform/problems.ts'
import { transaction, type Sql, type Tx } from '../platform/database.ts'
import type { Level } from '../organisations/model.ts'
import type { Mapping, Release } from './model.ts'
import { lockCatalogue, raiseVersion } from './catalogue-version.ts'

/** What a person says about local codes: applied as a whole or not at all, kept with who and why, undone as a whole. */

/** What became of a local code that is not mapped: it has no national code, the ministry is asked, or somebody comes back to it. */
export const settlements = ['no-national-code', 'ask-ministry', 'later'] as const
export type Settlement = (typeof settlements)[number]

export type Wish =
  /** The local code means the national one, within the mapping's scope and dates. */
  | { readonly verdict: 'accept'; readonly mapping: Mapping; readonly why?: string }
  /** A mapping that is there ends before this day; one that had not begun goes. */
  | { readonly verdict: 'end'; readonly mapping: Mapping; readonly before: string }
  /** A mapping that is there was a mistake: it never held. */
  | { readonly verdict: 'withdraw'; readonly mapping: Mapping }
  /** The national code is not what the local one means, also where it stands inside it. */
  | {
      readonly verdict: 'reject'
      readonly localCode: string
      readonly agencyCode: string | null
      readonly nationalCode: string
    }
  | { readonly verdict: Settlement | 'reopen'; readonly localCode: string; readonly agencyCode: string | null }

export interface Decision {
  readonly wishes: readonly Wish[]
  readonly by: string
  readonly why: string
  /** The last decision that whoever decides had seen: refused when somebody decided about one of the codes after it. */
  readonly seen?: number
}

/** What a decision means for the dossiers blocked under its codes, looked at inside its transaction. */
export type Look = (tx: Tx, localCodes: readonly string[]) => Promise<Release>

export interface Decided {
  /** Null when everything was as wished before. */
  readonly id: number | null
  /** Rows of mappings and verdicts that changed. */
  readonly changed: number
  /** Wishes that changed nothing. */
  readonly already: number
  /** The local codes whose dossiers are judged again. */
  readonly localCodes: readonly string[]
  /** Null where nobody looked. */
  readonly dossiers: Release | null
}

/** A row of `mappings` or `mapping_verdicts` as it stands there. */
export type Image = Readonly<Record<string, string | null>>
interface Effect {
  readonly kind: 'mapping' | 'verdict'
  readonly localCode: string
  readonly before: Image | null
  readonly after: Image | null
}

/**
 * Applies a decision in one transaction; who decides at the same time waits and then sees it. Throws a refusal that names each
 * wish that cannot be (`wishes.3`): an unknown or closed national code, or one that contradicts what is decided.
 */
export const decide = (sql: Sql, decision: Decision, look?: Look): Promise<Decided> =>
  transaction(sql, (tx) => decideWithin(tx, decision, look))

/** All mappings, ended ones too, by code and date. */
export const listMappings = (sql: Sql): Promise<(Mapping & { readonly why: string })[]> => sql<
  (Mapping & { readonly why: string })[]
>`
  select local_code as "localCode", national_code as "nationalCode", source, agency_code as "agencyCode", level,
    to_char(valid_from, 'YYYY-MM-DD') as "validFrom", to_char(valid_to, 'YYYY-MM-DD') as "validTo", why
  from mappings order by local_code, valid_from nulls first, national_code, id`

export const acceptancesOf = (rows: readonly (Mapping & { readonly why: string })[]): Wish[] =>
  rows.map(({ why, ...mapping }) => ({ verdict: 'accept', mapping, why }))

/** Accepts mappings from a list; how many were new. */
export async function acceptAll(
  sql: Sql,
  rows: readonly (Mapping & { readonly why: string })[],
  by: string,
  why: string,
  look?: Look,
): Promise<number> {
  const wishes = acceptancesOf(rows)
  return wishes.length - (await decide(sql, { wishes, by, why }, look)).already
}

class RolledBack extends Error {}

/** What a decision would change and release: nothing is applied. Refuses what `decide` refuses. */
export async function preview(sql: Sql, decision: Decision, look: Look): Promise<Decided> {
  try {
    return await rehearse(sql, decision, look, 'free')
  } catch (error) {
    // Somebody decided about the same row in this moment: in its turn it is seen what that was.
    if (![uniqueViolation, deadlock].includes((error as { code?: string }).code ?? '')) throw error
    return rehearse(sql, decision, look, 'locked')
  }
}

const uniqueViolation = '23505'
const deadlock = '40P01'

async function rehearse(sql: Sql, decision: Decision, look: Look, turn: 'free' | 'locked'): Promise<Decided> {
  let view: Decided | undefined
  try {
    await transaction(sql, async (tx) => {
      if (turn === 'locked') await lockCatalogue(tx)
      view = await decideWithin(tx, decision, look, true)
      throw new RolledBack()
    })
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error
  }
  return { ...view!, id: null }
}

/** `isDry`: it will be rolled back, and no version is raised. Nobody has to wait for it, so it locks nothing by itself. */
async function decideWithin(tx: Tx, decision: Decision, look: Look | undefined, isDry = false): Promise<Decided> {
  if (!isDry) await lockCatalogue(tx)
  const state = await stateOf(tx, decision.wishes)
  const findings: Finding[] = []
  const effects = decision.wishes.flatMap((wish, place) => {
    const judged = judge(state, wish)
    if (Array.isArray(judged)) {
      for (const effect of judged) state.apply(effect)
      return [judged]
    }
    findings.push({ ...judged, field: `wishes.${place}` })
    return []
  })
  // Whoever sends a decision again because its answer was lost finds it done, and not somebody else's.
  const isDone = findings.length === 0 && effects.every((own) => own.length === 0)
  if (decision.seen !== undefined && !isDone) await refuseUnseen(tx, decision.wishes, decision.seen)
  if (findings.length > 0) throw refusalOf(findings)
  const already = effects.filter((own) => own.length === 0).length
  return { already, ...(await apply(tx, net(effects.flat()), { ...decision, undoes: null, look, isDry })) }
}

/** Of several changes to one row in a decision only what comes out of them is written, and kept for undo. */
function net(effects: readonly Effect[]): Effect[] {
  const list: Effect[] = []
  for (const effect of effects) {
    const place = effect.before === null ? -1 : list.findIndex(({ after }) => after === effect.before)
    if (place === -1) list.push(effect)
    else list[place] = { ...list[place]!, after: effect.after }
  }
  return list.filter(({ before, after }) => before !== null || after !== null)
}

/** Two who decide about one code at the same time: the second one must see what the first one said. */
async function refuseUnseen(tx: Tx, wishes: readonly Wish[], seen: number): Promise<void> {
  const codes = [...new Set(wishes.map(codeOf))]
  const later = await tx<{ code: string }[]>`
    select distinct local_code as code from mapping_decision_rows
    where local_code = any(${codes}::text[]) and decision_id > ${seen} order by 1`
  if (later.length > 0) throw refusalOf(later.map(decidedSince))
}

const decidedSince = ({ code }: { readonly code: string }) =>
  ({ code: 'decided-since', detail: `Somebody decided about ${code} again since` }) as const

/**
 * Takes a decision back: every row becomes what it was. Throws a refusal that names the local codes about which somebody decided
 * again since; nothing is taken back then.
 */
export async function undo(
  sql: Sql,
  id: number,
  { by, why }: Pick<Decision, 'by' | 'why'>,
  look?: Look,
): Promise<Decided | null> {
  return transaction(sql, async (tx) => {
    await lockCatalogue(tx)
    const [known] = await tx<{ undone: boolean; undoes: number | null }[]>`
      select exists (select 1 from mapping_decisions u where u.undoes = d.id) as undone, undoes
      from mapping_decisions d where d.id = ${id}`
    if (!known) return null
    // Taken back twice, rows would hold of which nobody can tell whose they are.
    if (known.undoes !== null)
      throw new Refusal('undo-of-undo', `Decision ${id} took back decision ${known.undoes}; decide anew instead`)
    if (known.undone) throw new Refusal('already-undone', `Decision ${id} was taken back before`)
    const rows = await tx<Effect[]>`
      select kind, local_code as "localCode", before, after from mapping_decision_rows
      where decision_id = ${id} order by position desc`
    const later = await tx<{ code: string }[]>`
      select distinct r.local_code as code from mapping_decision_rows r
      join mapping_decision_rows mine on mine.decision_id = ${id} and mine.local_code = r.local_code
      join mapping_decisions d on d.id = r.decision_id
      where r.decision_id > ${id} and not exists (select 1 from mapping_decisions u where u.undoes = d.id) and d.undoes is null`
    if (later.length > 0) throw refusalOf(later.map(decidedSince))
    const effects = rows.map(({ kind, localCode, before, after }) => ({
      kind,
      localCode,
      before: after,
      after: before,
    }))
    return { already: 0, ...(await apply(tx, effects, { by, why, undoes: id, look, isDry: false })) }
  })
}

const refusalOf = (findings: readonly Finding[]) =>
  new Refusal(
    findings[0]!.code,
    `${findings.length} of the rows cannot be; nothing was decided. ${findings[0]!.detail}`,
    { ...(findings[0]!.field === undefined ? {} : { field: findings[0]!.field }), findings: findings.slice(0, 100) },
  )

interface State {
  /** Null: not in the catalogue. */
  national(code: string): { readonly open: boolean } | null
  mappings(localCode: string): readonly Image[]
  verdicts(localCode: string): readonly Image[]
  apply(effect: Effect): void
}

const codeOf = (wish: Wish) => ('mapping' in wish ? wish.mapping.localCode : wish.localCode)

async function stateOf(tx: Tx, wishes: readonly Wish[]): Promise<State> {
  const codes = [...new Set(wishes.map(codeOf))]
  const nationals = wishes.flatMap((wish) => ('mapping' in wish ? wish.mapping.nationalCode : []))
  const national = await tx<{ code: string; open: boolean }[]>`
    select code, open from national_procedures where code = any(${nationals}::text[])`
  const rows = await tx<{ kind: Effect['kind']; image: Image }[]>`
    select 'mapping' as kind, ${mappingImage(tx)} as image from mappings m where local_code = any(${codes}::text[])
    union all
    select 'verdict', ${verdictImage(tx)} from mapping_verdicts v where local_code = any(${codes}::text[])`
  const open = new Map(national.map(({ code, open }) => [code, { open }]))
  const images = { mapping: new Map<string, Image[]>(), verdict: new Map<string, Image[]>() }
  const put = (kind: Effect['kind'], image: Image) => {
    const list = images[kind].get(image['local_code']!) ?? []
    images[kind].set(image['local_code']!, [...list, image])
  }
  for (const { kind, image } of rows) put(kind, image)
  return {
    national: (code) => open.get(code) ?? null,
    mappings: (code) => images.mapping.get(code) ?? [],
    verdicts: (code) => images.verdict.get(code) ?? [],
    apply({ kind, localCode, before, after }) {
      const list = images[kind].get(localCode) ?? []
      images[kind].set(
        localCode,
        list.filter((image) => image !== before),
      )
      if (after) put(kind, after)
    },
  }
}

const mappingImage = (tx: Tx) => tx`jsonb_build_object(
  'local_code', m.local_code, 'national_code', m.national_code, 'source', m.source, 'agency_code', m.agency_code, 'level', m.level,
  'valid_from', to_char(m.valid_from, 'YYYY-MM-DD'), 'valid_to', to_char(m.valid_to, 'YYYY-MM-DD'), 'why', m.why, 'created_by', m.created_by)`
const verdictImage = (tx: Tx) => tx`jsonb_build_object(
  'local_code', v.local_code, 'agency_code', v.agency_code, 'national_code', v.national_code, 'verdict', v.verdict)`

type Judged = Effect[] | Pick<Finding, 'code' | 'detail'>

function judge(state: State, wish: Wish): Judged {
  if (wish.verdict === 'accept') return judgeAccept(state, wish.mapping, wish.why)
  if (wish.verdict === 'end') return judgeEnd(state, wish.mapping, wish.before)
  if (wish.verdict === 'withdraw') return judgeEnd(state, wish.mapping, null)
  return judgeVerdict(state, wish)
}

const imageOf = (mapping: Mapping): Image => ({
  local_code: mapping.localCode,
  national_code: mapping.nationalCode,
  source: mapping.source,
  agency_code: mapping.agencyCode,
  level: mapping.level,
  valid_from: mapping.validFrom,
  valid_to: mapping.validTo,
})

const alike = (a: Image, b: Image, keys: readonly string[]) => keys.every((key) => a[key] === b[key])
const scope = ['source', 'agency_code', 'level']
const overlap = (a: Image, b: Image) =>
  (a['valid_to'] === null || b['valid_from'] === null || b['valid_from']! < a['valid_to']!) &&
  (b['valid_to'] === null || a['valid_from'] === null || a['valid_from']! < b['valid_to']!)

/** Whether both hold for the same dossiers at some time: to different procedures that is a contradiction. */
export function collide(one: Mapping, other: Mapping): boolean {
  const [a, b] = [imageOf(one), imageOf(other)]
  return alike(a, b, scope) && overlap(a, b)
}

function judgeAccept(state: State, mapping: Mapping, why = ''): Judged {
  const { localCode, nationalCode } = mapping
  const national = state.national(nationalCode)
  if (!national)
    return { code: 'unknown-national-code', detail: `The national catalogue does not have ${nationalCode}` }
  if (!national.open) return { code: 'procedure-closed', detail: `${nationalCode} was withdrawn` }
  if (mapping.validFrom !== null && mapping.validTo !== null && mapping.validFrom >= mapping.validTo)
    return { code: 'invalid-field', detail: `${localCode}: validTo must lie after validFrom` }
  const wanted = imageOf(mapping)
  const rivals = state.mappings(localCode).filter((one) => alike(one, wanted, scope) && overlap(one, wanted))
  const other = rivals.find((one) => one['national_code'] !== nationalCode)
  if (other)
    return {
      code: 'contradicts-mapping',
      detail: `${localCode} means ${other['national_code']} at the same time in the same scope; end that mapping first`,
    }
  if (rivals.some((one) => alike(one, wanted, ['valid_from', 'valid_to']))) return []
  // What is accepted is no question any more, nor rejected.
  const answered = state
    .verdicts(localCode)
    .filter(
      (one) => one['agency_code'] === mapping.agencyCode && [null, nationalCode].includes(one['national_code'] ?? null),
    )
  return [
    { kind: 'mapping', localCode, before: null, after: why === '' ? wanted : { ...wanted, why } },
    ...answered.map((before): Effect => ({ kind: 'verdict', localCode, before, after: null })),
  ]
}

/** `day` null: it never held. */
function judgeEnd(state: State, mapping: Mapping, day: string | null): Judged {
  const wanted = imageOf(mapping)
  const before = state.mappings(mapping.localCode).find((one) => alike(one, wanted, Object.keys(wanted)))
  if (!before)
    return {
      code: 'unknown-mapping',
      detail: `There is no mapping of ${mapping.localCode} to ${mapping.nationalCode} with this scope and these dates`,
    }
  // It ended before that day: nothing is left to end.
  if (day !== null && before['valid_to'] !== null && before['valid_to']! <= day) return []
  const begun = day !== null && (before['valid_from'] === null || before['valid_from']! < day)
  const after = begun ? { ...before, valid_to: day } : null
  return [{ kind: 'mapping', localCode: mapping.localCode, before, after }]
}

function judgeVerdict(state: State, wish: Extract<Wish, { localCode: string }>): Judged {
  const { localCode, agencyCode, verdict } = wish
  const nationalCode = wish.verdict === 'reject' ? wish.nationalCode : null
  const before =
    state
      .verdicts(localCode)
      .find((one) => one['agency_code'] === agencyCode && one['national_code'] === nationalCode) ?? null
  if (verdict === 'reopen') return before ? [{ kind: 'verdict', localCode, before, after: null }] : []
  const mapped = state
    .mappings(localCode)
    .find(
      (one) =>
        one['agency_code'] === agencyCode &&
        one['valid_to'] === null &&
        (!nationalCode || one['national_code'] === nationalCode),
    )
  if (mapped)
    return {
      code: 'contradicts-mapping',
      detail: `${localCode} means ${mapped['national_code']}; end that mapping first`,
    }
  const said = verdict === 'reject' ? 'rejected' : verdict
  if (before?.['verdict'] === said) return []
  const after = { local_code: localCode, agency_code: agencyCode, national_code: nationalCode, verdict: said }
  return [{ kind: 'verdict', localCode, before, after }]
}

async function apply(
  tx: Tx,
  effects: readonly Effect[],
  {
    by,
    why,
    undoes,
    look,
    isDry,
  }: Pick<Decision, 'by' | 'why'> & {
    undoes: number | null
    look: Look | undefined
    isDry: boolean
  },
): Promise<Omit<Decided, 'already'>> {
  if (effects.length === 0)
    return { id: null, changed: 0, localCodes: [], dossiers: { blocked: 0, released: 0, still: {} } }
  const images = (kind: Effect['kind'], side: 'before' | 'after') =>
    tx.json(effects.flatMap((effect) => (effect.kind === kind && effect[side] ? [effect[side]] : [])))
  await deleteRows(tx, images('mapping', 'before'), images('verdict', 'before'))
  await insertRows(tx, images('mapping', 'after'), images('verdict', 'after'), by, why)
  const [decision] = await tx<{ id: number }[]>`
    insert into mapping_decisions (decided_by, why, undoes) values (${by}, ${why}, ${undoes}) returning id`
  await tx`
    insert into mapping_decision_rows (decision_id, position, kind, local_code, before, after)
    select ${decision!.id}, r.* from jsonb_to_recordset(${tx.json(effects.map((effect, position) => ({ position, ...effect, local_code: effect.localCode })))})
      as r(position int, kind text, local_code text, before jsonb, after jsonb)`
  const localCodes = [...new Set(effects.map(({ localCode }) => localCode))]
  if (!isDry) await raiseVersion(tx, localCodes)
  const action = undoes === null ? 'mappings.decided' : 'mappings.undone'
  await tx`insert into audit (actor, action, subject, detail)
    values (${by}, ${action}, ${`decision ${decision!.id}`}, ${tx.json({ rows: effects.length, codes: localCodes.length, undoes })})`
  const dossiers = look ? await look(tx, localCodes) : null
  if (dossiers) await tx`update mapping_decisions set dossiers = ${tx.json({ ...dossiers })} where id = ${decision!.id}`
  return { id: decision!.id, changed: effects.length, localCodes, dossiers }
}

type Json = ReturnType<Tx['json']>

async function deleteRows(tx: Tx, mappings: Json, verdicts: Json): Promise<void> {
  await tx`
    delete from mappings m using jsonb_to_recordset(${mappings}) as r(
      local_code text, national_code text, source text, agency_code text, level text, valid_from date, valid_to date)
    where m.local_code = r.local_code and m.national_code = r.national_code
      and (m.source, m.agency_code, m.level, m.valid_from, m.valid_to)
        is not distinct from (r.source, r.agency_code, r.level, r.valid_from, r.valid_to)`
  await tx`
    delete from mapping_verdicts v using jsonb_to_recordset(${verdicts}) as r(local_code text, agency_code text, national_code text)
    where v.local_code = r.local_code
      and (v.agency_code, v.national_code) is not distinct from (r.agency_code, r.national_code)`
}

/** A row that comes back by an undo keeps whose it was and why. */
async function insertRows(tx: Tx, mappings: Json, verdicts: Json, by: string, why: string): Promise<void> {
  await tx`
    insert into mappings (local_code, national_code, source, agency_code, level, valid_from, valid_to, why, created_by)
    select local_code, national_code, source, agency_code, level, valid_from, valid_to, coalesce(r.why, ${why}), coalesce(r.created_by, ${by})
    from jsonb_to_recordset(${mappings}) as r(
      local_code text, national_code text, source text, agency_code text, level text, valid_from date, valid_to date, why text, created_by text)`
  await tx`
    insert into mapping_verdicts (local_code, agency_code, national_code, verdict, why, decided_by)
    select local_code, agency_code, national_code, verdict, ${why}, ${by}
    from jsonb_to_recordset(${verdicts}) as r(local_code text, agency_code text, national_code text, verdict text)`
}

export interface DecisionLine {
  readonly id: number
  readonly at: string
  readonly by: string
  /** The name of the key that decided; null when it was a command. */
  readonly name: string | null
  readonly why: string
  readonly rows: number
  readonly undoes: number | null
  readonly undoneBy: number | null
  /** What it meant for the dossiers that were blocked then; null where nobody counted. */
  readonly dossiers: Release | null
}

/** Decisions, the newest first. */
export async function listDecisions(sql: Sql, before: number | null, limit: number): Promise<DecisionLine[]> {
  return sql<DecisionLine[]>`
    select d.id, to_char(d.decided_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as at, d.decided_by as by, c.name, d.why,
      d.undoes, d.dossiers, (select count(*)::int from mapping_decision_rows r where r.decision_id = d.id) as rows,
      (select u.id from mapping_decisions u where u.undoes = d.id) as "undoneBy"
    from mapping_decisions d left join api_clients c on d.decided_by = 'key:' || c.id
    where ${before}::bigint is null or d.id < ${before}::bigint
    order by d.id desc limit ${limit}`
}

/** A row that a decision made, changed or removed. */
export interface DecisionRow {
  readonly kind: Effect['kind']
  readonly localCode: string
  readonly before: Image | null
  readonly after: Image | null
}

/** Null: there is no such decision. */
export async function readDecision(
  sql: Sql,
  id: number,
  limit: number,
): Promise<(DecisionLine & { readonly changes: readonly DecisionRow[] }) | null> {
  const [line] = await listDecisions(sql, id + 1, 1)
  if (line?.id !== id) return null
  const changes = await sql<DecisionRow[]>`
    select kind, local_code as "localCode", before, after from mapping_decision_rows
    where decision_id = ${id} order by position limit ${limit}`
  return { ...line, changes }
}

/** The number of the newest decision: what somebody who decides now has seen. */
export async function newestDecision(sql: Sql): Promise<number> {
  const [row] = await sql<{ id: number }[]>`select coalesce(max(id), 0) as id from mapping_decisions`
  return row!.id
}

/** The accept of a mapping whose scope is everything, as imports and suggestions make it. */
export const plainMapping = (localCode: string, nationalCode: string, more: Partial<Mapping> = {}): Mapping => ({
  localCode,
  nationalCode,
  source: null,
  agencyCode: null,
  level: null as Level | null,
  validFrom: null,
  validTo: null,
  ...more,
})

import type { Answer, Exchange, ExtraList, Portal } from '../delivery/portal.ts'
import type { Sql } from '../platform/database.ts'
import { applyProcedureDetail, applyProcedures, proceduresWithoutDetail } from './national.ts'
import { applyExtra } from './portal-lists.ts'
import { heldLists, recordPull, type Origin, type Pull } from './pulls.ts'
import { applyFields, applyPortalAgencies } from './store.ts'

export interface PullDeps {
  readonly sql: Sql
  readonly portal: Portal
  readonly keep: (exchanges: readonly Exchange[]) => Promise<unknown>
  /** Most procedures whose full record is fetched in one run: the rest follows in the next. */
  readonly details: number
}

/**
 * Pulls the national catalogue into the ledger, so that no dossier push needs a catalogue call. Each list is applied or
 * held on its own; what happened is kept in `pulls`, and an answer that is empty or shrunken never replaces good data.
 */
export async function pullCatalogue(deps: PullDeps): Promise<Pull[]> {
  const pulls = [
    await one(deps, 'fields', (rows) => applied(applyFields(deps.sql, rows))),
    await one(deps, 'agencies', (rows) => applied(applyPortalAgencies(deps.sql, rows))),
    await one(deps, 'procedures', (rows, origin) => applyProcedures(deps.sql, rows, origin)),
  ]
  for (const extra of deps.portal.extras) pulls.push(await pullExtra(deps, extra))
  return [...pulls, await pullDetails(deps)]
}

/** Throws when a list that the portal must have could not be had, so that the job is tried again; what came is applied all the same. */
export async function pullOrFail(deps: PullDeps): Promise<void> {
  const pulls = await pullCatalogue(deps)
  const failed = pulls.filter(({ outcome, optional }) => outcome === 'failed' && optional !== true)
  if (failed.length > 0) throw new Error(`Not pulled: ${failed.map(({ service }) => service).join(', ')}`)
}

const pullExtra = (deps: PullDeps, { what, optional }: ExtraList): Promise<Pull> =>
  what === 'services'
    ? one(deps, what, (rows, origin) => applyExtra(deps.sql, { what, rows }, origin), optional)
    : one(deps, what, (rows, origin) => applyExtra(deps.sql, { what, rows }, origin), optional)

const applied = async (changed: Promise<number>) => ({ applied: true, changed: await changed, note: '' })

type Kind = Parameters<Portal['pull']>[0]

async function one<K extends Kind>(
  deps: PullDeps,
  what: K,
  apply: (
    rows: Awaited<ReturnType<typeof deps.portal.pull<K>>>['rows'],
    origin: Origin,
  ) => Promise<{ applied: boolean; note: string }>,
  optional = false,
): Promise<Pull> {
  const startedAt = new Date()
  const answer = await deps.portal.pull(what, { requestIn: startedAt, urgency: 'backfill' })
  await deps.keep(answer.exchanges)
  const judgement = await judged(what, answer, answer.rows, (rows) => apply(rows, { startedAt, optional }))
  const pull = { ...judgement, optional }
  // A list that may be held is recorded by what applies or holds it.
  if (!mayBeHeld(what) || pull.outcome === 'failed') await recordPull(deps.sql, startedAt, pull)
  return pull
}

const mayBeHeld = (what: string) => (heldLists as readonly string[]).includes(what)

async function judged<Row>(
  service: string,
  answer: Answer,
  rows: readonly Row[],
  apply: (rows: readonly Row[]) => Promise<{ applied: boolean; note: string }>,
): Promise<Pull> {
  if (answer.class !== 'ok')
    return {
      service,
      outcome: 'failed',
      rows: 0,
      note: `${answer.failure ?? answer.class} ${answer.message ?? ''}`.trim(),
    }
  if (rows.length === 0 && !mayBeHeld(service))
    return { service, outcome: 'held', rows: 0, note: 'held: the list came empty' }
  const { applied: done, note } = await apply(rows)
  return { service, outcome: done ? 'applied' : 'held', rows: rows.length, note }
}

async function pullDetails(deps: PullDeps): Promise<Pull> {
  const startedAt = new Date()
  let rows = 0
  for (const code of await proceduresWithoutDetail(deps.sql, deps.details)) {
    const answer = await deps.portal.pullProcedure(code, { requestIn: new Date(), urgency: 'backfill' })
    await deps.keep(answer.exchanges)
    if (answer.class === 'busy' || answer.class === 'unknown') {
      const pull: Pull = { service: 'procedure-details', outcome: 'failed', rows, note: answer.failure ?? answer.class }
      await recordPull(deps.sql, startedAt, pull)
      return pull
    }
    const row = answer.rows[0]
    await applyProcedureDetail(deps.sql, row ?? { code, name: '' }, row?.raw ?? null)
    rows += row ? 1 : 0
  }
  const pull: Pull = { service: 'procedure-details', outcome: 'applied', rows, note: '' }
  await recordPull(deps.sql, startedAt, pull)
  return pull
}

import { replayLimits } from '../../config/replays.ts'
import { transaction, type Sql } from '../platform/database.ts'
import { priorities } from './model.ts'
import { draftReplay, startReplay, type Operator } from './replays.ts'
import { chunks } from './store.ts'

/** A dossier that the portal was seen to hold otherwise than it was delivered. */
export interface Damaged {
  readonly code: string
  /** The portal does not hold it at all: none of its steps is there either. */
  readonly absent: boolean
}

/**
 * Brings dossiers to the portal as they should be there; how many were set going. What was delivered is looked up first, as after a lost
 * answer: its content goes again, and of its steps those that the portal lacks. Where the portal does not list steps, those of a dossier that it
 * holds are left as they are, because a second copy could not be told from the first. What stopped is sent again by a replay.
 */
export async function repairDossiers(
  sql: Sql,
  {
    damaged,
    listsSteps,
    why,
  }: { readonly damaged: readonly Damaged[]; readonly listsSteps: boolean; readonly why: string },
  operator: Operator,
): Promise<number> {
  let going = 0
  for (const some of chunks(damaged, replayLimits.codes)) {
    going += await doubt(sql, some, listsSteps)
    const draft = await draftReplay(sql, { filter: { codes: some.map(({ code }) => code) }, why }, operator)
    const { total } = draft.progress
    if (total > 0) await startReplay(sql, draft.id, total, operator)
    going += total
  }
  return going
}

/** Delivered lanes become ones whose outcome is not known: the worker asks the portal, and sends what is missing. */
const doubt = (sql: Sql, damaged: readonly Damaged[], listsSteps: boolean): Promise<number> =>
  transaction(sql, async (tx) => {
    const lanes = await tx<{ id: number; withSteps: boolean }[]>`
      select l.dossier_id as id, r.absent or ${listsSteps} as "withSteps"
      from unnest(${damaged.map(({ code }) => code)}::text[], ${damaged.map(({ absent }) => String(absent))}::text[]::bool[]) as r(code, absent)
      join dossiers d using (code) join deliveries l on l.dossier_id = d.id
      where l.state = 'delivered' order by l.dossier_id for update of l`
    const ids = lanes.map(({ id }) => id)
    await tx`
      update steps set state = 'waiting', acknowledged_at = null
      where state = 'delivered' and dossier_id = any(${lanes.flatMap(({ id, withSteps }) => (withSteps ? id : []))}::bigint[])`
    await tx`
      update deliveries l set
        state = 'unknown', sent_as = 'steps', again = true, reason = null, detail = null, attempts = 0, doubts = 0,
        priority = ${priorities.backfill}, next_at = now(), due_since = now(), handed_until = null, updated_at = now(),
        steps_done = (select count(*) from steps s where s.dossier_id = l.dossier_id and s.state = 'delivered')
      where l.dossier_id = any(${ids}::bigint[])`
    return ids.length
  })

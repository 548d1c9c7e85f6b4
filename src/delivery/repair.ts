import { replayLimits } from '../../config/replays.ts'
import { transaction, type Sql } from '../platform/database.ts'
import { priorities } from './model.ts'
import { draftReplay, startReplay, type Operator } from './replays.ts'
import { chunks } from './store.ts'

/**
 * Brings dossiers to the portal as they should be there; how many were set going. What was delivered is looked up first, as after a lost
 * answer: its content goes again, and of its steps those that the portal lacks. Where the portal does not list steps, they go again only when
 * that look-up does not find the dossier, because a second copy could not be told from the first. What stopped is sent again by a replay.
 */
export async function repairDossiers(
  sql: Sql,
  { codes, listsSteps, why }: { readonly codes: readonly string[]; readonly listsSteps: boolean; readonly why: string },
  operator: Operator,
): Promise<number> {
  let going = 0
  for (const some of chunks(codes, replayLimits.codes)) {
    going += await doubt(sql, some, listsSteps)
    const stopped = await stoppedOf(sql, some)
    if (stopped.length === 0) continue
    const draft = await draftReplay(sql, { filter: { codes: stopped }, why }, operator)
    const { total } = draft.progress
    if (total > 0) await startReplay(sql, draft.id, total, operator)
    going += total
  }
  return going
}

/** Delivered lanes become ones whose outcome is not known: the worker asks the portal, and sends what is missing. */
const doubt = (sql: Sql, codes: readonly string[], listsSteps: boolean): Promise<number> =>
  transaction(sql, async (tx) => {
    const lanes = await tx<{ id: number }[]>`
      select l.dossier_id as id from dossiers d join deliveries l on l.dossier_id = d.id
      where d.code = any(${[...codes]}::text[]) and l.state = 'delivered' order by l.dossier_id for update of l`
    const ids = lanes.map(({ id }) => id)
    // When the portal took them stays with them: it is the order in which it holds those that it still has.
    if (listsSteps)
      await tx`update steps set state = 'waiting' where state = 'delivered' and dossier_id = any(${ids}::bigint[])`
    await tx`
      update deliveries l set
        state = 'unknown', sent_as = 'steps', again = true, reason = null, detail = null, attempts = 0, doubts = 0,
        priority = ${priorities.backfill}, next_at = now(), due_since = now(), handed_until = null, updated_at = now(),
        steps_done = (select count(*) from steps s where s.dossier_id = l.dossier_id and s.state = 'delivered')
      where l.dossier_id = any(${ids}::bigint[])`
    return ids.length
  })

async function stoppedOf(sql: Sql, codes: readonly string[]): Promise<string[]> {
  const rows = await sql<{ code: string }[]>`
    select d.code from dossiers d join deliveries l on l.dossier_id = d.id
    where d.code = any(${[...codes]}::text[]) and l.state in ('blocked', 'parked')`
  return rows.map(({ code }) => code)
}

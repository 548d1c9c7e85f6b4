import type { Sql } from '../platform/database.ts'
import type { Suggestion } from './suggest.ts'
import { startSuggesting, type Suggesting } from './suggesting.ts'
import { nationalEntries } from './store.ts'

/** Suggestions for local codes from the catalogue in the ledger. */
export interface Advice {
  /** One suggestion per local procedure, in their order. */
  suggest(
    locals: readonly { readonly code: string; readonly name: string }[],
    top: number,
  ): Promise<readonly Suggestion[]>
  stop(): Promise<void>
}

/** The thread is started when first asked, and the catalogue read again when one of its names changed. */
export function createAdvice(sql: Sql): Advice {
  let suggesting: Suggesting | undefined
  let loaded: string | undefined
  /** One question after the other: a catalogue that is being replaced must not answer half of one. */
  let turn: Promise<unknown> = Promise.resolve()
  const ask: Advice['suggest'] = async (locals, top) => {
    try {
      const mark = await markOf(sql)
      suggesting ??= startSuggesting()
      if (mark !== loaded) await suggesting.load(await nationalEntries(sql))
      loaded = mark
      const codes = locals.map(({ code }) => code)
      const [decided, rejected] = [await decidedOf(sql, codes), await rejectedOf(sql, codes)]
      return await suggesting.suggest(
        locals.map((local) => ({
          local,
          asked: {
            top,
            decided: decided.get(local.code) ?? new Map(),
            rejected: rejected.get(local.code) ?? new Set(),
          },
        })),
      )
    } catch (error) {
      // A thread that died takes nothing with it: the next question starts another.
      await suggesting?.stop()
      suggesting = loaded = undefined
      throw error
    }
  }
  return {
    suggest(locals, top) {
      const mine = turn.then(() => ask(locals, top))
      turn = mine.catch(() => undefined)
      return mine
    },
    async stop() {
      await turn
      await suggesting?.stop()
    },
  }
}

/** Changes when a national name, field or state does; decisions about local codes leave it as it is. */
async function markOf(sql: Sql): Promise<string> {
  const [row] = await sql<{ mark: string }[]>`
    select concat_ws('|', (select count(*) from national_names), (select max(first_seen_at) from national_names),
      (select general from catalogue_version), (select max(id) from national_changes)) as mark`
  return row!.mark
}

/** For each local code: which national ones persons accepted for it at single agencies or sources, and how often. */
async function decidedOf(sql: Sql, codes: readonly string[]): Promise<Map<string, Map<string, number>>> {
  const rows = await sql<{ local: string; national: string; count: number }[]>`
    select local_code as local, national_code as national, count(*)::int as count from mappings
    where local_code = any(${[...codes]}::text[]) and (agency_code is not null or source is not null) group by 1, 2`
  const decided = new Map<string, Map<string, number>>()
  for (const { local, national, count } of rows)
    decided.set(local, (decided.get(local) ?? new Map<string, number>()).set(national, count))
  return decided
}

/** For each local code: which national ones a person said are not meant, for all agencies. */
async function rejectedOf(sql: Sql, codes: readonly string[]): Promise<Map<string, Set<string>>> {
  const rows = await sql<{ local: string; national: string[] }[]>`
    select local_code as local, array_agg(national_code) as national from mapping_verdicts
    where local_code = any(${[...codes]}::text[]) and verdict = 'rejected' and agency_code is null group by 1`
  return new Map(rows.map(({ local, national }) => [local, new Set(national)]))
}

import type { Sql } from '../platform/database.ts'
import { shared } from '../platform/shared.ts'
import type { ScheduledTask } from './model.ts'

/** What the pages of administration read from the ledger. */

export interface SourceLine {
  readonly source: string
  readonly dossiers: number
  readonly lastPush: Date | null
  /** In force. */
  readonly keys: number
}

/** The one-stop systems, whether they pushed already or only have a key. */
export const listSources = (sql: Sql): Promise<SourceLine[]> => sql<SourceLine[]>`
  with pushed as (
    select source, count(*)::int as dossiers, max(updated_at) as last from dossiers group by source
  ), keyed as (
    select source, count(*) filter (where revoked_at is null)::int as keys from api_clients where not person group by source
  )
  select source, coalesce(p.dossiers, 0) as dossiers, p.last as "lastPush", coalesce(k.keys, 0) as keys
  from pushed p full join keyed k using (source) order by 2 desc, source`

/** Reading a million dossiers for each look at the page would be too much: they are counted once a minute. */
export const watchSources = (sql: Sql): (() => Promise<SourceLine[]>) => shared(() => listSources(sql), countedFor)

/** Milliseconds. */
const countedFor = 60_000

export interface AgencySum {
  readonly level: string
  readonly acting: number
  readonly closed: number
}

export const sumAgencies = (sql: Sql): Promise<AgencySum[]> => sql<AgencySum[]>`
  select level, (count(*) filter (where not gone))::int as acting, (count(*) filter (where gone))::int as closed
  from (select level, coalesce(valid_to <= (now() at time zone 'Asia/Ho_Chi_Minh')::date, false) as gone from agencies) units
  group by level order by array_position(array['ministry', 'province', 'district', 'commune'], level)`

export interface ProcessLine {
  readonly process: string
  readonly parts: readonly { readonly role: string; readonly queue: string; readonly seconds: number }[]
  /** Its first sign of life. */
  readonly since: Date
  readonly lastBeat: Date
  readonly silentSeconds: number
}

/** Every process of the house that gives signs of life, and those that stopped doing so within the last day. */
export const listProcesses = (sql: Sql): Promise<ProcessLine[]> => sql<ProcessLine[]>`
  select process, min(since) as since, max(at) as "lastBeat", extract(epoch from now() - max(at))::float8 as "silentSeconds",
    jsonb_agg(jsonb_build_object('role', role, 'queue', queue, 'seconds', extract(epoch from now() - at)) order by role, queue) as parts
  from heartbeats group by process order by max(at) desc, process`

export interface Turn {
  readonly at: Date
  readonly outcome: 'done' | 'running' | 'held' | 'failed'
  /** Of a reconciliation. */
  readonly run: number | null
}

/** The last time each task was taken up, by what it left in the ledger; a reconciliation by how its run ended. */
export async function lastTurns(sql: Sql): Promise<Partial<Record<ScheduledTask, Turn>>> {
  const rows = await sql<(Turn & { task: ScheduledTask })[]>`
    select distinct on (task) task, at, run, outcome from (
      select task, started_at as at, null::int as run,
        case when failed then 'failed' when finished_at is null then 'running' else 'done' end as outcome
      from task_turns where started_at is not null
      union all
      (select 'pull-catalogue', started_at, null, case outcome when 'applied' then 'done' else outcome end
      from pulls where service = 'procedures' and origin = 'portal' order by id desc limit 1)
      union all
      (select 'reconcile', started_at, id::int, case state when 'finished' then 'done' else state end
      from reconciliation_runs where scope ? 'daily' order by id desc limit 1)
    ) turns order by task, at desc`
  return Object.fromEntries(rows.map(({ task, ...turn }) => [task, turn]))
}

/** Since when it would be known that a task was taken up. */
export async function notedSince(sql: Sql): Promise<Partial<Record<ScheduledTask, Date>>> {
  const rows = await sql<{ task: ScheduledTask; since: Date }[]>`select task, noted_since as since from task_turns`
  return Object.fromEntries(rows.map(({ task, since }) => [task, since]))
}

/** Notes when a task was taken up and how it ended. That nobody can note it is no reason not to do it. */
export const noting =
  <T extends readonly unknown[]>(sql: Sql, task: ScheduledTask, work: (...given: T) => Promise<unknown>) =>
  async (...given: T): Promise<void> => {
    const quietly = (noted: PromiseLike<unknown>) => noted.then(undefined, () => undefined)
    await quietly(sql`
      insert into task_turns (task, started_at) values (${task}, now())
      on conflict (task) do update set started_at = now(), finished_at = null, failed = false`)
    const ended = (failed: boolean) =>
      quietly(sql`update task_turns set finished_at = now(), failed = ${failed} where task = ${task}`)
    try {
      await work(...given)
    } catch (error) {
      await ended(true)
      throw error
    }
    await ended(false)
  }

export interface StatusWord {
  readonly source: string
  readonly word: string
  readonly status: string
}

export const listStatusWords = (sql: Sql): Promise<StatusWord[]> => sql<StatusWord[]>`
  select source, local_status as word, status from status_mappings order by source, status, local_status`

export interface UnmappedWord {
  readonly source: string
  readonly word: string
  readonly dossiers: number
  /** Vietnam dates between which they were received. */
  readonly first: string
  readonly last: string
}

/** Status words that came with dossiers and that nobody has said the meaning of. */
export const listUnmappedWords = (sql: Sql): Promise<UnmappedWord[]> => sql<UnmappedWord[]>`
  select source, source_status as word, count(*)::int as dossiers,
    to_char(min(received_at) at time zone 'Asia/Ho_Chi_Minh', 'YYYY-MM-DD') as first,
    to_char(max(received_at) at time zone 'Asia/Ho_Chi_Minh', 'YYYY-MM-DD') as last
  from dossiers d where status is null
    and not exists (select from status_mappings m where m.source = d.source and m.local_status = d.source_status)
  group by 1, 2 order by 3 desc, 1, 2 limit 500`

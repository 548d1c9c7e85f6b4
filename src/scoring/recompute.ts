import type { Status } from '../../config/statuses.ts'
import type { DossierContent } from '../dossiers/model.ts'
import type { Vault } from '../platform/crypto.ts'
import { transaction, type Fragment, type Sql, type Tx } from '../platform/database.ts'
import { statusOf, type Catalogue } from '../procedures/model.ts'
import { courseRevision, type CourseColumns } from '../counters/model.ts'
import { placeOf, reasonOf, rulesRevision } from './model.ts'
import { scoredContent } from './rules.ts'

/**
 * Judges what was stored before there were scores or monthly counters, under older rules, or with a status word that was mapped since. It opens contents page by page and keeps only letters and times; whatever
 * was done stays done, so that it may be stopped and started again at any time, beside a running service.
 */
export interface RecomputeProgress {
  readonly judged: number
  /** Contents that were let go of, or cannot be opened: they stay unknown. */
  readonly gone: number
  readonly left: number
}

const pageSize = 500

export interface RecomputeDeps {
  readonly sql: Sql
  readonly vault: Vault
  readonly catalogue: Catalogue
}

export async function recomputeScores(
  { sql, vault, catalogue }: RecomputeDeps,
  options: { readonly stop?: AbortSignal; readonly onPage?: (progress: RecomputeProgress) => void } = {},
): Promise<RecomputeProgress> {
  const [{ count: total }] = (await sql`
    select count(*) as count from dossiers where ${isOpen(sql, catalogue)}`) as unknown as [{ count: number }]
  let progress: RecomputeProgress = { judged: 0, gone: 0, left: total }
  let after = 0
  while (options.stop?.aborted !== true) {
    const page = await judgePage({ sql, vault, catalogue }, after)
    if (page.last === null) break
    after = page.last
    const judged = progress.judged + page.judged
    const gone = progress.gone + page.gone
    progress = { judged, gone, left: Math.max(0, total - judged - gone) }
    options.onPage?.(progress)
  }
  return progress
}

const unmapped = reasonOf('status-unmapped').mark

function isOpen(sql: Sql | Tx, { statuses }: Catalogue): Fragment {
  return sql`outcomes is null or left(outcomes, 1) <> ${rulesRevision} or course_revision is distinct from ${courseRevision} or (
    substr(outcomes, ${placeOf('onTime')}::int, 1) = ${unmapped} and source || '|' || source_status = any(${[...statuses.keys()]}::text[]))`
}

interface Row {
  readonly id: number
  readonly code: string
  readonly source: string
  readonly status: Status | null
  readonly content: Buffer | null
}

/** Its dossiers are held for the moment, in the order in which intake holds them, so that no newer content is judged by an older one. */
async function judgePage({ sql, vault, catalogue }: RecomputeDeps, after: number) {
  return transaction(sql, async (tx) => {
    const ids = (
      await tx<{ id: number }[]>`
        select id from dossiers where id > ${after} and (${isOpen(tx, catalogue)})
        order by id limit ${pageSize} for no key update`
    ).map(({ id }) => id)
    const rows = await tx<Row[]>`
      select d.id, d.code, d.source, d.status, c.content from dossiers d join changes c on c.id = d.change_id
      where d.id = any(${ids}::bigint[]) order by d.id`
    const judged = rows.flatMap(({ id, code, source, status, content }) => {
      if (content === null) return []
      const known = opened(vault, code, content)
      return known ? [{ id, ...scoredContent(known, status ?? statusOf(catalogue, source, known.status)) }] : []
    })
    await keep(tx, judged)
    return { last: ids.at(-1) ?? null, judged: judged.length, gone: ids.length - judged.length }
  })
}

/** Null when its key is missing or its bytes are broken: one of them must not keep all others from being judged. */
function opened(vault: Vault, code: string, content: Buffer): DossierContent | null {
  try {
    return JSON.parse(vault.open(content, `change:${code}`)) as DossierContent
  } catch {
    return null
  }
}

interface Judged {
  readonly id: number
  readonly outcomes: string
  readonly dueAt: string | null
  readonly course: CourseColumns
}

async function keep(tx: Tx, judged: readonly Judged[]): Promise<void> {
  if (judged.length === 0) return
  const column = <K extends keyof Judged>(key: K) => judged.map((one) => one[key])
  const course = <K extends keyof CourseColumns>(key: K) => judged.map((one) => one.course[key])
  await tx`
    update dossiers d set outcomes = r.outcomes, due_at = r.due_at, course_revision = r.course_revision, end_kind = r.end_kind,
      ended_at = r.ended_at, pauses = r.pauses::tstzmultirange, pauses_untold_from = r.pauses_untold_from
    from unnest(${column('id')}::bigint[], ${column('outcomes')}::text[], ${column('dueAt')}::timestamptz[],
      ${course('courseRevision')}::smallint[], ${course('endKind')}::text[], ${course('endedAt')}::timestamptz[],
      ${course('pauses')}::text[], ${course('pausesUntoldFrom')}::timestamptz[])
      as r(id, outcomes, due_at, course_revision, end_kind, ended_at, pauses, pauses_untold_from)
    where d.id = r.id`
}

import { startOfDay } from '../dossiers/model.ts'
import type { Sql } from '../platform/database.ts'

/** Who did what, the newest first. It is read page by page from the end of an index, however long it is. */

export interface AuditFilter {
  /** A key's id, or the beginning of the name it was made for. */
  readonly actor?: string | undefined
  readonly action?: string | undefined
  /** Vietnam dates; the last one is not included. */
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly cursor?: string | undefined
}

export interface AuditLine {
  readonly id: string
  readonly at: Date
  readonly micros: string
  readonly actor: string
  /** Whose key it was. */
  readonly name: string | null
  readonly action: string
  readonly subject: string
  readonly detail: Readonly<Record<string, unknown>>
}

export interface AuditPage {
  readonly lines: readonly AuditLine[]
  readonly next: string | null
}

export const auditCursor = /^(\d{1,17})-(\d{1,18})$/

export async function listAudit(sql: Sql, filter: AuditFilter, limit: number): Promise<AuditPage> {
  const { action, from, to } = filter
  const place = auditCursor.exec(filter.cursor ?? '')
  const actors = filter.actor === undefined ? null : await actorsOf(sql, filter.actor)
  const rows = await sql<AuditLine[]>`
    select a.id::text, a.at, (extract(epoch from a.at) * 1000000)::bigint::text as micros, a.actor, c.name, a.action, a.subject, a.detail
    from audit a left join api_clients c on a.actor = 'key:' || c.id
    where true
      ${actors === null ? sql`` : sql`and a.actor = any(${actors})`}
      ${action === undefined ? sql`` : sql`and a.action = ${action}`}
      ${from === undefined ? sql`` : sql`and a.at >= ${startOfDay(from)}`}
      ${to === undefined ? sql`` : sql`and a.at < ${startOfDay(to)}`}
      ${place === null ? sql`` : sql`and (a.at, a.id) < (timestamptz 'epoch' + ${place[1]!}::bigint * interval '1 microsecond', ${place[2]!}::bigint)`}
    order by a.at desc, a.id desc limit ${limit + 1}`
  const lines = rows.slice(0, limit)
  const last = lines.at(-1)
  return { lines, next: rows.length > limit && last ? `${last.micros}-${last.id}` : null }
}

/** As acts are recorded: the actor itself, a key's id, or the keys of everybody of that name. */
async function actorsOf(sql: Sql, text: string): Promise<string[]> {
  const keys = await sql<{ actor: string }[]>`
    select 'key:' || id as actor from api_clients where id = ${text} or starts_with(lower(name), lower(${text}))`
  return [text, ...keys.map(({ actor }) => actor)]
}

/** All that a filter chooses, page by page. */
export async function* allAudit(sql: Sql, filter: AuditFilter): AsyncGenerator<readonly AuditLine[]> {
  let cursor: string | null | undefined
  do {
    const page: AuditPage = await listAudit(sql, { ...filter, ...(cursor && { cursor }) }, perPart)
    yield page.lines
    cursor = page.next
  } while (cursor !== null)
}

const perPart = 2_000

/**
 * What of an act's detail may be read, by the name of the field: reasons that persons gave, counts, codes of ours. Everything else
 * is masked, so that an act that keeps more tomorrow shows no more.
 */
const readable = new Set(
  `why name rights right agencies rows codes undoes changed tickets lanes heldSince event ids kinds state queue job items total
  count replay dossiers units taken obstacles format whole from to level`.split(/\s+/),
)

const masked = '•••'

/** A detail as `field: value`, one a line. */
export const detailWords = (detail: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(detail).map(([field, value]) => `${field}: ${readable.has(field) ? plain(value) : masked}`)

function plain(value: unknown): string {
  if (Array.isArray(value)) {
    const shown = value.slice(0, mostShown).map((one) => (isPlain(one) ? String(one) : masked))
    return [...shown, ...(value.length > mostShown ? [`… (${value.length})`] : [])].join(', ')
  }
  return isPlain(value) ? String(value) : masked
}

const mostShown = 20

const isPlain = (value: unknown) =>
  value === null || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string'

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { mappingReasons } from '../../config/mapping-reasons.ts'
import type { ApiClient } from '../platform/auth.ts'
import type { Sql } from '../platform/database.ts'
import { answers, pageLimit, why, type Http } from '../platform/http.ts'
import { tableBytes, tableFormat, tableFormats } from '../platform/files.ts'
import { Refusal } from '../platform/problems.ts'
import type { Advice } from './advice.ts'
import { listDecisions, settlements, type Wish } from './decisions.ts'
import { WishBody, wishOf } from './wishes.ts'
import { levels } from '../organisations/model.ts'
import { localProcedureCode, vietnamToday } from '../dossiers/model.ts'
import { matchAudit } from './audit.ts'
import { readAudits } from './audit-files.ts'
import { auditKeys, type AuditSheet } from './audit-sheets.ts'
import { importLocalProcedures } from './local-lists.ts'
import { localCodes, standings } from './local.ts'
import { onlineLevels } from './model.ts'
import { registerNationalRoutes } from './national-routes.ts'
import type { Desk } from './desk.ts'
import { mappingTable } from './mapping-list.ts'
import type { CatalogueSource } from './store.ts'
import { reasonsApart, reasonsInWords, type Reason } from './suggest.ts'

export interface ProcedureRouteDeps {
  readonly sql: Sql
  readonly catalogue: CatalogueSource
  readonly advice: Advice
  readonly desk: Desk
  /** Throws a refusal when the request may not; `*` among the agencies = all of them. */
  readonly authorise: (request: FastifyRequest, right: 'mappings:read' | 'mappings:write') => Promise<ApiClient>
}

const tags = ['procedures']
const count = z.number().int()
const day = z.iso.date()
const ReleaseView = z
  .object({ blocked: count, released: count, still: z.record(z.string(), count) })
  .describe('Dossiers blocked under these codes: how many go out, and why the others stay. The parts add up.')
const DecidedView = z
  .object({
    decision: count.nullable().describe('Its number, for undo; null when nothing changed or nothing was applied'),
    changed: count,
    already: count.describe('Wishes that were so before'),
    dossiers: ReleaseView,
  })
  .meta({ id: 'MappingDecided' })

/** Local codes, what is proposed for them, and what persons decide. */
export function registerProcedureRoutes(app: Http, deps: ProcedureRouteDeps): void {
  registerLocal(app, deps)
  registerDecisions(app, deps)
  registerExport(app, deps)
  registerAudit(app, deps)
  registerOfficeAudits(app, deps)
  registerLists(app, deps)
  registerNationalRoutes(app, {
    sql: deps.sql,
    async authorise(request, right) {
      const client = await deps.authorise(request, right)
      unscoped(client)
      return client
    },
  })
}

const Words = z.object({ vi: z.string(), en: z.string() })
const Candidate = z.object({
  code: z.string(),
  name: z.string(),
  score: z.number(),
  fit: z.number(),
  decision: z.enum(['accept', 'review', 'none']),
  reasons: z.array(z.object({ code: z.enum(Object.keys(mappingReasons)), favours: z.boolean(), words: Words })),
  why: Words,
})

function registerLocal(app: Http, { sql, catalogue, advice, authorise }: ProcedureRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/procedures/local',
    schema: {
      tags,
      summary: 'Local codes: unmapped first, by the number of dossiers that wait for them',
      querystring: z.strictObject({
        standing: z.enum(standings).optional(),
        limit: pageLimit,
        offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
      }),
      response: answers(
        z.object({
          total: count,
          standings: z.record(z.string(), count),
          codes: z.array(
            z.object({
              code: z.string(),
              name: z.string().nullable(),
              standing: z.enum(standings),
              settled: z.enum(settlements).nullable(),
              national: z.array(z.string()).readonly(),
              waiting: count,
              agencies: count,
            }),
          ),
        }),
      ),
    },
    handler: async (request) => {
      unscoped(await authorise(request, 'mappings:read'))
      const { standing, limit, offset } = request.query
      const all = await localCodes(sql, await catalogue.fresh())
      const some = standing === undefined ? all : all.filter((one) => one.standing === standing)
      const counts = Object.fromEntries(
        standings.map((name) => [name, all.filter((one) => one.standing === name).length]),
      )
      return { total: some.length, standings: counts, codes: some.slice(offset, offset + limit) }
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/procedures/suggestions',
    schema: {
      tags,
      summary: 'National candidates for local procedures, ranked, with what speaks for and against each',
      description:
        'Nothing is decided. `accept` marks what a machine may accept: evidence beyond the name agrees with the name.',
      body: z.strictObject({
        procedures: z
          .array(z.strictObject({ code: z.string().max(200), name: z.string().max(2000) }))
          .min(1)
          .max(500),
        top: z.number().int().min(1).max(20).default(5),
      }),
      response: answers(
        z.object({
          suggestions: z.array(
            z.object({
              code: z.string(),
              decision: z.enum(['accept', 'review', 'none']),
              candidates: z.array(Candidate),
            }),
          ),
        }),
      ),
    },
    handler: async (request) => {
      await authorise(request, 'mappings:read')
      const { procedures, top } = request.body
      const suggestions = await advice.suggest(procedures, top)
      return {
        suggestions: suggestions.map(({ decision, candidates, remarks }, place) => ({
          code: procedures[place]!.code,
          decision,
          candidates: candidates.map(({ reasons, ...one }) => ({
            ...one,
            reasons: [...reasons, ...remarks].map(viewOf),
            why: inBoth([...reasons, ...remarks]),
          })),
        })),
      }
    },
  })
}

const inBoth = (reasons: readonly Reason[]) => ({
  vi: reasonsInWords(reasons, 'vi'),
  en: reasonsInWords(reasons, 'en'),
})

const viewOf = (reason: Reason) => {
  const [[vi], [en]] = [reasonsApart([reason], 'vi'), reasonsApart([reason], 'en')]
  return { code: reason.code, favours: vi!.favours, words: { vi: vi!.text, en: en!.text } }
}

function registerDecisions(app: Http, { sql, desk, authorise }: ProcedureRouteDeps): void {
  app.route({
    method: 'POST',
    url: '/v1/mappings/decisions',
    schema: {
      tags,
      summary: 'Decide about local codes: accept, end, reject, or say that there is no national code',
      description:
        'All wishes or none: each that cannot be is named (`wishes.3`). With `preview` nothing is applied, and the counts are those it would have.',
      body: z.strictObject({
        wishes: z.array(WishBody).min(1).max(5000),
        why,
        seen: count
          .optional()
          .describe('The last decision you know of: refused when somebody decided about one of the codes after it'),
        preview: z.boolean().default(false),
      }),
      response: answers(DecidedView),
    },
    handler: async (request) => {
      const client = await authorise(request, 'mappings:write')
      const { preview: isPreview, seen } = request.body
      const wishes = request.body.wishes.map(wishOf)
      inScope(client, wishes)
      const decision = {
        wishes,
        why: request.body.why,
        by: `key:${client.id}`,
        ...(seen === undefined ? {} : { seen }),
      }
      return isPreview ? desk.preview(decision) : desk.decide(decision)
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/mappings/decisions/:id/undo',
    schema: {
      tags,
      summary: 'Take a decision back: every row becomes what it was',
      description:
        'Dossiers that were delivered under it stay delivered. Refused when somebody decided about one of its codes since.',
      params: z.strictObject({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
      body: z.strictObject({ why }),
      response: answers(DecidedView),
    },
    handler: async (request) => {
      const client = await authorise(request, 'mappings:write')
      unscoped(client)
      const result = await desk.undo(request.params.id, { by: `key:${client.id}`, why: request.body.why })
      if (!result) throw new Refusal('unknown-decision', `There is no decision ${request.params.id}`)
      return result
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/mappings/decisions',
    schema: {
      tags,
      summary: 'Decisions, the newest first',
      querystring: z.strictObject({
        before: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional().describe('The last id shown'),
        limit: pageLimit,
      }),
      response: answers(
        z.object({
          decisions: z.array(
            z.object({
              id: count,
              at: z.string(),
              by: z.string(),
              name: z.string().nullable().describe('Of the key that decided'),
              why: z.string(),
              rows: count,
              undoes: count.nullable(),
              undoneBy: count.nullable(),
              dossiers: ReleaseView.nullable(),
            }),
          ),
        }),
      ),
    },
    handler: async (request) => {
      unscoped(await authorise(request, 'mappings:read'))
      return { decisions: await listDecisions(sql, request.query.before ?? null, request.query.limit) }
    },
  })
}

function registerExport(app: Http, { sql, authorise }: ProcedureRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/mappings/export',
    schema: {
      tags,
      summary: 'All mappings as a list, in the columns that an import takes back',
      querystring: z.strictObject({ format: tableFormat.default('csv') }),
      produces: Object.values(tableFormats),
    },
    handler: async (request, reply) => {
      unscoped(await authorise(request, 'mappings:read'))
      const { format } = request.query
      const bytes = await tableBytes(format, await mappingTable(sql))
      return reply
        .header('content-disposition', `attachment; filename="mappings.${format}"`)
        .type(tableFormats[format])
        .send(bytes)
    },
  })
}

const matchCount = { codes: count, matched: count, dossiers: count, matchedDossiers: count }
const Audit = z
  .object({
    period: z.object({ from: z.string(), to: z.string() }),
    total: z.object(matchCount),
    byLevel: z.array(z.object({ level: z.enum(levels).nullable(), ...matchCount })),
    byAgency: z.array(
      z.object({
        agencyCode: z.string(),
        agencyName: z.string().nullable(),
        level: z.enum(levels).nullable(),
        ...matchCount,
      }),
    ),
    unmatched: z.array(
      z.object({
        agencyCode: z.string(),
        agencyName: z.string().nullable(),
        localCode: z.string(),
        name: z.string().nullable(),
        dossiers: count,
        reason: z.string(),
      }),
    ),
  })
  .meta({
    id: 'MatchAudit',
    description: 'Codes that agencies use, and those of them that match the national catalogue',
  })

function registerAudit(app: Http, { sql, catalogue, authorise }: ProcedureRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/mappings/audit',
    schema: {
      tags,
      summary: 'Rate of matching procedure codes by level and agency, and the codes that do not match',
      querystring: z.strictObject({
        from: day.describe('First day of reception, Vietnam date'),
        to: day.describe('Day after the last day of reception'),
      }),
      response: answers(Audit),
    },
    handler: async (request) => {
      unscoped(await authorise(request, 'mappings:read'))
      const today = vietnamToday()
      return (await matchAudit(sql, await catalogue.fresh(), { ...request.query, today })) as z.output<typeof Audit>
    },
  })
}

const words = z.object({ vi: z.string(), en: z.string() })
const OfficeAudits = z
  .object({
    audits: z.array(
      z.object({
        key: z.enum(auditKeys),
        title: words,
        rate: z.number().nullable().describe('In percent; null where nothing can be known'),
        targets: z.array(z.object({ percent: z.number(), source: z.string() })).readonly(),
        figures: z.array(z.tuple([words, count])).readonly(),
        note: words,
        headers: z.array(words).readonly(),
        rows: z.array(z.array(z.union([z.string(), z.number(), words])).readonly()).readonly(),
      }),
    ),
  })
  .meta({ id: 'OfficeAudits', description: 'What an office is asked for, each with the rows behind its figures' })

function registerOfficeAudits(app: Http, { sql, catalogue, authorise }: ProcedureRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/audits',
    schema: {
      tags,
      summary:
        'Matching codes, published procedures, integrated online services, beneficiary accounts, changed legal bases, complete content',
      querystring: z.strictObject({
        from: day.describe('First day of reception, Vietnam date'),
        to: day.describe('Day after the last day of reception'),
      }),
      response: answers(OfficeAudits),
    },
    handler: async (request) => {
      unscoped(await authorise(request, 'mappings:read'))
      const audits = await readAudits(sql, await catalogue.fresh(), request.query)
      return { audits: audits.map(withoutDates) as unknown as z.output<typeof OfficeAudits>['audits'] }
    },
  })
}

/** Moments as programs read them. */
const withoutDates = (sheet: AuditSheet) => ({
  ...sheet,
  rows: sheet.rows.map((row) => row.map((cell) => (cell instanceof Date ? cell.toISOString() : cell))),
})

function registerLists(app: Http, { sql, authorise }: ProcedureRouteDeps): void {
  app.route({
    method: 'POST',
    url: '/v1/procedures/local',
    // Ten thousand names.
    bodyLimit: 32 * 1024 * 1024,
    // Nothing of it is read before it is known who sends it.
    onRequest: async (request) => void (await authorise(request, 'mappings:write')),
    schema: {
      tags,
      summary: "Bring in the list of local procedures of the key's own system",
      description:
        'With `whole`, what is not in it is marked as missing; a whole list that shrank by a tenth is refused unless `shrunk`.',
      body: z.strictObject({
        procedures: z.array(LocalProcedureBody).min(1).max(10_000).superRefine(refuseRepeated),
        whole: z.boolean().default(false),
        shrunk: z.boolean().default(false),
      }),
      response: answers(z.object({ changed: count.describe('New, different, or missing before') })),
    },
    handler: async (request) => {
      const client = await authorise(request, 'mappings:write')
      const { procedures, ...extent } = request.body
      if (extent.whole) unscoped(client)
      if (
        !client.agencies.includes('*') &&
        !procedures.every(({ agencyCode }) => client.agencies.includes(agencyCode ?? ''))
      )
        throw new Refusal('agency-out-of-scope', 'This key brings lists of its own agencies only')
      const rows = procedures.map((row) => ({ ...row, source: client.source }))
      return { changed: await importLocalProcedures(sql, rows, extent) }
    },
  })
}

const LocalProcedureBody = z.strictObject({
  code: localProcedureCode,
  name: z.string().trim().min(1).max(2000),
  level: z.enum(levels).nullable().default(null),
  agencyCode: z.string().trim().min(1).max(50).nullable().default(null),
  field: z.string().max(500).optional(),
  onlineLevel: z.enum(onlineLevels).nullable().optional(),
})

function refuseRepeated(rows: readonly z.output<typeof LocalProcedureBody>[], context: z.core.$RefinementCtx): void {
  const seen = new Set<string>()
  for (const [place, { code, agencyCode }] of rows.entries()) {
    const key = JSON.stringify([code, agencyCode])
    if (seen.has(key)) context.addIssue({ code: 'custom', path: [place], message: 'is in the list twice' })
    seen.add(key)
  }
}

/** A key that speaks for some agencies decides for these alone. */
function inScope({ agencies }: ApiClient, wishes: readonly Wish[]): void {
  if (agencies.includes('*')) return
  for (const [place, wish] of wishes.entries()) {
    const agency = 'mapping' in wish ? wish.mapping.agencyCode : wish.agencyCode
    if (agency === null || !agencies.includes(agency))
      throw new Refusal('agency-out-of-scope', 'This key decides only for its own agencies', {
        field: `wishes.${place}.agencyCode`,
      })
  }
}

/** Lists and undo speak of all agencies at once. */
function unscoped({ agencies }: ApiClient): void {
  if (!agencies.includes('*')) throw new Refusal('agency-out-of-scope', 'This needs a key that speaks for all agencies')
}

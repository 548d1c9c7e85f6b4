import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Sql } from '../platform/database.ts'
import { ProblemDocument, type Http } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { findingKinds } from './agreement.ts'
import { pagePolicy, renderReportPage } from './page.ts'
import { listFindings, listRuns, readRun } from './runs.ts'
import { blank, chosenPeriod, limitOf, selection } from './selection.ts'
import { dossierCursor, listDossiers, sampleCodes, syncRate, type Selection } from './store.ts'

export interface ReportRouteDeps {
  readonly sql: Sql
  /** Throws a refusal when the request may not; `*` among the agencies = all of them. */
  readonly authorise: (request: FastifyRequest, right: 'reports:read') => Promise<{ agencies: readonly string[] }>
}

const limit = z.coerce.number().int().min(1).max(1000).default(100)
const count = z.number().int()
const rate = z.number().nullable().describe('Percentage, rounded down to one decimal')
const causesByCode = z.record(z.string(), count)
const Part = z.object({
  key: z.string(),
  name: z.string(),
  received: count,
  delivered: count,
  atPortal: count,
  rate,
  causes: causesByCode,
})
const Report = z
  .object({
    period: z.object({ from: z.string(), to: z.string() }),
    only: z.object({ agency: z.string().nullable(), level: z.string().nullable(), procedure: z.string().nullable() }),
    generatedAt: z.string(),
    total: z.object({ received: count, delivered: count, atPortal: count, rate }),
    causes: z.array(z.object({ code: z.string(), count })),
    byLevel: z.array(Part),
    byAgency: z.array(Part),
    byProcedure: z.array(Part),
    byMonth: z.array(Part),
  })
  .meta({ id: 'SyncRateReport', description: 'delivered and all causes add up to received, in every part' })

const Line = z.object({
  code: z.string(),
  source: z.string(),
  agencyCode: z.string(),
  agencyName: z.string().nullable(),
  level: z.string().nullable(),
  procedureCode: z.string(),
  nationalCode: z.string().nullable(),
  status: z.string().nullable(),
  sourceStatus: z.string(),
  receivedAt: z.string(),
  updatedAt: z.string(),
  state: z.string(),
  cause: z.string().nullable(),
  atPortal: z.boolean(),
  attempts: count,
})
const Run = z
  .object({
    id: count,
    startedAt: z.string(),
    finishedAt: z.string().nullable(),
    askedBy: z.string(),
    state: z.enum(['running', 'finished', 'failed']),
    scope: z.object({
      sample: z.number().optional(),
      limit: count.optional(),
      from: z.string().optional(),
      to: z.string().optional(),
      agency: z.string().optional(),
      codes: z.array(z.string()).describe("Codes of the province's register that the ledger did not hold"),
    }),
    sampled: z.boolean(),
    total: count,
    counts: z.record(z.enum(findingKinds), count),
    agreement: z.object({
      answered: count,
      agreed: count,
      rate,
      interval: z.object({ low: z.number(), high: z.number() }).nullable().describe('95 % confidence (Wilson)'),
    }),
    note: z.string(),
  })
  .meta({ id: 'ReconciliationRun' })
const Finding = z.object({
  code: z.string(),
  kind: z.enum(findingKinds),
  fields: z.array(z.object({ field: z.string(), here: z.string(), there: z.string() })),
  checkedAt: z.string(),
})
const next = z.string().nullable().describe('Give it as cursor to read on; null at the end')
const runId = z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })
const answers = <T extends z.ZodType>(schema: T) => ({ 200: schema, default: ProblemDocument })

/** The report, the dossiers behind its numbers, and the reconciliation runs: all read-only, no personal data. */
export function registerReportRoutes(app: Http, { sql, authorise }: ReportRouteDeps): void {
  const seen = async (request: FastifyRequest) => limitOf((await authorise(request, 'reports:read')).agencies)
  registerReport(app, sql, seen)
  registerDossierList(app, sql, seen)
  registerRuns(app, sql, seen)
}

type Seen = (request: FastifyRequest) => Promise<readonly string[] | undefined>

function registerReport(app: Http, sql: Sql, seen: Seen): void {
  const tags = ['reports']
  app.route({
    method: 'GET',
    url: '/v1/reports/sync-rate',
    schema: {
      tags,
      summary:
        'Sync rate of the dossiers received in a period (default: this year), by cause, level, agency, procedure, month',
      querystring: z.strictObject(selection),
      response: answers(Report),
    },
    handler: async (request) => {
      const agencies = await seen(request)
      return syncRate(sql, { ...request.query, ...chosenPeriod(request.query), agencies }) as Promise<
        z.output<typeof Report>
      >
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/reports/sync-rate.html',
    schema: {
      tags,
      summary: 'The same report as a page',
      querystring: z.strictObject({ ...selection, lang: z.enum(['vi', 'en']).default('vi') }),
      response: answers(z.string()),
    },
    handler: async (request, reply) => {
      const { lang, ...query } = request.query
      const chosen: Selection & { from: string; to: string } = {
        ...query,
        ...chosenPeriod(query),
        agencies: await seen(request),
      }
      const report = await syncRate(sql, chosen)
      const causes = report.causes.map(({ code }) => code)
      const samples = await sampleCodes(sql, chosen, causes)
      void reply.header('content-security-policy', `${pagePolicy}; frame-ancestors 'none'`)
      void reply.header('cache-control', 'no-store').type('text/html; charset=utf-8')
      // The page is text already; the server's JSON serialiser must not touch it.
      return reply.serializer(String).send(renderReportPage(report, { language: lang, samples, live: true }))
    },
  })
}

function registerDossierList(app: Http, sql: Sql, seen: Seen): void {
  app.route({
    method: 'GET',
    url: '/v1/dossiers',
    schema: {
      tags: ['reports'],
      summary: 'The dossiers behind a number of the report, in order of reception',
      querystring: z.strictObject({
        ...selection,
        cause: blank(z.string().max(50)).describe('A cause of the report'),
        state: blank(z.enum(['delivered', 'gap'])),
        atPortal: blank(z.enum(['true', 'false'])),
        cursor: blank(z.string().regex(dossierCursor)),
        limit,
      }),
      response: answers(z.object({ dossiers: z.array(Line), next })),
    },
    handler: async (request) => {
      const { atPortal, ...filter } = request.query
      const wanted = atPortal === undefined ? undefined : atPortal === 'true'
      return listDossiers(sql, { ...filter, atPortal: wanted, agencies: await seen(request) })
    },
  })
}

function registerRuns(app: Http, sql: Sql, seen: Seen): void {
  const tags = ['reconciliation']
  const found = async (request: FastifyRequest, id: number) => {
    const run = await readRun(sql, id, await seen(request))
    if (run === null) throw new Refusal('not-found', 'There is no such reconciliation run')
    return run as z.output<typeof Run>
  }
  app.route({
    method: 'GET',
    url: '/v1/reconciliation/runs',
    schema: {
      tags,
      summary: 'Reconciliation runs, newest first',
      querystring: z.strictObject({ limit }),
      response: answers(z.object({ runs: z.array(Run) })),
    },
    handler: async (request) => {
      const runs = await listRuns(sql, request.query.limit, await seen(request))
      return { runs: runs as z.output<typeof Run>[] }
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/reconciliation/runs/:id',
    schema: { tags, summary: 'What a run counted', params: runId, response: answers(Run) },
    handler: async (request) => found(request, request.params.id),
  })
  app.route({
    method: 'GET',
    url: '/v1/reconciliation/runs/:id/findings',
    schema: {
      tags,
      summary: 'What a run found, by dossier; dossiers in agreement are counted only',
      params: runId,
      querystring: z.strictObject({
        kind: blank(z.enum(findingKinds)),
        cursor: blank(z.string().max(100)),
        limit,
      }),
      response: answers(z.object({ findings: z.array(Finding), next })),
    },
    handler: async (request) => {
      const run = await found(request, request.params.id)
      return listFindings(sql, { runId: run.id, ...request.query })
    },
  })
}

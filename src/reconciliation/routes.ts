import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Sql } from '../platform/database.ts'
import { code as dossierCode } from '../dossiers/model.ts'
import { limitOf } from '../platform/auth.ts'
import { given } from '../platform/given.ts'
import { answers, blank, nextCursor, pageLimit, type Http } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { findingKinds } from './agreement.ts'
import { pagePolicy, renderReportPage } from './page.ts'
import { paperReport } from './report-paper.ts'
import type { Resend } from './discrepancies.ts'
import { registerDiscrepancyRoutes } from './discrepancy-routes.ts'
import { startRun } from './reconcile.ts'
import { registerRegisterRoutes } from './register-routes.ts'
import { RunView, runView } from './run-view.ts'
import { listFindings, listRuns, readRun, type Run } from './runs.ts'
import { chosenPeriod, selection } from './selection.ts'
import { dossierCursor, listDossiers, sampleCodes, syncRate, type Selection } from './store.ts'

export interface ReportRouteDeps {
  readonly sql: Sql
  /** Throws a refusal when the request may not; `*` among the agencies = all of them. */
  readonly authorise: (
    request: FastifyRequest,
    right: 'reports:read' | 'deliveries:resend',
  ) => Promise<{ readonly id: string; readonly agencies: readonly string[] }>
  readonly resend: Resend
  /** Whether the portal can be asked what it holds. */
  readonly canCompare: boolean
}

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
const Finding = z.object({
  code: z.string(),
  kind: z.enum(findingKinds),
  fields: z.array(z.object({ field: z.string(), here: z.string(), there: z.string() })),
  checkedAt: z.string(),
})
const runId = z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })

/** The report, the dossiers behind its numbers, and the reconciliation runs: all read-only, no personal data. */
export function registerReportRoutes(app: Http, deps: ReportRouteDeps): void {
  const { sql, authorise } = deps
  const seen = async (request: FastifyRequest) => limitOf((await authorise(request, 'reports:read')).agencies)
  registerReport(app, sql, seen)
  registerDossierList(app, sql, seen)
  const found = async (request: FastifyRequest, id: number) => {
    const run = await readRun(sql, id, await seen(request))
    if (run === null) throw new Refusal('not-found', 'There is no such reconciliation run')
    return run
  }
  registerRuns(app, { sql, seen, found })
  const mayStart = startable(deps)
  registerStart(app, deps, mayStart)
  registerRegisterRoutes(app, { sql, found, mayStart })
  registerDiscrepancyRoutes(app, deps)
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
  app.route({
    method: 'GET',
    url: '/v1/reports/sync-rate.pdf',
    schema: {
      tags,
      summary:
        'The same report on paper (A4), for the leadership: the 40 agencies with the largest gaps, the others as one row',
      querystring: z.strictObject({ ...selection, lang: z.enum(['vi', 'en']).default('vi') }),
      produces: ['application/pdf'],
    },
    handler: async (request, reply) => {
      const { lang, ...query } = request.query
      const report = await syncRate(sql, { ...query, ...chosenPeriod(query), agencies: await seen(request) })
      const bytes = await paperReport(report, lang)
      return reply
        .headers({
          'cache-control': 'no-store',
          'content-disposition': `inline; filename="sync-rate-${report.period.from}.pdf"`,
        })
        .type('application/pdf')
        .send(bytes)
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
        limit: pageLimit,
      }),
      response: answers(z.object({ dossiers: z.array(Line), next: nextCursor })),
    },
    handler: async (request) => {
      const { atPortal, ...filter } = request.query
      const wanted = atPortal === undefined ? undefined : atPortal === 'true'
      return listDossiers(sql, { ...filter, atPortal: wanted, agencies: await seen(request) })
    },
  })
}

type Found = (request: FastifyRequest, id: number) => Promise<Run>

function registerRuns(app: Http, { sql, seen, found }: { sql: Sql; seen: Seen; found: Found }): void {
  const tags = ['reconciliation']
  app.route({
    method: 'GET',
    url: '/v1/reconciliation/runs',
    schema: {
      tags,
      summary: 'Reconciliation runs, newest first',
      querystring: z.strictObject({ limit: pageLimit }),
      response: answers(z.object({ runs: z.array(RunView) })),
    },
    handler: async (request) => {
      const runs = await listRuns(sql, request.query.limit, await seen(request))
      return { runs: runs.map(runView) }
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/reconciliation/runs/:id',
    schema: { tags, summary: 'What a run counted', params: runId, response: answers(RunView) },
    handler: async (request) => runView(await found(request, request.params.id)),
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
        limit: pageLimit,
      }),
      response: answers(z.object({ findings: z.array(Finding), next: nextCursor })),
    },
    handler: async (request) => {
      const run = await found(request, request.params.id)
      return listFindings(sql, { runId: run.id, ...request.query })
    },
  })
}

const Scope = z.strictObject({
  sample: z.number().gt(0).max(1).optional().describe('A random share of the dossiers'),
  limit: z.number().int().min(1).max(10_000_000).optional().describe('At most so many, chosen at random'),
  from: z.iso.date().optional().describe('First day of reception, Vietnam date'),
  to: z.iso.date().optional().describe('Day after the last day of reception'),
  agency: z.string().min(1).max(50).optional(),
  only: z.array(dossierCode(100)).min(1).max(10_000).optional().describe('These dossiers alone'),
  codes: z
    .array(dossierCode(100))
    .max(1_000_000)
    .optional()
    .describe("The province's own register: codes that the ledger does not hold are looked up too"),
})

type MayStart = (request: FastifyRequest) => Promise<{ readonly id: string }>

/** Concerns all agencies, because a run calls the portal and speaks of all of them. */
const startable =
  ({ authorise, canCompare }: ReportRouteDeps): MayStart =>
  async (request) => {
    const client = await authorise(request, 'deliveries:resend')
    refuseScoped(client.agencies)
    if (!canCompare) throw new Refusal('no-look-up', 'The dialect of the portal has no look-up service')
    return client
  }

function registerStart(app: Http, { sql }: ReportRouteDeps, mayStart: MayStart): void {
  app.route({
    method: 'POST',
    url: '/v1/reconciliation/runs',
    bodyLimit: 128 * 1024 * 1024,
    // Nothing of it is read before it is known who sends it.
    onRequest: async (request) => void (await mayStart(request)),
    schema: {
      tags: ['reconciliation'],
      summary: 'Begin a run; the service carries it out in the gaps of normal traffic, also after a restart',
      body: Scope,
      response: answers(RunView),
    },
    handler: async (request) => {
      const client = await mayStart(request)
      const id = await startRun(sql, { askedBy: `key:${client.id}`, scope: given(request.body), served: true })
      return runView((await readRun(sql, id))!)
    },
  })
}

function refuseScoped(agencies: readonly string[]): void {
  if (!agencies.includes('*')) throw new Refusal('agency-out-of-scope', 'This needs a key that speaks for all agencies')
}

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { confidences, publicReportNames, publicSubjects } from '../../config/public-figures.ts'
import { limitOf } from '../platform/auth.ts'
import { answers, type Http } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { publicFigures, rawReport } from './public-store.ts'
import type { ScoreRouteDeps } from './routes.ts'

const number = z.number().nullable()
const Words = z.object({ vi: z.string(), en: z.string() })
const Span = z.object({ low: z.number(), high: z.number() }).nullable()
const Fetch = z.object({
  id: z.number().int(),
  day: z.string(),
  askedBy: z.string(),
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  state: z.enum(['running', 'complete', 'failed']),
  failure: z.string().nullable(),
  detail: z.string(),
  asked: z.number().int(),
  answered: z.number().int(),
})
const Public = z
  .object({
    complete: Fetch.nullable().describe('The fetch whose figures these are'),
    age: number.describe('Seconds since it ended'),
    stale: z.boolean(),
    later: Fetch.extend({ words: Words.nullable() }).nullable().describe('A newer fetch that runs or failed'),
    unit: z
      .object({ code: z.string().nullable(), id: z.union([z.string(), z.number()]) })
      .nullable()
      .describe('Code null: the whole province. Null: the mapping has no id of it'),
    units: z.array(z.string()),
    period: z.object({ key: z.string(), kind: z.string(), from: z.string(), to: z.string() }).nullable(),
    periods: z.array(z.string()),
    counted: z.array(z.string()).nullable().describe('The agencies whose dossiers ours count; null: all'),
    comparisons: z.array(
      z.object({
        what: z.enum(publicSubjects),
        report: z.enum(publicReportNames),
        ours: z
          .object({ numerator: number, denominator: number, unknown: z.number(), rate: Span })
          .nullable()
          .describe('As the ledger stood when the portal was asked'),
        portal: z
          .object({ numerator: number, denominator: number, rate: number })
          .describe('Null: the portal does not say, or the mapping does not say where'),
        difference: z
          .object({ numerator: number, denominator: number, rate: Span })
          .describe("The portal's minus ours; rates in percentage points"),
        mapped: z.object({ source: z.string(), date: z.string(), confidence: z.enum(confidences) }),
      }),
    ),
    reports: z.array(z.enum(publicReportNames)),
  })
  .meta({ id: 'PublicFigures' })

const Raw = z
  .object({
    report: z.enum(publicReportNames),
    period: z.string(),
    day: z.string(),
    told: z.array(z.unknown()).describe('`data` of every page; of a unit only its own part'),
  })
  .meta({ id: 'PublicReport' })
const agency = z.string().max(50).optional().describe('A unit of the mapping; left out: the province')
const period = z.string().regex(/^\d{4}(-(0[1-9]|1[0-2]|Q[1-4]))?$/)
const tags = ['scores']

export function registerPublic(app: Http, deps: ScoreRouteDeps): void {
  registerComparison(app, deps)
  registerRaw(app, deps)
}

/** Throws a refusal where nothing is fetched. */
async function whoAsks({ publicMap, authorise }: ScoreRouteDeps, request: FastifyRequest) {
  const { agencies } = await authorise(request, 'reports:read')
  if (!publicMap) throw new Refusal('figures-off', 'PUBLIC_REPORT_URL is not set')
  return { map: publicMap, agencies: limitOf(agencies) }
}

function registerRaw(app: Http, deps: ScoreRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/scores/public/raw',
    schema: {
      tags,
      summary: 'What one public report of the last complete fetch says, as it came',
      querystring: z.strictObject({ report: z.enum(publicReportNames), period, agency }),
      response: answers(Raw),
    },
    handler: async (request) => {
      const { map, agencies } = await whoAsks(deps, request)
      const { day, told } = await rawReport(deps.sql, map, { ...request.query, agencies })
      return { report: request.query.report, period: request.query.period, day, told: [...told] }
    },
  })
}

function registerComparison(app: Http, deps: ScoreRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/scores/public',
    schema: {
      tags,
      summary: "The portal's public figures beside ours, as of the last complete fetch",
      querystring: z.strictObject({
        agency,
        period: period.optional().describe('2026-11, 2026-Q4 or 2026; left out: the newest month'),
      }),
      response: answers(Public),
    },
    handler: async (request) => {
      const { map, agencies } = await whoAsks(deps, request)
      const figures = await publicFigures(deps.sql, map, { ...request.query, agencies })
      return figures as unknown as z.output<typeof Public>
    },
  })
}

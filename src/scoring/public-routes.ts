import { z } from 'zod'
import { confidences, publicReportNames, publicSubjects } from '../../config/public-figures.ts'
import { ProblemDocument, type Http } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { publicFigures } from './public-store.ts'
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

export function registerPublic(app: Http, { sql, publicMap, authorise }: ScoreRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/scores/public',
    schema: {
      tags: ['scores'],
      summary: "The portal's public figures beside ours, as of the last complete fetch",
      querystring: z.strictObject({
        agency: z.string().max(50).optional().describe('A unit of the mapping; left out: the province'),
        period: z
          .string()
          .regex(/^\d{4}(-(0[1-9]|1[0-2]|Q[1-4]))?$/)
          .optional()
          .describe('2026-11, 2026-Q4 or 2026; left out: the newest month'),
      }),
      response: { 200: Public, default: ProblemDocument },
    },
    handler: async (request) => {
      const { agencies } = await authorise(request, 'reports:read')
      if (!publicMap) throw new Refusal('figures-off', 'PUBLIC_REPORT_URL is not set')
      const limit = agencies.includes('*') ? undefined : agencies
      const figures = await publicFigures(sql, publicMap, { ...request.query, agencies: limit })
      return figures as unknown as z.output<typeof Public>
    },
  })
}

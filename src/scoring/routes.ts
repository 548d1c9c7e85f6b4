import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import {
  formulaVersion,
  indicators,
  scoreConflicts,
  scoreIndicators,
  scoreVersions,
  type ScoreIndicator,
} from '../../config/score-766.ts'
import type { PublicReportMap } from '../../config/public-figures.ts'
import type { ScoreReasonCode } from '../../config/score-reasons.ts'
import { code } from '../dossiers/model.ts'
import { speaksFor, type ApiClient } from '../platform/auth.ts'
import type { Vault } from '../platform/crypto.ts'
import type { Sql } from '../platform/database.ts'
import { answers, nextCursor, pageLimit, type Http } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import type { Catalogue } from '../procedures/model.ts'
import { registerPublic } from './public-routes.ts'
import { reasonOf } from './model.ts'
import { behindQuery, scoreQuery, selectionOf, versionQuery } from './selection.ts'
import { dossiersBehind, readDossierScore, scoreReport } from './store.ts'

export interface ScoreRouteDeps {
  readonly sql: Sql
  readonly vault: Vault
  /** At most a second old. */
  readonly catalogue: () => Promise<Catalogue>
  /** How the portal's public figures are read; null: they are not fetched. */
  readonly publicMap: PublicReportMap | null
  /** Throws a refusal when the request may not; `*` among the agencies = all of them. */
  readonly authorise: (
    request: FastifyRequest,
    right: 'reports:read' | 'dossiers:read',
  ) => Promise<Pick<ApiClient, 'agencies'>>
}

const count = z.number().int()
const Words = z.object({ vi: z.string(), en: z.string() })
const Span = z
  .object({ low: z.number(), high: z.number() })
  .describe('If all that is unknown were lost, and if it were won')
const Figures = z.object({
  received: count,
  notJudged: count.describe('Stored before there were scores: run dvcqg score recompute'),
  indicators: z.array(
    z.object({
      indicator: z.enum(indicators),
      number: z.string(),
      wins: count,
      loses: count,
      unknown: count,
      notCounted: count,
      ratio: Span.nullable().describe('Percentages of wins among all that count, rounded down to one decimal'),
      factor: z.number().nullable().describe('Sync rate that multiplies the ratio, where the formula says so'),
      ratioWithFactor: Span.nullable(),
      threshold: z.number().nullable().describe('Percentage that gets full points; null: none is stated'),
      maximum: z.number().nullable().describe('Points of the version; null: it gives none'),
      points: Span.nullable().describe('Estimated'),
      versions: z.object({ formula: z.string(), points: z.string() }),
      reasons: z.record(z.string(), count),
    }),
  ),
})
const Part = Figures.extend({ key: z.string(), name: z.string() })
const Loss = z.object({ indicator: z.enum(indicators), reason: z.string(), why: Words })
const Report = z
  .object({
    version: z.string(),
    formula: z.string(),
    sources: z.array(z.object({ version: z.string(), source: Words, date: z.string() })),
    period: z.object({ from: z.string(), to: z.string() }),
    agency: z.string().nullable(),
    generatedAt: z.string(),
    total: Figures,
    byAgency: z.array(Part),
    byMonth: z.array(Part),
    gains: z.array(
      z.object({
        code: z.string(),
        agencyCode: z.string(),
        receivedAt: z.string(),
        points: z.number(),
        loses: z.array(Loss),
      }),
    ),
    conflicts: z.array(Words.extend({ topic: z.string() })),
  })
  .meta({ id: 'ScoreReport' })
const Outcomes = z
  .object({
    code: z.string(),
    agencyCode: z.string(),
    at: z.string(),
    formula: z.string(),
    outcomes: z.array(
      z.object({
        indicator: z.enum(indicators),
        number: z.string(),
        name: Words,
        outcome: z.string(),
        reason: z.string(),
        why: Words,
        fields: z.array(z.string()),
      }),
    ),
  })
  .meta({ id: 'DossierScore' })
const Behind = z.object({
  dossiers: z.array(
    z.object({
      code: z.string(),
      agencyCode: z.string(),
      procedureCode: z.string(),
      receivedAt: z.string(),
      reason: z.string().nullable().describe('Null: not judged yet'),
      why: Words.nullable(),
      fields: z.array(z.string()),
    }),
  ),
  next: nextCursor,
})
const tags = ['scores']

const wordsOf = (reason: ScoreReasonCode) => {
  const { vi, en } = reasonOf(reason)
  return { vi, en }
}

/** What dossiers win and lose in the index 766: read-only, no personal data. */
export function registerScoreRoutes(app: Http, deps: ScoreRouteDeps): void {
  registerReport(app, deps)
  registerBehind(app, deps)
  registerDossier(app, deps)
  registerPublic(app, deps)
}

function registerReport(app: Http, { sql, authorise }: ScoreRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/scores',
    schema: {
      tags,
      summary:
        'Preview of the index 766 for the dossiers received in a period (default: this year), by agency and month',
      querystring: z.strictObject({ ...scoreQuery, version: versionQuery }),
      response: answers(Report),
    },
    handler: async (request) => {
      const { agencies } = await authorise(request, 'reports:read')
      const { version, ...query } = request.query
      const report = await scoreReport(sql, selectionOf(query, agencies), version)
      const sources = [...new Set([version, formulaVersion])].map((id) => {
        const { source, date } = scoreVersions[id]
        return { version: id, source, date }
      })
      const gains = report.gains.map((gain) => ({
        ...gain,
        loses: gain.loses.map((loss) => ({ ...loss, why: wordsOf(loss.reason) })),
      }))
      const full = { ...report, gains, formula: formulaVersion, sources, conflicts: [...scoreConflicts] }
      return full as unknown as z.output<typeof Report>
    },
  })
}

function registerBehind(app: Http, { sql, authorise }: ScoreRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/scores/dossiers',
    schema: {
      tags,
      summary: 'The dossiers behind a number of the preview, newest first, each with its reason',
      querystring: z.strictObject({ ...behindQuery, limit: pageLimit }),
      response: answers(Behind),
    },
    handler: async (request) => {
      const { agencies } = await authorise(request, 'reports:read')
      const { dossiers, next } = await dossiersBehind(sql, {
        ...request.query,
        ...selectionOf(request.query, agencies),
      })
      return {
        next,
        dossiers: dossiers.map(({ fields, reason, ...line }) => ({
          ...line,
          reason,
          why: reason === null ? null : wordsOf(reason),
          fields: [...fields],
        })),
      }
    },
  })
}

function registerDossier(app: Http, { sql, vault, catalogue, authorise }: ScoreRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/dossiers/:code/score',
    schema: {
      tags,
      summary: 'What one dossier wins and loses in the index 766, why, and the fields that would change it',
      params: z.strictObject({ code: code(100) }),
      response: answers(Outcomes),
    },
    handler: async (request) => {
      const client = await authorise(request, 'dossiers:read')
      const score = await readDossierScore({ sql, vault, catalogue: await catalogue() }, request.params.code)
      if (!score || !speaksFor(client, score.agencyCode))
        throw new Refusal('not-found', 'No dossier with this code was pushed yet')
      return {
        ...score,
        formula: formulaVersion,
        outcomes: score.outcomes.map(({ indicator, reason, outcome, fields }) => {
          const { number, vi, en }: ScoreIndicator = scoreIndicators[indicator]
          return { indicator, number, name: { vi, en }, outcome, reason, why: wordsOf(reason), fields: [...fields] }
        }),
      }
    },
  })
}

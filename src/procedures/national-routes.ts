import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { ApiClient } from '../platform/auth.ts'
import type { Sql } from '../platform/database.ts'
import { answers, pageLimit, why, type Http } from '../platform/http.ts'
import { changeKinds } from './national-changes.ts'
import { applyHeld, dangers, endangeredMappings, listChanges } from './national.ts'
import { heldLists, listPulls, pullOrigins } from './pulls.ts'

export interface NationalRouteDeps {
  readonly sql: Sql
  /** Throws a refusal unless the key has the right, and speaks for all agencies. */
  readonly authorise: (request: FastifyRequest, right: 'mappings:read' | 'mappings:write') => Promise<ApiClient>
}

const tags = ['catalogue']
const count = z.number().int()
const pull = z.strictObject({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })

/** The national catalogue: the lists that came, what they changed, and what that touches. */
export function registerNationalRoutes(app: Http, { sql, authorise }: NationalRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/catalogue/pulls',
    schema: {
      tags,
      summary:
        "Lists of national procedures, or those of the unit's procedures and of online services, as they came, the newest first, with the number of changes by kind",
      querystring: z.strictObject({ limit: pageLimit, list: z.enum(heldLists).default('procedures') }),
      response: answers(
        z.object({
          pulls: z.array(
            z.object({
              id: count,
              at: z.string(),
              list: z.enum(heldLists),
              origin: z.enum(pullOrigins),
              partial: z.boolean().describe('It covered a part of the catalogue: nothing is missing in it'),
              outcome: z.enum(['applied', 'held', 'failed']),
              rows: count,
              note: z.string(),
              by: z.string().nullable(),
              why: z.string().nullable(),
              appliable: z.boolean().describe('It was held and can be applied'),
              changes: z.record(z.string(), count),
            }),
          ),
        }),
      ),
    },
    handler: async (request) => {
      await authorise(request, 'mappings:read')
      return { pulls: await listPulls(sql, request.query.limit, request.query.list) }
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/catalogue/pulls/:id/changes',
    schema: {
      tags,
      summary: 'What a list changed, with the dossiers under each procedure and the mappings to it',
      params: pull,
      querystring: z.strictObject({ limit: pageLimit }),
      response: answers(
        z.object({
          changes: z.array(
            z.object({
              id: count,
              at: z.string(),
              code: z.string(),
              name: z.string(),
              kind: z.enum(changeKinds),
              before: z.string().nullable(),
              after: z.string().nullable(),
              dossiers: count,
              mappings: count,
            }),
          ),
        }),
      ),
    },
    handler: async (request) => {
      await authorise(request, 'mappings:read')
      return { changes: await listChanges(sql, request.params.id, request.query.limit) }
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/catalogue/pulls/:id/apply',
    schema: {
      tags,
      summary: 'Apply a list that was held because it had shrunk',
      description: 'What it lacks is marked as missing; nothing is closed by that.',
      params: pull,
      body: z.strictObject({ why }),
      response: answers(z.object({ changed: count.describe('Rows that are new or different') })),
    },
    handler: async (request) => {
      const { id } = await authorise(request, 'mappings:write')
      const { changed } = await applyHeld(sql, request.params.id, { by: `key:${id}`, why: request.body.why })
      return { changed }
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/mappings/endangered',
    schema: {
      tags,
      summary:
        'Mappings in force that end soon, or lead to procedures that are withdrawn, end soon, are missing in the newest lists, or unknown',
      querystring: z.strictObject({ limit: pageLimit }),
      response: answers(
        z.object({
          mappings: z.array(
            z.object({
              localCode: z.string(),
              nationalCode: z.string(),
              name: z.string().nullable(),
              why: z.enum(dangers),
              endsOn: z
                .string()
                .nullable()
                .describe('The first day, in Vietnam, on which the procedure or the mapping no longer holds'),
              open: count.describe('Dossiers under the local code that are not in step'),
            }),
          ),
        }),
      ),
    },
    handler: async (request) => {
      await authorise(request, 'mappings:read')
      return { mappings: await endangeredMappings(sql, request.query.limit) }
    },
  })
}

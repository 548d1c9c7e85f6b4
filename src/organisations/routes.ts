import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { code } from '../dossiers/model.ts'
import type { ApiClient } from '../platform/auth.ts'
import type { Sql } from '../platform/database.ts'
import { answers, why, type Http } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { communeLives } from './communes.ts'
import { levels, transfers, type Succession } from './model.ts'
import { foreseen, importAgencies, listSuccessions, succeed, withdraw, type LookAt } from './store.ts'
import { unitRemarks, unitStates, type Unit } from './units.ts'

export interface OrganisationRouteDeps {
  readonly sql: Sql
  readonly units: () => Promise<Unit[]>
  readonly look: LookAt
  /** Throws a refusal when the request may not. */
  readonly authorise: (request: FastifyRequest, right: 'mappings:read' | 'mappings:write') => Promise<ApiClient>
}

const tags = ['organisations']
const count = z.number().int()
const day = z.iso.date()
const OutcomeView = z
  .object({
    changed: count.describe('New rows'),
    already: count.describe('Said before'),
    dossiers: z
      .object({ blocked: count, released: count, still: z.record(z.string(), count) })
      .describe('Blocked dossiers that this concerns: how many go out, and why the others stay'),
  })
  .meta({ id: 'UnitsDecided' })

/** Who follows whom, as a person or a list says it. */
export const SuccessionBody = z.strictObject({
  oldCode: code(50),
  newCode: code(50),
  day: day.describe('First day on which the new unit acts in the place of the old one'),
  transfer: z.enum(transfers).default('whole'),
  procedureCode: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .nullable()
    .default(null)
    .describe('Said for the dossiers of this local or national procedure code alone'),
})

/** The province's units, what became of them, and the country's communes. All of it concerns all agencies. */
export function registerOrganisationRoutes(app: Http, deps: OrganisationRouteDeps): void {
  const authorise: OrganisationRouteDeps['authorise'] = async (request, right) => {
    const client = await deps.authorise(request, right)
    if (!client.agencies.includes('*'))
      throw new Refusal('agency-out-of-scope', 'This needs a key that speaks for all agencies')
    return client
  }
  registerUnits(app, { ...deps, authorise })
  registerSuccessions(app, { ...deps, authorise })
  registerCommunes(app, { ...deps, authorise })
}

function registerUnits(app: Http, { sql, units, authorise }: OrganisationRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/organisations',
    schema: {
      tags,
      summary: 'Units that the list or the dossiers know: those that dossiers wait for first',
      querystring: z.strictObject({ state: z.enum(unitStates).optional() }),
      response: answers(
        z.object({
          units: z.array(
            z.object({
              code: z.string(),
              name: z.string().nullable(),
              level: z.enum(levels).nullable(),
              state: z.enum(unitStates),
              closedSince: z.string().nullable(),
              followedBy: z.array(z.string()).readonly(),
              waiting: count.describe('Dossiers that wait because of the unit'),
              roles: z
                .object({ handling: count, intake: count, receiving: count })
                .describe('Dossiers in which it handles, takes in, officially receives'),
              remarks: z.array(z.enum(unitRemarks)).readonly(),
              beneficiaryAccount: z.boolean().nullable(),
            }),
          ),
        }),
      ),
    },
    handler: async (request) => {
      await authorise(request, 'mappings:read')
      const { state } = request.query
      const all = await units()
      return { units: state === undefined ? all : all.filter((unit) => unit.state === state) }
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/organisations/agencies',
    schema: {
      tags,
      summary: "Bring the province's units in, new and changed ones: all of them or none",
      description: 'A changed name needs `renamedOn`, or `corrections` when the name before was a mistake.',
      body: z.strictObject({
        agencies: z
          .array(
            z.strictObject({
              code: code(50),
              name: z.string().trim().min(1).max(2000),
              level: z.enum(levels),
              validFrom: day.optional(),
              validTo: day.optional().describe('First day on which it no longer acts'),
              renamedOn: day.optional().describe('First day of this name; the name before holds until then'),
              beneficiaryAccount: z.boolean().optional().describe('Its account for online payment is set up'),
            }),
          )
          .min(1)
          .max(5000),
        corrections: z.boolean().default(false),
      }),
      response: answers(z.object({ changed: count })),
    },
    handler: async (request) => {
      await authorise(request, 'mappings:write')
      const { agencies, corrections } = request.body
      return { changed: await importAgencies(sql, agencies, { corrections }) }
    },
  })
}

function registerSuccessions(app: Http, { sql, look, authorise }: OrganisationRouteDeps): void {
  app.route({
    method: 'POST',
    url: '/v1/organisations/successions',
    schema: {
      tags,
      summary: 'Say which units follow which: all of it or nothing',
      description:
        'Who takes over a part never answers for a dossier: of a unit that was divided, somebody says who follows for the whole, or for a procedure. ' +
        'With `preview` nothing is kept, and the counts are those it would have.',
      body: z.strictObject({
        successions: z.array(SuccessionBody).min(1).max(5000),
        why,
        preview: z.boolean().default(false),
      }),
      response: answers(OutcomeView),
    },
    handler: async (request) => {
      const { id } = await authorise(request, 'mappings:write')
      const { successions, preview } = request.body
      const wishes: Succession[] = successions
      return preview
        ? foreseen(sql, wishes, look)
        : succeed(sql, wishes, { by: `key:${id}`, why: request.body.why }, look)
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/organisations/successions/:id/withdraw',
    schema: {
      tags,
      summary: 'Take back what was said about a unit',
      description: 'What was delivered under it stays delivered; what comes later is judged as before.',
      params: z.strictObject({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
      body: z.strictObject({ why }),
      response: answers(OutcomeView),
    },
    handler: async (request) => {
      const { id } = await authorise(request, 'mappings:write')
      const outcome = await withdraw(sql, request.params.id, { by: `key:${id}`, why: request.body.why }, look)
      if (!outcome) throw new Refusal('not-found', `There is no succession ${request.params.id}`)
      return outcome
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/organisations/successions',
    schema: {
      tags,
      summary: 'Everything that was said about who follows whom, the newest first',
      response: answers(
        z.object({
          successions: z.array(
            z.object({
              id: count,
              oldCode: z.string(),
              newCode: z.string(),
              newName: z.string(),
              day: z.string(),
              transfer: z.enum(transfers),
              procedureCode: z.string().nullable(),
              at: z.string(),
              by: z.string(),
              why: z.string(),
              withdrawn: z.object({ at: z.string(), by: z.string(), why: z.string() }).nullable(),
            }),
          ),
        }),
      ),
    },
    handler: async (request) => {
      await authorise(request, 'mappings:read')
      return { successions: await listSuccessions(sql) }
    },
  })
}

const Place = { code: z.string(), name: z.string(), district: z.string().nullable(), province: z.string() }
const Places = z.array(z.object({ ...Place, transfer: z.string() })).readonly()

function registerCommunes(app: Http, { sql, authorise }: OrganisationRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/organisations/communes/:code',
    schema: {
      tags,
      summary: 'What a commune code of the statistics office meant, and what became of the commune',
      description:
        'Codes were used again under other names: without `on` there may be several lives, and nobody can say which one is meant. More than one place in ' +
        '`becameThis` is a question for a person.',
      params: z.strictObject({ code: z.string().regex(/^\d{5}$/, { message: 'must have five digits' }) }),
      querystring: z.strictObject({ on: day.optional().describe('A day on which the code was in use') }),
      response: answers(
        z.object({
          lives: z.array(
            z.object({
              ...Place,
              from: z.string().nullable(),
              until: z.string().nullable().describe('First day on which it was no longer this'),
              cameFrom: Places,
              becameThis: Places,
            }),
          ),
        }),
      ),
    },
    handler: async (request) => {
      await authorise(request, 'mappings:read')
      const lives = await communeLives(sql, request.params.code, request.query.on)
      if (lives.length === 0) throw new Refusal('not-found', 'No list of communes has this code')
      return { lives }
    },
  })
}

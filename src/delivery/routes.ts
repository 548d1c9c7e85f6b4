import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { failures } from '../../config/failures.ts'
import { code } from '../dossiers/model.ts'
import type { ApiClient } from '../platform/auth.ts'
import type { Sql } from '../platform/database.ts'
import { answers, pageLimit, why, type Http } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { endHold, holdDeliveries, readHold } from './hold.ts'
import { listLanes, openStates, summariseLanes } from './lists.ts'
import { laneStates } from './model.ts'

export interface DeliveryRouteDeps {
  readonly sql: Sql
  /** Throws a refusal when the request may not; `*` among the agencies = all of them. */
  readonly authorise: (request: FastifyRequest, right: 'deliveries:read' | 'deliveries:resend') => Promise<ApiClient>
}

export const count = z.number().int()
export const scopeOf = ({ agencies }: ApiClient) => (agencies.includes('*') ? null : agencies)
export const operatorOf = (client: ApiClient) => ({ actor: `key:${client.id}`, scope: scopeOf(client) })

const tags = ['deliveries']
const reason = code(100).refine((value) => Object.hasOwn(failures, value), {
  message: 'is not a reason this service knows',
})
const Causes = z.object({ cause: z.string(), next: z.string() })
export const Words = z.object({ vi: Causes, en: Causes }).nullable().describe('Cause and next step')
const Line = z.object({
  code: z.string(),
  agency: z.string(),
  procedure: z.string(),
  nationalCode: z.string().nullable(),
  state: z.enum(laneStates),
  reason: z.string().nullable(),
  words: Words,
  field: z.string().nullable().describe('The field at fault, when one is'),
  age: count.describe('Seconds since it became due for the portal'),
  nextAttemptAt: z.string().nullable(),
  attempts: count,
  errorCode: z.string().nullable().describe("The portal's own code"),
  errorText: z.string().nullable().describe("The portal's own words, masked"),
  replay: count.nullable().describe('The replay that set it going'),
})
const Group = z.object({ state: z.enum(openStates), reason: z.string(), words: Words, count, oldest: count })
const HoldView = z
  .object({
    held: z.boolean(),
    since: z.string().nullable(),
    actor: z.string().nullable(),
    why: z.string().nullable(),
    onWay: count.describe('Dossiers in calls that had left before'),
  })
  .meta({ id: 'DeliveryHold' })

/** What is not delivered and why, and the switch that stops all sending. */
export function registerDeliveryRoutes(app: Http, deps: DeliveryRouteDeps): void {
  registerLists(app, deps)
  registerHold(app, deps)
}

function registerLists(app: Http, { sql, authorise }: DeliveryRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/deliveries',
    schema: {
      tags,
      summary: 'Dossiers that are not delivered: why, since when, what to do',
      description:
        'Stopped ones come oldest first, waiting ones in the order in which they will go. Without a state: parked, blocked, unknown, sending, waiting.',
      querystring: z.strictObject({
        state: z.enum(openStates).optional(),
        reason: reason.optional(),
        agency: code(50).optional(),
        procedure: code(100).optional().describe('Procedure code as the one-stop system knows it'),
        code: code(100).optional().describe('One dossier, whatever its state'),
        error: code(100).optional().describe("The portal's own code for the error"),
        olderThan: z.coerce.number().min(0).max(87_600).optional().describe('Due for at least so many hours'),
        after: z.string().min(1).max(500).optional().describe('`next` of the page before'),
        limit: pageLimit,
      }),
      response: answers(z.object({ deliveries: z.array(Line), next: z.string().nullable() })),
    },
    handler: async (request) => listLanes(sql, request.query, scopeOf(await authorise(request, 'deliveries:read'))),
  })
  app.route({
    method: 'GET',
    url: '/v1/deliveries/summary',
    schema: {
      tags,
      summary: 'How many dossiers are not delivered, by state and reason, and how old the oldest is (seconds)',
      response: answers(z.object({ groups: z.array(Group) })),
    },
    handler: async (request) => ({
      groups: await summariseLanes(sql, scopeOf(await authorise(request, 'deliveries:read'))),
    }),
  })
}

function registerHold(app: Http, { sql, authorise }: DeliveryRouteDeps): void {
  const url = '/v1/deliveries/hold'
  /** A hold stops every agency's dossiers, so it is for keys that speak for all. */
  const mayHold = async (request: FastifyRequest) => {
    const { actor, scope } = operatorOf(await authorise(request, 'deliveries:resend'))
    if (scope !== null) throw new Refusal('agency-out-of-scope', 'Only a key for all agencies may stop all sending')
    return actor
  }
  app.route({
    method: 'GET',
    url,
    schema: { tags, summary: 'Is all sending stopped?', response: answers(HoldView) },
    handler: async (request) => {
      await authorise(request, 'deliveries:read')
      return readHold(sql)
    },
  })
  app.route({
    method: 'PUT',
    url,
    schema: { tags, summary: 'Stop all sending', body: z.strictObject({ why }), response: answers(HoldView) },
    handler: async (request) => holdDeliveries(sql, { actor: await mayHold(request), why: request.body.why }),
  })
  app.route({
    method: 'DELETE',
    url,
    schema: {
      tags,
      summary: 'Let dossiers go again',
      body: z.strictObject({ why: why.optional() }).nullish(),
      response: answers(HoldView),
    },
    handler: async (request) => {
      await endHold(sql, { actor: await mayHold(request), why: request.body?.why })
      return readHold(sql)
    },
  })
}

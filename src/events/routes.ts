import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { AlertRules } from '../../config/alerts.ts'
import type { EventPolicy } from '../../config/events.ts'
import { speaksFor, type ApiClient, type Authority, type Right, type Spelling } from '../platform/auth.ts'
import type { Vault } from '../platform/crypto.ts'
import type { Sql } from '../platform/database.ts'
import { answers, pageLimit, type Http } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import { sendTest } from './deliver.ts'
import {
  addDestination,
  changeDestination,
  DestinationChange,
  dropOldSecret,
  listDestinations,
  NewDestination,
  readDestination,
  removeDestination,
  rotateSecret,
  type Destination,
  type DestinationView,
} from './destinations.ts'
import { eventId, webhookId } from './model.ts'
import type { Sender } from './sender.ts'
import { listAttempts, resendEvents } from './store.ts'
import { listAlerts } from './watch.ts'

export interface EventRoutes {
  readonly sql: Sql
  readonly vault: Vault
  readonly sender: Sender
  readonly policy: EventPolicy
  readonly authority: Authority
  /** Events are of the code that the ledger has for a unit. */
  readonly spelling: Spelling
  readonly rules: AlertRules
}

const moment = z.string().nullable()
const View = z
  .object({
    id: z.string(),
    name: z.string(),
    url: z.string(),
    kinds: z.array(z.string()),
    agencies: z.array(z.string()),
    state: z.enum(['active', 'paused']),
    pausedReason: z.string().nullable(),
    brokenSince: moment.describe('Since when it takes nothing; its events are kept'),
    lastError: z.string().nullable(),
    createdAt: z.string(),
    createdBy: z.string(),
    waiting: z.number().int().describe('Counting stops at 100,000'),
    parked: z.number().int(),
    oldestWaiting: moment,
  })
  .meta({ id: 'Webhook' })
const Secret = z.object({ id: z.string(), secret: z.string().describe('Shown here and never again') })
const Attempt = z.object({
  at: z.string(),
  event: z.string().nullable(),
  kind: z.string().nullable(),
  subject: z.string().nullable(),
  outcome: z.enum(['delivered', 'refused', 'down', 'gone']),
  httpStatus: z.number().int().nullable(),
  error: z.string().nullable(),
  ms: z.number().int(),
})
const TestResult = z.object({
  outcome: Attempt.shape.outcome,
  httpStatus: Attempt.shape.httpStatus,
  error: Attempt.shape.error,
  ms: Attempt.shape.ms,
})
const id = z.strictObject({ id: z.string().max(40) })
const tags = ['events']

/** Destinations of events, their log, and alerts. A key sees and changes the destinations of the agencies it speaks for. */
export function registerEventRoutes(app: Http, deps: EventRoutes): void {
  const { sql } = deps
  const authorise = (request: FastifyRequest, right: Right) =>
    deps.authority.authorise(request.headers.authorization, right)
  /** The client, if it may manage this destination. */
  const manage = async (request: FastifyRequest, destinationId: string): Promise<ApiClient> => {
    const client = await authorise(request, 'webhooks:manage')
    const known = await readDestination(sql, destinationId)
    if (!known || !isIts(client, known)) throw new Refusal('not-found', 'There is no such destination')
    return client
  }
  const by = (client: ApiClient) => `key:${client.id}`

  app.get(
    '/v1/webhooks',
    { schema: { tags, summary: 'Destinations of events', response: answers(z.object({ items: z.array(View) })) } },
    async (request) => {
      const client = await authorise(request, 'webhooks:manage')
      return { items: (await listDestinations(sql)).filter((one) => isIts(client, one)).map(viewOf) }
    },
  )

  app.post(
    '/v1/webhooks',
    {
      schema: {
        tags,
        summary: 'Add a destination of events',
        description: 'The secret for checking signatures is in the answer, and is never shown again.',
        body: NewDestination,
        response: answers(Secret, 201),
      },
    },
    async (request, reply) => {
      const client = await authorise(request, 'webhooks:manage')
      const agencies = request.body.agencies.map(deps.spelling)
      speaksForAll(client, agencies)
      return reply.code(201).send(await addDestination(deps, { ...request.body, agencies }, by(client)))
    },
  )

  app.patch(
    '/v1/webhooks/:id',
    {
      schema: {
        tags,
        summary: 'Change, pause or resume a destination',
        description: 'A paused destination keeps its events until it is resumed.',
        params: id,
        body: DestinationChange,
        response: answers(z.object({ id: z.string() })),
      },
    },
    async (request) => {
      const client = await manage(request, request.params.id)
      const agencies = request.body.agencies?.map(deps.spelling)
      speaksForAll(client, agencies ?? [])
      await changeDestination(deps, request.params.id, { ...request.body, agencies }, by(client))
      return { id: request.params.id }
    },
  )

  app.delete(
    '/v1/webhooks/:id',
    {
      schema: {
        tags,
        summary: 'Remove a destination with its events and its log',
        params: id,
        response: answers(z.object({ id: z.string() })),
      },
    },
    async (request) => {
      const client = await manage(request, request.params.id)
      await removeDestination(sql, request.params.id, by(client))
      return { id: request.params.id }
    },
  )

  registerSecrets(app, deps, manage)
  registerSends(app, deps, manage)

  app.get(
    '/v1/alerts',
    {
      schema: {
        tags,
        summary: 'Alerts that fire, may soon fire, or recovered lately',
        description: 'They concern the whole province: for keys that speak for all agencies.',
        response: answers(z.object({ items: z.array(z.looseObject({})) })),
      },
    },
    async (request) => {
      const client = await authorise(request, 'reports:read')
      speaksForAll(client, ['*'])
      return { items: await listAlerts(sql, deps.rules) }
    },
  )
}

type Manage = (request: FastifyRequest, destinationId: string) => Promise<ApiClient>

function registerSecrets(app: Http, deps: EventRoutes, manage: Manage): void {
  app.post(
    '/v1/webhooks/:id/secret',
    {
      schema: {
        tags,
        summary: 'Make a new secret; the one before stays in force beside it',
        params: id,
        response: answers(Secret, 201),
      },
    },
    async (request, reply) => {
      const client = await manage(request, request.params.id)
      const secret = await rotateSecret(deps, request.params.id, `key:${client.id}`)
      if (secret === null) throw new Refusal('not-found', 'There is no such destination')
      return reply.code(201).send({ id: request.params.id, secret })
    },
  )
  app.delete(
    '/v1/webhooks/:id/secret/old',
    {
      schema: {
        tags,
        summary: 'Take the older secret out of force',
        params: id,
        response: answers(z.object({ id: z.string() })),
      },
    },
    async (request) => {
      const client = await manage(request, request.params.id)
      await dropOldSecret(deps, request.params.id, `key:${client.id}`)
      return { id: request.params.id }
    },
  )
}

function registerSends(app: Http, deps: EventRoutes, manage: Manage): void {
  app.post(
    '/v1/webhooks/:id/test',
    {
      schema: {
        tags,
        summary: 'Send a test event now and say what came back',
        params: id,
        response: answers(TestResult),
      },
    },
    async (request) => {
      await manage(request, request.params.id)
      const result = await sendTest(deps, request.params.id)
      if (!result) throw new Refusal('not-found', 'There is no such destination')
      const { outcome, httpStatus, error, ms } = result
      return { outcome, httpStatus, error, ms }
    },
  )
  app.post(
    '/v1/webhooks/:id/resend',
    {
      schema: {
        tags,
        summary: 'Send parked events again',
        params: id,
        body: z.strictObject({ why: z.string().trim().min(1).max(500), event: eventId.optional() }),
        response: answers(z.object({ events: z.number().int() })),
      },
    },
    async (request) => {
      const client = await manage(request, request.params.id)
      const { why, event } = request.body
      return { events: await resendEvents(deps.sql, request.params.id, event ?? null, `key:${client.id}`, why) }
    },
  )
  app.get(
    '/v1/webhooks/:id/log',
    {
      schema: {
        tags,
        summary: 'The newest attempts at a destination',
        params: id,
        querystring: z.strictObject({ limit: pageLimit }),
        response: answers(z.object({ items: z.array(Attempt) })),
      },
    },
    async (request) => {
      await manage(request, request.params.id)
      const rows = await listAttempts(deps.sql, request.params.id, request.query.limit)
      const viewed = rows.map(({ uid, at, ...row }) => ({
        ...row,
        at: at.toISOString(),
        event: uid === null ? null : webhookId(uid),
      }))
      return { items: viewed }
    },
  )
}

const viewOf = ({ kinds, agencies, brokenSince, createdAt, oldestWaiting, ...rest }: DestinationView) => ({
  ...rest,
  kinds: [...kinds],
  agencies: [...agencies],
  brokenSince: brokenSince?.toISOString() ?? null,
  createdAt: createdAt.toISOString(),
  oldestWaiting: oldestWaiting?.toISOString() ?? null,
})

const isIts = (client: ApiClient, destination: Pick<Destination, 'agencies'>) =>
  destination.agencies.every((agency) => speaksFor(client, agency))

function speaksForAll(client: ApiClient, agencies: readonly string[]): void {
  if (agencies.every((agency) => speaksFor(client, agency))) return
  throw new Refusal('agency-out-of-scope', 'agencies: the key does not speak for all of these agencies', {
    field: 'agencies',
  })
}

import { once } from 'node:events'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { failures, type FailureCode } from '../../config/failures.ts'
import type { ApiClient, Authority } from '../platform/auth.ts'
import type { Vault } from '../platform/crypto.ts'
import type { Sql } from '../platform/database.ts'
import { documentedBody, ProblemDocument, type Http } from '../platform/http.ts'
import { Refusal } from '../platform/problems.ts'
import type { Intake, IntakeResult } from './intake.ts'
import { code, DossierChange, Step } from './model.ts'
import { storeStream } from './stream.ts'
import { openTimeline } from './timeline.ts'

export interface DossierRoutes {
  readonly sql: Sql
  readonly vault: Vault
  readonly intake: Intake
  readonly authority: Authority
  readonly maxLineBytes: number
  readonly maxBatchBytes: number
}

const Finding = z.object({ code: z.string(), field: z.string().optional(), detail: z.string() })
const Result = z
  .object({
    code: z.string().nullable(),
    result: z.enum(['stored', 'unchanged', 'superseded', 'refused']),
    change: z.number().int().optional().meta({ description: 'Number of the change within its dossier' }),
    steps: z.object({ stored: z.number().int(), unchanged: z.number().int() }).optional(),
    delivery: z
      .object({ state: z.string(), reason: z.string().nullable(), field: z.string().nullable() })
      .optional()
      .meta({ description: 'What stands between the dossier and the portal' }),
    flags: z.array(z.string()).optional(),
    findings: z.array(Finding).optional(),
  })
  .meta({ id: 'IntakeResult' })
const Timeline = z
  .object({
    dossier: z.looseObject({}),
    delivery: z.looseObject({}),
    changes: z.array(z.looseObject({})),
    steps: z.array(z.looseObject({})),
    attempts: z.array(z.looseObject({})),
  })
  .meta({ id: 'Timeline' })
const errors = { 400: ProblemDocument, 401: ProblemDocument, 403: ProblemDocument, 422: ProblemDocument }
const tags = ['dossiers']

/** The largest array that `POST /v1/dossiers/batch` takes. */
const maxBatch = 1000
/** Result lines held for a client that does not read while it writes; past this, reading its lines waits for it. */
const maxUnreadBytes = 32 * 1024 * 1024

export function registerDossierRoutes(app: Http, deps: DossierRoutes): void {
  const { intake } = deps
  const onRequest = mayWrite(deps.authority)
  app.put(
    '/v1/dossiers/:code',
    {
      onRequest,
      bodyLimit: deps.maxLineBytes,
      schema: {
        tags,
        summary: 'Push the newest content of one dossier',
        description:
          'Idempotent by content: the same content twice is `unchanged`. An older change (by version, else by changedAt) is kept as `superseded`.',
        params: z.strictObject({ code: code(100) }),
        body: documentedBody(DossierChange.partial({ code: true })),
        response: { 200: Result, ...errors },
      },
    },
    async (request) => {
      const client = clientOf(request)
      const value = withCode(request.body, request.params.code)
      const [result] = await intake.push(client, [value])
      return orRefuse(result!)
    },
  )

  app.post(
    '/v1/dossiers/batch',
    {
      onRequest,
      bodyLimit: deps.maxBatchBytes,
      schema: {
        tags,
        summary: `Push up to ${maxBatch} dossiers`,
        description: 'Each is judged on its own; the answer lists one result per item, in order.',
        body: documentedBody(z.array(DossierChange).min(1).max(maxBatch)),
        response: { 200: z.object({ results: z.array(Result) }), ...errors, 413: ProblemDocument },
      },
    },
    async (request) => {
      const client = clientOf(request)
      const items: unknown = request.body
      if (!Array.isArray(items)) throw new Refusal('invalid-field', 'The body must be a JSON array of dossiers')
      if (items.length > maxBatch)
        throw new Refusal('too-many-items', `${items.length} dossiers came, ${maxBatch} are allowed`)
      return { results: await intake.push(client, items) }
    },
  )

  app.post(
    '/v1/dossiers/:code/steps',
    {
      onRequest,
      schema: {
        tags,
        summary: 'Add processing steps to a known dossier',
        params: z.strictObject({ code: code(100) }),
        body: z.strictObject({ steps: z.array(Step).min(1).max(1000) }),
        response: { 200: Result, ...errors, 404: ProblemDocument },
      },
    },
    async (request) => {
      const client = clientOf(request)
      const result = await intake.pushSteps(client, request.params.code, request.body.steps)
      if (!result) throw new Refusal('not-found', 'No dossier with this code was pushed yet')
      return orRefuse(result)
    },
  )

  registerStream(app, deps)
  registerTimeline(app, deps)
}

const clients = new WeakMap<FastifyRequest, ApiClient>()

/** Checks the key before a single byte of the body is read: a stranger cannot make us buffer anything. */
function mayWrite(authority: Authority) {
  return async (request: FastifyRequest): Promise<void> => {
    clients.set(request, await authority.authorise(request.headers.authorization, 'dossiers:write'))
  }
}

const clientOf = (request: FastifyRequest): ApiClient => clients.get(request)!

function withCode(body: unknown, pathCode: string): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Refusal('invalid-field', 'The body must be a JSON object')
  const own = (body as { code?: unknown }).code
  if (own !== undefined && own !== pathCode)
    throw new Refusal('invalid-field', 'code in the body is not the code in the address', { field: 'code' })
  return { ...body, code: pathCode }
}

function orRefuse(result: IntakeResult): IntakeResult {
  const first = result.findings?.[0]
  if (result.result !== 'refused' || !first) return result
  throw new Refusal(first.code, first.detail, {
    ...(first.field ? { field: first.field } : {}),
    findings: result.findings ?? [],
  })
}

function registerStream(app: Http, deps: DossierRoutes): void {
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload))
    scope.post(
      '/v1/dossiers/stream',
      {
        onRequest: mayWrite(deps.authority),
        bodyLimit: Number.MAX_SAFE_INTEGER,
        schema: {
          tags,
          summary: 'Push any number of dossiers, one JSON object a line',
          description:
            'Answers one result line per input line, in order, while lines still arrive. Read while you write: past about 32 MB of unread results the server waits for you.',
          consumes: ['application/x-ndjson'],
          body: documentedBody(z.any()),
        },
      },
      async (request, reply) => {
        const client = clientOf(request)
        if (!request.body || typeof (request.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator] !== 'function')
          throw new Refusal('unsupported-media-type', 'Send application/x-ndjson')
        reply.hijack()
        const out = reply.raw
        out.writeHead(200, { 'content-type': 'application/x-ndjson', 'x-request-id': request.id })
        try {
          for await (const results of storeStream(
            deps.intake,
            client,
            request.body as AsyncIterable<Uint8Array>,
            deps,
          )) {
            out.write(results.map((result) => `${JSON.stringify(result)}\n`).join(''))
            if (out.writableLength > maxUnreadBytes) await once(out, 'drain', { signal: AbortSignal.timeout(120_000) })
          }
          out.end()
        } catch (error) {
          // Lines answered so far are stored; the cut tells the client that the rest is not.
          request.log.warn({ err: error }, 'A stream ended early')
          out.destroy()
        }
      },
    )
  })
}

function registerTimeline(app: Http, deps: DossierRoutes): void {
  app.get(
    '/v1/dossiers/:code',
    {
      schema: {
        tags,
        summary: 'One dossier with its whole timeline',
        description:
          'What the province said, what was sent, what the portal answered. Personal data is left out unless `personal=true`, which needs the right personal:read and is recorded.',
        params: z.strictObject({ code: code(100) }),
        querystring: z.strictObject({ personal: z.enum(['true', 'false']).default('false') }),
        response: { 200: Timeline, ...errors, 404: ProblemDocument },
      },
    },
    async (request) => {
      const reveal = request.query.personal === 'true'
      const client = await deps.authority.authorise(request.headers.authorization, 'dossiers:read')
      if (reveal) await deps.authority.authorise(request.headers.authorization, 'personal:read')
      const { dossier, delivery, changes, steps, attempts } = await openTimeline(
        deps,
        client,
        request.params.code,
        reveal,
      )
      return {
        dossier: { ...dossier, cause: explain(dossier.cause) },
        delivery: { ...delivery, reason: explain(delivery.reason) },
        changes: changes.map((change) => ({ ...change })),
        steps: steps.map((step) => ({ ...step })),
        attempts: attempts.map((attempt) => ({ ...attempt })),
      }
    },
  )
}

/** The catalogue's words beside a stored code. */
function explain(code: string | null) {
  if (code === null) return null
  const known = failures[code as FailureCode]
  return known ? { code, vi: known.vi, en: known.en } : { code }
}

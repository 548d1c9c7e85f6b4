import { randomUUID } from 'node:crypto'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, {
  LogController,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { jsonSchemaTransform, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { isDatabaseDown, isUnstorable } from './database.ts'
import type { Logger } from './log.ts'
import { findingsOf, problemDocument, Refusal } from './problems.ts'

export type Http = FastifyInstance<
  import('fastify').RawServerDefault,
  import('node:http').IncomingMessage,
  import('node:http').ServerResponse,
  import('fastify').FastifyBaseLogger,
  ZodTypeProvider
>

/** The reason somebody gives for an act, kept with it and in the audit. */
export const why = z
  .string()
  .max(1000)
  .refine((text) => text.trim().length > 0, { message: 'must not be blank' })
  .refine((text) => !text.includes('\u0000') && text.isWellFormed(), { message: 'must be well-formed text' })
  .transform((text) => text.trim())

/** The reason that a form of the console gives; throws a refusal where it gives none. */
export function reasonOf(text: string): string {
  const reason = why.safeParse(text)
  if (!reason.success) throw new Refusal('missing-field', 'Say why: it is kept', { field: 'why' })
  return reason.data
}

/** A parameter that may be left out or left blank, as forms do. */
export const blank = <T extends z.ZodType<string>>(schema: T) =>
  z
    .union([z.literal(''), schema])
    .optional()
    .transform((value): z.output<T> | undefined => (value === '' ? undefined : (value as z.output<T> | undefined)))

export const ProblemDocument = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string(),
    detail: z.string(),
    field: z.string().optional(),
    cause: z.object({ vi: z.string(), en: z.string() }),
    next: z.object({ vi: z.string(), en: z.string() }),
    requestId: z.string().optional(),
    findings: z.array(z.object({ code: z.string(), field: z.string().optional(), detail: z.string() })).optional(),
  })
  .meta({ id: 'ProblemDocument', description: 'RFC 9457 problem document' })

/** What a route answers: what it is asked for, or a problem. */
export const answers = <T extends z.ZodType, S extends number = 200>(schema: T, status = 200 as S) =>
  ({ [status]: schema, default: ProblemDocument }) as Readonly<Record<S, T>> & {
    readonly default: typeof ProblemDocument
  }

/** How many of a list are shown at once. */
export const pageLimit = z.coerce.number().int().min(1).max(1000).default(100)
/** Where a list goes on. */
export const nextCursor = z.string().nullable().describe('Give it as cursor to read on; null at the end')

/** Bodies judged item by item in the handler, so that one bad item never stops its neighbours: the schema is for the documentation. */
const judgedByHandler = new WeakSet<z.ZodType>()
export function documentedBody<T extends z.ZodType>(schema: T): T {
  judgedByHandler.add(schema)
  return schema
}

export interface HttpOptions {
  readonly log: Logger
  readonly bodyLimit: number
}

/** The HTTP server every route stands on: strict UTF-8 JSON, zod validation, problem documents, OpenAPI 3.1 at /docs. */
export async function createHttp({ log, bodyLimit }: HttpOptions): Promise<Http> {
  const app = Fastify({
    loggerInstance: log as unknown as import('fastify').FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit,
    genReqId: () => randomUUID(),
    connectionTimeout: 60_000,
    keepAliveTimeout: 72_000,
    requestTimeout: 0,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: (_error, request, reply) => {
      void sendProblem(request, reply, new Refusal('invalid-field', 'The address is not valid', { field: 'address' }))
    },
  }).withTypeProvider<ZodTypeProvider>()

  app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => (data: unknown) => {
    if (judgedByHandler.has(schema)) return { value: data }
    const parsed = schema.safeParse(data)
    if (parsed.success) return { value: parsed.data }
    return { error: refusalOf(findingsOf(parsed.error), httpPart ?? 'request') }
  })
  // Responses are built from typed values; checking them again would cost more than it could find.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  readJsonStrictly(app)
  app.setErrorHandler(answerError)
  app.setNotFoundHandler((request, reply) =>
    sendProblem(request, reply, new Refusal('not-found', `There is no ${request.method} ${routeOf(request)}`)),
  )
  app.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id)
    reply.header('x-content-type-options', 'nosniff')
  })
  await documentApi(app)
  return app
}

function refusalOf(findings: ReturnType<typeof findingsOf>, part: string): Refusal {
  const first = findings[0]
  if (!first) return new Refusal('invalid-field', `The ${part} is not valid`)
  return new Refusal(first.code, first.detail, { ...(first.field ? { field: first.field } : {}), findings })
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/** Decodes strict UTF-8; a byte that is not UTF-8 is an error of the sender, never a silent replacement character. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    throw new Refusal('broken-utf8', 'The content holds bytes that are not UTF-8')
  }
}

/** Parses JSON; the error never repeats the content, because the content may be personal data. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const position = / at position (\d+)/.exec(String(error))?.[1]
    throw new Refusal('malformed-json', position ? `Not valid JSON at character ${position}` : 'Not valid JSON')
  }
}

/** Values of one body: `[]` takes two bytes on the way and fifty here, and eight million of them take some seconds. */
const mostValues = 8_000_000

function isCrowded(body: Buffer): boolean {
  if (body.length < mostValues) return false
  let count = 0
  for (let place = 0; place < body.length; place += 1) {
    const byte = body[place]
    if (byte === 0x2c || byte === 0x5b || byte === 0x7b) count += 1
  }
  return count > mostValues
}

function readJsonStrictly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      if (isCrowded(body as Buffer)) throw new Refusal('payload-too-large', 'The body has too many values')
      done(null, parseJson(decodeUtf8(body as Buffer)))
    } catch (error) {
      done(error as Error)
    }
  })
}

const fastifyCodes: Readonly<Record<string, 'payload-too-large' | 'unsupported-media-type' | 'malformed-json'>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed-json',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed-json',
}

function answerError(error: Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const refusal = refusalOfError(error, request)
  if (refusal.code === 'unavailable') void reply.header('retry-after', '5')
  return sendProblem(request, reply, refusal)
}

/** Whatever went wrong, as something that can be said to whoever asked; what is our own fault goes to the log. */
export function refusalOfError(error: FastifyError | Refusal | Error, request: FastifyRequest): Refusal {
  if (error instanceof Refusal) return error
  const code = fastifyCodes[(error as FastifyError).code ?? '']
  if (code) return new Refusal(code, error.message)
  const status = (error as FastifyError).statusCode
  if (status !== undefined && status >= 400 && status < 500)
    return new Refusal('invalid-field', 'The request is not valid')
  if (isDatabaseDown(error)) {
    request.log.warn({ err: error }, 'The database cannot be reached')
    return new Refusal('unavailable', 'The ledger cannot be reached')
  }
  if (isUnstorable(error)) {
    request.log.warn({ err: error, route: routeOf(request) }, 'The ledger cannot hold what was sent')
    return new Refusal('invalid-field', 'The request holds a sign or a day that the ledger cannot hold')
  }
  request.log.error({ err: error, route: routeOf(request) }, 'A request failed')
  return new Refusal('internal', 'Something went wrong on our side')
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply {
  const document = problemDocument(refusal, request.id)
  return reply.code(document.status).type('application/problem+json').send(JSON.stringify(document))
}

/** The route's pattern, never the address itself: addresses carry dossier codes. */
function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'such address'
}

async function documentApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'dvcqg-adapter',
        version: '1',
        description:
          'Push dossiers in plain English; the adapter brings them to the National Public Service Portal and proves it.',
      },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'API key' } } },
      security: [{ key: [] }],
    },
    transform: jsonSchemaTransform,
  })
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
}

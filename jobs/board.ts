import { readFile } from 'node:fs/promises'
import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import type {
  AppControllerRoute,
  BullBoardQueues,
  IServerAdapter,
  JobStatus,
  UIConfig,
} from '@bull-board/api/typings/app'
import type { Job, Queue } from 'bullmq'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Visit } from '../src/console/console.ts'
import { html, trusted } from '../src/console/html.ts'
import type { Right } from '../src/platform/auth.ts'
import type { Sql } from '../src/platform/database.ts'
import { refusalOfError } from '../src/platform/http.ts'
import { problemDocument, Refusal } from '../src/platform/problems.ts'
import { readBoardFiles, type BoardFile } from './board-files.ts'
import { failureKind, masked, shownData, shownName } from './masks.ts'
import { inTime } from './queues.ts'

/**
 * Bull Board in the console: another program's page and API, of which only what is on the lists below exists. Who asks was checked
 * before any of this runs, on every address.
 */

export interface BoardOptions {
  readonly queues: readonly Queue[]
  readonly sql: Sql
  /** Where browsers find it, with a slash at its end. */
  readonly base: string
}

export const mayAct: Right = 'queues:write'

/** What may be read. */
const reads = [
  '/api/queues',
  '/api/job-schedulers',
  '/api/queues/:queueName/metrics',
  '/api/queues/:queueName/default-job-options',
  '/api/queues/:queueName/workers',
  '/api/queues/:queueName/rate-limit',
  '/api/queues/:queueName/job-data-schema',
  '/api/queues/:queueName/:jobId/logs',
  '/api/queues/:queueName/:jobId/flow',
  '/api/queues/:queueName/:jobId',
]

interface Act {
  readonly action: 'queues.retry' | 'queues.promote' | 'queues.clean'
  /** The state in which tickets must be for it. */
  readonly state: 'failed' | 'delayed'
}

/** What may be done, with the right to it: none of these changes what a ticket says, or loses work that the ledger knows. */
const acts: Readonly<Record<string, Act>> = {
  '/api/queues/:queueName/retry/:queueStatus': { action: 'queues.retry', state: 'failed' },
  '/api/queues/:queueName/:jobId/retry': { action: 'queues.retry', state: 'failed' },
  '/api/queues/:queueName/promote': { action: 'queues.promote', state: 'delayed' },
  '/api/queues/:queueName/:jobId/promote': { action: 'queues.promote', state: 'delayed' },
  '/api/queues/:queueName/clean/:queueStatus': { action: 'queues.clean', state: 'failed' },
}

/** Its own files alone: no inline style, no inline script, no other host. It is a document of its own, so it has a base. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The page asks for its files and for news by itself; loading it, and doing something, is done by a person. */
export const asksByItself = ({ method, routeOptions }: FastifyRequest): boolean =>
  (method === 'GET' || method === 'HEAD') && /\/board\/(?:api|static)\//.test(routeOptions.url ?? '/board/api/')

export function createBoard({ queues, sql, base }: BoardOptions) {
  const forReading = collect(queues, true)
  const forActing = collect(queues, false)
  const { files, styles, scripts } = readBoardFiles()
  return async (app: FastifyInstance, visitOf: (request: FastifyRequest) => Visit): Promise<void> => {
    const boardOf = (request: FastifyRequest) =>
      visitOf(request).person.rights.includes(mayAct) ? forActing : forReading
    app.addHook('onSend', async (_request, reply) => {
      if (!reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-store')
      void reply.headers({ 'content-security-policy': policy, 'referrer-policy': 'same-origin' })
    })
    app.setErrorHandler((error: Error, request, reply) => answerProblem(request, reply, refusalOfError(error, request)))
    app.setNotFoundHandler((request, reply) => answerProblem(request, reply, notHere(request)))
    for (const path of ['/', '/job-schedulers', '/queue/:queueName', '/queue/:queueName/:jobId'])
      app.get(path, hidden, async (request, reply) =>
        reply
          .type('text/html; charset=utf-8')
          .serializer(String)
          .send(page({ base, styles, scripts, config: boardOf(request).config })),
      )
    app.get<{ Params: { '*': string } }>('/static/*', hidden, async (request, reply) =>
      sendFile(reply, files.get(`static/${request.params['*']}`)),
    )
    for (const path of reads)
      app.get(path, hidden, async (request, reply) => send(reply, await boardOf(request).answer('get', path, request)))
    for (const [path, act] of Object.entries(acts))
      app.put<Wish>(path, hidden, async (request, reply) => {
        const visit = visitOf(request)
        if (!visit.person.rights.includes(mayAct))
          throw new Refusal('missing-right', `The key lacks the right ${mayAct}`)
        await checkState(forActing, act, request)
        await note(sql, visit.by, act, request.params)
        return send(reply, await forActing.answer('put', path, request))
      })
  }
}

const hidden = { schema: { hide: true } } as const

interface Params {
  readonly queueName: string
  readonly jobId?: string
  readonly queueStatus?: string
}
interface Wish {
  Params: Params
}

/** A ticket of another state is nothing for this act, whatever the page offered. */
async function checkState(board: Board, { state }: Act, request: FastifyRequest<Wish>): Promise<void> {
  const { queueName, jobId, queueStatus } = request.params
  const queue = board.queues.get(queueName)
  if (!queue) throw new Refusal('not-found', 'There is no such queue')
  const job = jobId === undefined ? null : await fromRedis(queue.getJob(jobId), request)
  if (job === undefined) throw new Refusal('not-found', 'There is no such ticket')
  const found = job === null ? (queueStatus ?? state) : await fromRedis(job.getState(), request)
  if (found !== state) throw new Refusal('queue-act-refused', `Only what is ${state} may be chosen for this`)
}

/** Before it is done: what nobody can record is not done. */
async function note(sql: Sql, by: string, { action, state }: Act, { queueName, jobId }: Params): Promise<void> {
  const detail = { queue: queueName, state, ...(jobId !== undefined && { job: jobId }) }
  await sql`insert into audit (actor, action, subject, detail) values (${by}, ${action}, ${queueName}, ${sql.json(detail)})`
}

/** Milliseconds in which Redis has to answer, and in which an act about many tickets has to be done. */
const patience = { get: 5_000, put: 60_000 }

/** Whatever goes wrong on the way to Redis goes to the log: what it says may name a server. */
async function fromRedis<T>(asked: T | Promise<T>, request: FastifyRequest, within = patience.get): Promise<T> {
  try {
    return await inTime(Promise.resolve(asked), within)
  } catch (error) {
    if (error instanceof Refusal) throw error
    request.log.warn({ err: error }, 'The queues could not be seen')
    throw new Refusal('queues-unreachable', 'Redis does not answer')
  }
}

const notHere = ({ method }: FastifyRequest) =>
  method === 'GET' || method === 'HEAD'
    ? new Refusal('not-found', 'There is no such address')
    : new Refusal('queue-act-refused', 'This is not done here')

/** In the form in which the board's page shows an error. */
function answerProblem(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply {
  const { status, cause, next, code } = problemDocument(refusal, request.id)
  return reply.code(status).send({ error: `${cause.vi} ${cause.en}`, message: `${next.vi} ${next.en}`, code })
}

function send(reply: FastifyReply, { status, body }: Answer): FastifyReply {
  return status === 204 ? reply.code(204).send() : reply.code(status).send(body)
}

async function sendFile(reply: FastifyReply, file: BoardFile | undefined): Promise<FastifyReply> {
  if (!file) throw new Refusal('not-found', 'There is no such file')
  // It is kept by the browser of whoever was let in, and by nobody on the way.
  const kept = file.hashed ? 'private, max-age=604800, immutable' : 'private, max-age=3600'
  return reply
    .header('cache-control', kept)
    .type(file.type)
    .send(await readFile(file.path))
}

interface PageWish {
  readonly base: string
  readonly styles: readonly string[]
  readonly scripts: readonly string[]
  readonly config: UIConfig
}

/** The board's document without what its own one takes from elsewhere, and without styles that stand in it. */
function page({ base, styles, scripts, config }: PageWish): string {
  const settings = JSON.stringify({ ...config, miscLinks: [{ text: 'Console', url: `${base}../../queues` }] })
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <base href="${base}" />
        <title>${config.boardTitle}</title>
        <link rel="icon" type="image/svg+xml" href="static/images/logo.svg" />
        ${styles.map((one) => html`<link rel="stylesheet" href="${one}" />`)}
      </head>
      <body>
        <script id="__UI_CONFIG__" type="application/json">
          ${trusted(settings.replaceAll('<', '\\u003c'))}
        </script>
        <div id="root"></div>
        ${scripts.map((one) => html`<script defer src="${one}"></script>`)}
      </body>
    </html> `.text
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

/** What Bull Board hands to a server: its queues, its routes, and how its page is set. */
class Board implements IServerAdapter {
  queues: BullBoardQueues = new Map()
  config: UIConfig = {}
  readonly #routes = new Map<string, AppControllerRoute>()

  setQueues(queues: BullBoardQueues) {
    this.queues = queues
    return this
  }
  setApiRoutes(routes: AppControllerRoute[]) {
    for (const route of routes)
      for (const method of [route.method].flat())
        for (const path of [route.route].flat()) this.#routes.set(`${method} ${path}`, route)
    return this
  }
  setUIConfig(config: UIConfig) {
    this.config = config
    return this
  }
  setViewsPath() {
    return this
  }
  setStaticPath() {
    return this
  }
  setEntryRoute() {
    return this
  }
  setErrorHandler() {
    return this
  }

  async answer(method: 'get' | 'put', path: string, request: FastifyRequest): Promise<Answer> {
    const route = this.#routes.get(`${method} ${path}`)
    if (!route) throw new Refusal('not-found', 'The board no longer knows this')
    const asked = {
      queues: this.queues,
      uiConfig: this.config,
      query: request.query as Record<string, unknown>,
      params: request.params as Record<string, unknown>,
      body: {},
      headers: {},
    }
    const { status = 200, body } = await fromRedis(route.handler(asked), request, patience[method])
    return { status, body }
  }
}

function collect(queues: readonly Queue[], readOnlyMode: boolean): Board {
  const board = new Board()
  createBullBoard({
    queues: queues.map((queue) => new MaskedQueue(queue, { readOnlyMode })),
    serverAdapter: board,
    options: {
      uiConfig: {
        boardTitle: 'Hàng đợi – Queues',
        hideDocsLink: true,
        // Its logo brings styles of its own, which the policy would have to allow.
        hideRedisDetails: true,
        locale: { lng: 'en-US' },
        pollingInterval: { showSetting: true },
        showMetrics: false,
      },
    },
  })
  return board
}

/** Shows of tickets what our rules know of them. */
class MaskedQueue extends BullMQAdapter {
  override async getJob(id: string) {
    const job = await super.getJob(id)
    return job && shown(job)
  }
  override async getJobs(states: JobStatus[], start?: number, end?: number) {
    return (await super.getJobs(states, start, end)).map(shown)
  }
  override async getJobLogs(id: string) {
    return (await super.getJobLogs(id)).map(() => masked)
  }
  /** Ours have no parents and no children, and of strange ones the tree would be told as it is. */
  override async getFlowProducer() {
    return null
  }
  override async getJobSchedulers() {
    const known = await super.getJobSchedulers()
    return known.map(({ template: _template, ...rest }) => ({ ...rest, name: shownName(rest.name) }))
  }
}

/** Acts work on the ticket itself; what is told of it is made anew, of numbers and of what our rules know. */
function shown(job: Job): Job {
  const told = job.toJSON.bind(job)
  job.toJSON = () => {
    const json = told()
    return {
      ...numbersOf(json),
      id: json.id,
      name: shownName(json.name),
      data: shownData(json.data),
      progress: typeof json.progress === 'number' ? json.progress : 0,
      failedReason: failureKind(json.failedReason),
      stacktrace: [],
      returnvalue: null,
      opts: numbersOf(json.opts),
    } as unknown as ReturnType<typeof told>
  }
  return job
}

const countable = new Set(
  'timestamp processedOn finishedOn attemptsMade attemptsStarted stalledCounter delay priority attempts'.split(' '),
)

const numbersOf = (told: object) =>
  Object.fromEntries(Object.entries(told).filter(([name, value]) => countable.has(name) && typeof value === 'number'))

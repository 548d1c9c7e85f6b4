import { setTimeout as sleep } from 'node:timers/promises'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { Catalogue } from './catalogue.ts'
import { addControl, type SandboxParts } from './control.ts'
import { CounterStore } from './counters.ts'
import { destinationOf, visitOf, type Visit } from './doors.ts'
import { Faults, type Strike } from './faults.ts'
import { History } from './history.ts'
import { busyPage, delayOf, hang, jsonPage, pageOf, standIn, textPage, write, type Page } from './line.ts'
import { Meter } from './meter.ts'
import { reportAnswer } from './public-report.ts'
import { answer, isService } from './services.ts'
import { Sessions } from './sessions.ts'
import { SandboxOptions, type SandboxSettings } from './settings.ts'
import { DossierStore } from './store.ts'

/** A running imitation of the national portal. */
export interface Sandbox {
  /** The forwarder's base, up to `/forward`: what a client is configured with. */
  readonly url: string
  /** Base of the provincial gateways, which have no forwarder in front. */
  readonly gatewayUrl: string
  /** Base of the public report. */
  readonly reportUrl: string
  readonly controlUrl: string
  readonly store: DossierStore
  readonly faults: Faults
  readonly meter: Meter
  readonly catalogue: Catalogue
  readonly sessions: Sessions
  /** May be changed while it runs. */
  readonly settings: SandboxSettings
  close(): Promise<void>
}

const bodyLimit = 256 * 1024 * 1024

/** Starts the sandbox; throws when the options are wrong or the port is taken. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const configuration = SandboxOptions.parse(options)
  const history = configuration.history ? new History() : undefined
  const parts: SandboxParts = {
    configuration,
    history,
    catalogue: new Catalogue(configuration.publishedOn),
    store: new DossierStore(history),
    counters: new CounterStore(),
    sessions: new Sessions(configuration.seed),
    faults: new Faults(configuration.seed),
    meter: new Meter(),
  }
  const server = Fastify({ bodyLimit, forceCloseConnections: true, routerOptions: { maxParamLength: 500 } })
  acceptAnyBody(server)
  addControl(server, parts)
  server.all('/*', (request, reply) => serve(parts, request, reply))
  const root = await server.listen({ port: configuration.port, host: configuration.host })
  return {
    url: `${root}/XrdAdapter/RestService/forward`,
    gatewayUrl: root,
    reportUrl: `${root}/api/v1/reporting/evaluation`,
    controlUrl: `${root}/sandbox`,
    ...parts,
    settings: configuration,
    close: () => server.close(),
  }
}

/** A login may come without a body under a JSON content type; a body that is not JSON is the portal's to judge. */
function acceptAnyBody(server: FastifyInstance): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body.length === 0 ? undefined : JSON.parse(body.toString()))
    } catch {
      done(null, undefined)
    }
  })
}

async function serve(parts: SandboxParts, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const visit = visitOf(request)
  reply.hijack()
  if (!visit) return send(reply, textPage(404, 'Not found'))
  const { call } = visit
  const counted = isService(call.service) ? call.service : call.door === 'reporting' ? 'reporting' : 'other'
  parts.meter.arrived(counted)
  parts.history?.arrived(counted)
  const strike = parts.faults.strike(call)
  let outcome = 'cut'
  try {
    const page = await respond(parts, request, visit, strike)
    if (typeof page === 'string') outcome = page
    else {
      outcome = page.counted
      await write(reply, page, strike)
    }
  } finally {
    parts.meter.answered(counted, outcome)
  }
}

function send(reply: FastifyReply, page: Page): void {
  reply.raw.writeHead(page.status, { 'content-type': page.type }).end(page.body)
}

/** The page to write, or the name of what happened to the line instead. */
async function respond(
  parts: SandboxParts,
  request: FastifyRequest,
  visit: Visit,
  strike: Strike,
): Promise<Page | 'cut' | 'timeout'> {
  const misdirected = visit.forwarded ? destinationProblem(parts, request) : undefined
  if (misdirected) return misdirected
  if (strike.nothing) return told(parts, visit, strike)
  if (strike.ceiling) {
    const { status, retryAfter } = strike.ceiling.value
    parts.history?.sentAway(retryAfter)
    return busyPage(status, retryAfter)
  }
  const afterStoring = strike.get('latency')?.stored === true
  if (!afterStoring) await pause(strike)
  const broken = await breakBefore(request, strike)
  if (broken) return broken
  const page = processed(parts, request, visit, strike)
  if (afterStoring) await pause(strike)
  return (await breakAfter(request, strike)) ?? page
}

function processed(parts: SandboxParts, request: FastifyRequest, visit: Visit, strike: Strike): Page {
  const instead = standIn(strike, request.url)
  if (instead && !instead.stored) return instead.page
  const page = told(parts, visit, strike)
  return instead?.page ?? page
}

const told = (parts: SandboxParts, visit: Visit, strike: Strike): Page =>
  visit.call.door === 'reporting'
    ? jsonPage(reportAnswer(parts, visit.call, strike))
    : pageOf(answer(parts, visit.call, strike), strike, visit)

async function pause(strike: Strike): Promise<void> {
  const delay = delayOf(strike)
  if (delay > 0) await sleep(delay, undefined, { ref: false })
}

async function breakBefore(request: FastifyRequest, strike: Strike): Promise<'cut' | 'timeout' | undefined> {
  if (strike.has('cut-before')) return cut(request)
  const silent = strike.get('timeout-before-storing')
  if (!silent) return undefined
  await hang(request, silent.value)
  return 'timeout'
}

async function breakAfter(request: FastifyRequest, strike: Strike): Promise<'cut' | 'timeout' | undefined> {
  if (strike.has('cut-after')) return cut(request)
  const silent = strike.get('timeout-after-storing')
  if (!silent) return undefined
  await hang(request, silent.value)
  return 'timeout'
}

function cut(request: FastifyRequest): 'cut' {
  request.raw.socket.resetAndDestroy()
  return 'cut'
}

function destinationProblem({ configuration }: SandboxParts, request: FastifyRequest): Page | undefined {
  if (!configuration.checkDestination) return undefined
  const destination = destinationOf(request)
  if (destination === undefined) return textPage(400, 'Thiếu tham số dstcode')
  return destination === configuration.destination ? undefined : textPage(404, 'Không tìm thấy dstcode')
}

import { AsyncLocalStorage } from 'node:async_hooks'
import { isUtf8 } from 'node:buffer'
import http from 'node:http'
import https from 'node:https'
import { connect as connectPlain, type NetConnectOpts, type Socket } from 'node:net'
import { create } from 'axios'
import type { AxiosInstance } from 'axios'

/** Why no usable answer came: `unreachable` is certain not to have been processed, the others may have been. */
type Trouble = 'unreachable' | 'timeout' | 'cut' | 'unreadable'

interface HttpRequest {
  readonly method: 'POST' | 'GET'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** From first byte out to last byte in, in milliseconds. */
  readonly deadline: number
}

export interface HttpAnswer {
  readonly requestOut: Date
  readonly responseIn: Date | null
  readonly status: number | null
  readonly text: string
  readonly bytesIn: number
  readonly retryAfter: number | undefined
  readonly trouble: Trouble | null
}

export type Send = (request: HttpRequest) => Promise<HttpAnswer>

const longestConnect = 5_000
const longestRetryAfter = 3_600_000

/** One connection pool for one gateway. The function it returns never throws: every trouble is an answer. */
export function createSend(limits: { followRedirects: number; maxAnswerBytes: number; deadline: number }): Send {
  const connect = Math.min(longestConnect, Math.ceil(limits.deadline / 2))
  const client = create({
    adapter: 'http',
    httpAgent: resettable(withConnectLimit(new http.Agent({ keepAlive: true }), connect)),
    httpsAgent: resettable(withConnectLimit(new https.Agent({ keepAlive: true }), connect)),
    // Dossiers go to the forwarder that is configured and nowhere else, whatever the environment says about proxies.
    proxy: false,
    maxRedirects: limits.followRedirects,
    beforeRedirect: refuseForeignRedirect,
    maxContentLength: limits.maxAnswerBytes,
    // What we send is bounded by intake; a default cap would stop a large batch without a word.
    maxBodyLength: Number.POSITIVE_INFINITY,
    decompress: true,
    responseType: 'arraybuffer',
    transformRequest: [(data: unknown) => data],
    transformResponse: [(data: unknown) => data],
    validateStatus: () => true,
  })
  return (request) => exchange(client, request)
}

async function exchange(client: AxiosInstance, request: HttpRequest): Promise<HttpAnswer> {
  const signal = AbortSignal.timeout(request.deadline)
  const line: Line = { socket: null }
  // Before the client hears of it: what it closes in good order is still delivered when a cut network is back.
  signal.addEventListener('abort', () => line.socket?.resetAndDestroy(), { once: true })
  const requestOut = new Date()
  try {
    const ask = () =>
      client.request<Buffer>({
        method: request.method,
        url: request.url,
        headers: request.headers,
        signal,
        ...(request.method === 'POST' ? { data: request.body } : {}),
      })
    const response = await lines.run(line, ask)
    const bytes = Buffer.from(response.data)
    const retryAfter: unknown = response.headers['retry-after']
    return {
      requestOut,
      responseIn: new Date(),
      status: response.status,
      text: bytes.toString('utf8'),
      bytesIn: bytes.length,
      retryAfter: parseRetryAfter(retryAfter, Date.now()),
      trouble: isUtf8(bytes) || response.status >= 300 ? null : 'unreadable',
    }
  } catch (error) {
    return failed(requestOut, troubleOf(error, signal))
  } finally {
    // The next call on this connection is not ours to end.
    line.socket = null
  }
}

function failed(requestOut: Date, trouble: Trouble): HttpAnswer {
  // Only an answer that could not be read has arrived; for the others there is no honest time of arrival.
  const responseIn = trouble === 'unreadable' ? new Date() : null
  return { requestOut, responseIn, status: null, text: '', bytesIn: 0, retryAfter: undefined, trouble }
}

/** The TCP connection that carries a call. */
interface Line {
  socket: Socket | null
}

const lines = new AsyncLocalStorage<Line>()
/** The TCP connection beneath a TLS one. */
const beneath = new WeakMap<object, Socket>()

/**
 * Notes which connection carries a call, so that a call that is given up can be ended by a reset. Closed in good order, bytes
 * that the network has not taken yet would stay with the system and arrive when the network is back: long after the
 * look-up that asked what became of them, and on top of what was sent since.
 */
function resettable<A extends http.Agent>(agent: A): A {
  const connect = agent.createConnection.bind(agent)
  const reuse = agent.reuseSocket.bind(agent)
  const note = (socket: object) => {
    const line = lines.getStore()
    if (line) line.socket = beneath.get(socket) ?? (socket as Socket)
  }
  agent.createConnection = (options, callback) => {
    // A TLS socket cannot reset its connection: it gets one that can.
    const plain = agent instanceof https.Agent ? connectPlain(options as NetConnectOpts) : null
    const socket = connect(plain ? Object.assign({ ...options }, { socket: plain }) : options, callback)
    if (plain && socket) {
      beneath.set(socket, plain)
      plain.once('error', (error) => socket.destroy(error))
    }
    if (socket) note(socket)
    return socket
  }
  agent.reuseSocket = (socket, request) => {
    reuse(socket, request)
    note(socket)
  }
  return agent
}

/** Errors that can only happen before the portal has taken anything. All others count as "perhaps processed". */
const beforeSending = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_INVALID_URL',
  'ERR_REDIRECT_REFUSED',
  'ERR_FR_TOO_MANY_REDIRECTS',
])
const certificateTrouble = /^(?:CERT_|ERR_TLS_CERT|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/
const garbled = /^(?:Z_|HPE_)/
const neverConnected = Symbol('never connected')

function troubleOf(error: unknown, signal: AbortSignal): Trouble {
  const chain: Error[] = []
  for (let at = error; at instanceof Error && chain.length < 5; at = at.cause) chain.push(at)
  // HTTP clients wrap what the system said: the innermost code says most.
  const codes = chain.map((one) => (one as NodeJS.ErrnoException).code ?? '').filter((code) => code !== '')
  const code = codes.at(-1) ?? ''
  if (chain.some((one) => neverConnected in one)) return 'unreachable'
  if (beforeSending.has(code) || certificateTrouble.test(code)) return 'unreachable'
  if (signal.aborted || code === 'ETIMEDOUT') return 'timeout'
  const isTooLong = chain.some((one) => one.message.includes('maxContentLength'))
  return isTooLong || garbled.test(code) ? 'unreadable' : 'cut'
}

/** A redirect to another host would hand the session to a stranger, and one that turns POST into GET drops the dossiers. */
function refuseForeignRedirect(
  options: Record<string, unknown>,
  _response: unknown,
  request: { url: string; method: string },
): void {
  const target = new URL(String(options['href']))
  if (target.origin === new URL(request.url).origin && options['method'] === request.method) return
  throw Object.assign(new Error('redirect refused'), { code: 'ERR_REDIRECT_REFUSED' })
}

/**
 * Gives connecting its own limit, and marks every error that a socket meets before it is ready: only those are certain
 * to have happened before a byte of the request left. The same code later means that the portal may have taken the call.
 */
function withConnectLimit<A extends http.Agent>(agent: A, milliseconds: number): A {
  const connect = agent.createConnection.bind(agent)
  const ready = agent instanceof https.Agent ? 'secureConnect' : 'connect'
  agent.createConnection = (options, callback) => {
    const socket = connect(options, callback)
    if (!socket) return socket
    const stop = setTimeout(() => socket.destroy(new Error('no connection in time')), milliseconds)
    const mark = (error: NodeJS.ErrnoException) => {
      // Without TLS there is no handshake to reset: such an error is taken for a cut, which is looked into.
      const isReset = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      if (ready === 'secureConnect' || !isReset) Object.assign(error, { [neverConnected]: true })
    }
    socket.once('error', mark)
    socket.once('close', () => clearTimeout(stop))
    socket.once(ready, () => {
      clearTimeout(stop)
      socket.off('error', mark)
    })
    return socket
  }
  return agent
}

/** Seconds or an HTTP date, as milliseconds from now, at most one hour. */
export function parseRetryAfter(value: unknown, now: number): number | undefined {
  const text = typeof value === 'string' ? value.trim() : ''
  if (text === '') return undefined
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  if (Number.isNaN(wait)) return undefined
  return Math.min(Math.max(wait, 0), longestRetryAfter)
}

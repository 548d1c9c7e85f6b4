import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import net from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createPortal } from '../../adapters/portal/portal.ts'
import { dialects } from '../../config/dialects.ts'

/** A real server on a real socket: what a mocked wire cannot show. */
const servers: net.Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    if (server instanceof http.Server || server instanceof https.Server) server.closeAllConnections()
    server.close()
  }
})

async function listen(server: net.Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

type Way = { readonly scheme?: string; readonly deadline?: number }
const lookUpAt = (port: number, way?: Way) => portalAt(port, way)()

/**
 * Asks one portal, over its own connections, as often as it is called. Where nothing is said about time, the deadline lies beyond
 * what a busy machine needs.
 */
function portalAt(port: number, { scheme = 'http', deadline = 10_000 }: Way = {}) {
  const timeouts = { call: deadline, login: deadline }
  const dialect = { ...dialects.get('gateway-query')!, timeouts, maxAnswerBytes: 1_000 }
  const portal = createPortal({
    baseUrl: `${scheme}://127.0.0.1:${port}`,
    dstcode: '',
    username: '',
    password: '',
    unit: 'H99',
    dialect,
    pace: { take: async () => ({ done: async () => undefined, unused: async () => undefined }) },
    sessions: {
      read: async () => Promise.resolve(null),
      tryLock: async () => Promise.resolve(true),
      write: async () => Promise.resolve(1),
      unlock: async () => Promise.resolve(),
    },
  })
  return () => portal.lookUp('H99.14-250821-0007', { requestIn: new Date(), urgency: 'fresh' as const })
}

it('ends a call whose body only trickles in', async () => {
  const port = await listen(
    http.createServer((_request, response) => {
      response.write('{"error_code"')
      const drip = setInterval(() => response.write(' '), 30)
      response.once('close', () => clearInterval(drip))
    }),
  )
  const start = Date.now()
  expect(await lookUpAt(port, { deadline: 300 })).toMatchObject({ class: 'unknown', failure: 'portal-timeout' })
  expect(Date.now() - start).toBeLessThan(1_500)
})

it('ends a call that is never answered', async () => {
  const port = await listen(http.createServer(() => {}))
  expect(await lookUpAt(port, { deadline: 300 })).toMatchObject({ failure: 'portal-timeout' })
})

it('sees a connection that is cut after the request', async () => {
  const port = await listen(http.createServer((request) => request.socket.destroy()))
  expect(await lookUpAt(port)).toMatchObject({ class: 'unknown', failure: 'portal-cut' })
})

it('sees a body that is cut', async () => {
  const port = await listen(
    http.createServer((request, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{"error_code":0')
      setTimeout(() => request.socket.destroy(), 20)
    }),
  )
  expect(await lookUpAt(port)).toMatchObject({ class: 'unknown', failure: 'portal-cut' })
})

it('does not read more than it may', async () => {
  const port = await listen(http.createServer((_request, response) => response.end('x'.repeat(5_000))))
  expect(await lookUpAt(port)).toMatchObject({ class: 'unknown', failure: 'portal-unreadable' })
})

it('knows that nothing left when nobody listens', async () => {
  const server = net.createServer()
  const port = await listen(server)
  await new Promise<void>((resolve) => server.close(() => resolve()))
  servers.length = 0
  expect(await lookUpAt(port)).toMatchObject({ class: 'busy', failure: 'portal-unreachable' })
})

it.each([
  ['speaks no TLS', (socket: net.Socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ['closes the handshake', (socket: net.Socket) => socket.destroy()],
  ['never ends the handshake', () => {}],
])('knows that nothing left when the peer %s', async (_name, greet) => {
  const sockets: net.Socket[] = []
  const server = net.createServer((socket) => {
    sockets.push(socket.on('error', () => {}))
    greet(socket)
  })
  const answer = await lookUpAt(await listen(server), { scheme: 'https', deadline: 1_000 })
  for (const socket of sockets) socket.destroy()
  expect(answer).toMatchObject({ class: 'busy', failure: 'portal-unreachable' })
})

it('cannot read what is not HTTP', async () => {
  const server = net.createServer((socket) => socket.on('error', () => {}).end('hello\r\n\r\n'))
  expect(await lookUpAt(await listen(server))).toMatchObject({ class: 'unknown', failure: 'portal-unreadable' })
})

it('reads a compressed answer and keeps the connection', async () => {
  const sockets = new Set<net.Socket>()
  const { gzipSync } = await import('node:zlib')
  const port = await listen(
    http.createServer((request, response) => {
      sockets.add(request.socket)
      response.writeHead(200, { 'content-encoding': 'gzip' })
      response.end(gzipSync('{"error_code":0,"result":[{"a":"Thủ tục"}]}'))
    }),
  )
  const answer = await lookUpAt(port)
  expect(answer).toMatchObject({ class: 'ok', record: { fields: { a: 'Thủ tục' } } })
  expect(sockets.size).toBe(1)
})

describe('a call that is given up', () => {
  const tls = (name: string) => readFileSync(new URL(`./tls/${name}.pem`, import.meta.url))
  const trusted = getCACertificates('default')
  beforeAll(() => setDefaultCACertificates([...trusted, tls('cert').toString()]))
  afterAll(() => setDefaultCACertificates([...trusted]))

  /** How each connection ended, as the portal sees it. */
  async function endings(scheme: 'http' | 'https', answer: (request: number, response: http.ServerResponse) => void) {
    const ends: string[] = []
    let requests = 0
    const onRequest: http.RequestListener = (_request, response) => answer((requests += 1), response)
    const server =
      scheme === 'http'
        ? http.createServer(onRequest)
        : https.createServer({ key: tls('key'), cert: tls('cert') }, onRequest)
    server.on(scheme === 'http' ? 'connection' : 'secureConnection', (socket: net.Socket) => {
      socket.once('error', (error: NodeJS.ErrnoException) => ends.push(error.code ?? error.message))
      socket.once('end', () => ends.push('closed in good order'))
    })
    const port = await listen(server)
    return { ends, ask: portalAt(port, { scheme, deadline: 300 }) }
  }

  it.each(['http', 'https'] as const)(
    'is ended by a reset, so that no byte of it arrives later: %s',
    async (scheme) => {
      const { ends, ask } = await endings(scheme, () => undefined)
      expect(await ask()).toMatchObject({ class: 'unknown', failure: 'portal-timeout' })
      await vi.waitFor(() => expect(ends).toEqual(['ECONNRESET']))
    },
  )

  it.each(['http', 'https'] as const)('may be one on a connection that served others: %s', async (scheme) => {
    const { ends, ask } = await endings(scheme, (request, response) => {
      if (request < 3) response.end('{"error_code":0,"result":[]}')
    })
    expect(await ask()).toMatchObject({ class: 'ok' })
    expect(await ask()).toMatchObject({ class: 'ok' })
    expect(await ask()).toMatchObject({ failure: 'portal-timeout' })
    await vi.waitFor(() => expect(ends).toEqual(['ECONNRESET']))
  })

  it.each(['http', 'https'] as const)('ends only its own connection, long after earlier calls: %s', async (scheme) => {
    const { ends, ask } = await endings(scheme, (_request, response) => response.end('{"error_code":0,"result":[]}'))
    expect(await ask()).toMatchObject({ class: 'ok' })
    // Beyond the first call's deadline, on the same connection.
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(await ask()).toMatchObject({ class: 'ok' })
    expect(ends).toEqual([])
  })
})

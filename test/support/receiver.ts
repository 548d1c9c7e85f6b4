import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly path: string
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
  readonly event: { id: string; kind: string; subject: string; occurredAt: string; data: Record<string, unknown> }
}

type Answer = (event: Received, response: http.ServerResponse) => void

/** A system of the province that gets events: on a real socket, and as good or bad as a test needs it. */
export interface Receiver {
  readonly url: string
  /** All that arrived, taken or not, in order. */
  readonly received: Received[]
  /** Answers from now on; a number is a status. */
  answer(how: number | Answer): void
  /** Nobody listens any more, at the same address. */
  down(): Promise<void>
  up(): Promise<void>
  close(): Promise<void>
}

export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = []
  let how: Answer = (_event, response) => response.writeHead(204).end()
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts).toString()
      const event = {
        path: request.url ?? '',
        headers: request.headers,
        body,
        event: JSON.parse(body) as Received['event'],
      }
      received.push(event)
      how(event, response)
    })
  })
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const down = async () => {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  return {
    url: `http://127.0.0.1:${port}/events`,
    received,
    answer: (next) => {
      how = typeof next === 'number' ? (_event, response) => response.writeHead(next).end() : next
    },
    down,
    up: () => listen(port),
    close: down,
  }
}

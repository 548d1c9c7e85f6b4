import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

type Item = Readonly<Record<string, unknown>>

/** One call as it passed on the line between the adapter and the portal. Times in milliseconds of the process clock. */
export interface WireCall {
  readonly service: string
  readonly items: readonly Item[]
  readonly codes: readonly string[]
  readonly from: number
  /** When the answer was through, or the line was cut from either side. */
  until: number
}

export interface Recorder {
  readonly url: string
  readonly calls: WireCall[]
  /** Where the calls go: set once the sandbox is known. */
  lead(target: string): void
  stop(): Promise<void>
}

/** Stands on the line to the portal, passes everything on as it is, and writes down what passed when. */
export async function startRecorder(): Promise<Recorder> {
  const calls: WireCall[] = []
  let target = ''
  const server = createServer((incoming, reply) => void passOn(target, calls, incoming, reply))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    lead: (url) => (target = url),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function passOn(
  target: string,
  calls: WireCall[],
  incoming: IncomingMessage,
  reply: ServerResponse,
): Promise<void> {
  const from = performance.now()
  const body = Buffer.concat(await incoming.toArray().catch(() => []))
  const call = { ...read(incoming, body), from, until: Number.POSITIVE_INFINITY }
  calls.push(call)
  const { host: _host, ...headers } = incoming.headers
  const onward = request(`${target}${incoming.url ?? ''}`, { method: incoming.method ?? 'POST', headers }, (answer) => {
    reply.writeHead(answer.statusCode ?? 500, answer.headers)
    answer.pipe(reply)
    answer.once('close', () => answer.complete || reply.destroy())
    answer.once('error', () => reply.destroy())
  })
  onward.once('error', () => reply.destroy())
  reply.once('finish', () => (call.until = performance.now()))
  reply.once('close', () => {
    call.until = Math.min(call.until, performance.now())
    onward.destroy()
  })
  onward.end(body)
}

function read(incoming: IncomingMessage, body: Buffer): Pick<WireCall, 'service' | 'items' | 'codes'> {
  const fields = JSON.parse(body.toString() || '{}') as Record<string, unknown>
  const items = (Array.isArray(fields['data']) ? fields['data'] : []) as Item[]
  const isLogin = incoming.url?.includes('login') ?? false
  const code = fields['mahoso']
  const codes = typeof code === 'string' ? [code] : items.map((item) => String(item['MaHoSo']))
  return { service: isLogin ? 'login' : String(fields['service']), items, codes: [...new Set(codes)] }
}

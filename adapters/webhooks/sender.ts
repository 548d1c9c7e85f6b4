import http from 'node:http'
import https from 'node:https'
import type { LookupFunction } from 'node:net'
import type { Readable } from 'node:stream'
import { create } from 'axios'
import type { AllowedNetwork } from '../../config/events.ts'
import type { SendAnswer, Trouble } from '../../src/events/model.ts'
import type { Sender, SendOrder } from '../../src/events/sender.ts'
import { parseRetryAfter } from '../portal/http.ts'
import { createGuard, type Address, type Guard } from './guard.ts'

/** Read of an answer and thrown away, so that a receiver is not cut off in mid-sentence. */
const mostRead = 4096
const longestRead = 1_000

const client = create({
  adapter: 'http',
  // The address was judged; a proxy or a redirect would lead somewhere else.
  proxy: false,
  maxRedirects: 0,
  decompress: false,
  responseType: 'stream',
  transformRequest: [(data: unknown) => data],
  validateStatus: () => true,
})

/** Sends events over HTTP, each on a connection of its own to the very address that the guard has judged. */
export function createSender(allowed: readonly AllowedNetwork[], guard: Guard = createGuard(allowed)): Sender {
  return {
    async check(url) {
      const verdict = await guard.judge(url)
      return verdict.ok ? null : verdict.problem
    },
    async send(order) {
      const from = performance.now()
      const answer = await exchange(guard, order)
      return { ...answer, ms: Math.round(performance.now() - from) }
    },
  }
}

type Answer = Omit<SendAnswer, 'ms'>
const failed = (trouble: Trouble): Answer => ({ httpStatus: null, trouble, retryAfter: null })

async function exchange(guard: Guard, { url, headers, body, deadline }: SendOrder): Promise<Answer> {
  const signal = AbortSignal.timeout(deadline)
  const late = new Promise<null>((resolve) => signal.addEventListener('abort', () => resolve(null), { once: true }))
  const verdict = await Promise.race([guard.judge(url), late])
  if (!verdict) return failed('timeout')
  if (!verdict.ok) return failed(verdict.why === 'forbidden' ? 'forbidden' : 'unreachable')
  const agent = agentFor(verdict.url, verdict.addresses)
  try {
    const response = await client.request<Readable>({
      method: 'POST',
      url: verdict.url.href,
      headers: { 'content-type': 'application/json', 'user-agent': 'dvcqg-adapter', ...headers },
      data: body,
      signal,
      httpAgent: agent,
      httpsAgent: agent,
    })
    await readLittle(response.data)
    const retryAfter = parseRetryAfter(response.headers['retry-after'] as unknown, Date.now()) ?? null
    return { httpStatus: response.status, trouble: null, retryAfter }
  } catch (error) {
    return failed(signal.aborted ? 'timeout' : troubleOf(error))
  } finally {
    agent.destroy()
  }
}

/** Host header and server name stay those of the address; only where the bytes go is settled beforehand. */
function agentFor(url: URL, addresses: readonly Address[]): http.Agent {
  const lookup: LookupFunction = (_host, options, callback) => {
    if (options.all) callback(null, [...addresses])
    else callback(null, addresses[0]!.address, addresses[0]!.family)
  }
  const options = { keepAlive: false, lookup }
  return url.protocol === 'https:' ? new https.Agent(options) : new http.Agent(options)
}

/** The status has come and stands: whatever happens to the rest of the answer changes nothing. */
async function readLittle(stream: Readable): Promise<void> {
  const stop = setTimeout(() => stream.destroy(), longestRead)
  let read = 0
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      read += chunk.length
      if (read > mostRead) break
    }
  } catch {
    // Cut off or out of time.
  } finally {
    clearTimeout(stop)
    stream.destroy()
  }
}

const certificateTrouble = /^(?:CERT_|ERR_TLS_CERT|ERR_SSL|EPROTO|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/

function troubleOf(error: unknown): Trouble {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1)
    if (certificateTrouble.test((at as NodeJS.ErrnoException).code ?? '')) return 'certificate'
  return 'unreachable'
}

import { Agent, request } from 'node:http'
import { clock } from './clock.ts'
import { dossier } from './dossiers.ts'
import { inTurns, most, quantile, rowOf, type Row, type Stage } from './harness.ts'

const connections = 50

/**
 * The slowest in a hundred of single `PUT`s, 50 connections each sending its next dossier as soon as the last is answered; against
 * a bare Fastify route in a process of its own that does one insert and commit for the same body. Both sides have ten
 * database connections and the same client.
 */
export async function intakeSingle(stage: Stage): Promise<Row[]> {
  const ledger = await stage.ledger()
  const api = await stage.roles(ledger, null, { ROLES: 'api' })
  const bare = await stage.bareApi(ledger)
  const count = stage.size(10_000, 1_000)
  const rates = { ours: [] as number[], limit: [] as number[] }
  let next = 1
  const round = async (url: string, seen: number[]) => {
    const { times, perSecond } = await putAll(url, ledger.key, next, count)
    next += count
    seen.push(perSecond)
    return quantile(times, 0.99)
  }
  const turns = await inTurns(
    stage,
    () => round(bare.url, rates.limit),
    () => round(api.url, rates.ours),
  )
  const perSecond = (seen: number[]) => Math.round(quantile(seen.slice(1), 0.5))
  return [
    rowOf('intake-single', 'ms', most(1.5), turns, [
      `p99 of ${count} dossiers per round at ${connections} connections`,
      `requests/s: ours ${perSecond(rates.ours)}, limit ${perSecond(rates.limit)}`,
    ]),
  ]
}

async function putAll(url: string, key: string, from: number, count: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const calls = Array.from({ length: count }, (_, index) => {
    const { code, ...body } = dossier(from + index, { steps: 0 })
    return { code, body: JSON.stringify(body) }
  })
  const times: number[] = []
  const begun = clock()
  const hand = async () => {
    for (let call = calls.pop(); call; call = calls.pop()) {
      const asked = clock()
      await put(agent, `${url}/v1/dossiers/${call.code}`, key, call.body)
      times.push(clock() - asked)
    }
  }
  await Promise.all(Array.from({ length: connections }, hand))
  const perSecond = count / ((clock() - begun) / 1000)
  agent.destroy()
  return { times, perSecond }
}

function put(agent: Agent, url: string, key: string, body: string): Promise<void> {
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  }
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, method: 'PUT', headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('error', reject)
      response.on('end', () => {
        if (text.includes('"result":"stored"')) resolve()
        else reject(new Error(`A dossier was not stored: ${response.statusCode} ${text}`))
      })
    })
    call.on('error', reject)
    call.end(body)
  })
}

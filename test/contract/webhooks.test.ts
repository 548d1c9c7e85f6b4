import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import net from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGuard } from '../../adapters/webhooks/guard.ts'
import { createSender } from '../../adapters/webhooks/sender.ts'
import { readAllowed } from '../../config/events.ts'
import { startReceiver, type Receiver } from '../support/receiver.ts'

const allowed = [readAllowed('127.0.0.0/8')!]
const sender = createSender(allowed)
const headers = { 'webhook-id': 'evt_1', 'webhook-timestamp': '1', 'webhook-signature': 'v1,x' }
const order = (url: string, deadline = 5_000) => ({ url, headers, body: '{"id":"evt_1"}', deadline })

let receiver: Receiver
const others: net.Server[] = []
beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(async () => {
  await receiver.close()
  for (const server of others.splice(0)) {
    if (server instanceof http.Server) server.closeAllConnections()
    server.close()
  }
})

async function listen(server: net.Server): Promise<string> {
  others.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

it('posts the very bytes with the headers of the signature', async () => {
  expect(await sender.send(order(receiver.url))).toMatchObject({ httpStatus: 204, trouble: null, retryAfter: null })
  expect(receiver.received).toHaveLength(1)
  expect(receiver.received[0]).toMatchObject({
    path: '/events',
    body: '{"id":"evt_1"}',
    headers: { ...headers, 'content-type': 'application/json', host: new URL(receiver.url).host },
  })
})

it('says the status and the wait that is asked for, and nothing of the body', async () => {
  receiver.answer((_event, response) => response.writeHead(503, { 'retry-after': '7' }).end('the inner page'))
  const answer = await sender.send(order(receiver.url))
  expect(answer).toEqual({ httpStatus: 503, trouble: null, retryAfter: 7_000, ms: answer.ms })
})

it('follows no redirect', async () => {
  receiver.answer((_event, response) => response.writeHead(307, { location: `${receiver.url}/elsewhere` }).end())
  expect(await sender.send(order(receiver.url))).toMatchObject({ httpStatus: 307 })
  expect(receiver.received).toHaveLength(1)
})

it('reads a little of an endless answer and stops', async () => {
  let closed: Promise<unknown> = Promise.resolve()
  receiver.answer((_event, response) => {
    closed = once(response, 'close')
    response.writeHead(200)
    const flood = () => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384)));
    }
    response.on('drain', flood)
    flood()
  })
  expect(await sender.send(order(receiver.url))).toMatchObject({ httpStatus: 200 })
  await closed
})

it('does not wait for an answer whose body trickles in', async () => {
  receiver.answer((_event, response) => void response.writeHead(200).write('a'))
  const answer = await sender.send(order(receiver.url, 8_000))
  expect(answer).toMatchObject({ httpStatus: 200 })
  expect(answer.ms).toBeLessThan(6_000)
})

it('ends an exchange that takes longer than its deadline', async () => {
  receiver.answer(() => undefined)
  expect(await sender.send(order(receiver.url, 300))).toMatchObject({ httpStatus: null, trouble: 'timeout' })
})

it('ends the look-up of a name that takes longer', async () => {
  const slow = createSender(
    [],
    createGuard([], () => new Promise(() => undefined)),
  )
  expect(await slow.send(order('https://events.example.vn/', 200))).toMatchObject({ trouble: 'timeout' })
})

it('says that nobody listens, or that the line was cut', async () => {
  await receiver.down()
  expect(await sender.send(order(receiver.url))).toMatchObject({ httpStatus: null, trouble: 'unreachable' })
  const cutting = await listen(http.createServer((request) => request.socket.destroy()))
  expect(await sender.send(order(cutting))).toMatchObject({ httpStatus: null, trouble: 'unreachable' })
})

it('says that the other side does not speak TLS', async () => {
  const plain = await listen(http.createServer((_request, response) => response.end()))
  expect(await sender.send(order(plain.replace('http:', 'https:')))).toMatchObject({ trouble: 'certificate' })
})

describe('an address that is not allowed', () => {
  it('is not knocked at', async () => {
    const strict = createSender([])
    expect(await strict.send(order(receiver.url))).toMatchObject({ httpStatus: null, trouble: 'forbidden' })
    expect(receiver.received).toEqual([])
    expect(await strict.check(receiver.url)).toContain('loopback')
    expect(await sender.check(receiver.url)).toBeNull()
  })

  it('is not knocked at when its name led somewhere else before', async () => {
    const { port } = new URL(receiver.url)
    const answers = [['203.162.0.10'], ['127.0.0.1']]
    const rebinding = createGuard([readAllowed('events.example.vn')!], async () =>
      answers.shift()!.map((address) => ({ address, family: 4 as const })),
    )
    const rebound = createSender([], rebinding)
    const url = `http://events.example.vn:${port}/events`
    expect(await rebound.check(url)).toBeNull()
    expect(await rebound.send(order(url))).toMatchObject({ trouble: 'forbidden' })
    expect(receiver.received).toEqual([])
  })
})

it('goes to the address that was judged, under the name it was given', async () => {
  const guard = createGuard([...allowed, readAllowed('events.example.vn')!], async () => [
    { address: '127.0.0.1', family: 4 },
  ])
  const { port } = new URL(receiver.url)
  // The system's own resolver knows no such name: only the judged address can have been used.
  const answer = await createSender([], guard).send(order(`http://events.example.vn:${port}/events`))
  expect(answer).toMatchObject({ httpStatus: 204 })
  expect(receiver.received[0]?.headers.host).toBe(`events.example.vn:${port}`)
})

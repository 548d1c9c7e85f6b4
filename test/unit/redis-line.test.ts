import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { Redis } from '../../src/platform/redis-line.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** Counts the connections it was given, answers each command with OK, and the first GET with one answer too many. */
async function startServer(extra: string) {
  const sockets: Socket[] = []
  let isSaid = false
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('data', (data) => {
      for (const command of data.toString().split(/(?=\*\d+\r\n)/)) {
        const isTooMany = !isSaid && /\r\nget\r\n/i.test(command)
        isSaid ||= isTooMany
        socket.write(isTooMany ? `+OK\r\n${extra}` : '+OK\r\n')
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const redis = new Redis((server.address() as AddressInfo).port, '127.0.0.1')
  const errors: string[] = []
  redis.on('error', ({ message }: Error) => errors.push(message))
  closing.push(
    () => redis.disconnect(),
    () => sockets.forEach((socket) => socket.destroy()),
    () => server.close(),
  )
  await once(redis, 'ready')
  return { redis, sockets, errors }
}

describe('an answer from Redis that nobody asked for', () => {
  it.each([
    ['nothing', '_\r\n'],
    ['nothing, in the old protocol', '$-1\r\n'],
    ['a word', '+OK\r\n'],
    ['an error', '-ERR no\r\n'],
    ['much at once', '_\r\n_\r\n:1\r\n_\r\n'],
  ])('ends its connection and not the process, be it %s; a new one is opened', async (_what, extra) => {
    const { redis, sockets, errors } = await startServer(extra)
    const again = new Promise((resolve) => redis.once('ready', resolve))
    expect(await redis.get('first')).toBe('OK')
    await again
    expect(await redis.get('second')).toBe('OK')
    expect(sockets).toHaveLength(2)
    expect(errors).toEqual(['Redis answered what nobody asked'])
  })
})

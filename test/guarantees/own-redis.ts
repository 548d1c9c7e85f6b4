import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { startEmbedded } from '../../src/platform/embedded/embedded.ts'

export interface OwnRedis {
  readonly url: string
  /** Removes everything: on a shared server everything in the database that only these tests use. */
  flush(): Promise<void>
  /** Cuts all connections and refuses new ones. */
  away(): Promise<void>
  back(): Promise<void>
  /** The connections that are open now swallow every byte from now on, without closing; new ones work. */
  mute(): void
  /** Holds all bytes back, of new connections too, as a Redis does that is stopped or busy; later they all arrive. */
  hold(): void
  release(): void
  /** kill -9 of the embedded server, which is then started again by its supervisor; null on a shared server. */
  readonly kill: (() => void) | null
  stop(): Promise<void>
}

/** Databases are numbered from 0 to 15 on a Redis as it comes. The first is everybody's, the last is that of the chaos runs. */
const databases = Array.from({ length: 14 }, (_, index) => String(14 - index))
/** Nobody holds a database longer; whoever was killed has not given his back. */
const longestHold = 15 * 60_000

/**
 * A Redis behind a line that can be cut. It takes the place of REDIS_URL for this test file, so that all processes of the
 * test stand behind that line.
 */
export async function takeRedis(): Promise<OwnRedis> {
  const shared = process.env['REDIS_URL']
  const embedded = shared ? null : await startOwn()
  const real = new URL(shared ?? embedded!.url)
  const taken = shared ? await takeDatabase(shared) : null
  if (taken) real.pathname = `/${taken.database}`
  const line = await openLine(real)
  const url = new URL(real)
  url.hostname = '127.0.0.1'
  url.port = String(line.port)
  process.env['REDIS_URL'] = url.href
  return {
    url: url.href,
    flush: () => flush(real.href, shared !== undefined),
    away: line.cut,
    back: line.mend,
    mute: line.mute,
    hold: line.hold,
    release: line.release,
    kill: embedded ? killRedisChild : null,
    async stop() {
      if (shared) process.env['REDIS_URL'] = shared
      else delete process.env['REDIS_URL']
      await line.cut()
      await taken?.giveBack()
      await embedded?.stop()
    },
  }
}

async function startOwn(): Promise<{ url: string; stop(): Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'dvcqg-redis-'))
  const embedded = await startEmbedded({ dataDir, database: false, redis: true })
  return {
    url: embedded.redisUrl!,
    async stop() {
      await embedded.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** A database of a shared server for this file alone: others that run at the same time take another. */
async function takeDatabase(shared: string): Promise<{ database: string; giveBack(): Promise<void> }> {
  const mark = (database: string) => `dvcqg-test-database:${database}`
  for (const database of databases) {
    const isFree = (await onServer(shared, (redis) => redis.set(mark(database), '1', 'PX', longestHold, 'NX'))) === 'OK'
    if (!isFree) continue
    const giveBack = async () => void (await onServer(shared, (redis) => redis.del(mark(database))))
    const own = new URL(shared)
    own.pathname = `/${database}`
    await flush(own.href, true)
    return { database, giveBack }
  }
  throw new Error('All databases of the shared Redis are taken by other tests')
}

async function flush(url: string, shared: boolean): Promise<void> {
  await onServer(url, (redis) => (shared ? redis.flushdb() : redis.flushall()))
}

async function onServer<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url)
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

async function openLine(real: URL) {
  const sockets = new Map<Socket, Socket>()
  const muted = new WeakSet<Socket>()
  let isHeld = false
  const join = (one: Socket, other: Socket) => {
    sockets.set(one, other)
    // Whoever connects to a Redis that stands still is let in and hears nothing. Joined now and once more at the release,
    // it would get every byte twice.
    if (!isHeld) one.pipe(other)
    one.on('error', () => other.destroy())
    one.on('close', () => {
      sockets.delete(one)
      other.destroy()
    })
  }
  let server = await listen(0, real, join)
  const { port } = server.address() as AddressInfo
  return {
    port,
    mute: () => {
      for (const [one, other] of sockets) {
        muted.add(one)
        one.unpipe(other)
        one.resume()
      }
    },
    hold: () => {
      isHeld = true
      for (const [one, other] of sockets) one.unpipe(other)
    },
    release: () => {
      isHeld = false
      for (const [one, other] of sockets) if (!muted.has(one)) one.pipe(other)
    },
    cut: async () => {
      const closed = server.listening ? once(server, 'close') : Promise.resolve()
      server.close()
      for (const socket of sockets.keys()) socket.destroy()
      await closed
    },
    mend: async () => {
      server = await listen(port, real, join)
    },
  }
}

async function listen(port: number, real: URL, join: (one: Socket, other: Socket) => void): Promise<Server> {
  const server = createServer((near) => {
    const far = connect(Number(real.port || 6379), real.hostname)
    join(near, far)
    join(far, near)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** The embedded server is a child of this process. */
function killRedisChild(): void {
  const [pid] = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => isOurRedis(name))
  if (pid === undefined) throw new Error('The embedded queue server was not found')
  process.kill(Number(pid), 'SIGKILL')
}

function isOurRedis(pid: string): boolean {
  try {
    const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('redis-process.ts')
  } catch {
    return false
  }
}

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { startEmbedded } from '../../src/platform/embedded/embedded.ts'
import { startServers } from '../support/house.ts'
import type { Hosts } from './hosts.ts'
import { openLine, type Line } from './line.ts'
import { programPath, startOwnPostgres } from './own-postgres.ts'
import { startOwnRedis } from './own-redis.ts'
import { childrenRunning, limitFiles, makeSmallDisk } from './small-disk.ts'

export const serverKinds = ['embedded', 'own', 'url'] as const
export type ServerKind = (typeof serverKinds)[number]

export const serverStrikes = [
  'redis-flush',
  'redis-restart',
  'redis-kill',
  'redis-replace',
  'redis-pause',
  'database-restart',
  'database-crash',
  'disk-full',
] as const
export type ServerStrike = (typeof serverStrikes)[number]

/** Milliseconds a server stays away, where a strike leaves that open. */
type Blow = (away: number) => Promise<unknown>

/** The database and the Redis of a run, and what may be done to them. */
export interface Servers {
  readonly kind: ServerKind
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly queuePrefix: string
  /** What this kind of server can suffer; a text says why not. */
  readonly blows: Readonly<Record<ServerStrike, Blow | string>>
  /** Files that hold everything Redis was ever told, where it keeps them. */
  redisFiles(): string[]
  /** Set when a server can no longer be kept alive. */
  failure(): string | null
  stop(): Promise<void>
}

/** Servers of its own where the programs are there, else the embedded ones. */
export function bestKind(): ServerKind {
  return ['initdb', 'postgres', 'redis-server'].every((name) => programPath(name) !== null) ? 'own' : 'embedded'
}

export interface KindOptions {
  readonly folder: string
  /** Of the small disk. */
  readonly megabytes: number
  readonly hosts: Hosts | null
}

export function startKind(kind: ServerKind, { folder, megabytes, hosts }: KindOptions): Promise<Servers> {
  if (kind === 'own') return own(folder, hosts)
  return kind === 'embedded' ? embedded(folder, megabytes) : named()
}

async function flush(url: string): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 3 })
  redis.on('error', () => undefined)
  try {
    await redis.flushall()
  } finally {
    redis.disconnect()
  }
}

const onlyEmbedded = 'for the embedded database only'

async function own(folder: string, hosts: Hosts | null): Promise<Servers> {
  const postgres = await startOwnPostgres(join(folder, 'postgres'), hosts)
  const redis = await startOwnRedis(join(folder, 'redis'), hosts?.address)
  return {
    kind: 'own',
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    queuePrefix: 'dvcqg-chaos',
    blows: {
      'redis-flush': () => flush(redis.url),
      'redis-restart': (away) => redis.restart('orderly', away),
      'redis-kill': (away) => redis.restart('kill', away),
      'redis-replace': (away) => redis.restart('replace', away),
      'redis-pause': (away) => redis.pause(away),
      'database-restart': (away) => postgres.restart('fast', away),
      'database-crash': (away) => postgres.restart('crash', away),
      'disk-full': onlyEmbedded,
    },
    redisFiles: () => redis.files(),
    failure: () => null,
    async stop() {
      await Promise.all([postgres.stop(), redis.stop()])
    },
  }
}

const noMore = 'the embedded one is one process: see redis-kill and database-crash'

async function embedded(folder: string, megabytes: number): Promise<Servers> {
  const dataDir = join(folder, 'data')
  const disk = makeSmallDisk(dataDir, megabytes)
  const servers = await startEmbedded({ dataDir, database: true, redis: true })
  let failure: string | null = null
  servers.onFailure((what) => (failure = what))
  const kill = async (script: string, away: number) => {
    for (const pid of childrenRunning(script)) process.kill(pid, 'SIGKILL')
    await sleep(away)
  }
  const fillDisk = async (away: number) => {
    if (disk) disk.fill()
    else if (!limitFiles(childrenRunning('postgres-process.ts'), 4096)) throw new Error('neither mount nor prlimit')
    await sleep(away)
    if (disk) disk.free()
    else limitFiles(childrenRunning('postgres-process.ts'), 'unlimited')
  }
  return {
    kind: 'embedded',
    databaseUrl: servers.databaseUrl!,
    redisUrl: servers.redisUrl!,
    queuePrefix: 'dvcqg-chaos',
    blows: {
      'redis-flush': () => flush(servers.redisUrl!),
      'redis-restart': noMore,
      'redis-kill': (away) => kill('redis-process.ts', away),
      'redis-replace': noMore,
      'redis-pause': async (away) => {
        const pids = childrenRunning('redis-process.ts')
        for (const pid of pids) process.kill(pid, 'SIGSTOP')
        await sleep(away)
        for (const pid of pids) process.kill(pid, 'SIGCONT')
      },
      'database-restart': noMore,
      'database-crash': (away) => kill('postgres-process.ts', away),
      'disk-full': disk || limitFiles([process.pid], 'unlimited') ? fillDisk : 'neither mount nor prlimit is permitted',
    },
    redisFiles: () => [],
    failure: () => failure,
    async stop() {
      await servers.stop()
      disk?.remove()
    },
  }
}

/** Databases are numbered from 0 to 15 on a Redis as it comes; nobody else takes the last. */
const ownDatabase = '15'

/** Servers that others use too: nothing may be restarted, but the lines to them may be cut and stalled. */
async function named(): Promise<Servers> {
  const house = await startServers()
  const shared = process.env['REDIS_URL'] !== undefined
  const [database, redis] = [new URL(house.databaseUrl), new URL(house.redisUrl)]
  if (shared) redis.pathname = `/${ownDatabase}`
  const lines = await Promise.all([lineTo(database, 5432), lineTo(redis, 6379)])
  const [databaseLine, redisLine] = lines
  const away = (line: Line, mode: 'cut' | 'stall') => async (milliseconds: number) => {
    await line.set(mode)
    await sleep(milliseconds)
    await line.set('open')
  }
  const emptied = async () => {
    const client = new Redis(redis.href)
    await (shared ? client.flushdb() : client.flushall()).finally(() => client.disconnect())
  }
  const notOurs = "these servers are not the run's own"
  return {
    kind: 'url',
    databaseUrl: through(database, databaseLine.port),
    redisUrl: through(redis, redisLine.port),
    queuePrefix: 'dvcqg-chaos',
    blows: {
      'redis-flush': emptied,
      'redis-restart': away(redisLine, 'cut'),
      'redis-kill': notOurs,
      'redis-replace': async (milliseconds) => {
        await redisLine.set('cut')
        await emptied()
        await sleep(milliseconds)
        await redisLine.set('open')
      },
      'redis-pause': away(redisLine, 'stall'),
      'database-restart': away(databaseLine, 'cut'),
      'database-crash': notOurs,
      'disk-full': onlyEmbedded,
    },
    redisFiles: () => [],
    failure: () => null,
    async stop() {
      await emptied().catch(() => undefined)
      await Promise.all(lines.map((line) => line.stop()))
      await house.stop()
    },
  }
}

const lineTo = (url: URL, usual: number) => openLine(url.hostname, Number(url.port || usual))

function through(url: URL, port: number): string {
  const other = new URL(url)
  other.hostname = '127.0.0.1'
  other.port = String(port)
  return other.href
}

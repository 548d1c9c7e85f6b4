import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import postgres from 'postgres'
import { openDatabase } from '../../src/platform/database.ts'
import { startEmbedded } from '../../src/platform/embedded/embedded.ts'
import { migrate } from '../../src/platform/migrate.ts'

/** The servers an integration test talks to: empty, its own, gone after stop(). */
export interface House {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly queuePrefix: string
  stop(): Promise<void>
}

export interface HouseOptions {
  /** Whoever makes the ledger's tables at once anyway may find them there. */
  readonly tables?: 'none' | 'perhaps'
}

/** On the servers named by DATABASE_URL and REDIS_URL; where one is not set, on the embedded one. */
export async function startServers({ tables = 'none' }: HouseOptions = {}): Promise<House> {
  const { DATABASE_URL: database, REDIS_URL: redis } = process.env
  const name = randomBytes(6).toString('hex')
  const queuePrefix = `dvcqg-test-${name}`
  const embedded = await startOwn({ database: !database, redis: !redis }, tables)
  const databaseUrl = database ? await createDatabase(database, `dvcqg_test_${name}`) : (embedded.databaseUrl ?? '')
  const redisUrl = redis || (embedded.redisUrl ?? '')
  const stop = async () => {
    if (database) await dropDatabase(database, `dvcqg_test_${name}`)
    if (redis) await deleteKeys(redis, queuePrefix)
    await embedded.stop()
  }
  return { databaseUrl, redisUrl, queuePrefix, stop }
}

async function startOwn(wanted: { database: boolean; redis: boolean }, tables: HouseOptions['tables']) {
  if (!wanted.database && !wanted.redis)
    return { databaseUrl: undefined, redisUrl: undefined, stop: async () => undefined }
  const dataDir = await freshDataDir()
  if (wanted.database) await cp(await templateWith(tables), join(dataDir, 'postgres'), { recursive: true })
  const embedded = await startEmbedded({ dataDir, ...wanted })
  return {
    databaseUrl: embedded.databaseUrl,
    redisUrl: embedded.redisUrl,
    stop: async () => {
      await embedded.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

const freshDataDir = () => mkdtemp(join(tmpdir(), 'dvcqg-house-'))

/**
 * Initialising an embedded database takes seconds and making its tables as long again, copying its folder a fraction of
 * one: each is made once for a version of PGlite and of the tables.
 */
export async function templateWith(tables: HouseOptions['tables']): Promise<string> {
  const manifest = new URL('../../node_modules/@electric-sql/pglite/package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  const withTables = tables === 'perhaps'
  const template = join(tmpdir(), `dvcqg-postgres-${version}${withTables ? `-${versionOfTables()}` : ''}`)
  if (existsSync(template)) return template
  const dataDir = await freshDataDir()
  if (withTables) await cp(await templateWith('none'), join(dataDir, 'postgres'), { recursive: true })
  const embedded = await startEmbedded({ dataDir, database: true, redis: false })
  if (withTables) {
    const sql = openDatabase({ url: embedded.databaseUrl!, pool: 1 })
    await migrate(sql)
    await sql.end()
  }
  await embedded.stop()
  // Another test run may have been first.
  await rename(join(dataDir, 'postgres'), template).catch(() => undefined)
  await rm(dataDir, { recursive: true, force: true })
  return template
}

function versionOfTables(): string {
  const folder = new URL('../../src/platform/migrations/', import.meta.url)
  const hash = createHash('sha256')
  for (const name of readdirSync(folder).sort()) hash.update(name).update(readFileSync(new URL(name, folder)))
  return hash.digest('hex').slice(0, 12)
}

async function createDatabase(server: string, name: string): Promise<string> {
  await onServer(server, (sql) => sql`create database ${sql(name)}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

const dropDatabase = (server: string, name: string) =>
  onServer(server, (sql) => sql`drop database if exists ${sql(name)} with (force)`)

async function onServer(url: string, work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined })
  try {
    await work(sql)
  } finally {
    await sql.end()
  }
}

async function deleteKeys(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url)
  try {
    for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1000 }) as AsyncIterable<string[]>)
      if (keys.length > 0) await redis.unlink(...keys)
  } finally {
    redis.disconnect()
  }
}

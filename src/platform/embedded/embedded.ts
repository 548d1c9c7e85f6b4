import { join, resolve } from 'node:path'
import { claimDataDir, DataDirTaken, urlsOfOwner, type EmbeddedUrls, type HeldLock } from './data-dir.ts'
import { supervise, type Supervised } from './supervisor.ts'

export { DataDirTaken, DataDirUnusable } from './data-dir.ts'
export { embeddedEncryptionKey } from './encryption-key.ts'

export interface EmbeddedOptions {
  readonly dataDir: string
  readonly database: boolean
  readonly redis: boolean
  /** Use the servers of the process that already has the folder, instead of failing with DataDirTaken. */
  readonly attach?: boolean
  readonly log?: (message: string) => void
}
export interface Embedded extends EmbeddedUrls {
  /** The servers belong to another process; stop() leaves them alone. */
  readonly attached: boolean
  stop(): Promise<void>
  /** Called when a server died so often that it is not started again. */
  onFailure(callback: (what: string) => void): void
}

/** The servers that stand in when DATABASE_URL or REDIS_URL is not set: PGlite with its data under `dataDir`, Valkey in memory. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const dataDir = resolve(options.dataDir)
  for (;;) {
    const claim = await claimDataDir(dataDir)
    if ('held' in claim) return start({ ...options, dataDir }, claim.held)
    if (options.attach !== true) throw new DataDirTaken(dataDir, claim.owner.pid)
    const urls = await urlsOfOwner(dataDir, claim.owner)
    if (urls) return attachTo({ ...options, dataDir }, claim.owner.pid, urls)
  }
}

function attachTo(options: EmbeddedOptions, pid: number, urls: EmbeddedUrls): Embedded {
  const missing = (options.database && !urls.databaseUrl) || (options.redis && !urls.redisUrl)
  if (missing) throw new DataDirTaken(options.dataDir, pid, 'is in use, with other settings, by')
  return { ...pick(options, urls), attached: true, stop: async () => undefined, onFailure: () => undefined }
}

const pick = (wanted: { database: boolean; redis: boolean }, urls: EmbeddedUrls): EmbeddedUrls => ({
  ...(wanted.database && { databaseUrl: urls.databaseUrl }),
  ...(wanted.redis && { redisUrl: urls.redisUrl }),
})

async function start(options: EmbeddedOptions, lock: HeldLock): Promise<Embedded> {
  const { dataDir, database, redis } = options
  const failures = tellOnce()
  const common = { folder: join(dataDir, 'postgres'), log: options.log ?? (() => undefined), failed: failures.tell }
  const running: Supervised[] = []
  const stop = async () => {
    await Promise.all(running.map((server) => server.stop()))
    await lock.release()
  }
  const launch = async (what: string, script: URL) => {
    const server = await supervise({ ...common, what, script })
    running.push(server)
    return server
  }
  const [postgres, valkey] = await Promise.allSettled([
    database ? launch('database', new URL('./postgres-process.ts', import.meta.url)) : undefined,
    redis ? launch('queue server', new URL('./redis-process.ts', import.meta.url)) : undefined,
  ])
  if (postgres.status === 'rejected' || valkey.status === 'rejected') {
    await stop()
    throw postgres.status === 'rejected' ? postgres.reason : (valkey as PromiseRejectedResult).reason
  }
  const urls = {
    ...(postgres.value && { databaseUrl: `postgres://postgres@127.0.0.1:${postgres.value.port}/postgres` }),
    ...(valkey.value && { redisUrl: `redis://127.0.0.1:${valkey.value.port}` }),
  }
  await lock.publish(urls)
  return { ...urls, attached: false, stop, onFailure: failures.listen }
}

/** A failure before anybody listens is not lost. */
function tellOnce() {
  const told: string[] = []
  const listeners: ((what: string) => void)[] = []
  return {
    tell: (what: string) => {
      told.push(what)
      for (const listener of listeners) listener(what)
    },
    listen: (listener: (what: string) => void) => {
      listeners.push(listener)
      for (const what of told) listener(what)
    },
  }
}

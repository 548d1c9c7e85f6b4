import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { isOnThisMachine, isStillRunning, ownIdentity } from './process-identity.ts'

/** The data folder belongs to a running process. */
export class DataDirTaken extends Error {
  constructor(folder: string, pid: number, why = 'is in use by') {
    super(
      `The data folder ${folder} ${why} process ${pid}. Stop that process, or set DATA_DIR to another folder; ` +
        `two processes on one embedded database would destroy it.`,
    )
    this.name = 'DataDirTaken'
  }
}

/** The data folder cannot be used; says which and why. */
export class DataDirUnusable extends Error {
  constructor(folder: string, why: string) {
    super(`The data folder ${folder} cannot be used: ${why}. Set DATA_DIR to a folder this account may write to.`)
    this.name = 'DataDirUnusable'
  }
}

export interface EmbeddedUrls {
  readonly databaseUrl?: string | undefined
  readonly redisUrl?: string | undefined
}

const LockContent = z.object({
  pid: z.number().int(),
  startedAt: z.string(),
  machine: z.string(),
  ready: z.boolean(),
  databaseUrl: z.string().optional(),
  redisUrl: z.string().optional(),
})
type LockContent = z.infer<typeof LockContent>

export interface HeldLock {
  /** Tells processes that want to attach where the servers are. */
  publish(urls: EmbeddedUrls): Promise<void>
  release(): Promise<void>
}
type Claim = { readonly held: HeldLock } | { readonly owner: LockContent }

const heartbeat = 5_000
const lockPath = (dataDir: string) => join(dataDir, 'lock.json')

/** Takes the folder, or says whose it is. The lock of a process that ended without releasing it is taken over. */
export async function claimDataDir(dataDir: string): Promise<Claim> {
  await makeDataDir(dataDir)
  for (;;) {
    const content: LockContent = { ...ownIdentity(), ready: false }
    if (await createOnly(dataDir, lockPath(dataDir), content)) return { held: hold(dataDir, content) }
    const owner = await readLock(dataDir)
    if (owner !== undefined && (await isAlive(dataDir, owner))) return { owner }
    await removeStale(dataDir, owner)
  }
}

/** The owner's addresses, as soon as its servers have started; undefined when it ended before that. */
export async function urlsOfOwner(
  dataDir: string,
  owner: LockContent,
  patience = 60_000,
): Promise<EmbeddedUrls | undefined> {
  const deadline = performance.now() + patience
  for (let now = owner; performance.now() < deadline; await sleep(100)) {
    if (now.ready) return now
    const next = await readLock(dataDir)
    if (next?.pid !== owner.pid || !(await isAlive(dataDir, next))) return undefined
    now = next
  }
  throw new DataDirTaken(resolve(dataDir), owner.pid, 'has been starting for too long in')
}

export async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    const probe = join(dataDir, `.probe-${randomBytes(6).toString('hex')}`)
    await writeFile(probe, '')
    await rm(probe)
  } catch (error) {
    throw new DataDirUnusable(resolve(dataDir), reasonOf(error))
  }
}

function hold(dataDir: string, content: LockContent): HeldLock {
  const path = lockPath(dataDir)
  // Another machine or container cannot look at our process; it sees the file's time move.
  const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), heartbeat)
  beat.unref()
  return {
    publish: async (urls) => {
      const temporary = `${path}.${randomBytes(6).toString('hex')}`
      await writeFile(temporary, JSON.stringify({ ...content, ...urls, ready: true }), { mode: 0o600 })
      await rename(temporary, path)
    },
    release: async () => {
      clearInterval(beat)
      const now = await readLock(dataDir)
      if (now?.pid === content.pid && now.startedAt === content.startedAt) await rm(path, { force: true })
    },
  }
}

async function createOnly(dataDir: string, path: string, content: object): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(JSON.stringify(content))
    } finally {
      await file.close()
    }
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new DataDirUnusable(resolve(dataDir), reasonOf(error))
  }
}

/** Undefined: there is none, or it stayed unreadable for a second (its writer was killed between creating and writing). */
async function readLock(dataDir: string): Promise<LockContent | undefined> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const text = await readFile(lockPath(dataDir), 'utf8').catch(() => undefined)
    if (text === undefined) return undefined
    const parsed = LockContent.safeParse(parseJson(text))
    if (parsed.success) return parsed.data
    await sleep(100)
  }
  return undefined
}

async function isAlive(dataDir: string, owner: LockContent): Promise<boolean> {
  if (isOnThisMachine(owner)) return isStillRunning(owner)
  const before = await modified(dataDir)
  for (let waited = 0; waited < 3 * heartbeat; waited += 500) {
    await sleep(500)
    if ((await modified(dataDir)) !== before) return true
  }
  return false
}

/** Two processes may find the same stale lock; the second must not remove the lock the first has just created. */
async function removeStale(dataDir: string, stale: LockContent | undefined): Promise<void> {
  const turn = `${lockPath(dataDir)}.takeover`
  if (!(await createOnly(dataDir, turn, {}))) {
    const since = await stat(turn).then(
      (found) => found.mtimeMs,
      () => Date.now(),
    )
    if (Date.now() - since > 10_000) await rm(turn, { force: true })
    await sleep(100)
    return
  }
  try {
    const now = await readLock(dataDir)
    if (now?.pid === stale?.pid && now?.startedAt === stale?.startedAt) await rm(lockPath(dataDir), { force: true })
  } finally {
    await rm(turn, { force: true })
  }
}

const modified = (dataDir: string) =>
  stat(lockPath(dataDir)).then(
    (found) => found.mtimeMs,
    () => 0,
  )

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  const known: Record<string, string> = {
    EACCES: 'no permission to write',
    EPERM: 'no permission to write',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    ENOTDIR: 'a part of the path is a file',
    EEXIST: 'it is a file, not a folder',
  }
  return known[code ?? ''] ?? message
}

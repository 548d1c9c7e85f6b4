import { PGlite } from '@electric-sql/pglite'
import { existsSync } from 'node:fs'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { giveUp, runChild, type ChildServer } from './child.ts'
import { servePostgres } from './postgres-server.ts'
import { isOnThisMachine, isStillRunning, ownIdentity, type ProcessIdentity } from './process-identity.ts'

runChild(async (port, folder): Promise<ChildServer> => {
  const owner = `${folder}.pid.json`
  await predecessorGone(owner)
  // Never half-written: a successor that cannot read it would take the folder.
  await writeFile(`${owner}.new`, JSON.stringify(ownIdentity()), { mode: 0o600 })
  await rename(`${owner}.new`, owner)
  if (!existsSync(folder)) await initialise(folder)
  const db = await open(folder)
  const server = await servePostgres(db, { port, patience: 20, broken: giveUp })
  return {
    port: server.port,
    stop: async () => {
      await server.stop()
      await db.close()
      await rm(owner, { force: true })
    },
  }
})

async function open(folder: string): Promise<PGlite> {
  const db = new PGlite({ dataDir: folder })
  await db.waitReady
  return db
}

/** Under another name first: killed half-way, the next start finds no folder and begins again. */
async function initialise(folder: string): Promise<void> {
  const unfinished = `${folder}.new`
  await rm(unfinished, { recursive: true, force: true })
  const db = await open(unfinished)
  await db.close()
  await rename(unfinished, folder)
}

/**
 * When the parent is killed, this process's predecessor may need a moment to close, or be busy in a long query. Two of
 * them on one folder would destroy it.
 */
async function predecessorGone(owner: string): Promise<void> {
  const text = await readFile(owner, 'utf8').catch(() => '')
  const predecessor = readIdentity(text)
  if (!predecessor || !isOnThisMachine(predecessor)) return
  for (let waited = 0; isStillRunning(predecessor); waited += 50) {
    if (waited === 10_000 && predecessor.startedAt !== '') process.kill(predecessor.pid, 'SIGKILL')
    if (waited > 15_000) throw new Error(`process ${predecessor.pid} still has the database open`)
    await sleep(50)
  }
}

function readIdentity(text: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(text) as ProcessIdentity
  } catch {
    return undefined
  }
}

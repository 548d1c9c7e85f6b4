import type { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

export interface PostgresServer {
  readonly port: number
  stop(): Promise<void>
}
export interface PostgresServerOptions {
  readonly port: number
  /** Seconds a client may keep the one session for itself without saying anything. */
  readonly patience: number
  /** The database can no longer be used by this process. */
  readonly broken: (reason: unknown) => void
}

/** Messages after which the same client still has something to say: Parse, Bind, Describe, Execute, Close, Flush. */
const unfinished = new Set([0x50, 0x42, 0x44, 0x45, 0x43, 0x48])
const sync = Uint8Array.of(0x53, 0, 0, 0, 4)

/** Puts the one session of PGlite behind a port, for many clients in turn. */
export async function servePostgres(db: PGlite, options: PostgresServerOptions): Promise<PostgresServer> {
  const session = shareSession(db, options.broken)
  let server = await listen(session.db, options.port)
  const port = Number(server.getServerConn().split(':').at(-1))

  // Whoever keeps the session and falls silent is cut off, and so is everybody else, as if the database had been
  // restarted: a mere rollback would let a client that wakes up go on in the middle of its transaction without one.
  const evict = async () => {
    await server.stop()
    await session.release()
    server = await listen(session.db, port)
  }
  const stopWatching = watch(session, options.patience, () => evict().catch(options.broken))
  return {
    port,
    stop: async () => {
      stopWatching()
      await server.stop()
    },
  }
}

async function listen(db: PGlite, port: number): Promise<PGLiteSocketServer> {
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port, maxConnections: 100 })
  await server.start()
  return server
}

interface SharedSession {
  readonly db: PGlite
  /** How many messages were carried out so far. */
  messages(): number
  isHeld(): boolean
  /** Gives the session back as it was before the last client: nothing half said, no transaction. */
  release(): Promise<void>
}

/**
 * The socket server queues every wire message by itself and keeps to one client only while PGlite is in a transaction. A
 * parameterised query is five messages, so those of two clients would mix: one client's Execute would run the other's
 * statement. Here PGlite also counts as "in a transaction" from the first message of such a series to the last.
 */
function shareSession(db: PGlite, broken: (reason: unknown) => void): SharedSession {
  let halfSaid = false
  let carriedOut = 0
  const isHeld = () => halfSaid || db.isInTransaction()
  const release = async () => {
    // After an error PGlite ignores everything up to a Sync; without it the ROLLBACK would be ignored too.
    await db.runExclusive(() => db.execProtocolRaw(sync))
    if (db.isInTransaction()) await db.exec('ROLLBACK')
    halfSaid = false
  }
  const say: PGlite['execProtocolRawStream'] = async (message, stream) => {
    halfSaid = unfinished.has(message[0] ?? 0)
    try {
      await db.execProtocolRawStream(message, stream)
    } catch (error) {
      // The server's queue never moves again after this.
      broken(error)
      throw error
    } finally {
      carriedOut += 1
    }
  }
  // The server runs exec for one thing only: to roll back what a client that left had begun.
  const replaced: Partial<Record<string | symbol, unknown>> = {
    isInTransaction: isHeld,
    execProtocolRawStream: say,
    exec: release,
  }
  const shared = new Proxy(db, {
    get: (target, name) => {
      const value: unknown = replaced[name] ?? Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  return { db: shared, messages: () => carriedOut, isHeld, release }
}

/** Counts seconds in which the program ran, so that a machine that wakes up from sleep cuts nobody off. */
function watch(session: SharedSession, patience: number, lost: () => Promise<void>): () => void {
  let silent = 0
  let seen = 0
  const timer = setInterval(() => {
    silent = session.isHeld() && session.messages() === seen ? silent + 1 : 0
    seen = session.messages()
    if (silent < patience) return
    silent = 0
    void lost()
  }, 1000)
  timer.unref()
  return () => clearInterval(timer)
}

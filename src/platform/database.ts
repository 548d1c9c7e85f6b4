import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import { arrayTypes } from './database-arrays.ts'
import { createDialler, Line, type Route } from './database-line.ts'

export type Sql = postgres.Sql<{ bigint: number }>
/** Inside a transaction use only this, never the pool: the embedded database has one session, and waiting for it while holding it never ends. */
export type Tx = postgres.TransactionSql<{ bigint: number }>
/** A part of a statement, made by the same tag. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>

export interface DatabaseOptions {
  readonly url: string
  readonly pool: number
}

/**
 * Opens the pool. Ids are 64-bit in the database and numbers here: they stay far below 2^53.
 *
 * A pool that has lost a connection is replaced by a new one: the driver's connection objects are never used again after a
 * loss (see `Line`). What runs on the old pool's other connections still ends there.
 */
export function openDatabase(options: DatabaseOptions): Sql {
  const dialler = createDialler(routeOf(options.url))
  const old = new Set<Pool>()
  let hasEnded = false
  const start = (): Pool => {
    const lines = new Set<Line>()
    const openLine = () => {
      const line = new Line({ ...dialler, lost: () => lost(pool) })
      lines.add(line)
      line.once('close', () => lines.delete(line))
      return line
    }
    const pool: Pool = { sql: openPool(options, openLine), lines }
    return pool
  }
  const finish = async (pool: Pool) => {
    old.delete(pool)
    await pool.sql.end({ timeout: 0 })
    // What was broken off still says its last words (a transaction its rollback): they are refused as long as the line lies open.
    await sleep(lastWords, undefined, { ref: false })
    for (const line of pool.lines) line.bury()
  }
  const drain = async (pool: Pool) => {
    for (let time = 0; time < finishAfter && !isDead(pool); time += drainEvery) {
      await sleep(drainEvery, undefined, { ref: false })
      void (pool.sql as unknown as Closable).close()
    }
    await finish(pool)
  }
  const lost = (pool: Pool) => {
    if (pool === current && !hasEnded) {
      current = start()
      old.add(pool)
      void drain(pool)
    } else if (pool !== current && isDead(pool)) void finish(pool)
  }
  let current = start()
  const end: Sql['end'] = async (wish = { timeout: 5 }) => {
    hasEnded = true
    for (const pool of old) void finish(pool)
    await current.sql.end(wish)
  }
  return new Proxy(current.sql, {
    apply: (_, self, words) => Reflect.apply(current.sql, self, words) as unknown,
    get: (_, name) => (name === 'end' ? end : (Reflect.get(current.sql, name) as unknown)),
  })
}

interface Pool {
  readonly sql: Sql
  /** All but those that the driver has closed. */
  readonly lines: ReadonlySet<Line>
}

/** What the driver's types leave out: ends every connection when its work is done, and opens another for work that still waits. */
interface Closable {
  close(): Promise<void>
}

const isDead = ({ lines }: Pool): boolean => Array.from(lines).every((line) => line.readyState === 'closed')

/** Idle connections of a replaced pool are closed this often, and everything that still runs there is broken off after that. */
const drainEvery = 1_000
const finishAfter = 60_000
const lastWords = 1_000

function openPool({ url, pool }: DatabaseOptions, socket: () => Line): Sql {
  const options = {
    max: pool,
    idle_timeout: 60,
    connect_timeout: 10,
    fetch_types: false,
    onnotice: () => undefined,
    types: {
      ...arrayTypes,
      bigint: {
        to: 20,
        from: [20],
        serialize: (value: number) => String(value),
        parse: (value: string) => Number(value),
      },
    },
    connection: { application_name: 'dvcqg-adapter', TimeZone: 'UTC' },
    // The line knows the hosts and encrypts by itself; the driver sees one host and a plain socket.
    host: 'database',
    ssl: false,
    socket,
  }
  return postgres(url, options) as Sql
}

function routeOf(url: string): Route {
  const { host, port, path, ssl, sslnegotiation } = postgres(url).options as unknown as {
    host: string[]
    port: number[]
    path: string | false
    ssl: Route['tls']
    sslnegotiation: string | null
  }
  return { hosts: host, ports: port, path, tls: ssl, tlsAtOnce: sslnegotiation === 'direct' }
}

const deadlock = '40P01'
const serializationFailure = '40001'

/** Runs `work` again when PostgreSQL broke it off to end a deadlock or a serialisation conflict (three times at most). */
export async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      const code = (error as { code?: string }).code
      if ((code !== deadlock && code !== serializationFailure) || attempt === 3) throw error
    }
  }
}

/**
 * Runs `work` in a transaction, persistently. `work` must have no effect outside the transaction, and must never wait for
 * anything but the database.
 */
export function transaction<T>(sql: Sql, work: (tx: Tx) => Promise<T>): Promise<T> {
  return persistently(async () => (await sql.begin((tx) => bounded(tx, work))) as T)
}

/**
 * Runs `work` with a handle that ends with it. The driver's own handle stays with the connection: a statement that is given to it after
 * the transaction was broken off, because another part of `work` had not come to its end yet, would be committed alone.
 */
async function bounded<T>(tx: Tx, work: (tx: Tx) => Promise<T>): Promise<T> {
  let hasEnded = false
  const check = () => {
    if (hasEnded) throw new Error('The transaction has ended; this statement belongs to it and is not run')
  }
  const handle = new Proxy(tx, {
    apply(target, self, args) {
      check()
      return Reflect.apply(target as never, self, args)
    },
    get(target, name, receiver) {
      check()
      return Reflect.get(target, name, receiver) as unknown
    },
  })
  try {
    return await work(handle)
  } finally {
    hasEnded = true
  }
}

/** Is the database out of reach (rather than the statement at fault)? The caller may answer "try again later". */
export function isDatabaseDown(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  if (typeof code !== 'string') return false
  return (
    /^(CONNECTION_|CONNECT_TIMEOUT|ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|ETIMEDOUT)/.test(code) ||
    /^(08|53|57P)/.test(code)
  )
}

/** It was given a text with signs that no text of it can hold, or a day that it cannot count to: whoever asked sent them. */
export const isUnstorable = (error: unknown): boolean =>
  ['22021', '22P02', '22P05', '22007', '22008'].includes(String((error as { code?: unknown }).code))

/** Booleans for an array parameter, to be cast `::text[]::bool[]`: the driver mistakes an array of booleans for one boolean. */
export const bools = (values: readonly (boolean | null)[]): (string | null)[] =>
  values.map((value) => (value === null ? null : String(value)))

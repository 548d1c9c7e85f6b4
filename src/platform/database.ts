import postgres from 'postgres'

export type Sql = postgres.Sql<{ bigint: number }>
/** Inside a transaction use only this, never the pool: the embedded database has one session, and waiting for it while holding it never ends. */
export type Tx = postgres.TransactionSql<{ bigint: number }>
/** A part of a statement, made by the same tag. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>

export interface DatabaseOptions {
  readonly url: string
  readonly pool: number
}

/** Opens the pool. Ids are 64-bit in the database and numbers here: they stay far below 2^53. */
export function openDatabase({ url, pool }: DatabaseOptions): Sql {
  return postgres(url, {
    max: pool,
    idle_timeout: 60,
    connect_timeout: 10,
    // After an outage: try again soon; the ledger is on the path of every push.
    backoff: (attempt) => Math.min(attempt * 0.2, 2),
    onnotice: () => undefined,
    types: {
      bigint: {
        to: 20,
        from: [20],
        serialize: (value: number) => String(value),
        parse: (value: string) => Number(value),
      },
    },
    connection: { application_name: 'dvcqg-adapter', TimeZone: 'UTC' },
  })
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
  return persistently(async () => (await sql.begin(work)) as T)
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

/** Booleans for an array parameter, to be cast `::text[]::bool[]`: the driver mistakes an array of booleans for one boolean. */
export const bools = (values: readonly (boolean | null)[]): (string | null)[] =>
  values.map((value) => (value === null ? null : String(value)))

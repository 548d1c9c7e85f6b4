import { fileURLToPath } from 'node:url'
import Postgrator from 'postgrator'
import { transaction, type Sql } from './database.ts'

const lock = 7_312_004_410
const folder = fileURLToPath(new URL('./migrations/', import.meta.url))

/**
 * Brings the ledger's tables up to date. All in one transaction under an advisory lock: several processes may start at
 * once, and a migration that fails leaves nothing behind. Returns the names of the migrations that were applied.
 */
export async function migrate(sql: Sql): Promise<string[]> {
  return transaction(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(${lock})`
    const postgrator = new Postgrator({
      driver: 'pg',
      schemaTable: 'schema_version',
      migrationPattern: `${folder}*.sql`,
      execQuery: async (query) => ({ rows: [...(await tx.unsafe(query))] }),
      execSqlScript: async (script) => {
        await tx.unsafe(script)
      },
    })
    const applied = await postgrator.migrate()
    return applied.map((migration) => migration.name)
  })
}

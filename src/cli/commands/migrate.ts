import type { Command } from 'commander'
import { loadSettings } from '../../main.ts'
import { openDatabase } from '../../platform/database.ts'
import { startEmbedded } from '../../platform/embedded/embedded.ts'
import { migrate } from '../../platform/migrate.ts'
import { answer, switchesOf } from '../output.ts'

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description("Bring the ledger's tables up to date and print what was applied.")
    .action(async (_options: unknown, command: Command) => {
      const applied = await migrateNow()
      answer(switchesOf(command), { applied }, () =>
        applied.length === 0 ? 'The tables are up to date.' : applied.map((name) => `applied: ${name}`).join('\n'),
      )
    })
}

async function migrateNow(): Promise<string[]> {
  const { DATABASE_URL: url, DATA_DIR: dataDir } = loadSettings()
  const embedded = url ? null : await startEmbedded({ dataDir, database: true, redis: false, attach: true })
  try {
    const sql = openDatabase({ url: (url ?? embedded?.databaseUrl)!, pool: 2 })
    try {
      return await migrate(sql)
    } finally {
      await sql.end({ timeout: 5 })
    }
  } finally {
    await embedded?.stop()
  }
}

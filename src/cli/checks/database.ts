import { readdirSync } from 'node:fs'
import { isDatabaseDown, openDatabase, type Sql } from '../../platform/database.ts'
import { sentenceOf } from '../exits.ts'
import { fine, problem, type Finding } from './finding.ts'

const oldest = 15
const migrations = new URL('../../platform/migrations/', import.meta.url)

export async function checkDatabase(url: string): Promise<Finding[]> {
  const sql = openDatabase({ url, pool: 1 })
  try {
    const [row] = await sql<{ version: string; number: number }[]>`
      select current_setting('server_version') as version, current_setting('server_version_num')::int as number`
    return [versionOf(row!), await tablesOf(sql)]
  } catch (error) {
    return [
      problem(
        'database',
        isDatabaseDown(error) ? 'the database cannot be reached' : sentenceOf(error),
        'Start PostgreSQL, or correct DATABASE_URL.',
      ),
    ]
  } finally {
    await sql.end({ timeout: 5 })
  }
}

function versionOf({ version, number }: { version: string; number: number }): Finding {
  if (number >= oldest * 10_000) return fine('database', `PostgreSQL ${version}`)
  return problem('database', `PostgreSQL ${version} is too old`, `Move the database to PostgreSQL ${oldest} or newer.`)
}

async function tablesOf(sql: Sql): Promise<Finding> {
  const newest = Math.max(
    ...readdirSync(migrations)
      .map((name) => Number.parseInt(name, 10))
      .filter(Number.isFinite),
  )
  const [table] = await sql<{ there: boolean }[]>`select to_regclass('schema_version') is not null as there`
  const [row] = table!.there
    ? await sql<{ version: number | null }[]>`select max(version)::int as version from schema_version`
    : []
  const version = row?.version ?? 0
  if (version === newest) return fine('tables', `at version ${version}`)
  if (version > newest)
    return problem(
      'tables',
      `at version ${version}, this program knows ${newest}`,
      'Install the newer release that made them.',
    )
  return problem('tables', `at version ${version}, this program needs ${newest}`, 'Run "dvcqg migrate".')
}

const tolerance = 5_000

/** The difference is judged against the middle of the question's round trip. */
export async function checkDatabaseClock(sql: Sql): Promise<Finding> {
  const before = Date.now()
  const [row] = await sql<{ now: Date }[]>`select clock_timestamp() as now`
  const difference = row!.now.getTime() - (before + Date.now()) / 2
  return clockFinding('clock (database)', difference, tolerance)
}

export function clockFinding(what: string, difference: number, allowed: number): Finding {
  const seconds = Math.round(Math.abs(difference) / 100) / 10
  if (Math.abs(difference) <= allowed) return fine(what, `${seconds} s apart`)
  return problem(
    what,
    `${seconds} s ${difference > 0 ? 'behind' : 'ahead of'} it`,
    'Let this machine and the others take their time from the same time server (NTP).',
  )
}

import type { Ground } from '../../main.ts'
import type { Sql } from '../../platform/database.ts'
import { ageOf } from '../output.ts'
import { fine, problem, type Finding } from './finding.ts'

/** The catalogue is pulled every night: two missed nights are worth a look. */
const catalogueAge = 3 * 86_400

export async function checkCatalogue({ sql, settings }: Ground): Promise<Finding> {
  const [row] = await sql<{ count: number; age: number | null }[]>`
    select (select count(*)::int from national_procedures) as count,
      (select extract(epoch from now() - max(finished_at))::float8 from pulls
        where service = 'procedures' and outcome = 'applied' and not partial) as age`
  const { count, age } = row!
  const off = settings.CATALOGUE_PULL === 'off'
  const fix = off
    ? 'CATALOGUE_PULL is off: set a time for it.'
    : 'Run the service with the roles worker and scheduler; it pulls by itself. The table pulls says why a pull failed.'
  if (count === 0) return problem('national catalogue', 'was never pulled: no dossier can be sent', fix)
  if (age === null || age > catalogueAge)
    return problem(
      'national catalogue',
      `${count} procedures, last pulled ${age === null ? 'never' : `${ageOf(age)} ago`}`,
      fix,
    )
  return fine('national catalogue', `${count} procedures, pulled ${ageOf(age)} ago`)
}

export async function checkAgencies(sql: Sql): Promise<Finding> {
  const [row] = await sql<{ count: number }[]>`select count(*)::int as count from agencies`
  if (row!.count > 0) return fine('agencies', `${row!.count} imported`)
  return problem('agencies', 'none: every dossier is blocked', 'Run "dvcqg import agencies FILE.csv".')
}

/** The newest and the oldest content are opened: after a change of keys the old ones must still be there. */
export async function checkKeys({ sql, vault, settings }: Ground): Promise<Finding> {
  const rows = await sql<{ code: string; content: Buffer }[]>`
    select d.code, c.content from changes c join dossiers d on d.id = c.dossier_id
    where c.id in (
      (select min(id) from changes where content is not null), (select max(id) from changes where content is not null)
    )`
  const opened = rows.every(({ code, content }) => {
    try {
      return vault.open(content, `change:${code}`).length > 0
    } catch {
      return false
    }
  })
  if (!opened)
    return problem(
      'encryption keys',
      'stored dossiers cannot be opened with them',
      'Put the keys that sealed them back into ENCRYPTION_KEYS (or the file encryption.key back into DATA_DIR).',
    )
  const where = settings.ENCRYPTION_KEYS ? 'from ENCRYPTION_KEYS' : 'in DATA_DIR, back it up with the data'
  return fine('encryption keys', `${where}; ${rows.length === 0 ? 'nothing is sealed yet' : 'stored dossiers open'}`)
}

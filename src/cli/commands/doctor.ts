import type { Command } from 'commander'
import { SettingsError, type Settings } from '../../../config/settings.ts'
import { loadSettings, type Ground } from '../../main.ts'
import { startEmbedded, type Embedded } from '../../platform/embedded/embedded.ts'
import { checkDatabase, checkDatabaseClock } from '../checks/database.ts'
import { checkAgencies, checkCatalogue, checkKeys } from '../checks/ledger.ts'
import { checkPortal } from '../checks/portal.ts'
import { checkRedis } from '../checks/redis.ts'
import { fine, problem, type Finding } from '../checks/finding.ts'
import { exits, sentenceOf } from '../exits.ts'
import { openGround } from '../ground.ts'
import { answer, columns, switchesOf } from '../output.ts'

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'Check everything the service stands on, and say how to mend what is wrong. Exits with 3 when something is.',
    )
    .action(async (_options: unknown, command: Command) => {
      const findings = await examine()
      const healthy = findings.every(({ ok }) => ok)
      answer(switchesOf(command), { healthy, findings }, () => describe(findings, healthy))
      process.exitCode = healthy ? exits.done : exits.unhealthy
    })
}

async function examine(): Promise<Finding[]> {
  let settings: Settings
  try {
    settings = loadSettings()
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    return error.problems.map(({ name, problem: what }) =>
      problem('configuration', `${name} ${what}`, `Set ${name} as docs/configuration.md says, then run this again.`),
    )
  }
  const known = fine('configuration', 'every setting can be read')
  const servers = await openServers(settings)
  if ('finding' in servers) return [known, servers.finding]
  try {
    return [known, ...servers.findings, ...(await examineServers(servers.settings, servers.embedded))]
  } finally {
    await servers.embedded?.stop()
  }
}

/** With embedded servers: theirs are the addresses from here on, whether they already ran or not. */
async function openServers(
  settings: Settings,
): Promise<{ finding: Finding } | { settings: Settings; embedded: Embedded | null; findings: Finding[] }> {
  const { DATA_DIR: dataDir, DATABASE_URL, REDIS_URL } = settings
  if (DATABASE_URL && REDIS_URL) return { settings, embedded: null, findings: [] }
  try {
    const embedded = await startEmbedded({ dataDir, database: !DATABASE_URL, redis: !REDIS_URL, attach: true })
    return {
      settings: {
        ...settings,
        DATABASE_URL: DATABASE_URL ?? embedded.databaseUrl,
        REDIS_URL: REDIS_URL ?? embedded.redisUrl,
      },
      embedded,
      findings: [fine('data folder', embedded.attached ? `${dataDir}, in use by the running service` : dataDir)],
    }
  } catch (error) {
    return { finding: problem('data folder', sentenceOf(error), 'Mend the folder, or set DATA_DIR to another one.') }
  }
}

async function examineServers(settings: Settings, embedded: Embedded | null): Promise<Finding[]> {
  const database = await checkDatabase(settings.DATABASE_URL!)
  const redis = await checkRedis(settings.REDIS_URL!, embedded?.redisUrl !== undefined)
  const findings = [...database, ...redis]
  if (findings.some(({ ok, what }) => !ok && ['database', 'tables', 'redis'].includes(what)))
    return [...findings, problem('everything else', 'was not checked', 'Mend the above, then run this again.')]
  const ground = await openGround(settings)
  try {
    return [...findings, ...(await examineLedger(ground))]
  } finally {
    await ground.close()
  }
}

async function examineLedger(ground: Ground): Promise<Finding[]> {
  return [
    ...(await checkPortal(ground)),
    await checkDatabaseClock(ground.sql),
    await checkCatalogue(ground),
    await checkAgencies(ground.sql),
    await checkKeys(ground),
  ]
}

function describe(findings: readonly Finding[], healthy: boolean): string {
  const rows = findings.flatMap(({ what, ok, detail, fix }) => [
    [ok ? 'ok' : 'PROBLEM', what, detail],
    ...(fix === null ? [] : [['', '', `→ ${fix}`]]),
  ])
  const count = findings.filter(({ ok }) => !ok).length
  return [
    columns(rows),
    '',
    healthy ? 'Everything is in order.' : `${count} of ${findings.length} checks found a problem.`,
  ].join('\n')
}

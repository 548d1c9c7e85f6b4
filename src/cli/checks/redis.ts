import { Redis } from '../../platform/redis-line.ts'
import { fine, problem, type Finding } from './finding.ts'

const oldest = 7

/** The embedded server is made for this program: it keeps nothing on disk, because the ledger knows all work. */
export async function checkRedis(url: string, embedded: boolean): Promise<Finding[]> {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
  })
  // The failed command tells what is wrong; without a listener the library would write it to the terminal.
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    const info = readInfo(await redis.info())
    return [versionOf(info), policyOf(info), embedded ? inMemory : persistenceOf(info, await savesOf(redis))]
  } catch {
    return [problem('redis', 'Redis cannot be reached', 'Start Redis, or correct REDIS_URL (address, password, TLS).')]
  } finally {
    redis.disconnect()
  }
}

type Info = ReadonlyMap<string, string>

const readInfo = (text: string): Info =>
  new Map(
    text
      .split(/\r?\n/)
      .flatMap((line) =>
        line.includes(':') ? [[line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)] as const] : [],
      ),
  )

function versionOf(info: Info): Finding {
  const version = info.get('redis_version') ?? 'of an unknown version'
  const shown = info.has('valkey_version') ? `Valkey ${info.get('valkey_version')}` : `Redis ${version}`
  if (Number.parseInt(version, 10) >= oldest) return fine('redis', shown)
  return problem('redis', `${shown} is too old`, `Use Redis ${oldest} or newer.`)
}

function policyOf(info: Info): Finding {
  const policy = info.get('maxmemory_policy') ?? 'unknown'
  if (policy === 'noeviction') return fine('redis memory policy', policy)
  return problem(
    'redis memory policy',
    `maxmemory-policy is ${policy}: a full Redis would silently drop jobs`,
    'Set maxmemory-policy noeviction in redis.conf, or in the settings of the managed Redis.',
  )
}

const inMemory = fine('redis persistence', 'embedded, in memory: jobs are handed out again from the ledger')

/** Managed servers forbid CONFIG; then only the append-only file can be seen. */
async function savesOf(redis: Redis): Promise<boolean> {
  try {
    const answer = await redis.config('GET', 'save')
    return (answer[1] ?? '').trim() !== ''
  } catch {
    return false
  }
}

function persistenceOf(info: Info, saves: boolean): Finding {
  const appends = info.get('aof_enabled') === '1'
  if (appends || saves) return fine('redis persistence', appends ? 'append-only file' : 'snapshots')
  return problem(
    'redis persistence',
    'off: after a restart of Redis the jobs are handed out again and the pace is learned anew',
    'Set appendonly yes in redis.conf. No dossier depends on it.',
  )
}

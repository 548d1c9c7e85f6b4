import { readSettings } from '../../config/settings.ts'
import type { Status } from '../../config/statuses.ts'
import { spawnSandbox, type SpawnedSandbox } from '../../adapters/sandbox/spawn.ts'
import type { SandboxOptions } from '../../adapters/sandbox/settings.ts'
import { prepareGround, startHouse, type Ground, type House, type Policies } from '../../src/main.ts'
import { createKey, rights } from '../../src/platform/auth.ts'
import { createLog } from '../../src/platform/log.ts'
import { importAgencies } from '../../src/organisations/store.ts'
import { startServers } from './house.ts'

/** National codes that the sandbox's catalogue holds. */
export const nationalCodes = ['1.000010', '1.000005', '1.000002'] as const

/** Retries that a test can wait for. */
export const quickRetry: Policies['retry'] = {
  waits: [50, 100, 200, 400],
  jitter: 0,
  lookUpWaits: [50, 100, 200],
  busyWait: 50,
}

export interface Province {
  readonly servers: Awaited<ReturnType<typeof startServers>>
  readonly sandbox: SpawnedSandbox
  readonly ground: Ground
  readonly house: House
  readonly key: string
  readonly environment: Readonly<Record<string, string>>
  push(changes: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** Waits until a condition of the ledger holds; throws with the backlog when it does not in time. */
  until(condition: () => Promise<boolean>, what: string, milliseconds?: number): Promise<void>
  settled(milliseconds?: number): Promise<void>
  faults(rules: readonly Record<string, unknown>[]): Promise<void>
  received(): Promise<
    {
      code: string
      payload: Record<string, unknown>
      steps: Record<string, unknown>[]
      creates: number
      updates: number
    }[]
  >
  close(): Promise<void>
}

export interface ProvinceOptions {
  readonly settings?: Readonly<Record<string, string>> | ((sandbox: SpawnedSandbox) => Record<string, string>)
  readonly sandbox?: SandboxOptions
  readonly policies?: Partial<Policies>
}

/** A small province on real servers with a sandbox portal in a process of its own. */
export async function startProvince(options: ProvinceOptions = {}): Promise<Province> {
  const servers = await startServers({ tables: 'perhaps' })
  const sandbox = await spawnSandbox(options.sandbox ?? {})
  const extra = typeof options.settings === 'function' ? options.settings(sandbox) : options.settings
  const environment = environmentOf(servers, sandbox, extra)
  const settings = readSettings(environment, () => '')
  const log = createLog(process.env['TEST_LOG'] ?? 'silent')
  const breaker = { failures: 5, pauses: [200, 500] }
  const ground = await prepareGround(settings, { log, policies: { retry: quickRetry, breaker, ...options.policies } })
  await importAgencies(ground.sql, [
    { code: 'H34.01', name: 'Sở Tư pháp', level: 'province' },
    { code: 'H34.02', name: 'Sở Xây dựng', level: 'province' },
  ])
  const { key } = await createKey(ground.sql, {
    name: 'test',
    source: 'one-stop',
    rights: [...rights],
    agencies: ['*'],
    by: 'test',
  })
  const house = await startHouse(ground)
  const until = untilIn(ground)
  return {
    servers,
    sandbox,
    ground,
    house,
    key,
    environment,
    push: (changes) => pushTo(house.url, key, changes),
    until,
    settled: (milliseconds) => until(async () => (await open(ground)) === 0, 'all lanes to settle', milliseconds),
    faults: async (rules) => {
      const answer = await fetch(`${sandbox.controlUrl}/faults`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(rules),
      })
      if (!answer.ok) throw new Error(`The sandbox refused the faults: ${await answer.text()}`)
    },
    received: () => receivedBy(sandbox.controlUrl),
    close: async () => {
      await house.close()
      await sandbox.stop()
      await servers.stop()
    },
  }
}

export function environmentOf(
  servers: { databaseUrl: string; redisUrl: string; queuePrefix: string },
  sandbox: SpawnedSandbox,
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    DATABASE_URL: servers.databaseUrl,
    REDIS_URL: servers.redisUrl,
    QUEUE_PREFIX: servers.queuePrefix,
    ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}`,
    PORT: '0',
    PORTAL_URL: sandbox.url,
    PORTAL_USERNAME: 'sandbox',
    PORTAL_PASSWORD: 'sandbox',
    PORTAL_UNIT: '000.00.00.H34',
    PORTAL_DIALECT: 'sandbox',
    PORTAL_MAX_CALLS_PER_SECOND: '2000',
    PORTAL_CONCURRENCY: '4',
    LOG_LEVEL: 'silent',
    RECONCILE_AT: 'off',
    ...extra,
  }
}

async function pushTo(url: string, key: string, changes: readonly unknown[]): Promise<Record<string, unknown>[]> {
  const answer = await fetch(`${url}/v1/dossiers/stream`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
    body: changes.map((change) => `${typeof change === 'string' ? change : JSON.stringify(change)}\n`).join(''),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${answer.status} ${text}`)
  return text
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

async function open(ground: Ground): Promise<number> {
  const [row] = await ground.sql<{ count: number }[]>`
    select count(*)::int as count from deliveries where state in ('waiting', 'sending', 'unknown')`
  return row!.count
}

const untilIn =
  (ground: Ground) =>
  async (condition: () => Promise<boolean>, what: string, milliseconds = 20_000): Promise<void> => {
    const end = Date.now() + milliseconds
    while (!(await condition())) {
      if (Date.now() > end) {
        const states =
          await ground.sql`select state, reason, detail, count(*)::int, max(attempts) as attempts, max(doubts) as doubts, min(next_at) - now() as due, min(lease_until) - now() as lease from deliveries group by 1, 2, 3`
        throw new Error(`Waited in vain for ${what}: ${JSON.stringify(states)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }

async function receivedBy(controlUrl: string) {
  const answer = await fetch(`${controlUrl}/dossiers`)
  const lines = (await answer.text()).trim().split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line) as Awaited<ReturnType<Province['received']>>[number])
}

let counter = 0
/** A valid change with invented values; `overrides` replace fields. */
export function change(overrides: Readonly<Record<string, unknown>> = {}): Record<string, unknown> & { code: string } {
  counter += 1
  return {
    code: `000.00.01.H34-200703-${String(counter).padStart(4, '0')}`,
    changedAt: '2020-07-03T09:00:00+07:00',
    procedureCode: nationalCodes[0],
    agencyCode: 'H34.01',
    status: 'processing' satisfies Status,
    channel: 'counter',
    owner: { type: 'citizen', name: 'Nguyễn Văn Mẫu', idNumber: '062999000001' },
    receivedAt: '2020-07-03T08:30:00+07:00',
    promisedAt: '2020-07-10T17:00:00+07:00',
    ...overrides,
  }
}

export function step(at: string, status: Status, content = 'Chuyển xử lý'): Record<string, unknown> {
  return { at, status, officer: 'Cán bộ A', content }
}

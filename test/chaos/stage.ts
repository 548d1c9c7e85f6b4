import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FaultRule } from '../../adapters/sandbox/faults.ts'
import { spawnSandbox, type SpawnedSandbox } from '../../adapters/sandbox/spawn.ts'
import { readDialectFile, type Dialect } from '../../config/dialects.ts'
import { createKey, rights } from '../../src/platform/auth.ts'
import { openDatabase, type Sql } from '../../src/platform/database.ts'
import { migrate } from '../../src/platform/migrate.ts'
import { applyProcedures } from '../../src/procedures/national.ts'
import { importAgencies } from '../../src/organisations/store.ts'
import type { Policies } from '../../src/main.ts'
import { environmentOf, nationalCodes } from '../support/province.ts'
import { startCrew, type Crew } from './crew.ts'
import { makeHosts, type Hosts } from './hosts.ts'
import { openLine, type Line } from './line.ts'
import { agencies } from './plan.ts'
import { startKind, type ServerKind, type Servers } from './servers.ts'
import type { Size } from './size.ts'
import { atTheEnd } from './tidy.ts'

/** Everything that stands: servers, portal, the line to it, and the service in several processes. */
export interface Stage {
  readonly servers: Servers
  readonly sandbox: SpawnedSandbox
  readonly line: Line
  /** A text says why there is but one. */
  readonly hosts: Hosts | string
  readonly crew: Crew
  /** Asks the ledger over a connection of its own, while nothing strikes. */
  ledger<T>(work: (sql: Sql) => Promise<T>): Promise<T>
  readonly key: string
  readonly ceiling: number
  readonly deadline: number
  readonly dialect: Dialect
  setFaults(rules: readonly FaultRule[]): Promise<void>
  /** How often each kind struck since the rules were set. */
  struck(): Promise<Map<string, number>>
  /** Calls that arrived at the portal so far. */
  calls(): Promise<number>
  expireSessions(): Promise<void>
  stop(): Promise<void>
}

export interface StageOptions extends Pick<Size, 'ceiling' | 'batch' | 'hands' | 'count'> {
  readonly kind: ServerKind
  readonly seed: number
  readonly events: number
  /** Workers live on so many hosts of the run's own, where that can be. */
  readonly hosts: number
}

/** Milliseconds a call to the portal may take. */
const deadline = 1_500

/** The product's own policies with shorter times, so that minutes show what takes hours. */
const policies: Partial<Policies> = {
  retry: { waits: Array.from({ length: 60 }, () => 400), jitter: 0.2, lookUpWaits: [500, 800, 1_200], busyWait: 200 },
  breaker: { failures: 5, pauses: [200, 500, 1_000] },
  // As with the product's own: two calls in a row may lie as far apart as the longest wait for a turn (10 s).
  lease: { for: 15_000, margin: 11_000, handOut: 4_000 },
}

const dialectFileOf = (batch: number) =>
  JSON.stringify({
    extends: 'sandbox',
    name: 'chaos',
    timeouts: { call: deadline, login: deadline },
    batch: { dossiers: batch },
  })

export const nationalProcedure = (code: string) => ({
  code,
  name: `Thủ tục ${code}`,
  fieldCode: 'G00-LV001',
  fieldName: 'Kiểm lâm',
})
export const agencyName = (code: string) => `Đơn vị ${code}`

export async function raiseStage(options: StageOptions): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'dvcqg-chaos-'))
  chmodSync(folder, 0o711)
  const removeFolder = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  const forget = atTheEnd(removeFolder)
  const closers: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const closer of closers.toReversed()) await closer()
    forget()
    removeFolder()
  }
  try {
    const made = options.hosts > 1 ? await makeHosts(options.hosts) : 'one host'
    const hosts = typeof made === 'string' ? null : made
    if (hosts) closers.push(() => hosts.stop())
    const megabytes = 512 + Math.ceil(options.events / 100)
    const servers = await startKind(options.kind, { folder, megabytes, hosts })
    closers.push(() => servers.stop())
    const sandbox = await spawnSandbox({
      seed: options.seed,
      history: true,
      sessionSeconds: 30,
      ...(hosts ? { host: hosts.address } : {}),
    })
    closers.push(() => sandbox.stop())
    const portal = new URL(sandbox.url)
    const line = await openLine(portal.hostname, Number(portal.port), hosts?.portal)
    closers.push(() => line.stop())
    const ledger: Stage['ledger'] = (work) => askLedger(servers.databaseUrl, work)
    const key = await ledger(furnish)
    const dialectFile = dialectFileOf(options.batch)
    writeFileSync(join(folder, 'dialect.json'), dialectFile)
    portal.hostname = line.address
    portal.port = String(line.port)
    const environment = environmentOf(servers, { ...sandbox, url: portal.href }, settingsOf(options, folder))
    const crew = startCrew({ folder, count: options.count, policies, environment, hosts })
    closers.push(() => crew.stop())
    await crew.allUp()
    const stage = { servers, sandbox, line, hosts: made, crew, ledger, key, ceiling: options.ceiling, deadline, stop }
    return { ...stage, dialect: readDialectFile(dialectFile), ...controlOf(sandbox) }
  } catch (error) {
    await stop()
    throw error
  }
}

const settingsOf = ({ ceiling, hands }: StageOptions, folder: string) => ({
  PORTAL_DIALECT: join(folder, 'dialect.json'),
  PORTAL_MAX_CALLS_PER_SECOND: String(ceiling),
  PORTAL_CONCURRENCY: String(hands),
  CATALOGUE_PULL: 'off',
  RECONCILE_AT: 'off',
  DATA_DIR: join(folder, 'unused'),
  LOG_LEVEL: 'warn',
})

async function askLedger<T>(url: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = openDatabase({ url, pool: 1 })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 1 }).catch(() => undefined)
  }
}

/** Tables, agencies, procedures and a key. */
async function furnish(sql: Sql): Promise<string> {
  await migrate(sql)
  await importAgencies(
    sql,
    agencies.map((code) => ({ code, name: agencyName(code), level: 'province' as const })),
  )
  await applyProcedures(
    sql,
    nationalCodes.map((code) => ({ ...nationalProcedure(code), raw: {} })),
  )
  const wish = { name: 'chaos', source: 'one-stop', rights: [...rights], agencies: ['*'], by: 'chaos' }
  return (await createKey(sql, wish)).key
}

interface Stats {
  readonly total: { readonly calls: number }
  readonly faults: readonly { fault: { kind: string; value?: unknown }; fired: number }[]
}

function controlOf({ controlUrl }: SpawnedSandbox): Pick<Stage, 'setFaults' | 'struck' | 'calls' | 'expireSessions'> {
  const put = async (path: string, body: unknown) => {
    const answer = await fetch(`${controlUrl}/${path}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`The sandbox refused: ${answer.status} ${await answer.text()}`)
  }
  const read = async () => (await (await fetch(`${controlUrl}/stats`)).json()) as Stats
  return {
    setFaults: (rules) => put('faults', rules),
    async struck() {
      const stats = await read()
      const counts = new Map<string, number>()
      for (const { fault, fired } of stats.faults) {
        const name = nameOf(fault)
        counts.set(name, (counts.get(name) ?? 0) + fired)
      }
      return counts
    },
    calls: async () => (await read()).total.calls,
    expireSessions: () => put('sessions/expire', {}),
  }
}

function nameOf({ kind, value }: { kind: string; value?: unknown }): string {
  if (kind === 'exists-code' || kind === 'empty-result') return `${kind}-${String(value)}`
  if (kind === 'ceiling' && (value as { status: number }).status === 503) return 'ceiling-503'
  return kind
}

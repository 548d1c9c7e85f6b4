import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Policies } from '../../src/main.ts'
import { applyProcedures } from '../../src/procedures/national.ts'
import { nationalCodes, quickRetry, startProvince, type Province, type ProvinceOptions } from '../support/province.ts'

type Row = Record<string, unknown>

/** What the sandbox's own meter saw. */
interface Stats {
  readonly dossiers: number
  readonly creates: number
  readonly logins: number
  readonly total: { readonly calls: number; readonly maxPerSecond: number }
  readonly services: Readonly<Record<string, { readonly calls: number; readonly codes: Record<string, number> }>>
}

/** One call as the ledger keeps it as evidence. */
interface LedgerCall {
  /** When it left. */
  readonly at: Date
  readonly service: string
  readonly class: string
  readonly meaning: string
}

type Received = Awaited<ReturnType<Province['received']>>[number] & { readonly stepWrites: number }

export interface Scene extends Province {
  readonly policies: Partial<Policies>
  /** A request to the API with the key of the province. */
  api(method: string, path: string, body?: unknown): Promise<{ status: number; body: Row }>
  control(method: string, path: string, body?: unknown): Promise<void>
  stats(): Promise<Stats>
  /** What the sandbox holds, by code. */
  atPortal(): Promise<Map<string, Received>>
  /** The calls that carried a dossier, by the ledger, in the order in which they left. */
  callsOf(code: string): Promise<LedgerCall[]>
  /** Lanes by state. */
  states(): Promise<Record<string, number>>
}

export interface SceneOptions extends ProvinceOptions {
  readonly settings?: Readonly<Record<string, string>>
  /** Deadline of one portal call in milliseconds. */
  readonly deadline?: number
}

/** A province that knows three national procedures and pulls no catalogue, so that every call at the portal is a test's own. */
export async function startScene({ deadline = 2_000, ...options }: SceneOptions = {}): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'dvcqg-dialect-'))
  const dialect = join(folder, 'dialect.json')
  writeFileSync(dialect, JSON.stringify({ extends: 'sandbox', name: 'short', timeouts: { call: deadline } }))
  const policies = { retry: quickRetry, breaker: { failures: 5, pauses: [200, 500] }, ...options.policies }
  const settings = { CATALOGUE_PULL: 'off', RECONCILE_AT: 'off', PORTAL_DIALECT: dialect, ...options.settings }
  const province = await startProvince({ ...options, settings, policies })
  await applyProcedures(
    province.ground.sql,
    nationalCodes.map((code) => ({
      code,
      name: `Thủ tục ${code}`,
      fieldCode: 'G00-LV001',
      fieldName: 'Kiểm lâm',
      raw: {},
    })),
  )
  await province.ground.catalogue.fresh()
  const close = async () => {
    await province.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { ...province, policies, ...reachOf(province), ...viewOf(province), close }
}

function reachOf({ house, key, sandbox }: Province): Pick<Scene, 'api' | 'control' | 'stats'> {
  return {
    async api(method, path, body) {
      const json = { 'content-type': 'application/json' }
      const answer = await fetch(`${house.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : json) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: answer.status, body: (await answer.json()) as Row }
    },
    async control(method, path, body) {
      const answer = await fetch(`${sandbox.controlUrl}/${path}`, {
        method,
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      if (!answer.ok) throw new Error(`The sandbox refused: ${answer.status} ${await answer.text()}`)
    },
    stats: async () => (await fetch(`${sandbox.controlUrl}/stats`)).json() as Promise<Stats>,
  }
}

function viewOf(province: Province): Pick<Scene, 'atPortal' | 'callsOf' | 'states'> {
  const { sql } = province.ground
  return {
    atPortal: async () => new Map((await province.received()).map((one) => [one.code, one as Received])),
    callsOf: (code) => sql<LedgerCall[]>`
      select e.request_out as at, e.service, e.class, a.meaning from attempts a join exchanges e on e.id = a.exchange_id
      join dossiers d on d.id = a.dossier_id where d.code = ${code} order by e.request_out, e.id`,
    async states() {
      const rows = await sql<{ state: string; count: number }[]>`
        select state, count(*)::int as count from deliveries group by 1`
      return Object.fromEntries(rows.map(({ state, count }) => [state, count]))
    },
  }
}

/** Every call with an unknown outcome was followed by a look-up of the dossier, not by another send. Returns how many there were. */
export function unknownsLookedUp(calls: readonly LedgerCall[]): number {
  const after = calls.flatMap((call, index) =>
    call.class === 'unknown' ? [calls[index + 1]?.service ?? 'nothing'] : [],
  )
  for (const service of after) if (service !== 'TraCuuHoSo') throw new Error(`After an unknown outcome came ${service}`)
  return after.length
}

/** Repeats until stopped; whoever stops it learns of its errors. */
export function meanwhile(work: () => Promise<void>): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const loop = repeat(work, stopping.signal)
  loop.catch(() => undefined)
  return {
    async stop() {
      stopping.abort()
      await loop
    },
  }
}

async function repeat(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await work()
}

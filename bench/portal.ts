import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { fileURLToPath } from 'node:url'
import type { FaultRule } from '../adapters/sandbox/faults.ts'
import type { SandboxOptions } from '../adapters/sandbox/settings.ts'
import { dossierPayload, stepPayload } from '../adapters/portal/wire.ts'
import { dialects } from '../config/dialects.ts'
import type { Status } from '../config/statuses.ts'
import type { DossierChange } from '../src/dossiers/model.ts'
import { agencies, procedures } from './dossiers.ts'
import { ended } from './processes.ts'

/** What the sandbox saw: writes as they were stored and calls as they were answered, in order of time. */
export interface PortalLog {
  readonly writes: [at: number, what: 'create' | 'update' | 'step', code: string][]
  readonly answers: [at: number, service: string, outcome: string][]
}

export interface WatchedPortal {
  readonly url: string
  faults(rules: readonly FaultRule[]): Promise<void>
  /** What happened since the last time this was asked. */
  log(): Promise<PortalLog>
  stop(): Promise<void>
}

/** The sandbox in a process of its own: what it costs is no part of either side of a comparison, but the same for both. */
export async function startPortal(options: SandboxOptions = {}): Promise<WatchedPortal> {
  const child = fork(fileURLToPath(new URL('./portal-process.ts', import.meta.url)), [], {
    execArgv: [],
    env: { ...process.env, BENCH_PORTAL: JSON.stringify(options) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
  const [{ url, controlUrl }] = (await once(child, 'message')) as [{ url: string; controlUrl: string }]
  return {
    url,
    async faults(rules) {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(`${controlUrl}/faults`, { method: 'PUT', headers, body: JSON.stringify(rules) })
      if (!answer.ok) throw new Error(`The sandbox refused the faults: ${await answer.text()}`)
    },
    async log() {
      const told = once(child, 'message')
      child.send('log')
      return (await told)[0] as PortalLog
    },
    stop: () => ended(child),
  }
}

const dialect = dialects.get('sandbox')!
const unit = '000.00.00.H34'
const destination = 'dstcode=VN%3AGOV%3A000.00.00.G22%3Avpcpdvcprovider'
const nationalByCode = new Map(procedures.map((procedure) => [procedure.code, procedure]))
const agencyNames = new Map(agencies.map(({ code, name }) => [code, name]))

/** The payload that our own adapter would send for this dossier. */
export function payloadOf({ code, changedAt: _changedAt, steps: _steps, ...content }: DossierChange) {
  const { name, fieldCode = '', fieldName = '' } = nationalByCode.get(content.procedureCode)!
  const procedure = {
    code: content.procedureCode,
    name,
    fieldCode,
    fieldName,
    publishedOn: null,
    endsOn: null,
    open: true,
  }
  const agencyName = agencyNames.get(content.agencyCode)!
  return dossierPayload({ code, content, status: content.status as Status, procedure, agencyName }, dialect)
}

export function stepPayloadsOf({ code, steps = [] }: DossierChange) {
  return steps.map((step) => stepPayload({ dossierCode: code, step, status: step.status as Status }, dialect))
}

export interface Told {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly result: readonly unknown[]
  /** Seconds, as the header says; 0 when it says nothing. */
  readonly retryAfter: number
}

export interface BareClient {
  /** Serialises one call; a bench may do so before its clock starts. */
  body(service: string, fields: Readonly<Record<string, unknown>>): string
  /** One call over a kept connection: no pace, no retry, no evidence. */
  post(body: string): Promise<Told>
  close(): void
}

/** The least that can talk to the portal: one login, then calls over `hands` kept connections. */
export async function bareClient(url: string, hands: number): Promise<BareClient> {
  const agent = new Agent({ keepAlive: true, maxSockets: hands })
  const login = await post(agent, `${url}/mapi/login?${destination}`, '{"username":"sandbox","password":"sandbox"}')
  return {
    body: (service, fields) => JSON.stringify({ session: login.session, madonvi: unit, service, ...fields }),
    post: (body) => post(agent, `${url}/mapi/g?${destination}`, body),
    close: () => agent.destroy(),
  }
}

function post(agent: Agent, url: string, body: string): Promise<Told & { session: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const call = request(url, { agent, method: 'POST', headers }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        const retryAfter = Number(response.headers['retry-after'] ?? 0)
        resolve({ ...readAnswer(Buffer.concat(parts).toString()), status: response.statusCode ?? 0, retryAfter })
      })
    })
    call.on('error', reject)
    call.end(body)
  })
}

function readAnswer(text: string): Pick<Told, 'code' | 'message' | 'result'> & { session: string } {
  if (!text.startsWith('{')) return { code: '', message: text, session: '', result: [] }
  const { error_code: code, message, session, result } = JSON.parse(text) as Record<string, unknown>
  return {
    code: String(code),
    message: String(message),
    session: typeof session === 'string' ? session : '',
    result: Array.isArray(result) ? result : [],
  }
}

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { WorkerOrder } from '../support/worker-process.ts'
import type { Hosts } from './hosts.ts'
import { atTheEnd } from './tidy.ts'

export type Role = 'api' | 'worker' | 'scheduler'

/** One process of the service; when it ends, whoever keeps services running starts it again. */
export interface Member {
  readonly name: string
  readonly role: Role
  /** Address of its HTTP server while it is up. */
  url(): string | null
  /** kill -9; it stays away for `away` milliseconds. */
  kill(away: number): Promise<void>
  /** Sets its wall clock off by so many milliseconds. */
  setClock(offset: number): void
}

export interface Crew {
  readonly members: readonly Member[]
  of(role: Role): Member[]
  apis(): string[]
  allUp(): Promise<void>
  /** Of every role at least one is up. */
  standing(): Promise<void>
  /** Processes that ended without being told to. */
  fallen(): string[]
  readonly logs: string
  stop(): Promise<void>
}

export interface CrewOptions {
  readonly folder: string
  readonly count: Readonly<Record<Role, number>>
  readonly policies: WorkerOrder['policies']
  readonly environment: Readonly<Record<string, string>>
  /** Workers live on these, in turn; null: everything on this one. */
  readonly hosts: Hosts | null
}

const workerProcess = fileURLToPath(new URL('../support/worker-process.ts', import.meta.url))
const clock = pathToFileURL(fileURLToPath(new URL('./clock.ts', import.meta.url))).href

export function startCrew(options: CrewOptions): Crew {
  const logs = join(options.folder, 'logs')
  mkdirSync(logs)
  const fallen: string[] = []
  const stopping = new AbortController()
  const members = (Object.keys(options.count) as Role[]).flatMap((role) =>
    Array.from({ length: options.count[role] }, (_, place) =>
      keep(options, { role, place, name: `${role}-${place + 1}`, logs, fallen, signal: stopping.signal }),
    ),
  )
  const of = (role: Role) => members.filter((member) => member.role === role)
  return {
    members,
    of,
    apis: () => of('api').flatMap((member) => member.url() ?? []),
    async allUp() {
      while (members.some((member) => member.url() === null)) await sleep(50)
    },
    async standing() {
      while ([...new Set(members.map(({ role }) => role))].some((role) => of(role).every(({ url }) => url() === null)))
        await sleep(50)
    },
    fallen: () => fallen,
    logs,
    async stop() {
      stopping.abort()
      await Promise.all(members.map((member) => member.ended()))
    },
  }
}

interface Post {
  readonly role: Role
  /** Among those of its role. */
  readonly place: number
  readonly name: string
  readonly logs: string
  readonly fallen: string[]
  readonly signal: AbortSignal
}

/** Keeps one process running until told to stop. */
function keep(options: CrewOptions, { role, place, name, logs, fallen, signal }: Post) {
  const clockFile = join(options.folder, `${name}.clock`)
  writeFileSync(clockFile, '0')
  let now: { child: ChildProcess; url: string | null } | null = null
  let [killed, away] = [false, 0]
  const runOnce = async () => {
    const log = openSync(join(logs, `${name}.log`), 'a')
    const child = launch(options, { role, place, clockFile, log })
    closeSync(log)
    const forget = atTheEnd(() => child.kill('SIGKILL'))
    const self: { child: ChildProcess; url: string | null } = { child, url: null }
    now = self
    child.on('message', ({ url }: { url: string }) => (self.url = url))
    child.on('error', () => undefined)
    const [code, by] = (await once(child, 'exit')) as [number | null, string | null]
    forget()
    // One that never came up found its servers away; that is what starting it again is for.
    if (self.url !== null && !killed && !signal.aborted)
      fallen.push(`${name} (${by ?? code}): ${lastWords(join(logs, `${name}.log`))}`)
    now = null
  }
  const loop = (async () => {
    while (!signal.aborted) {
      await runOnce()
      await sleep(killed ? away : 500, undefined, { signal }).catch(() => undefined)
      killed = false
    }
  })()
  const end = () => {
    if (now?.child.connected) now.child.disconnect()
    const child = now?.child
    setTimeout(() => child?.kill('SIGKILL'), 8_000).unref()
  }
  signal.addEventListener('abort', end)
  return {
    name,
    role,
    url: () => now?.url ?? null,
    async kill(milliseconds: number) {
      const child = now?.child
      if (!child) return
      killed = true
      away = milliseconds
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
    setClock: (offset: number) => writeFileSync(clockFile, String(offset)),
    ended: () => loop,
  }
}

interface Launch {
  readonly role: Role
  readonly place: number
  readonly clockFile: string
  readonly log: number
}

function launch(options: CrewOptions, { role, place, clockFile, log }: Launch): ChildProcess {
  const { hosts } = options
  const before = hosts && role === 'worker' ? hosts.workers[place % hosts.workers.length]!.before : []
  const [program, ...words] = [...before, process.execPath, '--import', clock] as [string, ...string[]]
  const order: WorkerOrder = { environment: { ...options.environment, ROLES: role }, policies: options.policies }
  return fork(workerProcess, [], {
    execPath: program,
    execArgv: words,
    env: {
      ...process.env,
      TEST_LOG: 'warn',
      DVCQG_TEST_WORKER: JSON.stringify(order),
      DVCQG_CHAOS_CLOCK: clockFile,
    },
    stdio: ['ignore', log, log, 'ipc'],
  })
}

/** What a process died of, as far as its log tells. */
function lastWords(log: string): string {
  const tail = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-30)
  const first = tail.findLastIndex((text) => /^\S*(?:Error|Exception)\b/.test(text))
  return tail
    .slice(Math.max(0, first))
    .map((text) => text.trim())
    .join(' | ')
    .slice(0, 700)
}

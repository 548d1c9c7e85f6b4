import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  accessSync,
  appendFileSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'
import { freePort } from './free-port.ts'
import type { Hosts } from './hosts.ts'
import { atTheEnd } from './tidy.ts'

/** A PostgreSQL cluster of the run's own, which may be restarted and crashed. */
export interface OwnPostgres {
  readonly url: string
  /** `fast`: sessions are ended in order. `crash`: all processes end at once, and the next start recovers from the log. */
  restart(how: 'fast' | 'crash', away: number): Promise<void>
  stop(): Promise<void>
}

const packaged = '/usr/lib/postgresql'

/** Folders where a packaged PostgreSQL keeps its programs, newest first, then the PATH. */
function folders(): string[] {
  const versions = existsSync(packaged) ? readdirSync(packaged).sort((a, b) => Number(b) - Number(a)) : []
  return [...versions.map((version) => join(packaged, version, 'bin')), ...(process.env['PATH'] ?? '').split(delimiter)]
}

/** The path of a program; null when it is not there. */
export function programPath(name: string): string | null {
  const runs = (path: string) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  }
  return (
    folders()
      .map((folder) => join(folder, name))
      .find(runs) ?? null
  )
}

/** PostgreSQL refuses to run as root: another account then runs it. Undefined where that is not needed. */
function account(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  const line = lines.find((one) => one.startsWith('postgres:')) ?? lines.find((one) => one.startsWith('nobody:'))
  const [, , uid, gid] = line?.split(':') ?? []
  return { uid: Number(uid ?? 65_534), gid: Number(gid ?? 65_534) }
}

export async function startOwnPostgres(folder: string, hosts: Hosts | null): Promise<OwnPostgres> {
  const address = hosts?.address ?? '127.0.0.1'
  const owner = account()
  mkdirSync(folder)
  if (owner) chownSync(folder, owner.uid, owner.gid)
  const data = join(folder, 'data')
  await initialise(data, owner)
  if (hosts) appendFileSync(join(data, 'pg_hba.conf'), `host all all ${hosts.network} trust\n`)
  const port = await freePort(address)
  const url = `postgres://postgres@${address}:${port}/postgres`
  const log = openSync(join(folder, 'postgres.log'), 'a')
  const start = () => {
    const settings = [
      `listen_addresses=${address}`,
      'max_connections=150',
      'unix_socket_directories=',
      'shared_buffers=128MB',
    ]
    const child = spawn(
      programPath('postgres')!,
      ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
      { ...owner, stdio: ['ignore', log, log] },
    )
    return { child, forget: atTheEnd(() => child.kill('SIGQUIT')) }
  }
  let running = start()
  await answering(url)
  const stop = async (signal: 'SIGINT' | 'SIGQUIT') => {
    running.forget()
    await gone(running.child, signal)
  }
  return {
    url,
    async restart(how, away) {
      await stop(how === 'fast' ? 'SIGINT' : 'SIGQUIT')
      await sleep(away)
      running = start()
      await answering(url)
    },
    stop: () => stop('SIGQUIT'),
  }
}

async function initialise(data: string, owner: ReturnType<typeof account>): Promise<void> {
  const words = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  const child = spawn(programPath('initdb')!, words, { ...owner, stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`initdb ended with ${code}`)
}

async function gone(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  const last = setTimeout(() => child.kill('SIGKILL'), 20_000)
  await ended
  clearTimeout(last)
}

async function answering(url: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => undefined })
    try {
      await sql`select 1`
      return
    } catch (error) {
      if (tries === 300) throw error
      await sleep(100)
    } finally {
      await sql.end({ timeout: 1 }).catch(() => undefined)
    }
  }
}

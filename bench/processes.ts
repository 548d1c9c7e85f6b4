import { execFileSync, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { WorkerOrder } from '../test/support/worker-process.ts'

/** Roles of the service in a process of their own. */
export interface RoleProcess {
  /** Its API, if it serves one, and its health. */
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

export type Environment = Readonly<Record<string, string>>

/** Starts roles of the service; with `profile` (a folder) the process leaves a CPU profile there when it ends. */
export async function startRoles(environment: Environment, profile: string | undefined): Promise<RoleProcess> {
  const order: WorkerOrder = { environment, policies: {} }
  const child = fork(fileURLToPath(new URL('../test/support/worker-process.ts', import.meta.url)), [], {
    execArgv: profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile],
    env: { ...process.env, DVCQG_TEST_WORKER: JSON.stringify(order) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const url = await addressOf(child)
  return { url, pid: child.pid!, stop: () => ended(child) }
}

/** The bare route that `intake-single` compares with, in a process of its own as the API is. */
export async function startBareApi(databaseUrl: string): Promise<RoleProcess> {
  const child = fork(fileURLToPath(new URL('./bare-api-process.ts', import.meta.url)), [databaseUrl], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const url = await addressOf(child)
  return { url, pid: child.pid!, stop: () => ended(child) }
}

async function addressOf(child: ChildProcess): Promise<string> {
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`A process ended before it was ready (exit code ${code})`)
  })
  const [{ url }] = (await Promise.race([once(child, 'message'), gone])) as [{ url: string }]
  return url
}

/** Ends a child in good order; by force when it takes too long. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  if (child.connected) child.disconnect()
  const last = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await gone
  clearTimeout(last)
}

/** Processor time of a process so far, in milliseconds; null where the system does not tell. */
export function processorTime(pid: number): number | null {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return null
  const fields = readFileSync(file, 'utf8').split(') ').at(-1)!.split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  // A hundred ticks a second, on every Linux that Node.js runs on.
  return ticks * 10
}

/** Resident size of a process in megabytes. */
export function residentSize(pid: number): number {
  const status = `/proc/${pid}/status`
  const kilobytes = existsSync(status)
    ? /^VmRSS:\s+(\d+)/m.exec(readFileSync(status, 'utf8'))?.[1]
    : execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })
  return Number(kilobytes ?? 0) / 1024
}

import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** A process, so described that another process which later gets the same number is not taken for it. */
export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in the words of the operating system; empty where that cannot be known. */
  readonly startedAt: string
  /** Where the number means something: host and process namespace (a container has its own). */
  readonly machine: string
}

function identityOf(pid: number): ProcessIdentity | undefined {
  const startedAt = startOf(pid)
  return startedAt === undefined ? undefined : { pid, startedAt, machine: thisMachine() }
}

export function ownIdentity(): ProcessIdentity {
  return identityOf(process.pid) ?? { pid: process.pid, startedAt: '', machine: thisMachine() }
}

/** Only meaningful for an identity of this machine. */
export function isStillRunning(identity: ProcessIdentity): boolean {
  return startOf(identity.pid) === identity.startedAt
}

export function isOnThisMachine(identity: ProcessIdentity): boolean {
  return identity.machine === thisMachine()
}

function thisMachine(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}

function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') return startOnLinux(pid)
  if (!answersSignals(pid)) return undefined
  if (process.platform === 'win32') return ''
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

/** A process that was killed but not yet collected by its parent (a zombie) counts as ended: it holds no files. */
function startOnLinux(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (state === 'Z' || state === 'X') return undefined
    // Ticks since boot are unique only together with the boot.
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${fields[18] ?? ''}`
  } catch {
    return undefined
  }
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

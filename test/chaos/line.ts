import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'
import type { Host } from './hosts.ts'
import { atTheEnd } from './tidy.ts'

/**
 * `cut`: connections are reset and new ones refused. `stall`: nothing moves, new connections hang. `drop`: what is asked arrives,
 * what is answered is lost. Healing (`open`) ends every connection that missed something.
 */
export type LineMode = 'open' | 'cut' | 'stall' | 'drop'

export type LineOrder = { readonly mode: LineMode } | { readonly hold: readonly string[] }

export interface Line {
  readonly address: string
  readonly port: number
  /** Resolves with the number of connections that stood on the line. */
  set(mode: LineMode): Promise<number>
  /** Keeps answers to these addresses back, none to let them go; resolves with the number of calls that have no answer yet. */
  hold(addresses: readonly string[]): Promise<number>
  stop(): Promise<void>
}

/** On a host of the run's own every port is free. */
const portOfHost = 15_000

/** Opens a line to a server; it begins on this machine, or on a host of the run's own. */
export async function openLine(host: string, port: number, at: Host | null = null): Promise<Line> {
  const address = at?.address ?? '127.0.0.1'
  const near = at ? portOfHost : await freePort()
  const [program, ...words] = [...(at?.before ?? []), process.execPath] as [string, ...string[]]
  const child = fork(fileURLToPath(new URL('./line-process.ts', import.meta.url)), [], {
    execPath: program,
    execArgv: words,
    env: { ...process.env, DVCQG_CHAOS_LINE: JSON.stringify({ host, port, address, near }) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const forget = atTheEnd(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  const told = async () => {
    const gone = ended.then(() => Promise.reject(new Error('The line ended by itself')))
    const [count] = (await Promise.race([once(child, 'message'), gone])) as [number]
    return count
  }
  const ask = (words: LineOrder) => {
    const answer = told()
    child.send(words)
    return answer
  }
  await told()
  return {
    address,
    port: near,
    set: (mode) => ask({ mode }),
    hold: (addresses) => ask({ hold: addresses }),
    async stop() {
      forget()
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await ended
    },
  }
}

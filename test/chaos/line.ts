import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'
import { atTheEnd } from './tidy.ts'

/**
 * `cut`: connections are reset and new ones refused. `stall`: nothing moves, new connections hang. `drop`: what is asked arrives,
 * what is answered is lost. Healing (`open`) ends every connection that missed something.
 */
export type LineMode = 'open' | 'cut' | 'stall' | 'drop'

export interface Line {
  readonly port: number
  /** Resolves with the number of connections that stood on the line. */
  set(mode: LineMode): Promise<number>
  stop(): Promise<void>
}

/** Opens a line to a server. */
export async function openLine(host: string, port: number): Promise<Line> {
  const near = await freePort()
  const child = fork(fileURLToPath(new URL('./line-process.ts', import.meta.url)), [], {
    execPath: process.execPath,
    execArgv: [],
    env: { ...process.env, DVCQG_CHAOS_LINE: JSON.stringify({ host, port, near }) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const forget = atTheEnd(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  const told = async () => {
    const gone = ended.then(() => Promise.reject(new Error('The line ended by itself')))
    const [{ held }] = (await Promise.race([once(child, 'message'), gone])) as [{ held: number }]
    return held
  }
  await told()
  return {
    port: near,
    async set(mode) {
      const done = told()
      child.send(mode)
      return done
    },
    async stop() {
      forget()
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await ended
    },
  }
}

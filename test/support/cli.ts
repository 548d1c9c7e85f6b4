import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { CliAnswer, CliOrder } from './cli-process.ts'

export const program = fileURLToPath(new URL('../../src/cli/dvcqg.ts', import.meta.url))

type Run<T> = (args: readonly string[], environment?: CliOrder['environment']) => Promise<T>

/** Without our own settings; what Node itself is told stays. */
const environmentOf = (more: CliOrder['environment'] = {}) => ({
  PATH: process.env['PATH'] ?? '',
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
  ...more,
})

/** The program as a person starts it. */
export const runCli: Run<Pick<CliAnswer, 'code' | 'out' | 'err'>> = (args, environment) =>
  new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env: environmentOf(environment) }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    )
  })

/** The program in one process for many runs, one after the other; resolves when it is loaded. */
export async function openCli(): Promise<{ run: Run<CliAnswer>; close(): void }> {
  const child = fork(fileURLToPath(new URL('./cli-process.ts', import.meta.url)), [], {
    execArgv: [],
    env: environmentOf(),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit').then(() => Promise.reject(new Error('The program ended its process')))
  ended.catch(() => undefined)
  let number = 0
  const run: Run<CliAnswer> = async (args, environment = {}) => {
    const order: CliOrder = { number: (number += 1), args, environment }
    child.send(order)
    for (;;) {
      const [answer] = (await Promise.race([once(child, 'message'), ended])) as [CliAnswer]
      if (answer.number === order.number) return answer
    }
  }
  await run(['--version'])
  return { run, close: () => child.disconnect() }
}

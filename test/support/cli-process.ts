import { setImmediate as turn } from 'node:timers/promises'

export interface CliOrder {
  readonly number: number
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}
export interface CliAnswer {
  readonly number: number
  readonly code: number
  readonly out: string
  readonly err: string
  /** What would keep a process of its own from ending. */
  readonly left: readonly string[]
}

// The command line program, run for one order after the other: loading it takes far longer than telling somebody what is
// wrong with his order. Each run is that of the entry point itself; only what it imports stays loaded.
const program = new URL('../../src/cli/dvcqg.ts', import.meta.url)
const streams = { out: process.stdout, err: process.stderr } as const

async function obey({ number, args, environment }: CliOrder): Promise<CliAnswer> {
  const said = { out: '', err: '' }
  for (const name of ['out', 'err'] as const)
    streams[name].write = (text) => {
      said[name] += String(text)
      return true
    }
  process.argv = [process.argv[0]!, program.pathname, ...args]
  process.exitCode = 0
  Object.assign(process.env, environment)
  const before = process.getActiveResourcesInfo()
  await import(`${program.href}?${number}`)
  await turn()
  const left = process.getActiveResourcesInfo()
  for (const one of before) if (left.includes(one)) left.splice(left.indexOf(one), 1)
  const code = process.exitCode
  process.exitCode = 0
  for (const name of Object.keys(environment)) delete process.env[name]
  // Each run listens anew.
  process.stdout.removeAllListeners('error')
  return { number, code, ...said, left }
}

let last: Promise<unknown> = Promise.resolve()
process.on('message', (order: CliOrder) => {
  last = last.then(() => obey(order)).then((answer) => process.send?.(answer))
})

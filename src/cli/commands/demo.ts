import type { Command } from 'commander'
import { exits } from '../exits.ts'
import { readPort, readShare } from '../options.ts'
import { switchesOf } from '../output.ts'

interface Options {
  readonly exit?: boolean
  readonly scale: number
  readonly port?: number
  readonly dataDir?: string
}

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('Show a whole province at work against a sandbox portal, with invented dossiers.')
    .option('--exit', 'end when the demonstration is over, instead of staying up to be looked at')
    .option('--scale <share>', 'share of a full year of dossiers, above 0 and up to 1', readShare, 1)
    .option('--port <number>', 'port of the HTTP API', readPort)
    .option('--data-dir <folder>', 'folder to keep the ledger of the demonstration in')
    .action(async ({ exit, scale, port, dataDir }: Options, command: Command) => {
      // Only here, so that no other command waits for what the demonstration loads.
      const { runDemo } = await import('../../demo/demo.ts')
      const good = await runDemo({
        exit: exit ?? false,
        json: switchesOf(command).json,
        scale,
        ...(port === undefined ? {} : { port }),
        ...(dataDir === undefined ? {} : { dataDir }),
      })
      process.exitCode = good ? exits.done : exits.failed
    })
}

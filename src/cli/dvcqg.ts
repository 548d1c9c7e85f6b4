#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError, Option } from 'commander'
import { addDeliveries } from './commands/deliveries.ts'
import { addAlerts } from './commands/alerts.ts'
import { addDemo } from './commands/demo.ts'
import { addDoctor } from './commands/doctor.ts'
import { addImport } from './commands/import.ts'
import { addKeys } from './commands/keys.ts'
import { addMigrate } from './commands/migrate.ts'
import { addQueues } from './commands/queues.ts'
import { addReconcile } from './commands/reconcile.ts'
import { addReplays } from './commands/replays.ts'
import { addReport } from './commands/report.ts'
import { addResend } from './commands/resend.ts'
import { addSandbox } from './commands/sandbox.ts'
import { addServe } from './commands/serve.ts'
import { addStatus } from './commands/status.ts'
import { addWebhooks } from './commands/webhooks.ts'
import { exitOf, exits, Interrupted, sentenceOf } from './exits.ts'
import { remark } from './output.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

function createProgram(): Command {
  const program = new Command('dvcqg')
    .description("Keeps a province's dossiers in step with the National Public Service Portal, and proves it.")
    .version(version)
    .option('--json', 'answer as JSON on stdout, where there is an answer')
    .addOption(new Option('--verbose', 'show where an error comes from'))
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('Add --help to see what this command takes.')
    .exitOverride()
    .addHelpText(
      'after',
      '\nConfiguration comes from the environment (docs/configuration.md). Exit codes: 0 done, 1 failed, 2 wrong usage or' +
        '\nconfiguration, 3 the answer is "not healthy" or "differences found".',
    )
  const adders = [
    addServe,
    addMigrate,
    addSandbox,
    addDemo,
    addImport,
    addReport,
    addReconcile,
    addResend,
    addReplays,
    addDeliveries,
    addKeys,
    addWebhooks,
    addStatus,
    addAlerts,
    addQueues,
    addDoctor,
  ]
  for (const add of adders) add(program)
  return program
}

async function run(): Promise<void> {
  const program = createProgram()
  try {
    await program.parseAsync()
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has already said what is wrong.
      process.exitCode = error.exitCode === 0 ? exits.done : exits.usage
      return
    }
    remark(sentenceOf(error))
    if (program.opts<{ verbose?: boolean }>().verbose && error instanceof Error) remark(error.stack ?? '')
    process.exitCode = exitOf(error)
    // What was interrupted half-way may hold connections open.
    if (error instanceof Interrupted) process.exit()
  }
}

// The reader of our answer may go away first (`dvcqg report | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(exits.done)
})
await run()

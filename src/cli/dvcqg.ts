#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError, Option } from 'commander'
import { exitOf, exits, Interrupted, sentenceOf } from './exits.ts'
import { remark } from './output.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

type Adder = (program: Command) => void

/** What each command needs is loaded with it: all of it together takes a second and a hundred megabytes. */
const commands: Readonly<Record<string, () => Promise<Adder>>> = {
  serve: async () => (await import('./commands/serve.ts')).addServe,
  migrate: async () => (await import('./commands/migrate.ts')).addMigrate,
  sandbox: async () => (await import('./commands/sandbox.ts')).addSandbox,
  demo: async () => (await import('./commands/demo.ts')).addDemo,
  import: async () => (await import('./commands/import.ts')).addImport,
  procedures: async () => (await import('./commands/procedures.ts')).addProcedures,
  organisations: async () => (await import('./commands/organisations.ts')).addOrganisations,
  catalogue: async () => (await import('./commands/catalogue.ts')).addCatalogue,
  mappings: async () => (await import('./commands/mappings.ts')).addMappings,
  audit: async () => (await import('./commands/audit.ts')).addAudit,
  report: async () => (await import('./commands/report.ts')).addReport,
  score: async () => (await import('./commands/score.ts')).addScore,
  'public-figures': async () => (await import('./commands/public-figures.ts')).addPublicFigures,
  counters: async () => (await import('./commands/counters.ts')).addCounters,
  reconcile: async () => (await import('./commands/reconcile.ts')).addReconcile,
  discrepancies: async () => (await import('./commands/discrepancies.ts')).addDiscrepancies,
  resend: async () => (await import('./commands/resend.ts')).addResend,
  replays: async () => (await import('./commands/replays.ts')).addReplays,
  deliveries: async () => (await import('./commands/deliveries.ts')).addDeliveries,
  keys: async () => (await import('./commands/keys.ts')).addKeys,
  webhooks: async () => (await import('./commands/webhooks.ts')).addWebhooks,
  status: async () => (await import('./commands/status.ts')).addStatus,
  alerts: async () => (await import('./commands/alerts.ts')).addAlerts,
  queues: async () => (await import('./commands/queues.ts')).addQueues,
  doctor: async () => (await import('./commands/doctor.ts')).addDoctor,
}

/** The one that is called, or all of them where it is not known which: for help, and for a name that does not exist. */
async function addersFor(words: readonly string[]): Promise<Adder[]> {
  const called = words.find((word) => !word.startsWith('-'))
  const one = called === undefined || !Object.hasOwn(commands, called) ? undefined : commands[called]
  return Promise.all((one ? [one] : Object.values(commands)).map((load) => load()))
}

async function createProgram(words: readonly string[]): Promise<Command> {
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
  for (const add of await addersFor(words)) add(program)
  return program
}

async function run(): Promise<void> {
  const program = await createProgram(process.argv.slice(2))
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

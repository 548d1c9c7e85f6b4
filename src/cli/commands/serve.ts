import type { Command } from 'commander'
import { loadSettings, serve } from '../../main.ts'
import { readSome } from '../options.ts'

const roles = ['api', 'worker', 'scheduler', 'all'] as const

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('Run the service until it is stopped (Ctrl-C or SIGTERM).')
    .option('--roles <list>', `what this process does: ${roles.join(', ')}; several with commas`, readSome(roles))
    .addHelpText('after', '\nWithout --roles the setting ROLES decides, and without that the process does everything.')
    .action(async (options: { roles?: (typeof roles)[number][] }) => {
      const settings = loadSettings()
      await serve(options.roles ? { ...settings, ROLES: options.roles } : settings)
    })
}

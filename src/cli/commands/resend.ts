import type { Command } from 'commander'
import { failures } from '../../../config/failures.ts'
import { countResend, resend, type ResendFilter } from '../../delivery/store.ts'
import { UsageError } from '../exits.ts'
import { withGround } from '../ground.ts'
import { actor, readDay } from '../options.ts'
import { answer, given, switchesOf } from '../output.ts'

interface Options extends ResendFilter {
  readonly why?: string
  readonly yes?: boolean
}

export function addResend(program: Command): void {
  program
    .command('resend')
    .description('Send dossiers again that stopped (blocked or parked). Without --yes it only counts them.')
    .option('--code <code>', 'this dossier, even when it was delivered')
    .option('--reason <code>', 'those that stopped for this reason; "dvcqg status" shows the reasons')
    .option('--agency <code>', 'those of this agency')
    .option('--procedure <code>', 'those of this procedure, as the one-stop system names it')
    .option('--from <day>', 'received from this day on', readDay)
    .option('--to <day>', 'received before this day', readDay)
    .option('--why <text>', 'why they are sent again, for the audit (required)')
    .option('--yes', 'really do it')
    .action(async ({ why, yes, ...rest }: Options, command: Command) => {
      const { code, reason, agency, procedure, from, to } = rest
      const filter: ResendFilter = given({ code, reason, agency, procedure, from, to })
      const problems = problemsOf(filter, why)
      if (problems.length > 0) throw new UsageError(problems)
      const count = await withGround(({ sql }) =>
        yes ? resend(sql, filter, actor(), why!.trim()) : countResend(sql, filter),
      )
      answer(switchesOf(command), { filter, dossiers: count, resent: yes ?? false }, () => words(count, yes ?? false))
    })
}

function problemsOf(filter: ResendFilter, why: string | undefined): string[] {
  const { reason, from, to } = filter
  const chosen = Object.values(filter).some((value) => value !== '')
  return [
    ...(chosen ? [] : ['Say which dossiers: --code, --reason, --agency, --procedure, --from or --to.']),
    ...(why?.trim() ? [] : ['--why is missing: the audit keeps the reason.']),
    ...(reason === undefined || Object.hasOwn(failures, reason)
      ? []
      : [`${reason} is not a reason this service knows; "dvcqg status" shows the reasons.`]),
    ...(from === undefined || to === undefined || from < to ? [] : ['--from must lie before --to.']),
  ]
}

function words(count: number, done: boolean): string {
  if (count === 0) return 'No stopped dossier fits.'
  if (done) return `${count} dossiers wait to be sent again.`
  return `${count} dossiers would be sent again. Add --yes to do it.`
}

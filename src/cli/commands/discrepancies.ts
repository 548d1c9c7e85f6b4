import { Option, type Command } from 'commander'
import {
  acts,
  discrepancyKinds,
  foresee,
  listDiscrepancies,
  resolve,
  sides,
  type DiscrepancyAct,
  type DiscrepancyFilter,
} from '../../reconciliation/discrepancies.ts'
import { openRepair } from '../../main.ts'
import { UsageError } from '../exits.ts'
import { withGround } from '../ground.ts'
import { actor, readWhole } from '../options.ts'
import { answer, columns, switchesOf } from '../output.ts'

interface Options {
  readonly state: DiscrepancyFilter['state']
  readonly side?: DiscrepancyFilter['side']
  readonly kind?: DiscrepancyFilter['kind']
  readonly agency?: string
  readonly field?: string
}

interface ResolveOptions extends Options {
  readonly act: DiscrepancyAct
  readonly why?: string
  readonly yes?: boolean
}

export function addDiscrepancies(program: Command): void {
  const group = program
    .command('discrepancies')
    .description(
      'What disagrees with the portal or the register, until a later run sees both sides agree or somebody says that it may stay.',
    )
  filtered(group.command('list').description('The oldest first.'))
    .option('--limit <number>', 'at most so many', readWhole(1), 100)
    .action(async ({ limit, ...filter }: Options & { limit: number }, command: Command) => {
      const { discrepancies } = await withGround(({ sql }) => listDiscrepancies(sql, filter, { limit }))
      answer(switchesOf(command), discrepancies, () =>
        discrepancies.length === 0
          ? 'There are none.'
          : columns([
              ['CODE', 'SIDE', 'KIND', 'SINCE', 'SEEN', 'FIELDS'],
              ...discrepancies.map((one) => [
                one.code,
                one.side,
                one.kind,
                one.openedAt,
                String(one.seen),
                one.fields.map(({ field }) => field).join(', '),
              ]),
            ]),
      )
    })
  filtered(
    group.command('resolve').description('Act on those that the filter chooses. Without --yes it only counts them.'),
  )
    .addOption(new Option('--act <act>', 'what is done').choices(acts).makeOptionMandatory())
    .option('--why <text>', 'kept with it (required with --yes)')
    .option('--yes', 'really do it')
    .action(async ({ act, why, yes = false, ...filter }: ResolveOptions, command: Command) => {
      if (yes && !why?.trim()) throw new UsageError(['--why is missing: the audit keeps the reason.'])
      const done = await withGround((ground) =>
        yes
          ? resolve(ground.sql, { filter, act, by: actor(), why: why!.trim() }, openRepair(ground))
          : foresee(ground.sql, { filter, act }),
      )
      answer(switchesOf(command), { ...done, done: yes ? done.done : 0 }, () =>
        yes
          ? `${done.done} of ${done.chosen}: ${act}.`
          : `${done.done} of ${done.chosen} would be done: ${act}. Give --yes to do it.`,
      )
    })
}

const filtered = (command: Command): Command =>
  command
    .addOption(
      new Option('--state <state>', 'waiting for somebody, acted on, or closed')
        .choices(['open', 'acted', 'closed'])
        .default('open'),
    )
    .addOption(new Option('--side <side>', "with the portal, or with the province's register").choices(sides))
    .addOption(new Option('--kind <kind>', 'only of this kind').choices(discrepancyKinds))
    .option('--agency <code>', 'only of this agency')
    .option('--field <name>', 'only those in which this field differs')

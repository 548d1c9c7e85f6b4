import { Option, type Command } from 'commander'
import { failures } from '../../../config/failures.ts'
import { replayLimits } from '../../../config/replays.ts'
import { checkFilter, replayStates, type ReplayFilter } from '../../delivery/replay-filter.ts'
import {
  draftReplay,
  previewReplay,
  resendDossier,
  startReplay,
  type Preview,
  type Replay,
} from '../../delivery/replays.ts'
import type { Sql } from '../../platform/database.ts'
import { Refusal } from '../../platform/problems.ts'
import { given } from '../../platform/given.ts'
import { CommandFailed, UsageError } from '../exits.ts'
import { withGround } from '../ground.ts'
import { actor, readDay, readWhole } from '../options.ts'
import { answer, columns, plain, switchesOf } from '../output.ts'

interface Options extends Omit<ReplayFilter, 'codes'> {
  readonly code?: string
  readonly why?: string
  readonly yes?: boolean
  readonly throttle?: number
  readonly expected?: number
}

interface Outcome {
  readonly filter: Omit<ReplayFilter, 'codes'> & { readonly code?: string }
  readonly dossiers: number
  readonly resent: boolean
  readonly preview?: Preview
  readonly replay?: Replay
}

export function addResend(program: Command): void {
  program
    .command('resend')
    .description(
      'Send dossiers again that stopped (blocked or parked), in their original order. Without --yes it only counts them.',
    )
    .option('--code <code>', 'this dossier, even when it was delivered')
    .option('--reason <code>', 'those that stopped for this reason; "dvcqg status" shows the reasons')
    .option('--error <code>', 'those the portal refused with this code of its own')
    .option('--agency <code>', 'those of this agency')
    .option('--procedure <code>', 'those of this procedure, as the one-stop system names it')
    .option('--from <day>', 'received from this day on', readDay)
    .option('--to <day>', 'received before this day', readDay)
    .addOption(
      new Option('--state <state>', 'only those in this state (default: parked and blocked)').choices(replayStates),
    )
    .option('--all-of-period', 'with --state delivered: the period alone is meant')
    .option('--why <text>', 'why they are sent again, for the audit (required)')
    .option('--throttle <number>', `dossiers per minute (default: ${replayLimits.perMinute})`, readWhole(1))
    .option('--expected <number>', 'do it only if it is so many dossiers', readWhole(0))
    .option('--yes', 'really do it')
    .action(async ({ why, yes = false, throttle, expected, ...rest }: Options, command: Command) => {
      const { code, reason, error, agency, procedure, from, to, state, allOfPeriod } = rest
      const filter = given({ reason, error, agency, procedure, from, to, state, allOfPeriod })
      const problems = problemsOf(rest, filter, { why, throttle })
      if (problems.length > 0) throw new UsageError(problems)
      const wish = { why: why!.trim(), perMinute: throttle, expected }
      const outcome = await withGround(({ sql }) =>
        code === undefined ? resendMany(sql, filter, wish, yes) : resendOne(sql, code, wish.why, yes),
      )
      answer(switchesOf(command), outcome, () => words(outcome))
    })
}

function problemsOf(
  rest: Omit<Options, 'why' | 'yes' | 'throttle' | 'expected'>,
  filter: ReplayFilter,
  { why, throttle }: { why: string | undefined; throttle: number | undefined },
): string[] {
  const { reason, from, to } = filter
  const named = Object.entries(filter).filter(([name]) => name !== 'state' && name !== 'allOfPeriod')
  const blank = Object.entries({ ...filter, code: rest.code }).filter(
    ([, value]) => typeof value === 'string' && value.trim() === '',
  )
  const backwards = from !== undefined && to !== undefined && from >= to
  const nothing = rest.code === undefined && named.length === 0
  const problems = [
    ...(nothing ? ['Say which dossiers: --code, --reason, --error, --agency, --procedure, or --from and --to.'] : []),
    ...(rest.code !== undefined && Object.keys(filter).length > 0
      ? ['--code names one dossier: give no other filter with it.']
      : []),
    ...blank.map(([name]) => `--${name} is blank.`),
    ...(why?.trim() ? [] : ['--why is missing: the audit keeps the reason.']),
    ...(throttle !== undefined && throttle > replayLimits.mostPerMinute
      ? [`--throttle is at most ${replayLimits.mostPerMinute}.`]
      : []),
    ...(reason === undefined || Object.hasOwn(failures, reason)
      ? []
      : [`${reason} is not a reason this service knows; "dvcqg status" shows the reasons.`]),
    ...(backwards ? ['--from must lie before --to.'] : []),
  ]
  return problems.length > 0 || rest.code !== undefined ? problems : tooBroad(filter)
}

function tooBroad(filter: ReplayFilter): string[] {
  try {
    checkFilter(filter)
    return []
  } catch (error) {
    if (error instanceof Refusal) return [`${error.message}.`]
    throw error
  }
}

interface Wish {
  readonly why: string
  readonly perMinute: number | undefined
  readonly expected: number | undefined
}

async function resendMany(
  sql: Sql,
  filter: ReplayFilter,
  { why, perMinute, expected }: Wish,
  yes: boolean,
): Promise<Outcome> {
  const preview = await previewReplay(sql, filter, null)
  if (!yes || preview.count === 0) return { filter, dossiers: preview.count, resent: false, preview }
  const operator = { actor: actor(), scope: null }
  const draft = await draftReplay(sql, { filter, why, perMinute }, operator)
  const replay = await startReplay(sql, draft.id, expected ?? draft.progress.total, operator)
  return { filter, dossiers: draft.progress.total, resent: true, replay: replay! }
}

async function resendOne(sql: Sql, code: string, why: string, yes: boolean): Promise<Outcome> {
  const filter = { code }
  if (yes) {
    const replay = await resendDossier(sql, { code, why }, { actor: actor(), scope: null })
    if (replay === null) throw new CommandFailed(`There is no dossier ${plain(code)}. Check the code.`)
    return { filter, dossiers: replay.progress.total, resent: true, replay }
  }
  const stopped = await previewReplay(sql, { codes: [code] }, null)
  const preview = stopped.count > 0 ? stopped : await previewReplay(sql, { codes: [code], state: 'delivered' }, null)
  return { filter, dossiers: preview.count, resent: false, preview }
}

function words({ dossiers, resent, preview, replay }: Outcome): string {
  if (resent && replay)
    return `${dossiers} dossiers are sent again, at most ${replay.perMinute} a minute. "dvcqg replays show ${replay.id}" shows how far it is.`
  const others = (preview?.inOtherReplays ?? []).map(
    ({ replay: id, count }) => `${count} more are left out: replay ${id} has them.`,
  )
  if (dossiers === 0 || !preview) return ['No stopped dossier fits.', ...others].join('\n')
  return [
    columns([
      ['STATE', 'DOSSIERS', 'REASON'],
      ...preview.states.map(({ state, count, reason }) => [state, String(count), reason ?? '']),
    ]),
    '',
    `The first: ${preview.first.map(({ code }) => plain(code)).join(', ')}`,
    ...others,
    `${dossiers} dossiers would be sent again. Add --yes to do it.`,
  ].join('\n')
}

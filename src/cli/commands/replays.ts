import { Option, type Command } from 'commander'
import { replayLimits } from '../../../config/replays.ts'
import {
  cancelReplay,
  listReplays,
  outcomesOf,
  pauseReplay,
  readReplay,
  replayPhases,
  resumeReplay,
  stopReplays,
  type Move,
  type Operator,
  type Outcomes,
  type Replay,
  type ReplayPhase,
} from '../../delivery/replays.ts'
import type { Sql } from '../../platform/database.ts'
import { momentWords, type Language } from '../../console/words.ts'
import { partWords, phaseWords } from '../../delivery/words.ts'
import { CommandFailed, UsageError } from '../exits.ts'
import { withGround } from '../ground.ts'
import { actor, readWhole, languageOption } from '../options.ts'
import { answer, columns, plain, switchesOf } from '../output.ts'

export function addReplays(program: Command): void {
  const replays = program
    .command('replays')
    .description('Dossiers that are sent again: how far they are, and the brake. "dvcqg resend" starts one.')
  addList(replays)
  addShow(replays)
  addMove(replays, 'pause', 'Pause a replay: what no worker has is called back.', pauseReplay)
  addMove(replays, 'resume', 'Go on with a paused replay.', resumeReplay)
  addMove(replays, 'cancel', 'Cancel a replay for good: what was not sent stays as it was.', cancelReplay)
  addStopAll(replays)
}

function addList(replays: Command): void {
  replays
    .command('list')
    .description('Replays, newest first.')
    .addOption(new Option('--state <state>', 'only those in this state').choices(replayPhases))
    .option('--limit <number>', 'at most so many', readWhole(1), 20)
    .addOption(languageOption())
    .action(async (options: { state?: ReplayPhase; limit: number; lang: Language }, command: Command) => {
      const list = await withGround(({ sql }) => listReplays(sql, { state: options.state, limit: options.limit }, null))
      const empty = { vi: 'Chưa có đợt gửi lại nào.', en: 'There are no replays yet.' }
      answer(switchesOf(command), list, () => (list.length === 0 ? empty[options.lang] : tableOf(list, options.lang)))
    })
}

const parts = Object.keys(partWords) as (keyof Replay['progress'])[]

function tableOf(list: readonly Replay[], lang: Language): string {
  const heads = {
    vi: ['ĐỢT', 'TRẠNG THÁI', 'LẬP LÚC', 'NGƯỜI LẬP'],
    en: ['REPLAY', 'STATE', 'MADE', 'BY'],
  }
  const why = { vi: 'LÝ DO', en: 'WHY' }
  return columns([
    [...heads[lang], ...parts.map((part) => partWords[part][lang].toUpperCase()), why[lang]],
    ...list.map((replay) => [
      String(replay.id),
      phaseWords[replay.state][lang],
      momentWords(replay.createdAt),
      replay.actor,
      ...parts.map((part) => String(replay.progress[part])),
      replay.why,
    ]),
  ])
}

function addShow(replays: Command): void {
  replays
    .command('show <id>')
    .description('How far a replay is, and how its dossiers ended.')
    .addOption(languageOption())
    .action(async (text: string, { lang }: { lang: Language }, command: Command) => {
      const id = idOf(text)
      const shown = await withGround(async ({ sql }) => {
        const replay = found(await readReplay(sql, id, null), id)
        return { ...replay, outcomes: await outcomesOf(sql, id) }
      })
      answer(switchesOf(command), shown, () => describe(shown, lang))
    })
}

function describe({ outcomes, ...replay }: Replay & { outcomes: Outcomes }, lang: Language): string {
  const heads = {
    filter: { vi: 'Điều kiện', en: 'Filter' },
    pace: { vi: 'Nhịp', en: 'Pace' },
    perMinute: { vi: `tối đa ${replay.perMinute} hồ sơ mỗi phút`, en: `at most ${replay.perMinute} dossiers a minute` },
    skipped: { vi: 'bỏ qua', en: 'skipped' },
  }
  return [
    tableOf([replay], lang),
    '',
    `${heads.filter[lang]}: ${plain(JSON.stringify(replay.filter))}`,
    `${heads.pace[lang]}: ${heads.perMinute[lang]}`,
    ...outcomes.skipped.map(
      ({ why, words, count }) => `${count} ${heads.skipped[lang]} (${why}): ${words?.[lang] ?? ''}`,
    ),
    ...outcomes.ended.map(
      ({ state, reason, words, count }) =>
        `${count} ${state}${reason ? ` (${reason}): ${words?.[lang].cause ?? ''} → ${words?.[lang].next ?? ''}` : ''}`,
    ),
  ].join('\n')
}

type Mover = (sql: Sql, id: number, move: Move, operator: Operator) => Promise<Replay | null>

function addMove(replays: Command, name: 'pause' | 'resume' | 'cancel', description: string, mover: Mover): void {
  const command = replays.command(`${name} <id>`).description(description).option('--why <text>', 'why, for the audit')
  if (name === 'resume') command.option('--throttle <number>', 'from now on so many dossiers per minute', readWhole(1))
  command.action(async (text: string, { why, throttle }: { why?: string; throttle?: number }, own: Command) => {
    const id = idOf(text)
    if (throttle !== undefined && throttle > replayLimits.mostPerMinute)
      throw new UsageError([`--throttle is at most ${replayLimits.mostPerMinute}.`])
    const operator = { actor: actor(), scope: null }
    const replay = found(await withGround(({ sql }) => mover(sql, id, { why, perMinute: throttle }, operator)), id)
    const { onWay, remaining } = replay.progress
    answer(
      switchesOf(own),
      replay,
      () => `Replay ${id} is ${replay.state}: ${remaining} dossiers remain, ${onWay} are on the way.`,
    )
  })
}

function addStopAll(replays: Command): void {
  replays
    .command('stop-all')
    .description('Pause every running replay at once.')
    .option('--why <text>', 'why, for the audit (required)')
    .action(async ({ why }: { why?: string }, command: Command) => {
      if (!why?.trim()) throw new UsageError(['--why is missing: the audit keeps the reason.'])
      const stopped = await withGround(({ sql }) => stopReplays(sql, why.trim(), { actor: actor(), scope: null }))
      const { paused, onWay } = stopped
      answer(switchesOf(command), stopped, () =>
        paused.length === 0
          ? 'No replay is running.'
          : `Paused: ${paused.join(', ')}. ${onWay} dossiers could not be called back: a worker has them.`,
      )
    })
}

function idOf(text: string): number {
  const id = Number(text)
  if (!Number.isSafeInteger(id) || id < 1)
    throw new UsageError(['A replay is named by its number; "dvcqg replays list" shows them.'])
  return id
}

function found(replay: Replay | null, id: number): Replay {
  if (replay === null) throw new CommandFailed(`There is no replay ${id}. "dvcqg replays list" shows them.`)
  return replay
}

import type { Command } from 'commander'
import { laneWords } from '../../../config/delivery-words.ts'
import type { LaneState } from '../../delivery/model.ts'
import type { Movement } from '../../delivery/health.ts'
import { readHold, type Hold } from '../../delivery/hold.ts'
import type { PaceState } from '../../delivery/pace.ts'
import { backlog, type Backlog } from '../../delivery/store.ts'
import { holdWords, movementWords, paceWords } from '../../delivery/words.ts'
import { causeWords, countWords, type Language } from '../../console/words.ts'
import { movementOf, type Ground } from '../../main.ts'
import { exits } from '../exits.ts'
import { languageOption } from '../options.ts'
import { withGround } from '../ground.ts'
import { ageOf, answer, columns, plain, switchesOf } from '../output.ts'

interface Status {
  readonly backlog: readonly (Backlog & { readonly words: ReturnType<typeof causeWords> | null })[]
  /** Null when Redis cannot be reached. */
  readonly pace: PaceState | null
  readonly movement: Movement
  readonly hold: Hold
}

export function addStatus(program: Command): void {
  program
    .command('status')
    .description(
      'What waits, what stopped and why, and the pace towards the portal. Exits with 3 when work stands still.',
    )
    .addOption(languageOption())
    .action(async ({ lang }: { lang: Language }, command: Command) => {
      const status = await withGround(read)
      answer(switchesOf(command), status, () => describe(status, lang))
      process.exitCode = status.movement.ok ? exits.done : exits.unhealthy
    })
}

const order: readonly LaneState[] = ['delivered', 'waiting', 'sending', 'unknown', 'blocked', 'parked']

async function read(ground: Ground): Promise<Status> {
  const rows = await backlog(ground.sql)
  const state = await ground.pace.state().catch(() => null)
  const movement = await movementOf(ground)
  const sorted = rows.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || b.count - a.count)
  return {
    backlog: sorted.map((row) => ({ ...row, words: row.reason ? causeWords(row.reason) : null })),
    pace: state,
    movement,
    hold: await readHold(ground.sql),
  }
}

function describe({ backlog: rows, pace, movement, hold }: Status, lang: Language): string {
  const list = rows.flatMap(({ state, reason, count, oldest, words }) => [
    [
      laneWords[state][lang],
      countWords(count)[lang],
      state === 'delivered' ? '' : ageOf(oldest),
      reason ?? '',
      words?.cause[lang] ?? '',
    ],
    ...(words ? [['', '', '', '', `→ ${words.next[lang]}`]] : []),
  ])
  const empty = { vi: 'Chưa có hồ sơ nào.', en: 'There are no dossiers yet.' }
  const heads = {
    vi: ['TRẠNG THÁI', 'SỐ HỒ SƠ', 'CŨ NHẤT', 'MÃ', 'NGUYÊN NHÂN'],
    en: ['STATE', 'DOSSIERS', 'OLDEST', 'CODE', 'CAUSE'],
  }
  return [
    rows.length === 0 ? empty[lang] : columns([heads[lang], ...list]),
    '',
    paceWords(pace)[lang],
    movementWords(movement)[lang],
    ...(hold.held ? [plain(holdWords(hold)[lang])] : []),
  ].join('\n')
}

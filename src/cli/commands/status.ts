import { Option, type Command } from 'commander'
import type { LaneState } from '../../delivery/model.ts'
import { checkMovement, type Movement } from '../../delivery/health.ts'
import type { PaceState } from '../../delivery/pace.ts'
import { backlog, type Backlog } from '../../delivery/store.ts'
import { causeWords, countWords, type Language, type Words } from '../../reconciliation/words.ts'
import type { Ground } from '../../main.ts'
import { exits } from '../exits.ts'
import { withGround } from '../ground.ts'
import { ageOf, answer, columns, switchesOf } from '../output.ts'

interface Status {
  readonly backlog: readonly (Backlog & { readonly words: ReturnType<typeof causeWords> | null })[]
  /** Null when Redis cannot be reached. */
  readonly pace: PaceState | null
  readonly movement: Movement
}

export function addStatus(program: Command): void {
  program
    .command('status')
    .description(
      'What waits, what stopped and why, and the pace towards the portal. Exits with 3 when work stands still.',
    )
    .addOption(new Option('--lang <language>', 'language of the words').choices(['vi', 'en']).default('vi'))
    .action(async ({ lang }: { lang: Language }, command: Command) => {
      const status = await withGround(read)
      answer(switchesOf(command), status, () => describe(status, lang))
      process.exitCode = status.movement.ok ? exits.done : exits.unhealthy
    })
}

const order: readonly LaneState[] = ['delivered', 'waiting', 'sending', 'unknown', 'blocked', 'parked']

async function read({ sql, pace, portal, settings }: Ground): Promise<Status> {
  const rows = await backlog(sql)
  const state = await pace.state().catch(() => null)
  const movement = await checkMovement({
    sql,
    pace: async () => state,
    portalConfigured: portal !== null,
    stallSeconds: settings.STALL_SECONDS,
  })
  const sorted = rows.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || b.count - a.count)
  return {
    backlog: sorted.map((row) => ({ ...row, words: row.reason ? causeWords(row.reason) : null })),
    pace: state,
    movement,
  }
}

const stateWords: Readonly<Record<LaneState, Words>> = {
  delivered: { vi: 'Đã gửi', en: 'Delivered' },
  waiting: { vi: 'Chờ gửi', en: 'Waiting' },
  sending: { vi: 'Đang gửi', en: 'Being sent' },
  unknown: { vi: 'Chưa rõ kết quả', en: 'Outcome unknown' },
  blocked: { vi: 'Bị chặn', en: 'Blocked' },
  parked: { vi: 'Đã dừng', en: 'Parked' },
}

function describe({ backlog: rows, pace, movement }: Status, lang: Language): string {
  const list = rows.flatMap(({ state, reason, count, oldest, words }) => [
    [
      stateWords[state][lang],
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
  ].join('\n')
}

function paceWords(pace: PaceState | null): Words {
  if (!pace) return { vi: 'Nhịp gửi: không kết nối được Redis.', en: 'Pace: Redis cannot be reached.' }
  const rates = { vi: `${pace.rate.toFixed(1)}/${pace.ceiling}`, en: `${pace.rate.toFixed(1)} of ${pace.ceiling}` }
  if (pace.open)
    return { vi: `Nhịp gửi: ${rates.vi} lượt gọi mỗi giây, đang mở.`, en: `Pace: ${rates.en} calls a second, open.` }
  const { cause } = causeWords(pace.reason ?? 'portal-busy')
  const left = ageOf(pace.closedFor / 1000)
  return { vi: `Nhịp gửi: tạm đóng ${left}. ${cause.vi}`, en: `Pace: closed for ${left}. ${cause.en}` }
}

const stallWords: Readonly<Record<NonNullable<Movement['reason']>, Words>> = {
  'portal-not-configured': { vi: 'chưa đặt PORTAL_URL', en: 'PORTAL_URL is not set' },
  'queue-unreachable': { vi: 'không kết nối được Redis', en: 'Redis cannot be reached' },
  'portal-unavailable': { vi: 'Cổng đang không nhận', en: 'the portal takes nothing at the moment' },
  'no-progress': {
    vi: 'không có tiến trình gửi nào hoạt động',
    en: 'no worker makes progress; is the service running?',
  },
}

function movementWords({ ok, reason, oldestDueSeconds }: Movement): Words {
  if (ok || !reason) return { vi: 'Công việc đang chạy bình thường.', en: 'Work is moving.' }
  const age = ageOf(oldestDueSeconds ?? 0)
  return {
    vi: `Công việc đứng yên (${age}): ${stallWords[reason].vi}.`,
    en: `Work stands still (${age}): ${stallWords[reason].en}.`,
  }
}

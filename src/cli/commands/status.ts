import type { Command } from 'commander'
import { laneWords } from '../../../config/delivery-words.ts'
import type { LaneState } from '../../delivery/model.ts'
import type { Movement } from '../../delivery/health.ts'
import { readHold, type Hold } from '../../delivery/hold.ts'
import { moveWords, type PaceState } from '../../delivery/pace.ts'
import { backlog, type Backlog } from '../../delivery/store.ts'
import { causeWords, countWords, momentWords, type Language, type Words } from '../../console/words.ts'
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
    ...(hold.held ? [holdWords(hold)[lang]] : []),
  ].join('\n')
}

function holdWords({ since, actor, why, onWay }: Hold): Words {
  const at = momentWords(since ?? '')
  const { next } = causeWords('delivery-held')
  return {
    vi: `Đang tạm dừng mọi việc gửi từ ${at} (${actor}: ${plain(why ?? '')}); ${onWay} hồ sơ còn trong lượt gọi. ${next.vi}`,
    en: `All sending is stopped since ${at} (${actor}: ${plain(why ?? '')}); ${onWay} dossiers are still in calls. ${next.en}`,
  }
}

function paceWords(pace: PaceState | null): Words {
  if (!pace) return { vi: 'Nhịp gửi: không kết nối được Redis.', en: 'Pace: Redis cannot be reached.' }
  const parts = [gateWords(pace), loadWords(pace), ...(pace.moved ? [changeWords(pace.moved)] : [])]
  return { vi: parts.map(({ vi }) => vi).join(' '), en: parts.map(({ en }) => en).join(' ') }
}

function gateWords({ rate, ceiling, open, reason, closedFor, opensAt }: PaceState): Words {
  if (open)
    return {
      vi: `Nhịp gửi: ${rate.toFixed(1)}/${ceiling} lượt gọi mỗi giây, đang mở.`,
      en: `Pace: ${rate.toFixed(1)} of ${ceiling} calls a second, open.`,
    }
  const { cause } = causeWords(reason ?? 'portal-busy')
  const left = ageOf(closedFor / 1000)
  const until = opensAt ? ` (${momentWords(opensAt.toISOString())})` : ''
  return { vi: `Nhịp gửi: tạm đóng ${left}${until}. ${cause.vi}`, en: `Pace: closed for ${left}${until}. ${cause.en}` }
}

function loadWords({ inFlight, quota }: PaceState): Words {
  const flying = countWords(inFlight)
  if (!quota) return { vi: `Đang gọi: ${flying.vi}.`, en: `In flight: ${flying.en}.` }
  const [used, limit] = [countWords(quota.used), countWords(quota.limit)]
  return {
    vi: `Đang gọi: ${flying.vi}. Hôm nay: ${used.vi}/${limit.vi} lượt gọi.`,
    en: `In flight: ${flying.en}. Today: ${used.en} of ${limit.en} calls.`,
  }
}

function changeWords({ at, from, to, why }: NonNullable<PaceState['moved']>): Words {
  const when = momentWords(at.toISOString())
  const rates = `${from.toFixed(1)} → ${to.toFixed(1)}`
  return {
    vi: `Đổi lần cuối lúc ${when} (${rates}): ${moveWords[why].vi}.`,
    en: `Moved last at ${when} (${rates}): ${moveWords[why].en}.`,
  }
}

const stallWords: Readonly<Record<NonNullable<Movement['reason']>, Words>> = {
  'portal-not-configured': { vi: 'chưa đặt PORTAL_URL', en: 'PORTAL_URL is not set' },
  'queue-unreachable': { vi: 'không kết nối được Redis', en: 'Redis cannot be reached' },
  'portal-unavailable': { vi: 'Cổng đang không nhận', en: 'the portal takes nothing at the moment' },
  'no-worker': {
    vi: 'không có tiến trình worker nào hoạt động',
    en: 'no process with the role worker gives a sign of life',
  },
  'no-scheduler': {
    vi: 'không có tiến trình scheduler nào hoạt động',
    en: 'no process with the role scheduler gives a sign of life',
  },
  'queue-silent': {
    vi: 'một hàng đợi không chuyển động ("dvcqg queues list")',
    en: 'a queue does not move ("dvcqg queues list")',
  },
  'no-progress': {
    vi: 'các tiến trình hoạt động nhưng không gửi được gì; xem nhật ký',
    en: 'the processes live, but nothing gets through; see their logs',
  },
  'quiet-hours': { vi: 'đang trong giờ không gửi', en: 'quiet hours' },
  'daily-quota': { vi: 'đã dùng hết lượt gọi của ngày', en: "the day's calls are used up" },
  'delivery-held': { vi: 'quản trị viên đã tạm dừng việc gửi', en: 'an operator holds all sending' },
}

function movementWords({ ok, reason, oldestDueSeconds }: Movement): Words {
  if (ok && reason)
    return { vi: `Tạm dừng theo ý muốn: ${stallWords[reason].vi}.`, en: `Paused on purpose: ${stallWords[reason].en}.` }
  if (ok || !reason) return { vi: 'Công việc đang chạy bình thường.', en: 'Work is moving.' }
  const age = ageOf(oldestDueSeconds ?? 0)
  return {
    vi: `Công việc đứng yên (${age}): ${stallWords[reason].vi}.`,
    en: `Work stands still (${age}): ${stallWords[reason].en}.`,
  }
}

import type { Command } from 'commander'
import { QueueDesk, type QueueView } from '../../../jobs/queues.ts'
import { lastBeats, type Heartbeat } from '../../delivery/heartbeats.ts'
import type { Ground } from '../../main.ts'
import type { Language } from '../../console/words.ts'
import { CommandFailed, UsageError } from '../exits.ts'
import { withGround } from '../ground.ts'
import { actor, languageOption } from '../options.ts'
import { ageOf, answer, columns, switchesOf } from '../output.ts'

export function addQueues(program: Command): void {
  const queues = program.command('queues').description('The tickets in Redis. The ledger knows all work without them.')
  queues
    .command('list')
    .description('What waits and what is being worked on, and when each queue last moved.')
    .addOption(languageOption())
    .action(async ({ lang }: { lang: Language }, command: Command) => {
      const view = await withGround((ground) => atDesk(ground, (desk) => read(ground, desk)))
      answer(switchesOf(command), view, () => describe(view, lang))
    })
  queues
    .command('rebuild')
    .description('Empty the push queues and have them filled again from the ledger. Safe while the service runs.')
    .option('--why <text>', 'why, for the audit (required)')
    .addOption(languageOption())
    .action(async ({ why, lang }: { why?: string; lang: Language }, command: Command) => {
      if (!why?.trim()) throw new UsageError(['--why is missing: the audit keeps the reason.'])
      const done = await withGround((ground) => atDesk(ground, (desk) => desk.rebuild(ground.sql, actor(), why.trim())))
      answer(switchesOf(command), done, () => doneWords(done)[lang])
    })
}

async function atDesk<T>({ redis, settings }: Ground, work: (desk: QueueDesk) => Promise<T>): Promise<T> {
  if (redis.status !== 'ready')
    throw new CommandFailed('Redis cannot be reached. Check REDIS_URL and that the server runs ("dvcqg doctor").')
  const desk = new QueueDesk(redis, settings.QUEUE_PREFIX)
  try {
    return await work(desk)
  } finally {
    await desk.close()
  }
}

interface View {
  readonly queues: readonly QueueView[]
  /** When each part was last seen to move, over all processes. */
  readonly heartbeats: readonly Heartbeat[]
}

const read = async ({ sql }: Ground, desk: QueueDesk): Promise<View> => ({
  queues: await desk.views(),
  heartbeats: await lastBeats(sql),
})

function describe({ queues, heartbeats }: View, lang: Language): string {
  const heads = {
    vi: ['HÀNG ĐỢI', 'CHỜ', 'ĐANG XỬ LÝ', 'HẸN GIỜ', 'LỖI', 'PHIẾU CHỜ LÂU NHẤT', 'KẾT NỐI', 'CHUYỂN ĐỘNG GẦN NHẤT'],
    en: ['QUEUE', 'WAITING', 'ACTIVE', 'DELAYED', 'FAILED', 'LONGEST WAIT', 'CONNECTIONS', 'LAST MOVED'],
  }
  const ago = { vi: (age: string) => `${age} trước`, en: (age: string) => `${age} ago` }
  const moved = (name: string) => {
    const beat = heartbeats.find(({ queue }) => queue === name)
    return beat ? ago[lang](ageOf(beat.seconds)) : '–'
  }
  const rows = queues.map(({ queue, waiting, active, delayed, failed, oldestSeconds, workers }) => [
    queue,
    ...[waiting, active, delayed, failed].map(String),
    oldestSeconds === null ? '' : ageOf(oldestSeconds),
    workers === null ? '?' : String(workers),
    moved(queue),
  ])
  const relay = { vi: `Bộ phát việc (relay): ${moved('relay')}.`, en: `The relay: ${moved('relay')}.` }
  return [columns([heads[lang], ...rows]), '', relay[lang]].join('\n')
}

const doneWords = ({ tickets, lanes }: { tickets: number; lanes: number }) => ({
  vi: `Đã bỏ ${tickets} phiếu; ${lanes} hồ sơ đến hạn được phát lại từ sổ cái.`,
  en: `${tickets} tickets were dropped; ${lanes} due dossiers are handed out again from the ledger.`,
})

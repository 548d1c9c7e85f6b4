import type { Command } from 'commander'
import { listAlerts, type AlertView } from '../../events/watch.ts'
import type { Language, Words } from '../../console/words.ts'
import { exits } from '../exits.ts'
import { languageOption } from '../options.ts'
import { withGround } from '../ground.ts'
import { ageOf, answer, columns, switchesOf } from '../output.ts'

export function addAlerts(program: Command): void {
  program
    .command('alerts')
    .description('What fires, may soon fire, or recovered lately. Exits with 3 when something fires.')
    .addOption(languageOption())
    .action(async ({ lang }: { lang: Language }, command: Command) => {
      const list = await withGround(({ sql, alertRules }) => listAlerts(sql, alertRules))
      const empty = { vi: 'Không có cảnh báo nào.', en: 'There are no alerts.' }
      answer(switchesOf(command), list, () => (list.length === 0 ? empty[lang] : describe(list, lang)))
      process.exitCode = list.some(({ state }) => state === 'firing') ? exits.unhealthy : exits.done
    })
}

const states: Readonly<Record<AlertView['state'], Words>> = {
  firing: { vi: 'ĐANG BÁO', en: 'FIRING' },
  pending: { vi: 'theo dõi', en: 'pending' },
  recovered: { vi: 'đã hết', en: 'recovered' },
}
const directions: Readonly<Record<AlertView['trend']['direction'], Words>> = {
  rising: { vi: 'tăng', en: 'rising' },
  falling: { vi: 'giảm', en: 'falling' },
  steady: { vi: 'ổn định', en: 'steady' },
}
const heads = {
  vi: ['TRẠNG THÁI', 'CẢNH BÁO', 'SỐ LƯỢNG', 'XU HƯỚNG', 'TỪ', 'HỒ SƠ MẪU', 'MÃ LỖI'],
  en: ['STATE', 'ALERT', 'COUNT', 'TREND', 'SINCE', 'SAMPLE', 'ERROR'],
}

function describe(list: readonly AlertView[], lang: Language): string {
  const lines = list.flatMap((alert) => [
    [
      states[alert.state][lang],
      alert.key,
      String(alert.count),
      directions[alert.trend.direction][lang],
      ageOf((Date.now() - alert.firstAt.getTime()) / 1000),
      alert.lastError.sample ?? '',
      alert.firstError.code === alert.lastError.code
        ? alert.lastError.code
        : `${alert.firstError.code} → ${alert.lastError.code}`,
    ],
    ...(alert.words && alert.state !== 'recovered'
      ? [['', '', '', '', '', '', `${alert.words[lang].title} → ${alert.words[lang].next}`]]
      : []),
  ])
  return columns([heads[lang], ...lines])
}

import { Option, type Command } from 'commander'
import { failures } from '../../../config/failures.ts'
import { endHold, holdDeliveries, readHold } from '../../delivery/hold.ts'
import { listLanes, openStates, type LaneFilter, type LaneLine, type OpenState } from '../../delivery/lists.ts'
import type { Sql } from '../../platform/database.ts'
import { momentWords, type Language } from '../../console/words.ts'
import { UsageError } from '../exits.ts'
import { withGround } from '../ground.ts'
import { actor, readWhole, languageOption } from '../options.ts'
import { ageOf, answer, columns, remark, switchesOf } from '../output.ts'

export function addDeliveries(program: Command): void {
  const deliveries = program
    .command('deliveries')
    .description('Dossiers that are not delivered, one by one; and the switch that stops all sending.')
  addList(deliveries)
  deliveries
    .command('hold')
    .description('Stop all sending. Pushes are still taken.')
    .option('--why <text>', 'why, for the audit (required)')
    .action(async ({ why }: { why?: string }, command: Command) => {
      if (!why?.trim()) throw new UsageError(['--why is missing: the audit keeps the reason.'])
      const hold = await withGround(({ sql }) => holdDeliveries(sql, { actor: actor(), why: why.trim() }))
      answer(
        switchesOf(command),
        hold,
        () =>
          `Held since ${momentWords(hold.since!)} by ${hold.actor}: ${hold.why}. ${hold.onWay} dossiers are in calls that had left before.`,
      )
    })
  deliveries
    .command('release')
    .description('Let dossiers go again after a hold.')
    .option('--why <text>', 'why, for the audit')
    .action(async ({ why }: { why?: string }, command: Command) => {
      const { ended, hold } = await withGround(async ({ sql }) => ({
        ended: await endHold(sql, { actor: actor(), why }),
        hold: await readHold(sql),
      }))
      answer(switchesOf(command), hold, () => (ended ? 'Dossiers go again.' : 'Nothing was held.'))
    })
}

interface Options extends Omit<LaneFilter, 'limit' | 'after'> {
  readonly limit?: number
  readonly csv?: boolean
  readonly lang: Language
}

const pageSize = 1_000

function addList(deliveries: Command): void {
  deliveries
    .command('list')
    .description('What stopped, is in doubt, is being sent or waits: ages, the next attempt, the next step.')
    .addOption(new Option('--state <state>', 'only those in this state').choices(openStates))
    .option('--reason <code>', 'only those with this reason; "dvcqg status" shows the reasons')
    .option('--error <code>', "only those with this code of the portal's own")
    .option('--agency <code>', 'only those of this agency')
    .option('--procedure <code>', 'only those of this procedure, as the one-stop system names it')
    .option('--code <code>', 'this dossier, whatever its state')
    .option('--older-than <hours>', 'only those due for at least so many hours', readWhole(0))
    .option('--limit <number>', 'at most so many (default: 50; with --csv: all)', readWhole(1))
    .option('--csv', 'as CSV, for a spreadsheet')
    .addOption(languageOption())
    .action(async ({ limit, csv = false, lang, ...filter }: Options, command: Command) => {
      const { reason } = filter
      if (reason !== undefined && !Object.hasOwn(failures, reason))
        throw new UsageError([`${reason} is not a reason this service knows; "dvcqg status" shows the reasons.`])
      const most = limit ?? (csv ? Number.POSITIVE_INFINITY : 50)
      if (csv) return withGround(({ sql }) => writeCsv(sql, filter, most, lang))
      const { lines, more } = await withGround(({ sql }) => collect(sql, filter, most))
      answer(switchesOf(command), { deliveries: lines, more }, () => tableOf(lines, lang))
      if (more && !switchesOf(command).json) remark(`There are more: give --limit, or narrow the list.`)
    })
}

type Narrowed = Omit<LaneFilter, 'limit' | 'after'>

/** Page after page, so that a list of any length needs little memory. */
async function* pagesOf(
  sql: Sql,
  filter: Narrowed,
  most: number,
): AsyncGenerator<{ lines: LaneLine[]; more: boolean }> {
  let after: string | undefined
  for (let left = most; left > 0;) {
    const page = await listLanes(sql, { ...filter, after, limit: Math.min(pageSize, left) }, null)
    yield { lines: page.deliveries, more: page.next !== null }
    if (page.next === null) return
    after = page.next
    left -= page.deliveries.length
  }
}

async function collect(sql: Sql, filter: Narrowed, most: number): Promise<{ lines: LaneLine[]; more: boolean }> {
  const all: LaneLine[] = []
  let unread = false
  for await (const { lines, more } of pagesOf(sql, filter, most)) {
    all.push(...lines)
    unread = more
  }
  return { lines: all, more: unread }
}

const heads = {
  vi: ['HỒ SƠ', 'CƠ QUAN', 'THỦ TỤC', 'TRẠNG THÁI', 'TUỔI', 'LẦN TỚI', 'LẦN', 'MÃ', 'NGUYÊN NHÂN'],
  en: ['DOSSIER', 'AGENCY', 'PROCEDURE', 'STATE', 'AGE', 'NEXT ATTEMPT', 'TRIES', 'CODE', 'CAUSE'],
}

function tableOf(lines: readonly LaneLine[], lang: Language): string {
  const empty = { vi: 'Không có hồ sơ nào.', en: 'There is none.' }
  if (lines.length === 0) return empty[lang]
  return columns([
    heads[lang],
    ...lines.flatMap((line) => [
      [
        line.code,
        line.agency,
        line.nationalCode ?? line.procedure,
        line.state,
        ageOf(line.age),
        line.nextAttemptAt ? momentWords(line.nextAttemptAt) : '',
        String(line.attempts),
        line.reason ?? '',
        causeOf(line, lang),
      ],
      ...(line.words && stopped.includes(line.state)
        ? [[...Array<string>(8).fill(''), `→ ${line.words[lang].next}`]]
        : []),
    ]),
  ])
}

const stopped: readonly string[] = ['parked', 'blocked'] satisfies OpenState[]

function causeOf({ words, field, errorCode, errorText }: LaneLine, lang: Language): string {
  const own = [field, errorCode, errorText].filter(Boolean).join(' · ')
  return [words?.[lang].cause, own && `[${own}]`].filter(Boolean).join(' ')
}

const csvColumns: readonly [string, (line: LaneLine, lang: Language) => string | number | null | undefined][] = [
  ['code', ({ code }) => code],
  ['agency', ({ agency }) => agency],
  ['procedure', ({ procedure }) => procedure],
  ['national_code', ({ nationalCode }) => nationalCode],
  ['state', ({ state }) => state],
  ['reason', ({ reason }) => reason],
  ['cause', ({ words }, lang) => words?.[lang].cause],
  ['next_step', ({ words }, lang) => words?.[lang].next],
  ['field', ({ field }) => field],
  ['age_seconds', ({ age }) => age],
  ['next_attempt_at', ({ nextAttemptAt }) => nextAttemptAt],
  ['attempts', ({ attempts }) => attempts],
  ['error_code', ({ errorCode }) => errorCode],
  ['error_text', ({ errorText }) => errorText],
  ['replay', ({ replay }) => replay],
]

async function writeCsv(sql: Sql, filter: Narrowed, most: number, lang: Language): Promise<void> {
  // The byte order mark tells a spreadsheet that this is UTF-8.
  process.stdout.write(`\uFEFF${csvColumns.map(([name]) => name).join(',')}\n`)
  for await (const { lines } of pagesOf(sql, filter, most))
    process.stdout.write(
      lines.map((line) => `${csvColumns.map(([, read]) => cellOf(read(line, lang))).join(',')}\n`).join(''),
    )
}

/** A text that a spreadsheet would run as a formula is kept a text. */
function cellOf(value: string | number | null | undefined): string {
  const text = String(value ?? '')
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+$/.test(text) ? `'${text}` : text
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

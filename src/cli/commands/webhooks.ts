import type { Command } from 'commander'
import { failures, type FailureCode } from '../../../config/failures.ts'
import { eventId, eventPatterns, webhookId, type Outcome } from '../../events/model.ts'
import { sendTest } from '../../events/deliver.ts'
import {
  addDestination,
  changeDestination,
  dropOldSecret,
  listDestinations,
  NewDestination,
  removeDestination,
  rotateSecret,
  type DestinationChange,
  type DestinationView,
} from '../../events/destinations.ts'
import { listAttempts, resendEvents, type AttemptRow } from '../../events/store.ts'
import { spellingIn } from '../../organisations/model.ts'
import { findingsOf } from '../../platform/problems.ts'
import { momentWords, type Language, type Words } from '../../console/words.ts'
import { CommandFailed, exits, UsageError } from '../exits.ts'
import { withGround } from '../ground.ts'
import { actor, readList, readSome, readWhole, languageOption } from '../options.ts'
import { ageOf, answer, columns, switchesOf } from '../output.ts'

export function addWebhooks(program: Command): void {
  const webhooks = program
    .command('webhooks')
    .description("Destinations of events in the province's own systems (docs/events.md).")
  addAdd(webhooks)
  addList(webhooks)
  addState(webhooks, {
    name: 'pause',
    state: 'paused',
    done: 'is paused; its events are kept',
    about: 'Stop sending to a destination. Its events are kept until it is resumed.',
  })
  addState(webhooks, {
    name: 'resume',
    state: 'active',
    done: 'gets its events again',
    about: 'Send to a paused destination again, beginning with what was kept.',
  })
  addRemove(webhooks)
  addRotate(webhooks)
  addTest(webhooks)
  addLog(webhooks)
  addResend(webhooks)
}

const unknown = (id: string) => new CommandFailed(`No destination has the id ${id}. "dvcqg webhooks list" shows them.`)

interface AddOptions {
  readonly name?: string
  readonly url?: string
  readonly kinds: string[]
  readonly agencies: string[]
}

function addAdd(webhooks: Command): void {
  webhooks
    .command('add')
    .description('Add a destination. Its secret is shown once and cannot be shown again.')
    .option('--name <text>', 'which system it is, for people (required)')
    .option('--url <address>', 'where events are posted to (required)')
    .option('--kinds <list>', `any of ${eventPatterns.join(', ')}`, readSome(eventPatterns), ['*'])
    .option('--agencies <list>', 'codes of the agencies whose dossiers it hears of, or *', readList, ['*'])
    .action(async (options: AddOptions, command: Command) => {
      const wish = NewDestination.safeParse(options)
      if (!wish.success)
        throw new UsageError(findingsOf(wish.error).map(({ field, detail }) => `--${field}: ${detail}`))
      const added = await withGround(async (ground) => {
        const { register } = await ground.catalogue.fresh()
        const agencies = wish.data.agencies.map((code) => spellingIn(register, code))
        return addDestination(ground, { ...wish.data, agencies }, actor())
      })
      answer(switchesOf(command), added, () =>
        [
          added.secret,
          '',
          'Keep it now: it cannot be shown again. The receiver checks signatures with it.',
          `Id: ${added.id}`,
        ].join('\n'),
      )
    })
}

function addList(webhooks: Command): void {
  webhooks
    .command('list')
    .description('List all destinations, what waits for them and whether they take it.')
    .addOption(languageOption())
    .action(async ({ lang }: { lang: Language }, command: Command) => {
      const list = await withGround(({ sql }) => listDestinations(sql))
      const empty = {
        vi: 'Chưa có nơi nhận sự kiện nào. Thêm bằng "dvcqg webhooks add".',
        en: 'There are no destinations yet. "dvcqg webhooks add" makes one.',
      }
      answer(switchesOf(command), list, () => (list.length === 0 ? empty[lang] : tableOf(list, lang)))
    })
}

const heads = {
  vi: ['ID', 'TÊN', 'ĐỊA CHỈ', 'LOẠI', 'CƠ QUAN', 'TÌNH TRẠNG', 'CHỜ', 'DỪNG'],
  en: ['ID', 'NAME', 'ADDRESS', 'KINDS', 'AGENCIES', 'STATE', 'WAITING', 'PARKED'],
}

const tableOf = (list: readonly DestinationView[], lang: Language) =>
  columns([
    heads[lang],
    ...list.flatMap((one) => [
      [
        one.id,
        one.name,
        one.url,
        one.kinds.join(','),
        one.agencies.join(','),
        stateOf(one)[lang],
        String(one.waiting),
        String(one.parked),
      ],
      ...wordsOf(one.lastError, lang),
    ]),
  ])

function stateOf({ state, pausedReason, brokenSince }: DestinationView): Words {
  if (state === 'paused') {
    if (pausedReason === 'destination-gone') return { vi: 'tạm dừng (410)', en: 'paused (410)' }
    return { vi: 'tạm dừng', en: 'paused' }
  }
  if (!brokenSince) return { vi: 'hoạt động', en: 'active' }
  const age = ageOf((Date.now() - brokenSince.getTime()) / 1000)
  return { vi: `không nhận (${age})`, en: `down (${age})` }
}

function wordsOf(code: string | null, lang: Language): string[][] {
  const known = code === null ? undefined : failures[code as FailureCode]
  return known ? [['', '', `→ ${known[lang].cause} ${known[lang].next}`]] : []
}

interface StateCommand {
  readonly name: string
  readonly state: NonNullable<DestinationChange['state']>
  readonly done: string
  readonly about: string
}

function addState(webhooks: Command, { name, state, done, about }: StateCommand): void {
  webhooks
    .command(`${name} <id>`)
    .description(about)
    .action(async (id: string, _options: unknown, command: Command) => {
      if (!(await withGround((ground) => changeDestination(ground, id, { state }, actor())))) throw unknown(id)
      answer(switchesOf(command), { id, state }, () => `The destination ${id} ${done}.`)
    })
}

function addRemove(webhooks: Command): void {
  webhooks
    .command('remove <id>')
    .description('Remove a destination with the events that wait for it and its log.')
    .action(async (id: string, _options: unknown, command: Command) => {
      if (!(await withGround(({ sql }) => removeDestination(sql, id, actor())))) throw unknown(id)
      answer(switchesOf(command), { id, removed: true }, () => `The destination ${id} is removed.`)
    })
}

function addRotate(webhooks: Command): void {
  webhooks
    .command('rotate <id>')
    .description('Make a new secret. Both sign until --finish takes the older one out of force.')
    .option('--finish', 'end the change-over: only the newest secret signs from now on')
    .action(async (id: string, { finish }: { finish?: boolean }, command: Command) => {
      if (finish) {
        if (!(await withGround((ground) => dropOldSecret(ground, id, actor())))) throw unknown(id)
        return answer(switchesOf(command), { id, finished: true }, () => 'Only the newest secret signs.')
      }
      const secret = await withGround((ground) => rotateSecret(ground, id, actor()))
      if (secret === null) throw unknown(id)
      const hint = 'Give it to the receiver, then run the command again with --finish.'
      return answer(switchesOf(command), { id, secret }, () =>
        [secret, '', `It cannot be shown again. ${hint}`].join('\n'),
      )
    })
}

const outcomes: Readonly<Record<Outcome, Words>> = {
  delivered: { vi: 'đã nhận', en: 'taken' },
  refused: { vi: 'từ chối', en: 'refused' },
  down: { vi: 'không nhận được', en: 'down' },
  gone: { vi: 'không nhận nữa', en: 'gone' },
}

function addTest(webhooks: Command): void {
  webhooks
    .command('test <id>')
    .description('Send a test event now and say what came back. Exits with 3 when it was not taken.')
    .addOption(languageOption())
    .action(async (id: string, { lang }: { lang: Language }, command: Command) => {
      const result = await withGround((ground) => sendTest({ ...ground, policy: ground.policies.events }, id))
      if (!result) throw unknown(id)
      answer(switchesOf(command), result, () =>
        [
          `${outcomes[result.outcome][lang]}  ${result.httpStatus ?? ''}  ${result.ms} ms`,
          ...wordsOf(result.error, lang).flat().filter(Boolean),
        ].join('\n'),
      )
      process.exitCode = result.outcome === 'delivered' ? exits.done : exits.unhealthy
    })
}

function addLog(webhooks: Command): void {
  webhooks
    .command('log <id>')
    .description('The newest attempts at a destination.')
    .option('--limit <number>', 'how many', readWhole(1), 50)
    .addOption(languageOption())
    .action(async (id: string, { limit, lang }: { limit: number; lang: Language }, command: Command) => {
      const rows = await withGround(({ sql }) => listAttempts(sql, id, limit))
      const empty = { vi: 'Chưa có lần gửi nào.', en: 'Nothing was sent yet.' }
      const list = rows.map(({ uid, ...row }) => ({ ...row, event: uid === null ? null : webhookId(uid) }))
      answer(switchesOf(command), list, () => (rows.length === 0 ? empty[lang] : logOf(rows, lang)))
    })
}

const logOf = (rows: readonly AttemptRow[], lang: Language) =>
  columns([
    {
      vi: ['LÚC', 'SỰ KIỆN', 'VỀ', 'KẾT QUẢ', 'HTTP', 'MS', 'MÃ'],
      en: ['AT', 'KIND', 'SUBJECT', 'OUTCOME', 'HTTP', 'MS', 'EVENT'],
    }[lang],
    ...rows.map((row) => [
      momentWords(row.at.toISOString()),
      row.kind ?? '',
      row.subject ?? '',
      outcomes[row.outcome][lang],
      row.httpStatus === null ? (row.error ?? '') : String(row.httpStatus),
      String(row.ms),
      row.uid === null ? '' : webhookId(row.uid),
    ]),
  ])

function addResend(webhooks: Command): void {
  webhooks
    .command('resend <id>')
    .description('Send parked events of a destination again.')
    .option('--event <id>', 'this one only (evt_...)')
    .option('--why <text>', 'why they are sent again, for the audit (required)')
    .action(async (id: string, { event, why }: { event?: string; why?: string }, command: Command) => {
      const uid = event === undefined ? null : eventId.safeParse(event)
      const problems = [
        ...(why?.trim() ? [] : ['--why is missing: the audit keeps the reason.']),
        ...(uid?.success === false
          ? ['--event: an event looks like evt_ and a UUID; "dvcqg webhooks log" shows them.']
          : []),
      ]
      if (problems.length > 0) throw new UsageError(problems)
      const events = await withGround(({ sql }) => resendEvents(sql, id, uid?.data ?? null, actor(), why!.trim()))
      answer(switchesOf(command), { id, events }, () =>
        events === 0 ? 'No parked event fits.' : `${events} events wait to be sent again.`,
      )
    })
}

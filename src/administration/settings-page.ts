import { hostname } from 'node:os'
import { z } from 'zod'
import { ruleWords, type AlertRule, type AlertRules } from '../../config/alerts.ts'
import { dialectDifferences, type DialectInForce } from '../../config/dialects.ts'
import { settingWords } from '../../config/setting-words.ts'
import { shownSettings, type Settings, type ShownSetting } from '../../config/settings.ts'
import { statusNames, type Status } from '../../config/statuses.ts'
import type { Console, Visit } from '../console/console.ts'
import { address, html, type Html } from '../console/html.ts'
import { ageWords, countWords, dayWords, momentWords, sayIn, type Say, type Words } from '../console/words.ts'
import { levelNames, type Level } from '../organisations/model.ts'
import { listKeys, type KeyLine } from '../platform/auth.ts'
import type { Sql } from '../platform/database.ts'
import type { AlertLine, Plan, ScheduledTask } from './model.ts'
import { code, command, inOnePiece, moment, section, table, tag } from '../console/parts.ts'
import {
  lastTurns,
  listProcesses,
  listStatusWords,
  listUnmappedWords,
  notedSince,
  sumAgencies,
  watchSources,
  type AgencySum,
  type ProcessLine,
  type SourceLine,
  type StatusWord,
  type Turn,
  type UnmappedWord,
} from './store.ts'
import { taskWords, turnWords } from './words.ts'

export interface SettingsDeps {
  readonly sql: Sql
  readonly settings: Settings
  readonly dialect: DialectInForce
  readonly rules: AlertRules
  readonly alerts: () => Promise<readonly AlertLine[]>
  /** Null: nothing is scheduled, because no portal is set. */
  readonly plans: () => readonly Plan[] | null
  /** Seconds after which a process that gives no sign of life is silent. */
  readonly silentSeconds: number
}

/** How the service is set up, for reading. What changes it is the environment and the command line, which leave a trace of their own. */
export function addSettingsPage(console: Console, deps: SettingsDeps): void {
  const { sql } = deps
  const sources = watchSources(sql)
  const startedAt = new Date()
  const shown: Readonly<Record<Tab, (visit: Visit) => Promise<Html>>> = {
    service: async ({ language }) => serviceTab(sayIn(language), deps, startedAt, await listProcesses(sql)),
    sources: async (visit) => sourceTab(visit, await sources(), await sumAgencies(sql)),
    keys: async ({ language }) => keyTab(sayIn(language), await listKeys(sql)),
    dialect: async ({ language }) => dialectTab(sayIn(language), deps),
    schedules: async ({ language }) =>
      scheduleTab(sayIn(language), deps.plans(), { last: await lastTurns(sql), since: await notedSince(sql) }),
    statuses: async (visit) => statusTab(visit, await listStatusWords(sql), await listUnmappedWords(sql)),
    alerts: async ({ language }) => alertTab(sayIn(language), deps.rules, await deps.alerts()),
  }
  console.page({
    path: 'settings',
    right: 'settings:read',
    allAgencies: true,
    menu: { vi: 'Cài đặt', en: 'Settings' },
    query: z.strictObject({ tab: z.enum(tabs).default('service') }),
    async show(visit, { tab }) {
      return {
        title: { vi: 'Cài đặt', en: 'Settings' },
        body: html`${tabLinks(visit, tab)} ${await shown[tab](visit)}`,
      }
    },
  })
}

const tabs = ['service', 'sources', 'keys', 'dialect', 'schedules', 'statuses', 'alerts'] as const
type Tab = (typeof tabs)[number]

const tabWords: Readonly<Record<Tab, Words>> = {
  service: { vi: 'Hệ thống', en: 'Service' },
  sources: { vi: 'Nguồn và cơ quan', en: 'Sources and agencies' },
  keys: { vi: 'Khóa', en: 'Keys' },
  dialect: { vi: 'Phương ngữ', en: 'Dialect' },
  schedules: { vi: 'Lịch chạy', en: 'Schedules' },
  statuses: { vi: 'Trạng thái', en: 'Statuses' },
  alerts: { vi: 'Cảnh báo', en: 'Alert rules' },
}

/** The page on which the audit is read hangs among the others, for whoever may. */
export function tabLinks({ language, person }: Visit, here: Tab | 'audit'): Html {
  const say = sayIn(language)
  const link = (to: string, isHere: boolean, text: string) =>
    html`<a href="${to}" class="${isHere && 'here'}" ${isHere && html`aria-current="page"`}>${text}</a>`
  const own = person.rights.includes('settings:read')
    ? tabs.map((tab) => link(`settings?tab=${tab}`, tab === here, tabWords[tab][language]))
    : []
  const audit = person.rights.includes('audit:read')
  return html`<nav class="tabs" aria-label="${say('Phần cài đặt', 'Parts of the settings')}">
    ${own}${audit && link('audit-log', here === 'audit', say('Nhật ký thao tác', 'Audit log'))}
  </nav>`
}

function serviceTab(
  say: Say,
  { settings, silentSeconds }: SettingsDeps,
  startedAt: Date,
  processes: readonly ProcessLine[],
): Html {
  const own = `${hostname()} · ${process.pid} · ${settings.ROLES.join(', ')}`
  const title = say('Cài đặt đang dùng của tiến trình này', 'Settings in force in this process')
  const lives = say('Các tiến trình đang chạy', 'Processes that live')
  const heads = [
    say('Tiến trình', 'Process'),
    say('Việc', 'Does'),
    say('Bắt đầu', 'Since'),
    say('Dấu hiệu cuối', 'Last sign of life'),
  ]
  const headings = [say('Tên', 'Name'), say('Giá trị', 'Value'), say('Ý nghĩa', 'What it is for')]
  return html`${section(
    lives,
    html`<p>
      ${say('Trang này do tiến trình', 'This page was made by the process')} ${code(own)}
      ${say('tạo ra, chạy từ', 'which runs since')} ${momentWords(startedAt.toISOString())}.
    </p>`,
    processes.length > 0 &&
      table(
        lives,
        heads,
        processes.map((one) => processRow(say, one, silentSeconds)),
      ),
    html`<p class="soft">
      ${say(
        'Tiến trình worker và scheduler báo dấu hiệu khi việc chuyển động; tiến trình chỉ có vai trò api không báo.',
        'Processes with the role worker or scheduler give signs of life while work moves; one with the role api alone gives none.',
      )}
    </p>`,
  )}
  ${section(
    title,
    table(
      title,
      headings,
      shownSettings(settings).map((one) => settingRow(say, one)),
    ),
    command(
      say(
        'Tiến trình khác có thể đặt khác. Đổi trong biến môi trường rồi khởi động lại; kiểm tra bằng',
        'Another process may be set otherwise. Change the environment and start again; check it with',
      ),
      'dvcqg doctor',
    ),
  )}`
}

function processRow(say: Say, one: ProcessLine, silentSeconds: number): (Html | string)[] {
  const [host = '', pid = ''] = one.process.split(':')
  const age = ageWords(one.silentSeconds)
  const silent = one.silentSeconds > silentSeconds
  return [
    code(`${host} · ${pid}`),
    one.parts.map(({ role, queue }) => `${role}: ${queue}`).join(', '),
    momentWords(one.since.toISOString()),
    html`${say(`${age.vi} trước`, `${age.en} ago`)} ${silent && tag('review', say('im lặng', 'silent'))}`,
  ]
}

function settingRow(say: Say, { name, about, value, isSet, isDefault }: ShownSetting): (Html | string)[] {
  const set = isSet ? say('đã đặt', 'set') : say('chưa đặt', 'not set')
  return [
    code(name),
    html`${value === null ? set : code(value)}
    ${isSet && isDefault && html`<span class="soft">(${say('mặc định', 'default')})</span>`}`,
    say(settingWords[name], about),
  ]
}

function sourceTab({ language, person }: Visit, sources: readonly SourceLine[], agencies: readonly AgencySum[]): Html {
  const say = sayIn(language)
  const title = say('Hệ thống một cửa', 'One-stop systems')
  const units = say('Cơ quan', 'Agencies')
  const count = (value: number) => countWords(value)[language]
  const opens = (source: string, words: string) =>
    person.rights.includes('reports:read')
      ? html`<a href="${address('dossiers', { source, from: '2000-01-01', to: '2100-01-01' })}">${words}</a>`
      : words
  return html`${section(
    title,
    sources.length === 0
      ? html`<p>${say('Chưa có hệ thống nào.', 'There are none yet.')}</p>`
      : table(
          title,
          [
            say('Nguồn', 'Source'),
            { number: say('Số hồ sơ', 'Dossiers') },
            say('Thay đổi gần nhất', 'Last change'),
            { number: say('Khóa còn hiệu lực', 'Keys in force') },
          ],
          sources.map(({ source, dossiers, lastPush, keys }) => [
            code(source),
            opens(source, count(dossiers)),
            lastPush === null ? say('chưa gửi gì', 'nothing yet') : momentWords(lastPush.toISOString()),
            html`<a href="settings?tab=keys">${count(keys)}</a>`,
          ]),
        ),
    html`<p class="soft">${say('Được đếm mỗi phút một lần.', 'Counted once a minute.')}</p>`,
    command(say('Thêm nguồn:', 'Add a source:'), 'dvcqg keys create --name "…" --source …'),
  )}
  ${section(
    units,
    table(
      units,
      [say('Cấp', 'Level'), { number: say('Đang hoạt động', 'Acting') }, { number: say('Đã đóng', 'Closed') }],
      agencies.map(({ level, acting, closed }) => {
        const names = levelNames[level as Level]
        return [say(names.vi, names.en), count(acting), count(closed)]
      }),
    ),
    person.rights.includes('mappings:read') &&
      html`<p><a href="agencies?tab=all">${say('Trang Cơ quan', 'The page Agencies')}</a></p>`,
    command(say('Đổi danh sách:', 'Change the list:'), 'dvcqg import agencies …'),
  )}`
}

function keyTab(say: Say, keys: readonly KeyLine[]): Html {
  const title = say('Khóa', 'Keys')
  return section(
    title,
    table(
      title,
      [
        say('Tên', 'Name'),
        say('Loại', 'Kind'),
        say('Quyền', 'Rights'),
        say('Cơ quan', 'Agencies'),
        say('Tạo', 'Created'),
        say('Dùng gần nhất', 'Last used'),
        say('Tình trạng', 'State'),
      ],
      keys.map((key) => [
        html`${key.name} ${code(key.id)}`,
        key.person
          ? say('cá nhân', 'person')
          : html`${say('chương trình', 'program')}
              <div class="soft">${key.source}</div>`,
        html`${key.rights.map((right) => html`<div>${inOnePiece(right)}</div>`)}`,
        key.agencies.includes('*') ? say('tất cả', 'all') : key.agencies.join(', '),
        html`${moment(key.createdAt)}
          <div class="soft">${key.createdBy}</div>`,
        moment(key.usedAt),
        key.revokedAt === null
          ? tag('accept', say('còn hiệu lực', 'in force'))
          : html`${tag('none', say('đã thu hồi', 'revoked'))} ${moment(key.revokedAt)}`,
      ]),
    ),
    command(
      say('Đổi bằng', 'Changed with'),
      'dvcqg keys create',
      'dvcqg keys grant <id> --right <right>',
      'dvcqg keys revoke-right <id> --right <right>',
      'dvcqg keys revoke <id>',
    ),
  )
}

function dialectTab(say: Say, { dialect, settings }: SettingsDeps): Html {
  const differences = dialectDifferences(dialect)
  const base = dialect.base?.name
  const title = say('Phương ngữ của Cổng', "The portal's dialect")
  const none =
    base === undefined
      ? say('Đây là phương ngữ gốc; các phương ngữ khác dựa trên nó.', 'It is the one that all others are laid over.')
      : say('Không có gì khác.', 'Nothing differs.')
  return section(
    title,
    html`<p>
      ${say('Đang dùng:', 'In force:')} <strong>${dialect.dialect.name}</strong> (${code(settings.PORTAL_DIALECT)})${
        base !== undefined && html`, ${say('dựa trên', 'laid over')} <strong>${base}</strong>`
      }.
    </p>`,
    differences.length === 0
      ? html`<p>${none}</p>`
      : table(
          title,
          [say('Trường', 'Field'), base ?? '', dialect.dialect.name],
          differences.map(({ field, base: theirs, own }) => [code(field), inLines(theirs), inLines(own)]),
        ),
    command(say('Đổi bằng biến', 'Changed by the variable'), 'PORTAL_DIALECT'),
  )
}

/** The rules of a list below each other. */
const inLines = (text: string): Html => {
  if (!text.startsWith('[{')) return code(text)
  return html`${(JSON.parse(text) as unknown[]).map((one) => html`<div>${code(JSON.stringify(one))}</div>`)}`
}

/** A task that is not taken up within this time after it was due is late, in milliseconds. */
const patience = 15 * 60_000

interface Known {
  readonly last: Partial<Record<ScheduledTask, Turn>>
  readonly since: Partial<Record<ScheduledTask, Date>>
}

function isLate({ task, turns }: Plan, { last, since }: Known): boolean {
  const due = turns?.previous?.getTime()
  const seen = last[task]?.at.getTime() ?? since[task]?.getTime()
  if (due === undefined || seen === undefined || Date.now() - due < patience) return false
  // A turn may begin a moment before the minute it is for.
  return seen < due - 60_000
}

function scheduleTab(say: Say, plans: readonly Plan[] | null, known: Known): Html {
  const title = say('Việc chạy theo lịch', 'What is done by the clock')
  if (plans === null)
    return section(
      title,
      html`<p>
        ${say('Chưa đặt PORTAL_URL nên không có lịch nào.', 'PORTAL_URL is not set, so nothing is scheduled.')}
      </p>`,
    )
  return section(
    title,
    table(
      title,
      [
        say('Việc', 'Task'),
        say('Lịch (giờ Việt Nam)', 'Pattern (Vietnam time)'),
        say('Lần gần nhất', 'Last time'),
        say('Kết quả', 'Result'),
        say('Lần tới', 'Next time'),
      ],
      plans.map((plan) => {
        const { task, turns } = plan
        const turn = known.last[task]
        const words = taskWords[task]
        return [
          say(words.vi, words.en),
          turns === null ? say('tắt', 'off') : inOnePiece(turns.pattern),
          moment(turn?.at),
          html`${turn === undefined ? say('chưa chạy lần nào', 'never') : turnCell(say, turn)}
          ${isLate(plan, known) && tag('review', say('trễ', 'late'))}`,
          turns !== null && turns.next === null
            ? say('không đọc được lịch', 'the pattern cannot be read')
            : moment(turns?.next),
        ]
      }),
    ),
    command(say('Đổi bằng biến', 'Changed by the variables'), 'CATALOGUE_PULL', 'RECONCILE_AT'),
  )
}

function turnCell(say: Say, { outcome, run }: Turn): Html {
  const { vi, en } = turnWords[outcome]
  const shown = tag(outcome === 'done' ? 'accept' : outcome === 'running' ? 'none' : 'review', say(vi, en))
  return run === null ? shown : html`<a href="run?id=${run}">${shown}</a>`
}

function statusTab(
  { language, person }: Visit,
  mapped: readonly StatusWord[],
  unmapped: readonly UnmappedWord[],
): Html {
  const say = sayIn(language)
  const open = say('Trạng thái chưa ánh xạ', 'Status words nobody has mapped')
  const known = say('Trạng thái đã ánh xạ', 'Status words that are mapped')
  const count = (value: number) => countWords(value)[language]
  const dossiers = (one: UnmappedWord) =>
    person.rights.includes('reports:read')
      ? html`<a
          href="${address('dossiers', { source: one.source, unmapped: one.word, from: one.first, to: dayAfter(one.last) })}"
          >${count(one.dossiers)}</a
        >`
      : count(one.dossiers)
  return html`${section(
    open,
    unmapped.length === 0
      ? html`<p>${say('Không có.', 'There are none.')}</p>`
      : table(
          open,
          [
            say('Nguồn', 'Source'),
            say('Trạng thái', 'Word'),
            { number: say('Số hồ sơ', 'Dossiers') },
            say('Tiếp nhận', 'Received'),
          ],
          unmapped.map((one) => [
            code(one.source),
            one.word,
            dossiers(one),
            `${dayWords(one.first)} – ${dayWords(one.last)}`,
          ]),
        ),
    command(say('Ánh xạ bằng', 'Mapped with'), 'dvcqg import statuses …'),
  )}
  ${section(
    known,
    mapped.length === 0
      ? html`<p>
          ${say('Chưa có; trạng thái gửi tới bằng từ chuẩn thì không cần ánh xạ.', 'None yet; words that are ours need none.')}
        </p>`
      : table(
          known,
          [say('Nguồn', 'Source'), say('Trạng thái', 'Word'), say('Nghĩa là', 'Means')],
          mapped.map(({ source, word, status }) => [
            code(source),
            word,
            html`${statusNames[status as Status]?.[language] ?? status} ${code(status)}`,
          ]),
        ),
  )}`
}

const dayAfter = (day: string) => new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10)

function alertTab(say: Say, rules: AlertRules, alerts: readonly AlertLine[]): Html {
  const title = say('Quy tắc cảnh báo', 'Alert rules')
  return section(
    title,
    table(
      title,
      [say('Quy tắc', 'Rule'), say('Báo khi', 'Holds when'), say('Tình trạng', 'State')],
      [...rules].map(([name, rule]) => [
        code(name),
        html`${say(ruleWords[rule.kind].vi.title, ruleWords[rule.kind].en.title)}
          <div class="soft">${askedBy(say, rule)}</div>`,
        alertState(
          say,
          alerts.filter((alert) => alert.rule === name),
        ),
      ]),
    ),
    command(say('Đổi bằng biến', 'Changed by the variable'), 'ALERT_RULES'),
  )
}

/** What a rule asks for, by the names that a file of rules has for it. */
const askedBy = (say: Say, { kind: _kind, ...asked }: AlertRule) =>
  Object.entries(asked)
    .map(([name, value]) => `${name}: ${inSeconds.has(name) ? spanOf(say, Number(value)) : String(value)}`)
    .join(' · ')

const inSeconds = new Set(['for', 'remindEvery', 'recoverFor', 'seconds'])

const spanOf = (say: Say, seconds: number) => say(ageWords(seconds).vi, ageWords(seconds).en)

function alertState(say: Say, alerts: readonly AlertLine[]): Html {
  const lasting = alerts.filter(({ state }) => state !== 'recovered')
  if (lasting.length === 0) return tag('accept', say('yên', 'quiet'))
  return html`${lasting.map(({ key, state, firstAt, count }) => {
    const at = momentWords(firstAt.toISOString())
    const words = state === 'firing' ? say('đang báo', 'firing') : say('đang theo dõi', 'pending')
    return html`<div>
      ${tag('review', words)} <code>${key}</code>
      <span class="soft">${say(`${count}, từ ${at}`, `${count}, since ${at}`)}</span>
    </div>`
  })}`
}

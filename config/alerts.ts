import { z } from 'zod'

/**
 * What must be told to a person, as data. A file named by ALERT_RULES changes these rules by name, switches them off, or adds
 * others. All durations in seconds.
 */
const seconds = z
  .number()
  .int()
  .min(0)
  .max(366 * 86_400)
const atLeast = z.number().int().min(1).max(100_000)
const reason = z.string().regex(/^[a-z-]+$/)
const minutes = z.number().int().min(1).max(1440)

const common = {
  /** The condition must hold for this long before anybody is told. */
  for: seconds.default(60),
  /** While it lasts, say so again after this time; 0 = never. */
  remindEvery: seconds.default(86_400),
  /** It must be gone for this long before it counts as over. */
  recoverFor: seconds.default(120),
}

const kinds = {
  /** So many dossiers are blocked or parked for a reason; `*` = each reason on its own. */
  stopped: z.strictObject({
    kind: z.literal('stopped'),
    state: z.enum(['blocked', 'parked']),
    reason: reason.or(z.literal('*')),
    count: atLeast,
    ...common,
  }),
  /** The oldest dossier that is blocked or parked for a reason is older than this. */
  'stopped-age': z.strictObject({
    kind: z.literal('stopped-age'),
    state: z.enum(['blocked', 'parked']),
    reason: reason.or(z.literal('*')),
    seconds,
    ...common,
  }),
  /** So many dossiers came to be blocked for a reason within some minutes. */
  'blocked-growth': z.strictObject({ kind: z.literal('blocked-growth'), reason, count: atLeast, minutes, ...common }),
  /** The oldest dossier on its way waits for longer than this. */
  'waiting-age': z.strictObject({
    kind: z.literal('waiting-age'),
    urgency: z.enum(['fresh', 'backfill']),
    seconds,
    ...common,
  }),
  /** So many dossiers whose worker went silent. */
  'lost-workers': z.strictObject({ kind: z.literal('lost-workers'), count: atLeast, ...common }),
  /** Work stands still, as readiness sees it. */
  standstill: z.strictObject({ kind: z.literal('standstill'), ...common }),
  /** The portal refuses at least this share of at least so many calls within some minutes. */
  refusals: z.strictObject({
    kind: z.literal('refusals'),
    share: z.number().gt(0).max(1),
    calls: atLeast,
    minutes,
    ...common,
  }),
  /** A destination of events takes nothing. */
  'destination-down': z.strictObject({ kind: z.literal('destination-down'), ...common }),
  /** The last pull of a list of the national catalogue failed. */
  'pull-failed': z.strictObject({ kind: z.literal('pull-failed'), ...common }),
  /** The daily comparison with the portal, which once ran, has proved nothing for longer than this. */
  'not-compared': z.strictObject({ kind: z.literal('not-compared'), seconds, ...common }),
  /** The portal's public figures, which were asked for within a month, were not fetched for longer than this. */
  'figures-old': z.strictObject({ kind: z.literal('figures-old'), seconds, ...common }),
} as const

const AlertRule = z.discriminatedUnion('kind', [
  kinds.stopped,
  kinds['stopped-age'],
  kinds['blocked-growth'],
  kinds['waiting-age'],
  kinds['lost-workers'],
  kinds.standstill,
  kinds.refusals,
  kinds['destination-down'],
  kinds['pull-failed'],
  kinds['not-compared'],
  kinds['figures-old'],
])
export type AlertRule = z.output<typeof AlertRule>
export type RuleKind = AlertRule['kind']
export type AlertRules = ReadonlyMap<string, AlertRule>

const minute = 60
const hour = 60 * minute
const day = 24 * hour

const defaults: Readonly<Record<string, z.input<typeof AlertRule>>> = {
  'work-stands-still': { kind: 'standstill', for: 30, remindEvery: hour },
  'dossiers-parked': { kind: 'stopped', state: 'parked', reason: '*', count: 10, for: 5 * minute },
  'parked-unattended': { kind: 'stopped-age', state: 'parked', reason: '*', seconds: day },
  'blocked-unattended': { kind: 'stopped-age', state: 'blocked', reason: '*', seconds: 3 * day },
  'unmapped-procedures': { kind: 'blocked-growth', reason: 'no-national-code', count: 100, minutes: 60 },
  'fresh-dossier-late': { kind: 'waiting-age', urgency: 'fresh', seconds: hour, for: 5 * minute },
  'workers-lost': { kind: 'lost-workers', count: 1, for: 2 * minute },
  'portal-refuses': { kind: 'refusals', share: 0.5, calls: 20, minutes: 10 },
  'destination-down': { kind: 'destination-down', for: 10 * minute },
  'catalogue-not-pulled': { kind: 'pull-failed', for: 2 * hour },
  'not-compared-daily': { kind: 'not-compared', seconds: 2 * day },
  'public-figures-stale': { kind: 'figures-old', seconds: 2 * day },
}

export const defaultAlertRules: AlertRules = new Map(
  Object.entries(defaults).map(([name, rule]) => [name, AlertRule.parse(rule)]),
)

/** A file of rules that cannot be used; every problem names its field. */
export class AlertRulesError extends Error {
  constructor(problems: readonly string[]) {
    super(problems.join('; '))
    this.name = 'AlertRulesError'
  }
}

const RulesFile = z.strictObject({
  rules: z.record(
    z.string().regex(/^[a-z0-9-]{1,60}$/),
    z.union([z.literal(false), z.record(z.string(), z.unknown())]),
  ),
})

/**
 * Lays a file over the rules: `{"rules": {"dossiers-parked": {"count": 50}, "workers-lost": false, "mine": {"kind": ...}}}`.
 * Throws an AlertRulesError that names every field that is wrong.
 */
export function readAlertRules(text: string): AlertRules {
  const file = parsed(text)
  const problems: string[] = []
  const rules = new Map(defaultAlertRules)
  for (const [name, wish] of Object.entries(file.rules)) {
    if (wish === false) rules.delete(name)
    else {
      const result = AlertRule.safeParse({ ...defaultAlertRules.get(name), ...wish })
      if (result.success) rules.set(name, result.data)
      else problems.push(...result.error.issues.map((issue) => problemOf(['rules', name, ...issue.path], issue)))
    }
  }
  if (problems.length > 0) throw new AlertRulesError(problems)
  return rules
}

function parsed(text: string): z.output<typeof RulesFile> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new AlertRulesError(['the file is not valid JSON'])
  }
  const result = RulesFile.safeParse(value)
  if (result.success) return result.data
  throw new AlertRulesError(result.error.issues.map((issue) => problemOf(issue.path, issue)))
}

function problemOf(path: readonly PropertyKey[], issue: z.core.$ZodIssue): string {
  const unknown = issue.code === 'unrecognized_keys' ? [issue.keys.join(', ')] : []
  return `${[...path, ...unknown].map(String).join('.') || 'the file'}: ${issue.message}`
}

interface RuleWords {
  readonly vi: { readonly title: string; readonly next: string }
  readonly en: { readonly title: string; readonly next: string }
}

const words = (vi: [string, string], en: [string, string]): RuleWords => ({
  vi: { title: vi[0], next: vi[1] },
  en: { title: en[0], next: en[1] },
})

/** What an alert says to the person who reads it. */
export const ruleWords: Readonly<Record<RuleKind, RuleWords>> = {
  stopped: words(
    ['Nhiều hồ sơ dừng vì cùng một nguyên nhân.', 'Xem nguyên nhân và hồ sơ mẫu, xử lý, rồi gửi lại ("dvcqg resend").'],
    [
      'Many dossiers stopped for the same reason.',
      'Look at the reason and the sample, mend it, then resend ("dvcqg resend").',
    ],
  ),
  'stopped-age': words(
    ['Có hồ sơ dừng đã lâu mà chưa ai xử lý.', 'Xem hồ sơ mẫu và nguyên nhân; xử lý rồi gửi lại ("dvcqg resend").'],
    [
      'A dossier stopped long ago and nobody has dealt with it.',
      'Look at the sample and its reason; mend it, then resend ("dvcqg resend").',
    ],
  ),
  'blocked-growth': words(
    ['Số hồ sơ bị chặn tăng nhanh.', 'Ánh xạ thủ tục còn thiếu ("dvcqg import mappings"); hồ sơ sẽ tự được gửi.'],
    [
      'More and more dossiers are blocked.',
      'Map the procedures that are missing ("dvcqg import mappings"); the dossiers then go by themselves.',
    ],
  ),
  'waiting-age': words(
    ['Có hồ sơ chờ gửi quá lâu.', 'Xem nhịp gửi và tình trạng của Cổng ("dvcqg status").'],
    ['A dossier has been waiting for too long.', 'Look at the pace and the state of the portal ("dvcqg status").'],
  ),
  'lost-workers': words(
    [
      'Tiến trình gửi dừng đột ngột; chưa có tiến trình khác tiếp tục.',
      'Kiểm tra các tiến trình worker và nhật ký của chúng.',
    ],
    [
      'A worker went silent, and no other one goes on with its work.',
      'Look at the processes with the role worker, and at their logs.',
    ],
  ),
  standstill: words(
    ['Công việc đứng yên: hồ sơ đến hạn mà không có gì được gửi.', 'Xem /health/ready và "dvcqg doctor".'],
    ['Work stands still: dossiers are due and nothing is sent.', 'Look at /health/ready and "dvcqg doctor".'],
  ),
  refusals: words(
    ['Cổng DVCQG từ chối nhiều lượt gọi.', 'Đọc lời của Cổng ở hồ sơ mẫu; kiểm tra dialect và ánh xạ.'],
    [
      'The portal refuses many calls.',
      'Read the words of the portal at the sample; check the dialect and the mappings.',
    ],
  ),
  'destination-down': words(
    [
      'Một nơi nhận sự kiện không nhận được gì; sự kiện được giữ lại.',
      'Kiểm tra hệ thống nhận ("dvcqg webhooks log", "dvcqg webhooks test").',
    ],
    [
      'A destination of events takes nothing; its events are kept.',
      'Look at the receiving system ("dvcqg webhooks log", "dvcqg webhooks test").',
    ],
  ),
  'not-compared': words(
    [
      'Đã lâu chưa đối soát xong với Cổng.',
      'Xem trang "Đối soát": lần chạy gần nhất dừng ở đâu; kiểm tra dịch vụ tra cứu của Cổng.',
    ],
    [
      'For long no comparison with the portal was finished.',
      'Look at the page "Reconciliation": where the last run stands; check the look-up of the portal.',
    ],
  ),
  'figures-old': words(
    [
      'Đã lâu chưa tải được đủ số liệu công khai của Cổng.',
      'Xem vì sao ở trang "Điểm 766" hoặc "dvcqg public-figures show".',
    ],
    [
      "The portal's public figures were not fetched whole for long.",
      'The page "Score 766", or "dvcqg public-figures show", says why.',
    ],
  ),
  'pull-failed': words(
    ['Không tải được danh mục quốc gia.', 'Kiểm tra đăng nhập và quyền gọi dịch vụ danh mục ("dvcqg doctor").'],
    [
      'The national catalogue could not be pulled.',
      'Check the login and the right to call the catalogue ("dvcqg doctor").',
    ],
  ),
}

import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { AllowedNetworks } from './events.ts'

/**
 * Everything that can be set, from the environment; `NAME_FILE` reads a value from a file. `docs/configuration.md` is
 * written from this table. Nothing else in the program reads the environment.
 */
export interface Setting {
  readonly name: string
  readonly secret: boolean
  readonly about: string
  readonly schema: z.ZodType
  /**
   * What a page shows of it: all of it, or of an address the scheme, host and port. Left out: only whether it is set, so that a
   * setting nobody thought about shows nothing.
   */
  readonly shown?: 'whole' | 'address'
}

const blankIsUnset = (value: unknown) => (typeof value === 'string' && value.trim() === '' ? undefined : value)
const optional = <T extends z.ZodType>(schema: T) => z.preprocess(blankIsUnset, schema.optional())
const defaulted = <T extends z.ZodType>(schema: T, value: z.input<T>) =>
  z.preprocess((raw) => blankIsUnset(raw) ?? value, schema)
const whole = (min: number, max: number) => z.coerce.number().int().min(min).max(max)
const url = (...protocols: string[]) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    message: `must be an address starting with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  })
const accountOf = ({ username, password }: URL) => username + password
const encryptionKeys = z
  .string()
  .transform((value, context) =>
    value.split(',').map((part) => {
      const [id, material] = part.trim().split(':')
      const key = Buffer.from(material ?? '', 'base64')
      if (!id || !/^[A-Za-z0-9_-]{1,20}$/.test(id) || key.length !== 32)
        context.addIssue({
          code: 'custom',
          message: 'must be id:base64 of 32 bytes, several separated by commas, newest first',
        })
      return { id: id ?? '', key }
    }),
  )
  .refine((keys) => new Set(keys.map((key) => key.id)).size === keys.length, { message: 'has the same id twice' })

/** A part of every day, in minutes since midnight; one that ends before it begins passes midnight. */
export interface QuietWindow {
  readonly from: number
  readonly to: number
}

const timeOrOff = z.union([z.literal('off'), z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/)], {
  error: 'must be a time such as 01:30, or off',
})
const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

const minutesOf = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
const holds = ({ from, to }: QuietWindow, minute: number) =>
  from < to ? minute >= from && minute < to : minute >= from || minute < to
const allMinutes = Array.from({ length: 1440 }, (_, minute) => minute)
const quietWindows = z
  .string()
  .transform((value, context): QuietWindow[] =>
    value.split(',').map((part) => {
      const [, from = '', to = ''] = /^\s*((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)\s*$/.exec(part) ?? []
      if (from === to)
        context.addIssue({ code: 'custom', message: 'must be like 22:00-05:00, several separated by commas' })
      return { from: minutesOf(from), to: minutesOf(to) }
    }),
  )
  .refine((windows) => allMinutes.some((minute) => !windows.some((window) => holds(window, minute))), {
    message: 'leaves no time of the day to send anything',
  })

const table = {
  PORT: { schema: defaulted(whole(0, 65535), 8080), secret: false, shown: 'whole', about: 'Port of the HTTP API' },
  HOST: {
    schema: defaulted(z.string(), '127.0.0.1'),
    secret: false,
    shown: 'whole',
    about: 'Address the HTTP API listens on; 0.0.0.0 in a container',
  },
  PUBLIC_URL: {
    schema: optional(
      url('http:', 'https:').refine((value) => !URL.canParse(value) || accountOf(new URL(value)) === '', {
        message: 'must not carry an account',
      }),
    ),
    secret: false,
    shown: 'address',
    about:
      'Address at which browsers reach this service, for example https://dongbo.tinh.gov.vn. Required behind a proxy',
  },
  ROLES: {
    schema: defaulted(
      z
        .string()
        .transform((value) => value.split(',').map((role) => role.trim()))
        .pipe(z.array(z.enum(['api', 'worker', 'scheduler', 'all'])).min(1)),
      'all',
    ),
    secret: false,
    shown: 'whole',
    about: 'What this process does: api, worker, scheduler (comma separated), or all',
  },
  DATA_DIR: {
    schema: defaulted(z.string(), '.data'),
    secret: false,
    shown: 'whole',
    about: 'Folder of the embedded database and of generated keys',
  },
  DATABASE_URL: {
    schema: optional(url('postgres:', 'postgresql:')),
    secret: true,
    about: 'PostgreSQL 15 or newer. Not set: embedded PGlite under DATA_DIR',
  },
  DATABASE_POOL: {
    schema: defaulted(whole(2, 100), 10),
    secret: false,
    shown: 'whole',
    about: 'Connections of this process to the database',
  },
  REDIS_URL: {
    schema: optional(url('redis:', 'rediss:')),
    secret: true,
    about: 'Redis 7 or newer, noeviction. Not set: embedded Valkey',
  },
  QUEUE_PREFIX: {
    schema: defaulted(z.string().regex(/^[a-z0-9-]{1,40}$/), 'dvcqg'),
    secret: false,
    shown: 'whole',
    about: 'Prefix of all keys in Redis',
  },
  PORTAL_URL: {
    schema: optional(
      // An address is shown in logs and in "doctor"; an account in it would be, too.
      url('http:', 'https:').refine((value) => !URL.canParse(value) || accountOf(new URL(value)) === '', {
        message: 'must not carry an account: set PORTAL_USERNAME and PORTAL_PASSWORD',
      }),
    ),
    secret: false,
    shown: 'address',
    about: "The adapter's base, up to /XrdAdapter/RestService/forward. Not set: nothing is sent",
  },
  PORTAL_DSTCODE: {
    schema: defaulted(z.string(), 'VN:GOV:000.00.00.G22:vpcpdvcprovider'),
    secret: false,
    shown: 'whole',
    about: 'X-Road identifier of the portal',
  },
  PORTAL_USERNAME: { schema: optional(z.string()), secret: false, about: 'Account of the province at the portal' },
  PORTAL_PASSWORD: { schema: optional(z.string()), secret: true, about: 'Its password' },
  PORTAL_UNIT: {
    schema: optional(z.string()),
    secret: false,
    shown: 'whole',
    about: 'Organisation code sent with every call (madonvi), for example 000.00.00.H34',
  },
  PORTAL_DIALECT: {
    schema: defaulted(z.string(), 'xrd-2022'),
    secret: false,
    shown: 'whole',
    about: 'Name of a built-in dialect, or the path of a dialect file (JSON)',
  },
  PORTAL_BATCH_SIZE: {
    schema: optional(whole(1, 1000)),
    secret: false,
    shown: 'whole',
    about: "Dossiers per call. Not set: the dialect's own",
  },
  PORTAL_MAX_CALLS_PER_SECOND: {
    schema: defaulted(z.coerce.number().gt(0).max(10_000), 20),
    secret: false,
    shown: 'whole',
    about: 'Ceiling of calls per second, all processes together',
  },
  PORTAL_CALLS_PER_DAY: {
    schema: optional(whole(1, 100_000_000)),
    secret: false,
    shown: 'whole',
    about: "Calls per day (Vietnam's), all processes together; the last tenth is for fresh changes. Not set: no quota",
  },
  PORTAL_QUIET_HOURS: {
    schema: optional(quietWindows),
    secret: false,
    shown: 'whole',
    about: 'When nothing is sent, Vietnam time, for example 22:00-05:00; several separated by commas. Not set: never',
  },
  PORTAL_CONCURRENCY: {
    schema: defaulted(whole(1, 200), 8),
    secret: false,
    shown: 'whole',
    about: 'Batches in hand at the same time in this process',
  },
  ENCRYPTION_KEYS: {
    schema: optional(encryptionKeys),
    secret: true,
    about: 'id:base64 of 32 bytes, newest first. Required with DATABASE_URL; generated under DATA_DIR otherwise',
  },
  MAX_LINE_BYTES: {
    schema: defaulted(whole(1024, 64 * 1024 * 1024), 1024 * 1024),
    secret: false,
    shown: 'whole',
    about: 'Longest dossier, in bytes of JSON',
  },
  CATALOGUE_PULL: {
    schema: defaulted(z.string(), '0 0 2 * * *'),
    secret: false,
    shown: 'whole',
    about: 'When the national catalogue is pulled (cron with seconds, Vietnam time), or off',
  },
  RECONCILE_AT: {
    schema: defaulted(timeOrOff, '01:30'),
    secret: false,
    shown: 'whole',
    about: 'When what was delivered is compared with the portal every day, Vietnam time, or off',
  },
  RECONCILE_EVERY_DAYS: {
    schema: defaulted(whole(1, 3650), 30),
    secret: false,
    shown: 'whole',
    about: 'Days within which each older dossier is compared once',
  },
  PUBLIC_REPORT_URL: {
    schema: optional(
      url('http:', 'https:')
        .refine((value) => !URL.canParse(value) || accountOf(new URL(value)) === '', {
          message: 'must not carry an account',
        })
        .refine(
          (value) => {
            const { protocol, hostname } = URL.canParse(value) ? new URL(value) : { protocol: 'https:', hostname: '' }
            return protocol === 'https:' || loopback.test(hostname)
          },
          { message: 'must start with https://, but for this machine' },
        ),
    ),
    secret: false,
    shown: 'address',
    about:
      "The portal's public reporting API, up to /api/v1/reporting/evaluation. Not set: its figures are not compared",
  },
  PUBLIC_REPORT_MAP: {
    schema: optional(z.string()),
    secret: false,
    shown: 'whole',
    about: 'Path of a file (JSON): ids of the units at the portal, and where its figures stand. Required with it',
  },
  PUBLIC_REPORT_AT: {
    schema: defaulted(timeOrOff, '06:00'),
    secret: false,
    shown: 'whole',
    about: "When the portal's public figures are fetched every day, Vietnam time, or off",
  },
  COUNTERS_SINCE: {
    schema: optional(
      z.string().regex(/^(?:19|20)\d\d-(?:0[1-9]|1[0-2])$/, { error: 'must be a month such as 2026-07' }),
    ),
    secret: false,
    shown: 'whole',
    about:
      'First month (2026-07) from whose start the ledger holds every open dossier. Not set: monthly counters are not sent',
  },
  COUNTERS_DAY: {
    schema: defaulted(
      z.union([z.literal('off'), whole(1, 28)], { error: 'must be a day of the month from 1 to 28, or off' }),
      'off',
    ),
    secret: false,
    shown: 'whole',
    about: 'Day from which the monthly counters of the month before are sent by themselves, Vietnam time, or off',
  },
  STEPS_AFTER_REFUSED: {
    schema: defaulted(z.enum(['wait', 'go']), 'wait'),
    secret: false,
    shown: 'whole',
    about:
      'After a step that the portal refused, the later steps of the dossier wait for a person (wait) or are sent without it (go)',
  },
  AGENCY_DAY: {
    schema: defaulted(z.enum(['reception', 'change']), 'reception'),
    secret: false,
    shown: 'whole',
    about:
      'Which day decides about the unit of a dossier when units were merged or renamed: that of its reception, or that of its newest change',
  },
  EXCHANGE_BODY_DAYS: {
    schema: defaulted(whole(0, 3650), 90),
    secret: false,
    shown: 'whole',
    about: 'Days the sealed bodies of exchanges are kept',
  },
  CHANGE_CONTENT_DAYS: {
    schema: defaulted(whole(1, 36_500), 365),
    secret: false,
    shown: 'whole',
    about: 'Days the content of a change is kept that is neither wanted nor delivered any more',
  },
  EVIDENCE_MONTHS: {
    schema: optional(whole(1, 1200)),
    secret: false,
    shown: 'whole',
    about: 'Months the evidence of calls is kept (times, codes, classes; no contents). Not set: for good',
  },
  EVENT_ALLOWED_NETWORKS: {
    schema: optional(AllowedNetworks),
    secret: false,
    shown: 'whole',
    about: 'Hosts and inner networks that events may go to, with an optional port. Not set: public https only',
  },
  EVENT_KEEP_DAYS: {
    schema: defaulted(whole(14, 3650), 14),
    secret: false,
    shown: 'whole',
    about: 'Days an event is kept for a destination that does not take it',
  },
  EVENT_DAYS: {
    schema: defaulted(whole(1, 3650), 30),
    secret: false,
    shown: 'whole',
    about: 'Days delivered events, the log of their attempts and recovered alerts are kept',
  },
  ALERT_RULES: {
    schema: optional(z.string()),
    secret: false,
    shown: 'whole',
    about: 'Path of a file (JSON) that changes the alert rules. Not set: the built-in ones',
  },
  STALL_SECONDS: {
    schema: defaulted(whole(5, 3600), 60),
    secret: false,
    shown: 'whole',
    about: 'Backlog without progress for this long fails readiness',
  },
  LOG_LEVEL: {
    schema: defaulted(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']), 'info'),
    secret: false,
    shown: 'whole',
    about: 'Detail of the log',
  },
  METRICS_TOKEN: {
    schema: optional(z.string().min(8)),
    secret: true,
    about: 'When set, /metrics asks for it as a bearer token',
  },
} satisfies Record<string, Omit<Setting, 'name'>>

type Table = typeof table
export type Settings = { readonly [K in keyof Table]: z.output<Table[K]['schema']> }

export const settingsTable: readonly Setting[] = Object.entries(table).map(([name, setting]) => ({ name, ...setting }))

export interface SettingProblem {
  readonly name: string
  readonly problem: string
}

/** Thrown with all problems at once; never carries a value. */
export class SettingsError extends Error {
  readonly problems: readonly SettingProblem[]
  constructor(problems: readonly SettingProblem[]) {
    super(`Configuration problems:\n${problems.map(({ name, problem }) => `  ${name}: ${problem}`).join('\n')}`)
    this.name = 'SettingsError'
    this.problems = problems
  }
}

/** Reads and judges the whole environment. `readFile` serves the `*_FILE` variants. */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
): Settings {
  const problems: SettingProblem[] = []
  const values: Record<string, unknown> = {}
  for (const { name, schema } of settingsTable) {
    const raw = rawValue(name, environment, readFile, problems)
    const parsed = schema.safeParse(raw)
    if (parsed.success) values[name] = parsed.data
    else problems.push(...parsed.error.issues.map((issue) => ({ name, problem: issue.message })))
  }
  if (values['DATABASE_URL'] !== undefined && values['ENCRYPTION_KEYS'] === undefined)
    if (!problems.some((problem) => problem.name === 'ENCRYPTION_KEYS'))
      problems.push({
        name: 'ENCRYPTION_KEYS',
        problem: 'is required when DATABASE_URL is set ("dvcqg keys generate-encryption" makes one)',
      })
  if (values['PORTAL_URL'] !== undefined && values['PORTAL_UNIT'] === undefined)
    problems.push({ name: 'PORTAL_UNIT', problem: 'is required when PORTAL_URL is set' })
  if (values['PUBLIC_REPORT_URL'] !== undefined && values['PUBLIC_REPORT_MAP'] === undefined)
    problems.push({ name: 'PUBLIC_REPORT_MAP', problem: 'is required when PUBLIC_REPORT_URL is set' })
  if (problems.length > 0) throw new SettingsError(problems)
  return Object.freeze(values) as Settings
}

function rawValue(
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string,
  problems: SettingProblem[],
): string | undefined {
  const file = environment[`${name}_FILE`]
  if (file === undefined || file === '') return environment[name]
  if (environment[name]) problems.push({ name, problem: `is set twice: ${name} and ${name}_FILE` })
  try {
    return readFile(file).trim()
  } catch {
    problems.push({ name: `${name}_FILE`, problem: 'names a file that cannot be read' })
    return undefined
  }
}

/** The settings as lines for a start-up summary; a secret shows only whether it is set. */
export function describeSettings(settings: Settings): { name: string; value: string }[] {
  return settingsTable.map(({ name, secret }) => {
    const value = settings[name as keyof Settings]
    if (secret) return { name, value: value === undefined ? 'not set' : 'set' }
    return { name, value: typeof value === 'string' ? value : (JSON.stringify(value) ?? 'not set') }
  })
}

export interface ShownSetting {
  readonly name: keyof Settings
  readonly about: string
  /** Null: only whether it is set may be said. */
  readonly value: string | null
  readonly isSet: boolean
  /** It says what it would if nobody had set it. */
  readonly isDefault: boolean
}

/** The settings as a page may show them, by the allow-list of the table above. */
export function shownSettings(settings: Settings): ShownSetting[] {
  return settingsTable.map(({ name, about, secret, shown, schema }) => {
    const value: unknown = settings[name as keyof Settings]
    const isSet = value !== undefined
    return {
      name: name as keyof Settings,
      about,
      value: isSet && shown !== undefined && !secret ? textOf(value, shown) : null,
      isSet,
      isDefault: isDeepStrictEqual(value, schema.safeParse(undefined).data),
    }
  })
}

/** Neither account, nor path, nor query of an address: any of them may carry what opens a door. */
export function addressOf(url: string): string {
  if (!URL.canParse(url)) return '…'
  const { protocol, host } = new URL(url)
  return `${protocol}//${host}`
}

const textOf = (value: unknown, shown: NonNullable<Setting['shown']>): string => {
  if (shown === 'address') return addressOf(String(value))
  if (Array.isArray(value)) return value.map(partOf).join(', ')
  return String(value)
}

const timeOf = (minutes: number) =>
  [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0')).join(':')

function partOf(part: unknown): string {
  if (typeof part !== 'object' || part === null) return String(part)
  const { from, to } = part as Partial<QuietWindow>
  if (from !== undefined && to !== undefined) return `${timeOf(from)}-${timeOf(to)}`
  return JSON.stringify(part)
}

import { z } from 'zod'

/**
 * A dialect says how one gateway to the national portal differs from the others, as data. No official text of the protocol
 * is public, so whatever is not known for certain is a switch here and never an `if` in the client. A province can keep its
 * own dialect in a JSON file (`PORTAL_DIALECT=/path/to/dialect.json`) that names the built-in one it extends.
 */
const answerClass = z.enum(['ok', 'exists', 'absent', 'session-expired', 'refused', 'transient', 'busy', 'unknown'])

/** The first rule that matches decides. All given conditions must hold; texts are compared after NFC and lower-casing. */
const AnswerRule = z.strictObject({
  /** Services the rule speaks about; none = all. */
  services: z.array(z.string()).optional(),
  /** `error_code` values, compared as text: 0 and "0" are equal. */
  codes: z.array(z.string()).optional(),
  /** A phrase that the message must contain. */
  phrase: z.string().optional(),
  httpStatus: z.array(z.number().int()).optional(),
  means: answerClass,
})
export type AnswerRule = z.output<typeof AnswerRule>

/** A list that few portals are known to give. */
const ListService = z.strictObject({
  service: z.string(),
  endpoint: z.enum(['share', 'integration']),
  /** What is asked with it: `{unit}` is replaced by the province's unit as it is sent with every call, `{organisation}` by its G or H code. */
  fields: z.record(z.string(), z.string()),
  /** That it cannot be had fails nothing else, and is not tried again before the next pull. */
  optional: z.boolean(),
})
export type ListService = z.output<typeof ListService>

/** The monthly counters. What each field counts is in config/counters.ts; what this portal reads otherwise is here. */
const Counters = z.strictObject({
  service: z.string(),
  endpoint: z.enum(['share', 'integration']),
  /** `LoaiThongKe`, whose values are not public; null = not known: counters are shown and never sent. */
  kind: z.string().nullable(),
  decimal: z.enum(['.', ',']),
  decimals: z.number().int().min(0).max(4),
  /** The percentage of nothing. */
  zeroOfZero: z.string(),
  /** Whether the figures of a unit hold those of the units under it, by their codes. */
  children: z.enum(['own', 'included']),
  /** Units of the list that have nothing to count. */
  zeroUnits: z.enum(['sent', 'left-out']),
  /** Dossiers of ministries' systems. */
  ministries: z.enum(['counted', 'left-out']),
  /** Dossiers that were not accepted: ended, or never received. */
  notAccepted: z.enum(['handled', 'never-received']),
  /** Dossiers of which nobody can say whether they ended. `refuse`: nothing is sent as long as there are any. */
  untoldEnd: z.enum(['refuse', 'left-out']),
  /** Dossiers of which nobody can say whether they are in time. */
  untoldTime: z.enum(['refuse', 'in-time', 'late']),
})
export type Counters = z.output<typeof Counters>

export const Dialect = z.strictObject({
  name: z.string(),
  /** Path after the adapter's base, per kind of call. `{service}` is replaced by the service's name. */
  paths: z.strictObject({
    login: z.string().nullable(),
    share: z.string(),
    integration: z.string(),
    /** Set for gateways that choose create, update and steps by address; null = the integration path. */
    create: z.string().nullable(),
    update: z.string().nullable(),
    steps: z.string().nullable(),
  }),
  dstcode: z.strictObject({ carrier: z.enum(['query', 'header', 'none']), atLogin: z.boolean() }),
  providerUrl: z.string().nullable(),
  session: z.strictObject({
    carrier: z.enum(['body', 'none']),
    /** A session older than this is renewed before use, in milliseconds. */
    maxAge: z.number().int().positive(),
    /** An answer that no rule knows, on a session older than this, is tried once more with a new session. */
    suspectAfter: z.number().int().positive(),
  }),
  body: z.enum(['envelope', 'bare']),
  createOrUpdate: z.enum(['body', 'query', 'path']),
  reads: z.strictObject({ method: z.enum(['POST', 'GET']), encoding: z.enum(['plain', 'double-in-message']) }),
  answers: z.array(AnswerRule),
  payload: z.strictObject({
    generation: z.enum(['2019', '2022']),
    missing: z.enum(['empty', 'absent', 'null']),
    /** `strings`: every nested value is text. `typed`: integers and booleans where TanDan has them. */
    nested: z.enum(['strings', 'typed']),
    supplementDates: z.enum(['digits', 'iso']),
    /** Fields, by plain name, without which a dossier is blocked rather than sent to be refused. */
    required: z.array(z.string()),
    /** Longest texts the portal takes; longer ones are cut, visibly, with an ellipsis. */
    limits: z.record(z.string(), z.number().int().positive()),
    /** Does a list sent on update replace the portal's list? Unknown officially; full lists are always sent. */
    lists: z.enum(['full']),
  }),
  lookUp: z.strictObject({
    /** Null when the gateway has no look-up. */
    service: z.string().nullable(),
    /** Columns of the answer that can be compared with what was sent, by wire name. Empty = existence only. */
    comparable: z.array(z.string()),
    /** Column that lists the steps the portal holds, null when it shows none. */
    stepsColumn: z.string().nullable(),
  }),
  catalogue: z.strictObject({
    /** Column of a procedure row with its publication date, null when the portal does not say. */
    publishedColumn: z.string().nullable(),
    /** Column with the first day on which the procedure no longer holds, null when the portal does not say. A blank cell says nothing. */
    endsColumn: z.string().nullable(),
    /** Values of TRANGTHAI that mean the procedure is open; empty = the column is not judged. */
    openValues: z.array(z.string()),
    /** The procedures of the province's own unit, null = not asked. */
    unitProcedures: ListService.nullable(),
    /** The portal's online services, null = not asked. */
    services: ListService.nullable(),
  }),
  /** Null: this portal is not known to take them. */
  counters: Counters.nullable(),
  batch: z.strictObject({
    dossiers: z.number().int().min(1).max(1000),
    steps: z.number().int().min(1).max(10),
    mixDossiersInStepCalls: z.boolean(),
  }),
  timeouts: z.strictObject({
    /** Whole call, first byte out to last byte in, milliseconds. */
    call: z.number().int().positive(),
    login: z.number().int().positive(),
  }),
  followRedirects: z.number().int().min(0).max(5),
  maxAnswerBytes: z.number().int().positive(),
})
export type Dialect = z.output<typeof Dialect>

/** Field lengths seen in real clients (spec of the dossier wire, section 8). */
const knownLimits = {
  GhiChu: 2000,
  TrichYeuHoSo: 1000,
  TenTepDinhKem: 4000,
  TenGiayTo: 2000,
  NguoiXuLy: 50,
}

/** What every known client always sends. The 2022 flags are not among them: a system that does not know them sends none. */
const knownRequired = ['procedure.name', 'procedure.fieldCode', 'procedure.fieldName', 'agencyName', 'owner.name']

const knownAnswers: AnswerRule[] = [
  { httpStatus: [429, 503], means: 'busy' },
  { services: ['DongBoHoSoMC'], codes: ['0', '3', '-3'], phrase: 'đã tồn tại', means: 'exists' },
  { services: ['DongBoHoSoMC', 'CapNhatTienDoHoSoMC'], phrase: 'không tồn tại', means: 'absent' },
  { codes: ['0'], means: 'ok' },
]

/** Seen at one gateway each, so not counted on. */
const unitProcedures: ListService = {
  service: 'LayDanhSachTTHCDonVi',
  endpoint: 'integration',
  fields: { maDonVi: '{organisation}' },
  optional: true,
}
const services: ListService = { service: 'LayDVC', endpoint: 'integration', fields: {}, optional: true }

/** One system shows the service; its values of `LoaiThongKe` are not known. */
const counters: Counters = {
  service: 'DongBoThongKeHoSo',
  endpoint: 'integration',
  kind: null,
  decimal: '.',
  decimals: 2,
  zeroOfZero: '0',
  children: 'own',
  zeroUnits: 'left-out',
  ministries: 'counted',
  notAccepted: 'handled',
  untoldEnd: 'refuse',
  untoldTime: 'refuse',
}

const xrd2022: Dialect = {
  name: 'xrd-2022',
  paths: { login: 'mapi/login', share: 'mapi/g', integration: 'mapi/g', create: null, update: null, steps: null },
  dstcode: { carrier: 'query', atLogin: true },
  providerUrl: null,
  session: { carrier: 'body', maxAge: 10 * 60_000, suspectAfter: 60_000 },
  body: 'envelope',
  createOrUpdate: 'body',
  reads: { method: 'POST', encoding: 'plain' },
  answers: knownAnswers,
  payload: {
    generation: '2022',
    missing: 'empty',
    nested: 'strings',
    supplementDates: 'digits',
    required: knownRequired,
    limits: knownLimits,
    lists: 'full',
  },
  lookUp: { service: 'TraCuuHoSo', comparable: [], stepsColumn: null },
  catalogue: { publishedColumn: null, endsColumn: null, openValues: ['1'], unitProcedures: null, services },
  counters,
  batch: { dossiers: 1, steps: 10, mixDossiersInStepCalls: true },
  timeouts: { call: 30_000, login: 15_000 },
  followRedirects: 0,
  maxAnswerBytes: 64 * 1024 * 1024,
}

const builtIn: Dialect[] = [
  xrd2022,
  {
    ...xrd2022,
    name: 'xrd-2019',
    dstcode: { carrier: 'header', atLogin: true },
    payload: { ...xrd2022.payload, generation: '2019', required: [...knownRequired, 'promisedAt'] },
  },
  {
    ...xrd2022,
    name: 'gateway-paths',
    paths: {
      login: null,
      share: 'KetNoiMotCuaQuocGia/{service}',
      integration: 'KetNoiMotCuaQuocGia/{service}',
      create: 'KetNoiMotCuaQuocGia/ThemMoi',
      update: 'KetNoiMotCuaQuocGia/CapNhat',
      steps: 'KetNoiMotCuaQuocGia/DongBoTienTrinh',
    },
    dstcode: { carrier: 'none', atLogin: false },
    session: { ...xrd2022.session, carrier: 'none' },
    body: 'bare',
    createOrUpdate: 'path',
    reads: { method: 'GET', encoding: 'double-in-message' },
    catalogue: { ...xrd2022.catalogue, unitProcedures, services: null },
    counters: null,
    payload: { ...xrd2022.payload, missing: 'null', nested: 'typed' },
  },
  {
    ...xrd2022,
    name: 'gateway-query',
    paths: {
      login: null,
      share: 'api/SynsTTHCC/{service}',
      integration: 'api/SynsTTHCC/{service}',
      create: null,
      update: null,
      steps: null,
    },
    dstcode: { carrier: 'none', atLogin: false },
    session: { ...xrd2022.session, carrier: 'none' },
    body: 'bare',
    createOrUpdate: 'query',
    catalogue: { ...xrd2022.catalogue, services: null },
    counters: null,
    payload: { ...xrd2022.payload, generation: '2019', missing: 'absent' },
  },
  {
    // What our own sandbox speaks, where the field leaves things open: it lists steps, shows what it stored, and takes arrays.
    ...xrd2022,
    name: 'sandbox',
    answers: [
      { httpStatus: [429, 503], means: 'busy' },
      { codes: ['-401'], means: 'session-expired' },
      { services: ['DongBoHoSoMC'], codes: ['-4'], means: 'absent' },
      { services: ['CapNhatTienDoHoSoMC'], codes: ['-4'], means: 'absent' },
      { codes: ['-10', '-11', '-12', '-13'], means: 'refused' },
      { codes: ['-90'], means: 'transient' },
      ...knownAnswers.slice(1),
    ],
    lookUp: {
      service: 'TraCuuHoSo',
      comparable: [
        'MaTTHC',
        'TrangThaiHoSo',
        'NgayTiepNhan',
        'NgayHenTra',
        'NgayKetThucXuLy',
        'NgayTra',
        'ChuHoSo',
        'DonViXuLy',
        'KenhThucHien',
      ],
      stepsColumn: 'DanhSachTienDo',
    },
    catalogue: {
      publishedColumn: 'NGAYCONGBO',
      endsColumn: 'NGAYHETHIEULUC',
      openValues: ['1'],
      unitProcedures,
      services,
    },
    counters: { ...counters, kind: '1' },
    batch: { dossiers: 50, steps: 10, mixDossiersInStepCalls: true },
    timeouts: { call: 10_000, login: 5_000 },
  },
]

export const dialects: ReadonlyMap<string, Dialect> = new Map(builtIn.map((dialect) => [dialect.name, dialect]))

/** A group may be given in part; one that may be missing as a whole as null. */
function partOf(shape: z.ZodType): z.ZodType {
  if (shape instanceof z.ZodNullable && shape.unwrap() instanceof z.ZodObject)
    return (shape.unwrap() as z.ZodObject).partial().nullable().optional()
  return shape instanceof z.ZodObject ? shape.partial().optional() : shape.optional()
}

/** A province's own dialect file: the built-in one it extends, and what differs (one level deep). */
export const DialectFile = z.strictObject({
  extends: z.enum(builtIn.map((dialect) => dialect.name)),
  name: z.string(),
  ...Object.fromEntries(
    Object.entries(Dialect.shape)
      .filter(([key]) => key !== 'name')
      .map(([key, shape]) => [key, partOf(shape)]),
  ),
})

/** A dialect in force, and the built-in one by which what is special about it is told. */
export interface DialectInForce {
  readonly dialect: Dialect
  /** Null: it is the one that all others are laid over. */
  readonly base: Dialect | null
}

/** The built-in dialect of this name, or the one of this file; throws a ZodError that names what is wrong with the file. */
export function dialectInForce(wish: string, readFile: (path: string) => string): DialectInForce {
  const known = dialects.get(wish)
  if (known) return { dialect: known, base: known === xrd2022 ? null : xrd2022 }
  const text = readFile(wish)
  const dialect = readDialectFile(text)
  return { dialect, base: dialects.get((JSON.parse(text) as { extends: string }).extends)! }
}

export interface DialectDifference {
  /** Path of the field: `timeouts.call`. */
  readonly field: string
  readonly base: string
  readonly own: string
}

/** What is special about a dialect, field by field, as it may be shown: what could carry an account or a token is left out. */
export function dialectDifferences({ dialect, base }: DialectInForce): DialectDifference[] {
  if (base === null) return []
  const [ours, theirs] = [fieldsOf(dialect), fieldsOf(base)]
  return [...new Set([...theirs.keys(), ...ours.keys()])]
    .filter((field) => field !== 'name' && ours.get(field) !== theirs.get(field))
    .map((field) => ({ field, base: shownField(field, theirs.get(field)), own: shownField(field, ours.get(field)) }))
}

/** Every field by its path, as JSON; lists are one field, because they are replaced as a whole. */
function fieldsOf(value: object, path: readonly string[] = []): Map<string, string> {
  const fields = new Map<string, string>()
  for (const [key, own] of Object.entries(value) as [string, unknown][]) {
    const here = [...path, key]
    const isGroup = typeof own === 'object' && own !== null && !Array.isArray(own)
    if (isGroup) for (const [field, text] of fieldsOf(own, here)) fields.set(field, text)
    else fields.set(here.join('.'), JSON.stringify(own))
  }
  return fields
}

/** What a province writes into addresses and into the fields of a call may be a secret of its gateway. */
function shownField(field: string, text: string | undefined): string {
  if (text === undefined) return '–'
  if (text === 'null') return text
  if (field === 'providerUrl') return '"…"'
  if (field.startsWith('paths.')) return shownPath(text)
  if (/^catalogue\.\w+\.fields\./.test(field)) return /^"\{\w+\}"$/.test(text) ? text : '"…"'
  return text
}

/** Without its query, and without parts that no person would choose for a name. */
const shownPath = (text: string) =>
  text
    .replace(/[?;].*$/, (rest) => `${rest.charAt(0)}…"`)
    .replace(/[^/"]{12,}/g, (part) => (/\d/.test(part) ? '…' : part))

/** Lays a dialect file over the built-in dialect it extends; throws a ZodError that names what is wrong. */
export function readDialectFile(text: string): Dialect {
  const file = DialectFile.parse(JSON.parse(text)) as { extends: string } & Record<string, unknown>
  const base = dialects.get(file.extends)!
  const merged = Object.fromEntries(
    Object.entries(base).map(([key, value]) => {
      const change = file[key]
      const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value)
      if (change === undefined) return [key, value]
      return [key, isGroup && typeof change === 'object' && change !== null ? { ...value, ...change } : change]
    }),
  )
  return Dialect.parse(merged)
}

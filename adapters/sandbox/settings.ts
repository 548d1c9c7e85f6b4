import { z } from 'zod'

/** How the sandbox behaves where the field leaves things open. May be changed while it runs. */
export const SandboxSettings = z.strictObject({
  /** One bad item refuses the whole call, or only itself. */
  arrays: z.enum(['atomic', 'partial']).default('atomic'),
  /** Checks needed fields, types, lengths and procedure codes. */
  strict: z.boolean().default(true),
  sessionSeconds: z.number().positive().max(31_536_000).default(600),
  newLoginEndsOld: z.boolean().default(false),
  /** A login without a body is accepted, as one connection test of the field expects. */
  emptyLogin: z.boolean().default(false),
  /** Refuse forwarded calls that name no destination, or another one. */
  checkDestination: z.boolean().default(true),
  maxDossiersPerCall: z.number().int().min(1).default(1000),
  maxStepsPerCall: z.number().int().min(1).default(10),
})
export type SandboxSettings = z.output<typeof SandboxSettings>

const day = z.string().regex(/^\d{8}$/, { message: 'must be yyyyMMdd' })

export const SandboxOptions = SandboxSettings.extend({
  /** 0: any free port. */
  port: z.number().int().min(0).max(65_535).default(0),
  host: z.string().default('127.0.0.1'),
  seed: z.number().int().default(1),
  username: z.string().default('sandbox'),
  password: z.string().default('sandbox'),
  /** Calls for another organisation are refused; not set: every one is welcome. */
  unit: z.string().optional(),
  destination: z.string().default('VN:GOV:000.00.00.G22:vpcpdvcprovider'),
  /** Keeps a log of every call and every write: about 150 bytes each, until the sandbox ends. */
  history: z.boolean().default(false),
  /** National code -> day of publication, `yyyyMMdd`. */
  publishedOn: z
    .union([z.map(z.string(), day), z.record(z.string(), day).transform((days) => new Map(Object.entries(days)))])
    .default(() => new Map()),
})
export type SandboxOptions = z.input<typeof SandboxOptions>
export type SandboxConfiguration = z.output<typeof SandboxOptions>

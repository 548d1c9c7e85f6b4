import { failures } from '../../config/failures.ts'
import { SettingsError } from '../../config/settings.ts'
import { isDatabaseDown } from '../platform/database.ts'
import { DataDirTaken, DataDirUnusable } from '../platform/embedded/embedded.ts'
import { Refusal } from '../platform/problems.ts'

/** What a script learns from the exit code. */
export const exits = { done: 0, failed: 1, usage: 2, unhealthy: 3, interrupted: 130 } as const

/** The command line or the configuration asks for something that cannot be; carries all problems at once. */
export class UsageError extends Error {
  constructor(problems: readonly string[]) {
    super(problems.length === 1 ? problems[0] : `Several things are wrong:\n  ${problems.join('\n  ')}`)
    this.name = 'UsageError'
  }
}

/** The command could not do its work; the message says why and what to do next. */
export class CommandFailed extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CommandFailed'
  }
}

/** Ctrl-C or SIGTERM while a command was at work. */
export class Interrupted extends Error {
  constructor() {
    super('Stopped.')
    this.name = 'Interrupted'
  }
}

export function exitOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof SettingsError) return exits.usage
  return error instanceof Interrupted ? exits.interrupted : exits.failed
}

const plainSpoken = [UsageError, SettingsError, CommandFailed, Interrupted, DataDirTaken, DataDirUnusable]

/** An error as a sentence and a next step. Never with what libraries hang on errors: addresses, parameters, bodies. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return 'Something failed without saying what. Run the command again with --verbose.'
  if (plainSpoken.some((kind) => error instanceof kind)) return error.message
  if (error instanceof Refusal) return `${error.message}. ${failures[error.code].en.next}`
  const { code, port, path } = error as NodeJS.ErrnoException & { port?: number }
  if (code === 'EADDRINUSE') return `Port ${port} is taken. Stop the other program, or choose another port.`
  if (code === 'ENOENT') return `${path ?? 'A file'} does not exist. Check the path.`
  if (code === 'EACCES') return `${path ?? 'A file'} may not be opened by this account. Check its permissions.`
  if (code === 'EISDIR') return 'A folder was named where a file is needed. Check the path.'
  if (code === '28P01' || code === '28000')
    return 'The database refused the account. Check user and password in DATABASE_URL.'
  if (code === '3D000') return 'The database named in DATABASE_URL does not exist. Create it first.'
  if (isDatabaseDown(error))
    return 'The database cannot be reached. Check DATABASE_URL and that the server runs; "dvcqg doctor" looks closer.'
  return `${error.message.split('\n')[0]} (--verbose shows where.)`
}

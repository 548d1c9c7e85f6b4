import pino, { type Logger, type LoggerOptions } from 'pino'

export type { Logger }

/** Header and field names that may carry secrets or citizens' data; whatever is logged under them is replaced. */
const redacted = [
  'authorization',
  'cookie',
  'password',
  'session',
  'secret',
  'key',
  'content',
  'owner',
  'body',
  'requestBody',
  'responseBody',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

/**
 * The log carries codes, ids, counts and durations, never content. Redaction is the second line of defence: the first is
 * that nothing hands content to the log.
 */
export function createLog(level: string, options: { pretty?: boolean } = {}): Logger {
  const settings: LoggerOptions = {
    level,
    redact: { paths: redacted, censor: '•' },
    serializers: { err: safeError, error: safeError },
    base: { service: 'dvcqg-adapter', pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
  }
  if (options.pretty) return pino({ ...settings, transport: { target: 'pino-pretty' } })
  return pino(settings)
}

/** An error without what database and HTTP libraries hang on it (query parameters, request bodies, headers). */
function safeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: 'a value that is not an Error was thrown' }
  const { code } = error as { code?: unknown }
  return {
    type: error.name,
    message: error.message.slice(0, 500),
    ...(typeof code === 'string' ? { code } : {}),
    stack: error.stack?.split('\n').slice(1, 12).join('\n'),
  }
}

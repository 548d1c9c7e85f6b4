/** What a child process tells its parent. */
export type ChildMessage = { readonly ready: number } | { readonly failed: string }

export interface ChildServer {
  readonly port: number
  stop(): Promise<void>
}

const closingTime = 8_000

/** Says why and ends at once; the parent starts another child. */
export function giveUp(reason: unknown): void {
  const failed = reason instanceof Error ? reason.message : String(reason)
  setTimeout(() => process.exit(1), 500)
  tell({ failed }, () => process.exit(1))
}

/**
 * Runs a server as a child: it ends with its parent (the channel closes even when the parent is killed), on SIGTERM and
 * when told to. Ctrl+C reaches the whole group; the parent decides the order, so it is ignored here.
 */
export function runChild(start: (port: number, folder: string) => Promise<ChildServer>): void {
  process.on('SIGINT', () => undefined)
  process.on('SIGHUP', () => undefined)
  process.on('uncaughtException', giveUp)
  process.on('unhandledRejection', giveUp)
  const server = start(Number(process.argv[2]), process.argv[3] ?? '')
  const end = () => {
    setTimeout(() => process.exit(1), closingTime)
    server.then((running) => running.stop()).then(() => process.exit(0), giveUp)
  }
  process.once('disconnect', end)
  process.once('SIGTERM', end)
  process.once('message', end)
  server.then(({ port }) => tell({ ready: port }), giveUp)
  if (!process.connected) end()
}

function tell(message: ChildMessage, done: () => void = () => undefined): void {
  if (process.send && process.connected) process.send(message, undefined, undefined, done)
  else done()
}

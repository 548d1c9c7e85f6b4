import { EventEmitter, once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import { addAbortSignal } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'

/** Where the database is, as the driver read it from the URL. */
export interface Route {
  readonly hosts: readonly string[]
  readonly ports: readonly number[]
  readonly path: string | false
  readonly tls: string | boolean | object
  readonly tlsAtOnce: boolean
}

/** What the server says when it is ready for the next query inside a failed transaction: the driver then keeps it to its owner. */
const readyAfterFailure = Buffer.from([0x5a, 0, 0, 0, 5, 0x45])
const askForTls = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const yes = 'S'.charCodeAt(0)
const refusal = 'E'.charCodeAt(0)
const farewell = 2_000

interface LineOptions {
  readonly open: (signal: AbortSignal) => Promise<Socket>
  /** The server greets us: it is there. */
  readonly greeted: () => void
  /** It was lost before that. */
  readonly failed: () => void
  readonly lost: () => void
}

/**
 * The socket that the driver sees. The driver cannot live through the loss of a connection: what it had not yet flushed
 * keeps the connection object from ever writing again, a transaction that goes on afterwards (its `rollback` does) throws where
 * nobody can catch it, and a query left in its queue takes the answer of the next one. So the driver never learns of a loss:
 * a lost line refuses every query for good, each at once, and its pool is replaced by a new one (see `openDatabase`).
 * It gets whole messages only, so that a refusal never lands in the middle of one. What it ends itself closes as usual.
 */
export class Line extends EventEmitter {
  readyState: 'open' | 'closing' | 'closed' = 'open'
  readonly #options: LineOptions
  readonly #abort = new AbortController()
  #socket: Socket | null = null
  #early: Uint8Array[] = []
  #pieces: Buffer[] = []
  #held = 0
  #needed = 5
  #isGreeted = false
  #why: Error = closed()

  constructor(options: LineOptions) {
    super()
    this.#options = options
    options.open(this.#abort.signal).then(
      (socket) => this.#carry(socket),
      (error: Error) => this.#end(error),
    )
  }

  /** Never asks the driver to wait: it takes "you may write again" for "the connection is free", even in a transaction. */
  write(bytes: Uint8Array): true {
    if (this.readyState === 'closed') this.#refuse()
    else if (this.#socket) this.#socket.write(bytes)
    else this.#early.push(Uint8Array.from(bytes))
    return true
  }

  /** The driver's own wish. */
  end(bytes: Uint8Array): void {
    if (this.readyState !== 'open') return
    this.readyState = 'closing'
    this.#socket?.end(bytes)
    setTimeout(() => this.#end(), this.#socket ? farewell : 0).unref()
  }

  /** The driver gave up waiting for the server. */
  destroy(): void {
    this.#end()
  }

  /** Tells the driver of the loss after all: its pool has ended, so that it can neither write nor connect any more. */
  bury(): void {
    if (this.readyState === 'closed') this.emit('close', false)
  }

  #carry(socket: Socket): void {
    socket.on('error', (error) => this.#end(error))
    socket.on('close', () => this.#end())
    if (this.readyState !== 'open') return void socket.destroy()
    this.#socket = socket
    socket.on('data', (bytes: Buffer) => this.#take(bytes))
    for (const bytes of this.#early) socket.write(bytes)
    this.#early = []
  }

  #take(bytes: Buffer): void {
    if (!this.#isGreeted && bytes[0] !== refusal) {
      this.#isGreeted = true
      this.#options.greeted()
    }
    this.#pieces.push(bytes)
    this.#held += bytes.length
    if (this.#held < this.#needed) return
    const all = this.#pieces.length === 1 ? bytes : Buffer.concat(this.#pieces)
    const whole = wholeMessages(all)
    const rest = all.subarray(whole)
    this.#pieces = rest.length > 0 ? [rest] : []
    this.#held = rest.length
    this.#needed = rest.length < 5 ? 5 : rest.readUInt32BE(1) + 1
    if (whole > 0) this.emit('data', all.subarray(0, whole))
  }

  #end(why: Error = closed()): void {
    if (this.readyState === 'closed') return
    const isWanted = this.readyState === 'closing'
    this.readyState = 'closed'
    this.#why = why
    this.#abort.abort()
    this.#socket?.destroy()
    if (isWanted) return void this.emit('close', false)
    if (!this.#isGreeted) this.#options.failed()
    this.#options.lost()
    this.#refuse()
  }

  /** Later, because the driver may be in the middle of writing. */
  #refuse(): void {
    setImmediate(() => {
      if (this.listenerCount('error') === 0) return
      this.emit('error', this.#why)
      this.emit('data', readyAfterFailure)
    })
  }
}

/** How many of these bytes are whole messages of the server: a letter, the length, the content. */
function wholeMessages(bytes: Buffer): number {
  let end = 0
  while (bytes.length - end >= 5) {
    const size = bytes.readUInt32BE(end + 1) + 1
    if (size > bytes.length - end) break
    end += size
  }
  return end
}

const closed = (why = 'The connection to the database was lost') =>
  Object.assign(new Error(why), { code: 'CONNECTION_CLOSED' })

/** Opens sockets to the first host that answers; after failures it waits before it tries, a second at most. */
export function createDialler(route: Route) {
  let failures = 0
  const open = async (signal: AbortSignal): Promise<Socket> => {
    await sleep(Math.min(failures * 100, 1_000), undefined, { signal })
    for (let at = 0; ; at += 1) {
      try {
        return await dial(route, at, signal)
      } catch (error) {
        if (route.path || at + 1 >= route.hosts.length || signal.aborted) throw error
      }
    }
  }
  return { open, greeted: () => void (failures = 0), failed: () => void (failures += 1) }
}

async function dial(route: Route, at: number, signal: AbortSignal): Promise<Socket> {
  const host = route.hosts[at] ?? ''
  const socket = route.path ? connect(route.path) : connect(route.ports[at] ?? 5432, host)
  addAbortSignal(signal, socket)
  socket.on('error', () => undefined)
  socket.setKeepAlive(true, 15_000)
  await once(socket, 'connect', { signal })
  return route.tls ? encrypt(socket, host, route, signal) : socket
}

async function encrypt(socket: Socket, host: string, { tls, tlsAtOnce }: Route, signal: AbortSignal): Promise<Socket> {
  if (!tlsAtOnce) {
    socket.write(askForTls)
    const [answer] = (await once(socket, 'data', { signal })) as [Buffer]
    if (answer[0] !== yes && tls === 'prefer') return socket
    if (answer[0] !== yes) throw closed('The database does not speak TLS')
  }
  const isUnchecked = tls === 'require' || tls === 'allow' || tls === 'prefer'
  const secure = connectTls({
    socket,
    ...(isIP(host) ? {} : { servername: host }),
    ...(tlsAtOnce ? { ALPNProtocols: ['postgresql'] } : {}),
    ...(isUnchecked ? { rejectUnauthorized: false } : {}),
    ...(typeof tls === 'object' ? tls : {}),
  })
  addAbortSignal(signal, secure)
  await once(secure, 'secureConnect', { signal })
  return secure
}

import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A line to a server that can be broken. */
export interface BreakableLine {
  readonly url: string
  /** Resets every connection; tells how many there were. */
  reset(): number
  /** From now on connections are refused at once, or no longer. */
  refuse(isRefused: boolean): void
  stop(): Promise<void>
}

export async function openBreakableLine(target: string): Promise<BreakableLine> {
  const { hostname, port } = new URL(target)
  const pairs = new Map<Socket, Socket>()
  let isRefused = false
  const server = createServer((near) => {
    // Whoever is turned away may still be writing.
    near.on('error', () => undefined)
    if (isRefused) {
      near.resetAndDestroy()
      return
    }
    const far = connect(Number(port) || 5432, hostname)
    pairs.set(near, far)
    const end = () => {
      pairs.delete(near)
      near.destroy()
      far.destroy()
    }
    for (const side of [near, far]) side.on('error', end).on('close', end)
    near.pipe(far)
    far.pipe(near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(target)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const reset = () => {
    const held = [...pairs]
    for (const [near, far] of held) {
      near.resetAndDestroy()
      far.destroy()
    }
    return held.length
  }
  return {
    url: url.href,
    reset,
    refuse: (wish) => {
      isRefused = wish
    },
    stop: async () => {
      reset()
      server.close()
      await once(server, 'close')
    },
  }
}

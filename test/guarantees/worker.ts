import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { WorkerOrder } from '../support/worker-process.ts'
import type { Scene } from './scene.ts'

export interface WorkerProcess {
  /** Address of its API, null when it serves none. */
  readonly url: string
  /** kill -9: nothing in it gets a chance to tidy up. */
  kill(): Promise<void>
  stop(): Promise<void>
}

/** Starts roles of the service in a process of its own, on the servers of the scene. */
export async function startWorker(
  scene: Pick<Scene, 'environment' | 'policies'>,
  settings: Readonly<Record<string, string>> = {},
): Promise<WorkerProcess> {
  const environment = { ...scene.environment, ROLES: 'worker', ...settings }
  const order: WorkerOrder = { environment, policies: scene.policies }
  const child = fork(fileURLToPath(new URL('../support/worker-process.ts', import.meta.url)), [], {
    execPath: process.execPath,
    execArgv: [],
    env: { ...process.env, DVCQG_TEST_WORKER: JSON.stringify(order) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [{ url }] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error('The worker process ended before it was ready'))),
  ])) as [{ url: string }]
  return {
    url,
    kill: () => ended(child, () => child.kill('SIGKILL')),
    stop: () => ended(child, () => child.disconnect()),
  }
}

async function ended(child: ChildProcess, end: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  end()
  const last = setTimeout(() => child.kill('SIGKILL'), 8_000)
  await gone
  clearTimeout(last)
}

import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChildMessage } from './child.ts'

export interface Supervised {
  readonly port: number
  stop(): Promise<void>
}
export interface SupervisedOptions {
  /** For people: "database", "queue server". */
  readonly what: string
  readonly script: URL
  readonly folder: string
  readonly log: (message: string) => void
  /** It died too often; it will not be started again. */
  readonly failed: (reason: string) => void
}

const startTime = 60_000
const stopTime = 10_000
const restartsPerMinute = 5
const pauses = [0, 250, 500, 1000, 2000]
/** A child needs nothing of our environment but what the operating system asks for; above all no secrets. */
const environment = Object.fromEntries(
  ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot'].map((name) => [name, process.env[name]]),
)

/** Keeps one child process running on one port until stopped. */
export async function supervise(options: SupervisedOptions): Promise<Supervised> {
  let stopping = false
  let child = await launch(options, 0)
  const { port } = child
  const deaths: number[] = []

  const heal = async (reason: string): Promise<void> => {
    let why = reason
    for (;;) {
      if (stopping) return
      const recent = deaths.filter((at) => at > performance.now() - 60_000).length
      if (recent >= restartsPerMinute) return options.failed(`the embedded ${options.what} keeps ending: ${why}`)
      options.log(`the embedded ${options.what} ended (${why}); starting it again`)
      deaths.push(performance.now())
      await sleep(pauses[recent])
      try {
        child = await launch(options, port)
        return stopping ? await end(child.process) : guard()
      } catch (error) {
        why = (error as Error).message
      }
    }
  }
  let healing = Promise.resolve()
  const guard = (): void => {
    void child.ended.then((reason) => {
      if (!stopping) healing = heal(reason)
    })
  }
  guard()
  return {
    port,
    stop: async () => {
      stopping = true
      await end(child.process)
      await healing
    },
  }
}

interface Launched {
  readonly process: ChildProcess
  readonly port: number
  /** Resolves with the reason when the process has ended. */
  readonly ended: Promise<string>
}

async function launch({ script, folder, what }: SupervisedOptions, port: number): Promise<Launched> {
  const child = fork(fileURLToPath(script), [String(port), folder], {
    env: environment,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  let reported: string | undefined
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(reported ?? `exit ${signal ?? code}`))
  })
  const ready = new Promise<number>((resolve) => {
    child.on('message', (message: ChildMessage) => {
      if ('ready' in message) resolve(message.ready)
      else reported = message.failed
    })
  })
  const tooLate = sleep(startTime, 'no answer', { ref: false })
  const first = await Promise.race([ready, ended, tooLate])
  if (typeof first === 'number') return { process: child, port: first, ended }
  child.kill('SIGKILL')
  throw new Error(`the embedded ${what} did not start: ${first}`)
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  if (child.connected) child.send('stop', () => undefined)
  else child.kill('SIGTERM')
  const tooLate = AbortSignal.timeout(stopTime)
  const kill = () => child.kill('SIGKILL')
  tooLate.addEventListener('abort', kill)
  await exited
  tooLate.removeEventListener('abort', kill)
}

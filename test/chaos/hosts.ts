import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { atTheEnd } from './tidy.ts'

export interface Host {
  readonly address: string
  /** The words before a command that make it run here. */
  readonly before: readonly [program: string, ...words: string[]]
  /** Takes its cable out of the switch, or puts it back: nobody is told, and what is sent meanwhile is sent again by the kernel. */
  setLink(state: 'down' | 'up'): void
}

/** Hosts of the run's own: network namespaces on a switch that stands in one, too. What is sent on it stays on this machine. */
export interface Hosts {
  /** Under this address the hosts reach what runs outside of them. */
  readonly address: string
  /** All addresses of the switch, as `a.b.c.d/n`. */
  readonly network: string
  readonly workers: readonly Host[]
  /** Here the line to the portal begins. */
  readonly portal: Host
  stop(): Promise<void>
}

/** Meant for trials between networks (RFC 2544): no real host has such an address. */
const networks = Array.from({ length: 256 }, (_, number) => `198.18.${number}`)
const firstHost = 11
const alone = { program: 'unshare', words: ['--net', 'cat'] }

/**
 * Nothing here has a name that would stay: a namespace lasts as long as the process that was started in it, which ends with the
 * run however that ends, and takes its end of every cable with it. A text says why it cannot be done.
 */
export async function makeHosts(workers: number): Promise<Hosts | string> {
  const keepers: ChildProcess[] = []
  const stop = async () => {
    await Promise.all(keepers.map(end))
  }
  try {
    const prefix = freeNetwork()
    const center = await keep(keepers)
    const cable = `dvcqg${process.pid}`
    run('ip', ['link', 'add', cable, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', String(center)])
    run('ip', ['address', 'add', `${prefix}.1/24`, 'dev', cable])
    run('ip', ['link', 'set', cable, 'up'])
    const atCenter = (words: string) => run(...within(center, ['ip', ...words.split(' ')]))
    for (const words of ['add bridge type bridge', 'set bridge up', 'set uplink master bridge up'])
      atCenter(`link ${words}`)
    const plugIn = async (number: number): Promise<Host> => {
      const host = await keep(keepers)
      const address = `${prefix}.${firstHost + number}`
      atCenter(`link add port${number} type veth peer name eth0 netns ${host}`)
      const atHost = (words: string) => run(...within(host, ['ip', ...words.split(' ')]))
      atHost(`address add ${address}/24 dev eth0`)
      atHost('link set eth0 up')
      atHost('link set lo up')
      atCenter(`link set port${number} master bridge up`)
      return {
        address,
        before: ['nsenter', ...enter(host)],
        setLink: (state) => atCenter(`link set port${number} ${state}`),
      }
    }
    const portal = await plugIn(0)
    const hosts: Host[] = []
    while (hosts.length < workers) hosts.push(await plugIn(hosts.length + 1))
    return { address: `${prefix}.1`, network: `${prefix}.0/24`, workers: hosts, portal, stop }
  } catch (error) {
    await stop()
    return `no network namespaces: ${(error as Error).message}`
  }
}

/** Starts a namespace; the number of the process that keeps it. */
async function keep(keepers: ChildProcess[]): Promise<number> {
  // Ends when its input does, which is when the run ends.
  const keeper = spawn(alone.program, alone.words, { stdio: ['pipe', 'pipe', 'ignore'] })
  keepers.push(keeper)
  const forget = atTheEnd(() => keeper.kill('SIGKILL'))
  keeper.once('exit', forget)
  const failed = Promise.race([once(keeper, 'exit'), once(keeper, 'error')])
  // Its echo says that the namespace stands.
  keeper.stdin.on('error', () => undefined).write('\n')
  const isThere = await Promise.race([once(keeper.stdout, 'data').then(() => true), failed.then(() => false)])
  if (!isThere) throw new Error('unshare is not there or not permitted')
  return keeper.pid!
}

async function end(keeper: ChildProcess): Promise<void> {
  if (keeper.pid === undefined || keeper.exitCode !== null || keeper.signalCode !== null) return
  const ended = once(keeper, 'exit')
  keeper.kill('SIGKILL')
  await ended
}

const enter = (keeper: number) => [`--net=/proc/${keeper}/ns/net`, '--']
const within = (keeper: number, words: readonly string[]): [string, string[]] => [
  'nsenter',
  [...enter(keeper), ...words],
]

function run(program: string, words: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, words, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
  if (status !== 0) throw new Error(error ? `${program} is not there` : stderr.trim())
}

function freeNetwork(): string {
  const taken = Object.values(networkInterfaces()).flatMap((one) => one?.map(({ address }) => address) ?? [])
  const from = process.pid % networks.length
  const free = [...networks.slice(from), ...networks.slice(0, from)].find(
    (prefix) => !taken.some((address) => address.startsWith(`${prefix}.`)),
  )
  if (!free) throw new Error('no free network')
  return free
}

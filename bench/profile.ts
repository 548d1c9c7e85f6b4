import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

// Reads CPU profiles (`npm run bench -- --profile folder`) and says where the time went: by package, by function on its own,
// and by our functions with all that they call. `SKIP=5 node bench/profile.ts folder/*.cpuprofile` leaves out the first five
// seconds, in which the program is loaded.

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const top = 25
/** Microseconds, as the profile has them. */
const skipped = Number(process.env['SKIP'] ?? 0) * 1e6
const root = fileURLToPath(new URL('../', import.meta.url))

for (const file of process.argv.slice(2)) show(file, JSON.parse(readFileSync(file, 'utf8')) as Profile)

function show(file: string, profile: Profile): void {
  const own = ownTimes(profile)
  const busy = sum(
    profile.nodes.filter(({ callFrame }) => callFrame.functionName !== '(idle)').map(({ id }) => own.get(id) ?? 0),
  )
  const print = (title: string, times: ReadonlyMap<string, number>) => {
    console.log(`\n${title}`)
    const largest = [...times].sort((a, b) => b[1] - a[1]).slice(0, top)
    for (const [name, time] of largest) console.log(`${((time / busy) * 100).toFixed(1).padStart(6)} %  ${name}`)
  }
  console.log(`\n== ${file}: ${(busy / 1e6).toFixed(2)} s busy`)
  const busyNodes = profile.nodes.filter(({ callFrame }) => callFrame.functionName !== '(idle)')
  print(
    'by package',
    grouped(busyNodes, own, ({ callFrame }) => packageOf(callFrame.url)),
  )
  print('by function, on its own', grouped(busyNodes, own, placeOf))
  print('our functions, with what they call', inclusive(profile, own))
}

function ownTimes({ samples, timeDeltas }: Profile): Map<number, number> {
  const times = new Map<number, number>()
  let at = 0
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0
    at += delta
    if (at > skipped) times.set(id, (times.get(id) ?? 0) + delta)
  }
  return times
}

function grouped(nodes: readonly ProfileNode[], own: ReadonlyMap<number, number>, key: (node: ProfileNode) => string) {
  const groups = new Map<string, number>()
  for (const node of nodes) groups.set(key(node), (groups.get(key(node)) ?? 0) + (own.get(node.id) ?? 0))
  return groups
}

/** Each function counts once per stack, however often it stands in it. */
function inclusive({ nodes }: Profile, own: ReadonlyMap<number, number>): Map<string, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const times = new Map<string, number>()
  const walk = (node: ProfileNode, above: ReadonlySet<string>): void => {
    const isOurs = node.callFrame.url.startsWith('file:') && !node.callFrame.url.includes('node_modules')
    const stack = isOurs ? new Set([...above, placeOf(node)]) : above
    for (const place of stack) times.set(place, (times.get(place) ?? 0) + (own.get(node.id) ?? 0))
    for (const child of node.children ?? []) walk(byId.get(child)!, stack)
  }
  walk(nodes[0]!, new Set())
  return times
}

function placeOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  return `${functionName || '(anonymous)'} ${url === '' ? '' : `${shortPath(url)}:${lineNumber + 1}`}`
}

function shortPath(url: string): string {
  return url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url
}

function packageOf(url: string): string {
  const path = shortPath(url)
  return /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? (path === '' ? '(native)' : path)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

import { readFileSync } from 'node:fs'

// Loaded before a member of the crew (`--import`): its wall clock is off by the milliseconds that a file says, and jumps when
// the file changes. Timers and performance.now() go on as on a host whose clock was set.
const file = process.env['DVCQG_CHAOS_CLOCK'] ?? ''
const RealDate = Date
let offset = 0

function read(): void {
  try {
    offset = Number(readFileSync(file, 'utf8')) || 0
  } catch {
    offset = 0
  }
}

const now = (): number => RealDate.now() + offset

read()
setInterval(read, 100).unref()
// The run is gone, and with it the servers that an orderly stop would wait for.
process.once('disconnect', () => setTimeout(() => process.exit(1), 10_000).unref())
globalThis.Date = new Proxy(RealDate, {
  construct: (target, values, made) =>
    Reflect.construct(target, values.length === 0 ? [now()] : values, made) as object,
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
})

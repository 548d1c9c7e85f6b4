import type { Blow, StrikeName } from './strikes.ts'

export interface LimitFinding {
  readonly passed: readonly string[]
  /** Most calls in any one second. */
  readonly most: number
  readonly allowed: number
  /** `Retry-After` periods that could be judged. */
  readonly periods: number
}

/**
 * The ceiling is kept where calls leave; here they are counted where they arrive. On the way a call may be held up (a busy
 * machine, the line, the sandbox's own event loop) and then arrives together with the next ones. So a second may see as many
 * calls more as the ceiling lets leave in `jitter`, and two for its edges; ten seconds may see no more than that either.
 */
const jitter = 0.15
const edges = 2
const windows = [1, 10]

export function judgeCeiling(times: readonly number[], ceiling: number): LimitFinding {
  const passed: string[] = []
  const extra = edges + Math.ceil(ceiling * jitter)
  let most = 0
  for (const seconds of windows) {
    const allowed = ceiling * seconds + extra
    let [oldest, worst, over] = [0, 0, 0]
    for (const [index, at] of times.entries()) {
      while (times[oldest]! <= at - seconds * 1000) oldest += 1
      const count = index - oldest + 1
      if (seconds === 1) most = Math.max(most, count)
      if (count > allowed) over += 1
      worst = Math.max(worst, count)
    }
    if (over > 0) passed.push(`${worst} calls in ${seconds} s, allowed ${allowed} (${over} calls beyond it)`)
  }
  return { passed, most, allowed: ceiling + extra, periods: 0 }
}

/** Who was told to wait learns it when the answer is read and the shared pace knows: calls that were under way still arrive. */
const untilKnown = 600
/** A `Retry-After` that was told to a process that died, or that Redis forgot, is known to nobody. */
const forgetting: ReadonlySet<StrikeName> = new Set<StrikeName>([
  'cut-host',
  'cut-portal',
  'kill-all',
  'kill-worker',
  'kill-workers',
  'line-cut',
  'line-drop',
  'line-stall',
  'redis-flush',
  'redis-kill',
  'redis-pause',
  'redis-replace',
  'redis-restart',
])

/** Calls that arrived while the portal had asked to be left alone. */
export function judgeRetryAfter(
  times: readonly number[],
  told: readonly { at: number; away: number }[],
  blows: readonly Blow[],
): { passed: string[]; periods: number } {
  const forgotten = blows.filter(({ name }) => forgetting.has(name))
  const passed: string[] = []
  let [periods, next] = [0, 0]
  for (const { at, away } of told) {
    const [from, until] = [at + untilKnown, at + away * 1000]
    if (forgotten.some((blow) => blow.from - 1_000 < until && blow.until + 1_000 > at)) continue
    periods += 1
    while (next < times.length && times[next]! < from) next += 1
    let inside = next
    while (inside < times.length && times[inside]! < until) inside += 1
    if (inside === next) continue
    const after = times.slice(next, inside).map((time) => `${Math.round(time - at)} ms`)
    passed.push(`calls within a Retry-After of ${away} s told at ${at}, after ${after.slice(0, 10).join(', ')}`)
  }
  return { passed, periods }
}

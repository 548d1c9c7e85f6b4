import type { AlertRule } from '../../config/alerts.ts'

/** One side of an error as an alert keeps it: a code of the catalogue, when, and a dossier that shows it. */
export interface ErrorSeen {
  readonly code: string
  readonly at: string
  readonly sample: string | null
}

export interface Alert {
  /** The rule's name, and what of it: `dossiers-parked:portal-refused`. */
  readonly key: string
  readonly rule: string
  readonly state: 'pending' | 'firing' | 'recovered'
  readonly firstAt: Date
  readonly lastAt: Date
  /** Since when the condition is gone; null while it holds. */
  readonly clearSince: Date | null
  readonly raisedAt: Date | null
  readonly recoveredAt: Date | null
  readonly notifiedAt: Date | null
  readonly count: number
  readonly firstError: ErrorSeen
  readonly lastError: ErrorSeen
  /** Counts of the last looks, oldest first. */
  readonly trend: readonly number[]
}

/** A rule's condition holds at this moment. */
export interface Sighting {
  readonly key: string
  readonly rule: string
  readonly count: number
  readonly code: string
  readonly sample: string | null
}

export type Notice = 'raised' | 'reminder' | 'recovered'

export interface Step {
  /** Null: nothing is left to remember. */
  readonly alert: Alert | null
  readonly notice: Notice | null
}

const looks = 20
type Timing = Pick<AlertRule, 'for' | 'remindEvery' | 'recoverFor'>
/** A rule that was taken away is over at once. */
const noRule: Timing = { for: 0, remindEvery: 0, recoverFor: 0 }

const since = (from: Date, now: Date) => (now.getTime() - from.getTime()) / 1000

/**
 * One look at a condition: pending until it has held for as long as its rule says, then firing, and recovered when it has been
 * gone for long enough. What flickers shorter than that is told to nobody. Pure.
 */
export function advance(before: Alert | null, sighting: Sighting | null, rule: Timing | undefined, now: Date): Step {
  const timing = rule ?? noRule
  const known = before?.state === 'recovered' ? null : before
  if (!sighting || !rule) return known ? absent(known, timing, now) : { alert: before, notice: null }
  const seen = known ? again(known, sighting, now) : first(sighting, now)
  if (seen.state === 'pending') {
    if (since(seen.firstAt, now) < timing.for) return { alert: seen, notice: null }
    return { alert: { ...seen, state: 'firing', raisedAt: now, notifiedAt: now }, notice: 'raised' }
  }
  const isDue = timing.remindEvery > 0 && seen.notifiedAt !== null && since(seen.notifiedAt, now) >= timing.remindEvery
  return isDue ? { alert: { ...seen, notifiedAt: now }, notice: 'reminder' } : { alert: seen, notice: null }
}

function first({ key, rule, count, code, sample }: Sighting, now: Date): Alert {
  const error = { code, at: now.toISOString(), sample }
  return {
    key,
    rule,
    state: 'pending',
    firstAt: now,
    lastAt: now,
    clearSince: null,
    raisedAt: null,
    recoveredAt: null,
    notifiedAt: null,
    count,
    firstError: error,
    lastError: error,
    trend: [count],
  }
}

function again(known: Alert, { count, code, sample }: Sighting, now: Date): Alert {
  return {
    ...known,
    lastAt: now,
    clearSince: null,
    count,
    lastError: { code, at: now.toISOString(), sample: sample ?? known.lastError.sample },
    trend: [...known.trend, count].slice(-looks),
  }
}

function absent(known: Alert, timing: Timing, now: Date): Step {
  if (known.state === 'pending') return { alert: null, notice: null }
  const clearSince = known.clearSince ?? now
  const gone = { ...known, clearSince, trend: [...known.trend, 0].slice(-looks) }
  if (since(clearSince, now) < timing.recoverFor) return { alert: gone, notice: null }
  return { alert: { ...gone, state: 'recovered', count: 0, recoveredAt: now, notifiedAt: now }, notice: 'recovered' }
}

/** Where the counts go: the newer half of the looks against the older one. */
export function directionOf(trend: readonly number[]): 'rising' | 'falling' | 'steady' {
  const middle = Math.ceil(trend.length / 2)
  const mean = (part: readonly number[]) => part.reduce((sum, one) => sum + one, 0) / Math.max(part.length, 1)
  const [older, newer] = [mean(trend.slice(0, middle)), mean(trend.slice(-middle))]
  if (newer > older * 1.1) return 'rising'
  return newer < older * 0.9 ? 'falling' : 'steady'
}

/** When a failed item is tried again, and when the whole portal is left alone. All durations in milliseconds. */
export interface RetryPolicy {
  /** Wait after the 1st, 2nd, ... failed attempt; when the list is used up the item is parked. */
  readonly waits: readonly number[]
  /** Share of a wait that is random, both ways: 0.2 means plus or minus 20 %. */
  readonly jitter: number
  /** Waits between look-ups while the outcome of a call is unknown. The last one repeats: unknown is never given up. */
  readonly lookUpWaits: readonly number[]
  /** Wait of an item whose call was turned away because the portal was busy or unreachable. Uses no attempt. */
  readonly busyWait: number
}

const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** Seconds at first, hours later, about 23 hours in all. */
export const defaultRetryPolicy: RetryPolicy = {
  waits: [10 * second, 30 * second, 2 * minute, 10 * minute, 30 * minute, hour, 3 * hour, 6 * hour, 12 * hour],
  jitter: 0.2,
  lookUpWaits: [2 * second, 10 * second, 30 * second, 2 * minute, 10 * minute],
  busyWait: 2 * second,
}

export interface BreakerPolicy {
  /** Calls in a row that found the portal unavailable before the breaker opens. */
  readonly failures: number
  /** Pauses between probes while it is open; the last one repeats. */
  readonly pauses: readonly number[]
}

export const defaultBreakerPolicy: BreakerPolicy = {
  failures: 5,
  pauses: [2 * second, 5 * second, 15 * second, 30 * second, minute],
}

/** How long a worker may hold dossiers without a word. */
export interface LeasePolicy {
  readonly for: number
  /** A lease is renewed before a call when less than this is left beyond the longest call. */
  readonly margin: number
  /** A hand-out that no worker picked up is made again after this time. */
  readonly handOut: number
}

export const defaultLeasePolicy: LeasePolicy = { for: 90 * second, margin: 15 * second, handOut: minute }

/** When a worker is taken for dead or hung, and how it proves that it lives. All durations in milliseconds. */
export interface WatchPolicy {
  /** Between two looks at a queue. */
  readonly look: number
  /** Tickets that wait this long beside a free hand say that the worker is dead: it is opened anew. */
  readonly idle: number
  /** A queue without tickets gets a canary this often. */
  readonly canary: number
  /** Between two heartbeats in the ledger; three in a row that stay out are a silence. */
  readonly beat: number
  /** Restarts in a row that may fail to help before the process ends, so that its supervisor starts it again. */
  readonly restarts: number
}

/** Dead for 25 seconds at most before it is opened anew; the process ends before readiness fails after 60. */
export const defaultWatchPolicy: WatchPolicy = {
  look: 2500,
  idle: 10 * second,
  canary: 10 * second,
  beat: 15 * second,
  restarts: 3,
}

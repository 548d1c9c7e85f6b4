import type { RetryPolicy } from '../../config/retry.ts'

/** Milliseconds to wait after the `attempts`-th failed attempt (1 = first); null when the policy gives up. */
export function waitAfter(policy: RetryPolicy, attempts: number, random: () => number = Math.random): number | null {
  const wait = policy.waits[attempts - 1]
  return wait === undefined ? null : withJitter(wait, policy.jitter, random)
}

/** Milliseconds until the next look-up of an unknown outcome; unknown is never given up. */
export function lookUpWait(policy: RetryPolicy, doubts: number, random: () => number = Math.random): number {
  const wait = policy.lookUpWaits[Math.min(doubts, policy.lookUpWaits.length) - 1] ?? policy.lookUpWaits[0] ?? 0
  return withJitter(wait, policy.jitter, random)
}

export function withJitter(wait: number, jitter: number, random: () => number = Math.random): number {
  return Math.round(wait * (1 + jitter * (2 * random() - 1)))
}

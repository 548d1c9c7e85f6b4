import { randomUUID } from 'node:crypto'
import type { EventPolicy } from '../../config/events.ts'
import type { Vault } from '../platform/crypto.ts'
import type { Sql } from '../platform/database.ts'
import { readTarget } from './destinations.ts'
import { bodyOf, judge, signedHeaders, waitAfter, webhookId, type Outcome, type SendAnswer } from './model.ts'
import type { Sender } from './sender.ts'
import { claimEvents, releaseEvents, settleEvent, type Claimed, type DueDestination } from './store.ts'

export interface DeliverDeps {
  readonly sql: Sql
  readonly vault: Vault
  readonly sender: Sender
  readonly policy: EventPolicy
  readonly onAttempt: (outcome: Outcome) => void
}

/** A lease must outlive the send it covers by this much. */
const margin = 2_000

/**
 * Brings one batch of due events to a destination. At least once: whoever dies between the send and the record leaves a lease
 * that ends, and the event goes again under the same id. Returns whether it is worth to go on at once.
 */
export async function deliverBatch(deps: DeliverDeps, { id, probe }: DueDestination, stop: AbortSignal) {
  const { sql, vault, policy } = deps
  const token = randomUUID()
  const leaseEnds = performance.now() + policy.lease
  const batch = await claimEvents(sql, {
    destinationId: id,
    token,
    limit: probe ? 1 : policy.batch,
    leaseFor: policy.lease,
  })
  if (batch.length === 0) return { more: false }
  let broken = false
  let sent = 0
  try {
    const target = await readTarget(sql, vault, id)
    const mayGo = () => !broken && !stop.aborted && leaseEnds - performance.now() > policy.deadline + margin
    await inParallel(policy.concurrency, batch, async (event) => {
      if (!target || !mayGo()) return
      const answer = await sendOne(deps, target, event)
      const settled = await settle(deps, { id, token, event, answer })
      sent += 1
      broken ||= settled.broken
    })
  } finally {
    if (sent < batch.length) await releaseEvents(sql, token)
  }
  return { more: !broken && sent > 0 }
}

type Target = NonNullable<Awaited<ReturnType<typeof readTarget>>>

/** Signed anew at every attempt: the time is part of what is signed. */
function sendOne({ sender, policy }: DeliverDeps, { url, secrets }: Target, event: Claimed): Promise<SendAnswer> {
  const body = bodyOf(event)
  const headers = signedHeaders(secrets, { id: webhookId(event.uid), at: new Date(), body })
  return sender.send({ url, headers, body, deadline: policy.deadline })
}

interface Sent {
  readonly id: string
  readonly token: string
  readonly event: Claimed
  readonly answer: SendAnswer
}

async function settle({ sql, policy, onAttempt }: DeliverDeps, { id, token, event, answer }: Sent) {
  const { outcome, error } = judge(answer)
  const { jitter, refusedWaits, downWaits, breaker } = policy
  const { retryAfter, httpStatus, ms } = answer
  const wait = {
    delivered: null,
    refused: waitAfter(refusedWaits, event.attempts + 1, jitter),
    down: waitAfter(downWaits, Math.min(event.doubts + 1, downWaits.length), jitter),
    // It is kept for the day somebody resumes the destination.
    gone: 0,
  }[outcome]
  onAttempt(outcome)
  return settleEvent(sql, breaker, {
    destinationId: id,
    eventId: event.eventId,
    token,
    outcome,
    error,
    httpStatus,
    ms,
    wait,
    retryAfter: outcome === 'down' ? retryAfter : null,
  })
}

async function inParallel<T>(width: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values()
  const hand = async () => {
    for (const item of rest) await work(item)
  }
  const hands = await Promise.allSettled(Array.from({ length: width }, hand))
  for (const one of hands) if (one.status === 'rejected') throw one.reason
}

/** Sends a test event to a destination now, whatever it subscribed to; nothing is stored. Null: no such destination. */
export async function sendTest(
  { sql, vault, sender, policy }: Omit<DeliverDeps, 'onAttempt'>,
  id: string,
): Promise<(SendAnswer & ReturnType<typeof judge>) | null> {
  const target = await readTarget(sql, vault, id)
  if (!target) return null
  const uid = randomUUID()
  const event = { uid, kind: 'webhook.test', subject: id, occurredAt: new Date(), data: { destination: id } }
  const body = bodyOf(event)
  const headers = signedHeaders(target.secrets, { id: webhookId(uid), at: event.occurredAt, body })
  const answer = await sender.send({ url: target.url, headers, body, deadline: policy.deadline })
  return { ...answer, ...judge(answer) }
}

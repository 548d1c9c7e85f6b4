import { createHmac, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { FailureCode } from '../../config/failures.ts'

/** What the province's systems can be told. A kind has two parts; later capabilities add theirs here. */
export const eventKinds = [
  'dossier.delivered',
  'dossier.blocked',
  'dossier.parked',
  'alert.raised',
  'alert.reminder',
  'alert.recovered',
  'webhook.test',
] as const
export type EventKind = (typeof eventKinds)[number]

const groups = [...new Set(eventKinds.map((kind) => kind.split('.')[0]!))]
/** What may be subscribed to: everything, a group, or one kind. */
export const eventPatterns = ['*', ...groups.map((group) => `${group}.*`), ...eventKinds] as const
export const EventPattern = z.enum(eventPatterns as readonly [string, ...string[]])

/** Something that happened. `data` holds codes, counts and times; never what names a person. */
export interface NewEvent {
  readonly kind: EventKind
  /** Events about the same subject reach a destination in order. */
  readonly subject: string
  /** Null: it concerns the whole province. */
  readonly agencyCode: string | null
  readonly data: Readonly<Record<string, unknown>>
}

/** An event on its way to a destination. */
export interface Outgoing {
  readonly uid: string
  readonly kind: string
  readonly subject: string
  readonly occurredAt: Date
  readonly data: unknown
}

/** The stable id by which a receiver drops what it has already had. */
export const webhookId = (uid: string): string => `evt_${uid}`

/** `evt_...` as it travels, as the ledger knows it. */
export const eventId = z
  .string()
  .regex(/^evt_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  .transform((text) => text.slice('evt_'.length))

export function bodyOf({ uid, kind, subject, occurredAt, data }: Outgoing): string {
  return JSON.stringify({ id: webhookId(uid), kind, subject, occurredAt: occurredAt.toISOString(), data })
}

const secretForm = /^whsec_([A-Za-z0-9+/]+={0,2})$/

/** A new secret of 256 bits in the form of Standard Webhooks. */
export const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`

/**
 * The headers of one attempt, by Standard Webhooks 1.0.0: the time is that of the attempt, and there is a signature for each
 * secret in force, so that a receiver can change over without a gap.
 */
export function signedHeaders(
  secrets: readonly string[],
  { id, at, body }: { id: string; at: Date; body: string },
): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000))
  const sign = (secret: string) => {
    const [, material] = secretForm.exec(secret) ?? []
    if (!material) throw new Error('A signing secret does not have the form whsec_...')
    const hmac = createHmac('sha256', Buffer.from(material, 'base64'))
    return `v1,${hmac.update(`${id}.${timestamp}.${body}`).digest('base64')}`
  }
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': secrets.map(sign).join(' '),
  }
}

export type Trouble = 'forbidden' | 'unreachable' | 'certificate' | 'timeout'

/** What came back of an attempt. Never more than the status: an answer's body may be an inner page. */
export interface SendAnswer {
  readonly httpStatus: number | null
  /** Set when no status came. */
  readonly trouble: Trouble | null
  /** Milliseconds the destination asks for. */
  readonly retryAfter: number | null
  readonly ms: number
}

/**
 * `delivered`: the destination took it. `refused`: it does not want this event. `down`: it could not judge the event at all.
 * `gone`: it wants no events any more.
 */
export type Outcome = 'delivered' | 'refused' | 'down' | 'gone'

export interface Judgement {
  readonly outcome: Outcome
  readonly error: FailureCode | null
}

const troubles: Readonly<Record<Trouble, FailureCode>> = {
  forbidden: 'destination-forbidden',
  unreachable: 'destination-unreachable',
  certificate: 'destination-certificate',
  timeout: 'destination-timeout',
}

export function judge({ httpStatus, trouble }: SendAnswer): Judgement {
  if (trouble || httpStatus === null) return { outcome: 'down', error: troubles[trouble ?? 'unreachable'] }
  if (httpStatus >= 200 && httpStatus < 300) return { outcome: 'delivered', error: null }
  if (httpStatus === 410) return { outcome: 'gone', error: 'destination-gone' }
  const isDown = httpStatus >= 500 || [408, 425, 429].includes(httpStatus)
  return isDown ? { outcome: 'down', error: 'destination-error' } : { outcome: 'refused', error: 'event-refused' }
}

/** The wait after the `count`-th time, with its random share; null when the list is used up. */
export function waitAfter(waits: readonly number[], count: number, jitter: number, random = Math.random()) {
  const wait = waits[count - 1]
  return wait === undefined ? null : Math.round(wait * (1 + jitter * (2 * random - 1)))
}

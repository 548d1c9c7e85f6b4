import { isIP } from 'node:net'
import { z } from 'zod'

/** How events are brought to the province's systems. Durations in milliseconds. */
export interface EventPolicy {
  /** Waits after the 1st, 2nd, ... answer that refused an event; when the list is used up the event is parked. */
  readonly refusedWaits: readonly number[]
  /** Waits of an event with which its destination was found down. The last one repeats: no attempt is used. */
  readonly downWaits: readonly number[]
  readonly breaker: {
    /** Attempts in a row that found the destination down before it is only probed. */
    readonly failures: number
    /** Pauses between probes; the last one repeats. */
    readonly pauses: readonly number[]
  }
  /** Share of a wait that is random, both ways. */
  readonly jitter: number
  /** Longest exchange with a destination, from its name's look-up to the last byte that is read. */
  readonly deadline: number
  /** Events under way to one destination at the same time, per process. */
  readonly concurrency: number
  /** Events taken at once for one destination. */
  readonly batch: number
  /** What a silent process had in hand is free after this time. */
  readonly lease: number
  /** Pause of the loop when nothing is due. */
  readonly idle: number
  /** Pause between two looks at the alert rules. */
  readonly alertInterval: number
}

const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** An event that is refused is tried seven times in 28 hours. */
export const defaultEventPolicy: EventPolicy = {
  refusedWaits: [minute, 9 * minute, 50 * minute, 2 * hour, 6 * hour, 19 * hour],
  downWaits: [5 * second, 30 * second, 2 * minute, 5 * minute],
  breaker: { failures: 3, pauses: [5 * second, 15 * second, 30 * second, minute, 2 * minute, 5 * minute] },
  jitter: 0.1,
  deadline: 10 * second,
  concurrency: 4,
  batch: 16,
  lease: minute,
  idle: 500,
  alertInterval: 15 * second,
}

/** A host or a network that an operator opens for events; `port` null = any. */
export type AllowedNetwork =
  | { readonly host: string; readonly port: number | null }
  | { readonly net: string; readonly prefix: number; readonly family: 'ipv4' | 'ipv6'; readonly port: number | null }

const label = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*$/

/** One entry: `10.0.0.0/8:443`, `10.1.2.3`, `[fd00::/8]:8443`, `mot-cua.example.vn`; null when it is none of these. */
export function readAllowed(text: string): AllowedNetwork | null {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text)
  const plain = /^([^:]+)(?::(\d+))?$/.exec(text) ?? (text.split(':').length > 2 ? [text, text, undefined] : null)
  const [, what, portText] = bracketed ?? plain ?? []
  const port = portText === undefined ? null : Number(portText)
  if (!what || (port !== null && (port < 1 || port > 65_535))) return null
  const [address, prefixText, ...rest] = what.split('/')
  const version = isIP(address!)
  if (version === 0) return prefixText === undefined && label.test(what.toLowerCase()) ? hostOf(what, port) : null
  const longest = version === 4 ? 32 : 128
  const prefix = prefixText === undefined ? longest : Number(prefixText)
  // A prefix of 0 would open everything, which is not what a list is for.
  if (rest.length > 0 || !/^\d*$/.test(prefixText ?? '') || !(prefix >= 1 && prefix <= longest)) return null
  return { net: address!, prefix, family: version === 4 ? 'ipv4' : 'ipv6', port }
}

const hostOf = (host: string, port: number | null): AllowedNetwork | null =>
  // 10.1.2.300 is a slip of the hand, not a name.
  /^[\d.]+$/.test(host) ? null : { host: host.toLowerCase(), port }

export const AllowedNetworks = z.string().transform((text, context) =>
  text.split(',').flatMap((part) => {
    const entry = part.trim() === '' ? null : readAllowed(part.trim())
    if (!entry)
      context.addIssue({
        code: 'custom',
        message:
          'must be hosts or networks with an optional port, separated by commas: 10.0.0.0/8:443,mot-cua.example.vn',
      })
    return entry ?? []
  }),
)

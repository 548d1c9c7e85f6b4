import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Received } from './receiver.ts'

/** The check that docs/events.md tells integrators to make, written without a line of ours. */
export function isSignedBy(secret: string, { headers, body }: Received): boolean {
  const header = (name: string) => String(headers[`webhook-${name}`])
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const expected = createHmac('sha256', key)
    .update(`${header('id')}.${header('timestamp')}.${body}`)
    .digest('base64')
  return header('signature')
    .split(' ')
    .some(
      (one) => one.length === expected.length + 3 && timingSafeEqual(Buffer.from(one), Buffer.from(`v1,${expected}`)),
    )
}

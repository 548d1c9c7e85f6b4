import type { Sql } from '../platform/database.ts'

/** A hold is noticed by every worker within this time, in milliseconds. */
const fresh = 1_000

/** Did an operator stop all sending? Asked before every call, so the answer is kept for a second. */
export function createHoldWatch(sql: Sql): () => Promise<boolean> {
  let known = { held: false, until: 0 }
  return async () => {
    if (performance.now() < known.until) return known.held
    const rows = await sql`select from delivery_hold`
    known = { held: rows.length > 0, until: performance.now() + fresh }
    return known.held
  }
}

/**
 * What of a ticket may be shown. Ours carry ids alone and fail with the kind of an error alone; but Redis takes what any program
 * writes into it, so what is shown is what these rules know, and never simply what is there.
 */

export const masked = '•••'

/** The ids of a ticket; whatever else stands beside them is masked. */
export function shownData(data: unknown): Record<string, unknown> {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return {}
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [shownName(name), shownIds(name, value)]))
}

function shownIds(name: string, value: unknown): unknown {
  if (name === 'ids' && Array.isArray(value))
    return value.map((id) => (Number.isSafeInteger(id) ? (id as number) : masked))
  return name === 'runId' && Number.isSafeInteger(value) ? value : masked
}

/** How many dossiers a ticket names. */
export function dossiersIn(data: unknown): number | null {
  const ids = typeof data === 'object' && data !== null ? (data as { ids?: unknown }).ids : undefined
  return Array.isArray(ids) ? ids.length : null
}

export const shownName = (name: string): string => (/^[A-Za-z][A-Za-z-]{0,30}$/.test(name) ? name : masked)

/** The library's own words for a ticket whose worker went silent. */
const stalled = /^job stalled more than allowable limit$/

/** The kind of an error, which is all that our workers leave; of foreign words nothing. */
export function failureKind(reason: string | undefined): string {
  if (reason === undefined || reason === '') return ''
  if (stalled.test(reason)) return 'stalled'
  return /^[A-Z][A-Za-z]{0,60}$/.test(reason) ? reason : masked
}

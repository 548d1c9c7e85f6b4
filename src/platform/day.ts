/** `yyyy-MM-dd` from itself or from `dd/MM/yyyy`; null when there is no such day. */
export function dayOf(text: string): string | null {
  const [, d, m, y] = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(text) ?? []
  const day = y === undefined ? text : `${y}-${m!.padStart(2, '0')}-${d!.padStart(2, '0')}`
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return null
  const time = Date.parse(`${day}T00:00:00Z`)
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== day ? null : day
}

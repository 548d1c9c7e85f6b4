/** Office days of 2020 in Vietnam. Instants are milliseconds; a day is named by its midnight in Vietnam (UTC+7 all year). */
const hour = 3_600_000
export const dayLength = 24 * hour
export const minute = 60_000

const vietnam = (year: number, month: number, date: number) => Date.UTC(year, month - 1, date) - 7 * hour

const first = vietnam(2020, 1, 2)
const last = vietnam(2020, 12, 28)
/** The moment the year is looked at: nothing in the data is later, except what is promised. */
export const snapshot = last + 17 * hour

const holidays = new Set(
  ['01-23', '01-24', '01-27', '01-28', '01-29', '04-02', '04-30', '05-01', '09-02'].map((name) =>
    vietnam(2020, Number(name.slice(0, 2)), Number(name.slice(3))),
  ),
)
/** Weeks of social distancing: offices took far fewer dossiers. */
const distancing = [vietnam(2020, 4, 1), vietnam(2020, 4, 22)] as const

export const dayOf = (instant: number) => Math.floor((instant + 7 * hour) / dayLength) * dayLength - 7 * hour

function isOfficeDay(day: number): boolean {
  const weekday = new Date(day + 7 * hour).getUTCDay()
  return weekday !== 0 && weekday !== 6 && !holidays.has(day)
}

export function officeDayFrom(day: number, direction: 1 | -1): number {
  let found = day
  while (!isOfficeDay(found)) found += direction * dayLength
  return found
}

export interface OfficeDay {
  readonly start: number
  /** `yyyy-MM-dd` */
  readonly date: string
  readonly share: number
}

export const dateOf = (instant: number) => new Date(instant + 7 * hour).toISOString().slice(0, 10)

export function officeDays(): OfficeDay[] {
  const days: OfficeDay[] = []
  for (let start = first; start <= last; start += dayLength) {
    if (!isOfficeDay(start)) continue
    const quiet = start >= distancing[0] && start <= distancing[1]
    const monday = new Date(start + 7 * hour).getUTCDay() === 1
    days.push({ start, date: dateOf(start), share: (quiet ? 0.4 : 1) * (monday ? 1.25 : 1) })
  }
  return days
}

/** A moment within office hours (07:30 to 11:30 and 13:00 to 16:30) of a day, `part` of the way through it. */
export function officeTime(day: number, part: number): number {
  const open = part * 7.5 * hour
  return day + 7.5 * hour + (open < 4 * hour ? open : open + 1.5 * hour)
}

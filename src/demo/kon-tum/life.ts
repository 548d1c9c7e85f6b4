import type { Status } from '../../../config/statuses.ts'
import type { DossierContent, Step } from '../../dossiers/model.ts'
import { dayLength, dayOf, minute, officeDayFrom, officeTime, snapshot } from './calendar.ts'
import { lowlandName } from './people.ts'
import type { LocalProcedure } from './procedures.ts'
import type { Random } from './random.ts'

/** One moment in a dossier's life. */
interface Event {
  readonly at: number
  readonly status: Status
}

export interface Life {
  readonly events: readonly Event[]
  readonly promisedAt: number
  readonly finishedAt: number | null
  readonly supplemented: boolean
}

const closing = 17 * 60 * minute
const longest = { province: 25, district: 15, commune: 5 } as const
/** The province reported 98.67 % early or on time. */
const lateShare = 0.0133

/** From reception to the snapshot: one to three events that the procedure rules allow, none later than the snapshot. */
export function makeLife(receivedAt: number, level: LocalProcedure['level'], random: Random): Life {
  const day = dayOf(receivedAt)
  const days = random.chance(0.3) ? 0 : random.between(1, longest[level])
  const promisedAt = officeDayFrom(day + days * dayLength, 1) + closing
  const base = { promisedAt, finishedAt: null, supplemented: false }
  const fate = random.next()
  const next = receivedAt + random.between(20, 90) * minute
  if (fate < 0.025 && next <= snapshot) {
    const status = fate < 0.012 ? 'not-accepted' : fate < 0.02 ? 'withdrawn' : 'stopped'
    return { ...base, events: [received(receivedAt), { at: next, status }] }
  }
  const finishedAt = finish(receivedAt, promisedAt, random)
  if (finishedAt > snapshot) return { ...base, ...unfinished(receivedAt, next, random) }
  return { ...base, finishedAt, ...finished(receivedAt, finishedAt, random) }
}

const received = (at: number): Event => ({ at, status: 'received' })

function finish(receivedAt: number, promisedAt: number, random: Random): number {
  const promisedDay = dayOf(promisedAt)
  if (random.chance(lateShare))
    return Math.round(officeTime(officeDayFrom(promisedDay + random.between(1, 9) * dayLength, 1), random.next()))
  const part = 0.4 + 0.6 * random.next()
  const wanted = officeDayFrom(dayOf(receivedAt + (promisedAt - receivedAt) * part), -1)
  const at = Math.round(officeTime(wanted, random.next()))
  // On the day of reception it is done some time before the office closes.
  return at >= receivedAt + 30 * minute ? at : Math.round(receivedAt + 20 * minute + 10 * minute * random.next())
}

function unfinished(receivedAt: number, next: number, random: Random) {
  if (next > snapshot || random.chance(0.3)) return { events: [received(receivedAt)] }
  const status = random.chance(0.05) ? 'supplement-requested' : random.chance(0.04) ? 'payment-requested' : 'processing'
  return { events: [received(receivedAt), { at: next, status } as const] }
}

function finished(receivedAt: number, finishedAt: number, random: Random) {
  const handedOver = finishedAt + random.between(2, 18) * minute
  const returned = random.chance(0.75) && handedOver <= snapshot
  const last: Event = returned ? { at: handedOver, status: 'returned' } : { at: finishedAt, status: 'finished' }
  const middleAt = receivedAt + random.between(5, 15) * minute
  const kind = random.next()
  if (kind < 0.04) {
    const asked: Event = { at: middleAt, status: 'supplement-requested' }
    return {
      events: [received(receivedAt), asked, { at: finishedAt, status: 'finished' as const }],
      supplemented: true,
    }
  }
  // What is done at once at the counter leaves one step only.
  if (kind < 0.3) return { events: [last] }
  if (kind < 0.8) return { events: [received(receivedAt), last] }
  return { events: [received(receivedAt), { at: middleAt, status: 'processing' as const }, last] }
}

const words: Readonly<Record<Status, string>> = {
  new: 'Công dân nộp hồ sơ',
  received: 'Tiếp nhận hồ sơ, kiểm tra thành phần hồ sơ',
  'not-accepted': 'Hồ sơ không thuộc thẩm quyền giải quyết',
  processing: 'Thẩm định hồ sơ, trình lãnh đạo',
  'supplement-requested': 'Đề nghị bổ sung giấy tờ',
  'payment-requested': 'Thông báo thực hiện nghĩa vụ tài chính',
  withdrawn: 'Công dân xin rút hồ sơ',
  stopped: 'Dừng xử lý theo văn bản của cơ quan',
  finished: 'Phê duyệt, ký kết quả',
  returned: 'Trả kết quả cho công dân',
}
const positions = ['Chuyên viên', 'Công chức một cửa', 'Phó trưởng phòng']

export const iso = (at: number) => new Date(at).toISOString()

export function makeSteps(life: Life, department: string, random: Random): Step[] {
  return life.events.map(({ at, status }) => ({
    at: iso(at),
    status,
    officer: lowlandName(random),
    position: random.pick(positions),
    department,
    content: words[status],
  }))
}

/** The dates that follow from a life, and nothing that contradicts its last status. */
export function datesOf(life: Life): Partial<DossierContent> {
  const last = life.events.at(-1)!
  return {
    promisedAt: iso(life.promisedAt),
    ...(life.finishedAt === null ? {} : { finishedAt: iso(life.finishedAt) }),
    ...(last.status === 'returned' ? { returnedAt: iso(last.at) } : {}),
    ...(last.status === 'not-accepted' ? { refusedAt: iso(last.at) } : {}),
  }
}

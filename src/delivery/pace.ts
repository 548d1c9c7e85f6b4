import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { BreakerPolicy } from '../../config/retry.ts'
import { PaceClosed, type AnswerClass, type Pace, type PortalFailure } from './portal.ts'

/**
 * The pace shared by all processes, kept in Redis and read against Redis' own clock, so that hosts need not agree on the
 * time. Calls leave one by one, at least 1/rate apart; the rate moves between a floor and the configured ceiling: up a
 * little with each clean answer, down by a third when the portal says it is busy. `Retry-After` closes the gate for that
 * long. A breaker closes it when the portal is not available, and lets one probe through after each pause.
 *
 * A flushed Redis loses this state: the first call then waits a second, so that the ceiling holds across a flush.
 */
export interface PaceOptions {
  readonly redis: Redis
  readonly prefix: string
  /** Calls per second, all processes together. */
  readonly ceiling: number
  readonly breaker: BreakerPolicy
  /** Longest time a caller is let wait for its turn, in milliseconds. */
  readonly patience: number
}

export interface PaceState {
  readonly rate: number
  readonly ceiling: number
  readonly open: boolean
  readonly reason: string | null
  /** Milliseconds until the gate opens again. */
  readonly closedFor: number
}

/**
 * One hash holds it all: `next` free slot, `rate`, `gate` (closed by Retry-After until then), `broken` with `pause` and
 * `probe` (the breaker), and `epoch`, which changes when Redis was flushed. Shared by the scripts below: how long the gate
 * stays closed, 0 = open.
 */
const prelude = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function number(field) return tonumber(redis.call('HGET', KEYS[1], field) or '0') end
local function closed()
  local open = number('gate')
  if number('broken') == 1 then
    -- The probe's answer is near: whoever is turned away meanwhile need not wait for its last moment.
    open = math.max(open, number('pause'), math.min(number('probe'), now + 1000))
  end
  return math.max(0, open - now)
end
`

/** Reserves the next slot: {milliseconds to wait, epoch}; -1 - wait when the gate stays closed that long. */
const takeScript = `${prelude}
local ceiling, patience, probeFor = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if redis.call('HSETNX', KEYS[1], 'epoch', ARGV[4]) == 1 then redis.call('HSET', KEYS[1], 'next', now + math.max(1000, 1000 / ceiling), 'rate', ceiling) end
local epoch = redis.call('HGET', KEYS[1], 'epoch')
local wait = closed()
if wait > 0 then return {-1 - wait, epoch} end
local rate = math.min(tonumber(redis.call('HGET', KEYS[1], 'rate')), ceiling)
local slot = math.max(number('next'), now)
if slot - now > patience then return {-1 - math.ceil(slot - now), epoch} end
if number('broken') == 1 then redis.call('HSET', KEYS[1], 'probe', slot + probeFor) end
redis.call('HSET', KEYS[1], 'next', string.format('%.3f', slot + 1000 / rate))
return {math.ceil(slot - now), epoch}
`

/** After a wait: does the reservation still hold? 0 = yes, -1 = Redis was flushed meanwhile, else how long the gate is closed. */
const confirmScript = `${prelude}
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return -1 end
local gate = number('gate') - now
if number('broken') == 1 and number('probe') <= now then gate = math.max(gate, number('pause') - now) end
return math.max(0, math.ceil(gate))
`

const reportScript = `${prelude}
local ceiling, verdict, after, limit, reason = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local rate = math.min(tonumber(redis.call('HGET', KEYS[1], 'rate') or ceiling), ceiling)
local broken = number('broken') == 1
if verdict == 'good' then
  redis.call('HSET', KEYS[1], 'rate', math.min(ceiling, rate + math.max(rate * 0.02, 0.05)), 'bad', 0)
  if broken then redis.call('HSET', KEYS[1], 'broken', 0, 'trips', 0, 'probe', 0, 'pause', 0) end
  return 0
end
if verdict == 'busy' and now - number('lowered') > 1000 then
  redis.call('HSET', KEYS[1], 'rate', math.max(rate * 0.67, math.min(0.2, ceiling)), 'lowered', now)
end
if after > 0 then redis.call('HSET', KEYS[1], 'gate', math.max(number('gate'), now + after), 'reason', reason) end
if verdict == 'busy' then return 0 end
-- While the breaker is open only the probe says something new; calls that were under way when it opened do not.
if broken and number('probe') <= now then return 0 end
if not broken and redis.call('HINCRBY', KEYS[1], 'bad', 1) < limit then return 0 end
local trips = redis.call('HINCRBY', KEYS[1], 'trips', 1)
local pauses = cjson.decode(ARGV[6])
redis.call('HSET', KEYS[1], 'broken', 1, 'pause', now + pauses[math.min(trips, #pauses)], 'probe', 0, 'bad', 0, 'reason', reason)
return 0
`

/** A probe that nobody reports on (its worker died) blocks the next one for this long, in milliseconds. */
const probeFor = 15_000
const worthConfirming = 10
/** A slot missed by less than this is still used, in milliseconds. */
const tolerance = 20
/** On a machine that is late every time, something must leave all the same. */
const lastTry = 4
const retryLater = 2_000

/** An answer nobody can read 20 times in a row says that something general is wrong, not the dossiers. */
const unrecognisedLimit = 20

export function createPace(options: PaceOptions): Pace & { state(): Promise<PaceState> } {
  const { redis, prefix, ceiling, breaker, patience } = options
  const key = `${prefix}:pace`
  const reserve = async (): Promise<[wait: number, epoch: string]> => {
    try {
      const [wait, epoch] = (await redis.eval(takeScript, 1, key, ceiling, patience, probeFor, randomUUID())) as [
        number,
        string,
      ]
      return [wait, epoch]
    } catch {
      throw new PaceClosed(retryLater, 'The shared pace cannot be read')
    }
  }
  const confirm = async (epoch: string): Promise<number> =>
    Number(await redis.eval(confirmScript, 1, key, epoch).catch(() => retryLater))
  return {
    async take() {
      for (let tries = 1; ; tries += 1) {
        const [wait, epoch] = await reserve()
        if (wait < 0) throw new PaceClosed(-1 - wait, 'The gate to the portal is closed for the moment')
        const slept = performance.now()
        if (wait > 0) await sleep(wait)
        // Whoever oversleeps its slot (a busy machine) would bunch with the next ones: it takes a new slot.
        const overslept = performance.now() - slept - wait > Math.max(1000 / ceiling, tolerance)
        if (overslept && tries < lastTry) continue
        // A short wait cannot miss much; a longer one asks again whether the gate closed or Redis was flushed meanwhile.
        const late = wait < worthConfirming ? 0 : await confirm(epoch)
        if (late === 0) return
        if (late > 0) throw new PaceClosed(late, 'The gate to the portal closed in the meantime')
      }
    },
    async report(_service, answer) {
      const verdict = verdictOf(answer.class, answer.failure)
      if (!verdict) return
      const limit = answer.class === 'unrecognised' ? unrecognisedLimit : breaker.failures
      const reason = answer.failure ?? ''
      const after = Math.round(answer.retryAfter ?? 0)
      // Losing a report costs a little precision, never a dossier.
      await redis
        .eval(reportScript, 1, key, ceiling, verdict, after, limit, reason, JSON.stringify(breaker.pauses))
        .catch(() => undefined)
    },
    async state() {
      const [fields, [seconds, micros]] = await Promise.all([redis.hgetall(key), redis.time()])
      const now = Number(seconds) * 1000 + Number(micros) / 1000
      const breaker =
        fields['broken'] === '1' ? Math.max(Number(fields['pause'] ?? 0), Number(fields['probe'] ?? 0)) : 0
      const closedFor = Math.max(0, Number(fields['gate'] ?? 0) - now, breaker - now)
      const rate = Math.min(Number(fields['rate'] ?? ceiling), ceiling)
      return {
        rate,
        ceiling,
        open: closedFor === 0 && fields['broken'] !== '1',
        reason: closedFor > 0 || fields['broken'] === '1' ? fields['reason'] || null : null,
        closedFor: Math.round(closedFor),
      }
    },
  }
}

function verdictOf(answer: AnswerClass, failure: PortalFailure | undefined): 'good' | 'busy' | 'bad' | null {
  switch (answer) {
    case 'ok':
    case 'exists':
    case 'absent':
    case 'refused':
    case 'transient':
      return 'good'
    case 'busy':
      if (failure === 'portal-pace') return null
      return failure === 'portal-busy' ? 'busy' : 'bad'
    case 'unknown':
    case 'unrecognised':
      return 'bad'
    default:
      return answer satisfies never
  }
}

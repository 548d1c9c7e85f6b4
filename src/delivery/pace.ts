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

/** Reserves the next slot. Returns milliseconds to wait, or -1 - wait when the gate stays closed that long. */
const takeScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ceiling, patience, probeFor = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local s = redis.call('HMGET', KEYS[1], 'next', 'rate', 'until', 'broken')
local gate = tonumber(s[3] or '0')
if gate > now then return -1 - (gate - now) end
if s[4] == '1' then redis.call('HSET', KEYS[1], 'until', now + probeFor) end
local rate = math.min(tonumber(s[2] or ceiling), ceiling)
local slot = tonumber(s[1] or (now + 1000))
if slot < now then slot = now end
if slot - now > patience then return -1 - (slot - now) end
redis.call('HSET', KEYS[1], 'next', string.format('%.3f', slot + 1000 / rate), 'rate', rate)
return math.ceil(slot - now)
`

const reportScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ceiling, verdict, after, limit, reason = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local rate = math.min(tonumber(redis.call('HGET', KEYS[1], 'rate') or ceiling), ceiling)
if verdict == 'good' then
  redis.call('HSET', KEYS[1], 'rate', math.min(ceiling, rate + math.max(rate * 0.02, 0.05)), 'bad', 0, 'trips', 0)
  if redis.call('HGET', KEYS[1], 'broken') == '1' then redis.call('HSET', KEYS[1], 'broken', 0, 'until', 0, 'reason', '') end
  return 0
end
if verdict == 'busy' then
  local lowered = tonumber(redis.call('HGET', KEYS[1], 'lowered') or '0')
  if now - lowered > 1000 then
    redis.call('HSET', KEYS[1], 'rate', math.max(rate * 0.67, math.min(0.2, ceiling)), 'lowered', now)
  end
end
if after > 0 then
  local gate = math.max(tonumber(redis.call('HGET', KEYS[1], 'until') or '0'), now + after)
  redis.call('HSET', KEYS[1], 'until', gate, 'reason', reason)
end
if verdict == 'busy' then return 0 end
local bad = redis.call('HINCRBY', KEYS[1], 'bad', 1)
if bad < limit then return 0 end
local trips = redis.call('HINCRBY', KEYS[1], 'trips', 1)
local pauses = cjson.decode(ARGV[6])
local pause = pauses[math.min(trips, #pauses)]
redis.call('HSET', KEYS[1], 'broken', 1, 'until', now + pause, 'bad', limit - 1, 'reason', reason)
return pause
`

/** An answer nobody can read 20 times in a row says that something general is wrong, not the dossiers. */
const unrecognisedLimit = 20

export function createPace(options: PaceOptions): Pace & { state(): Promise<PaceState> } {
  const { redis, prefix, ceiling, breaker, patience } = options
  const key = `${prefix}:pace`
  return {
    async take() {
      let answer: number
      try {
        answer = Number(await redis.eval(takeScript, 1, key, ceiling, patience, 15_000))
      } catch {
        throw new PaceClosed(2_000, 'The shared pace cannot be read')
      }
      if (answer < 0) throw new PaceClosed(-1 - answer, 'The gate to the portal is closed for the moment')
      if (answer > 0) await new Promise((resolve) => setTimeout(resolve, answer))
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
      const closedFor = Math.max(0, Number(fields['until'] ?? 0) - (Number(seconds) * 1000 + Number(micros) / 1000))
      const rate = Math.min(Number(fields['rate'] ?? ceiling), ceiling)
      return {
        rate,
        ceiling,
        open: closedFor === 0,
        reason: closedFor > 0 ? fields['reason'] || null : null,
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

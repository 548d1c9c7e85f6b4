import type { QuietWindow } from '../../config/settings.ts'

/**
 * The pace's decisions, as scripts that Redis runs one at a time against its own clock. Keys: the state (a hash), the slots
 * under way by the end of their deadline, the departures that were not refused by their time, the answer times by service.
 * The first argument is the configuration (`ScriptConfig`), as JSON.
 */
export interface ScriptConfig {
  /** Calls per second, all processes together. */
  readonly ceiling: number
  /** Longest wait for a slot, in milliseconds. */
  readonly patience: number
  /** A slot that nobody reports on counts as under way for this long. */
  readonly flightFor: number
  /** Pauses of the breaker. */
  readonly pauses: readonly number[]
  /** Windows of the day in minutes since midnight in Vietnam. */
  readonly quiet: readonly QuietWindow[]
  /** Calls per day; 0 = as many as the pace lets go. */
  readonly quota: number
}

const prelude = `
local config = cjson.decode(ARGV[1])
local hash, flight, left, times = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local second, minute, day = 1000, 60000, 86400000

local state, changed = {}, {}
local fields = redis.call('HGETALL', hash)
for i = 1, #fields, 2 do state[fields[i]] = fields[i + 1] end
local function get(name) return tonumber(state[name] or '') or 0 end
local function set(name, value)
  if type(value) == 'number' then value = string.format('%.6f', value) end
  state[name], changed[name] = value, value
end
local function save()
  local flat = {}
  for name, value in pairs(changed) do flat[#flat + 1] = name; flat[#flat + 1] = value end
  if #flat > 0 then redis.call('HSET', hash, unpack(flat)) end
end

local t = redis.call('TIME')
local clock = t[1] * 1000 + t[2] / 1000
local seen = get('seen')
-- The clock went back (set anew, or a replica with another one took over): what was an hour ahead must not become a day.
local function rebase()
  local instants = {'next', 'asked', 'gate', 'pause', 'probe', 'cutAt', 'refusedAt', 'holdUntil', 'probedAt', 'grewAt',
    'softAt', 'streakFrom', 'movedAt', 'keptAt', 'grantAt'}
  for _, name in ipairs(instants) do if get(name) > 0 then set(name, math.max(0, get(name) - (seen - clock))) end end
  redis.call('DEL', flight, left)
  seen = clock
end
local wentBack = seen - clock > 2 * second
if wentBack then rebase() end
local now = math.max(clock, seen)
local silence = now - seen
set('seen', now)
if wentBack then save() end

-- Vietnam: seven hours ahead, without summer time.
local sinceMidnight = (now + 7 * 60 * minute) % day
local today = math.floor((now + 7 * 60 * minute) / day)
local untilMidnight = day - sinceMidnight

-- Milliseconds until no quiet window holds any more; windows may touch and may pass midnight.
local function quietFor()
  local ends = 0
  for _ = 1, #config.quiet do
    local at = ((sinceMidnight + ends) % day) / minute
    for _, window in ipairs(config.quiet) do
      local from, to = window.from, window.to
      local inside = from < to and at >= from and at < to or from > to and (at >= from or at < to)
      if inside then ends = ends + ((to - at) % 1440) * minute; break end
    end
  end
  return ends
end

local function used() return get('day') == today and math.max(0, get('granted') - get('left')) or 0 end
-- The last tenth of the day belongs to fresh changes.
local function quotaSpent(urgency)
  if config.quota == 0 then return false end
  return used() >= (urgency == 'backfill' and math.floor(config.quota * 0.9) or config.quota)
end

-- How long the gate stays closed, and why; 0 = open. A call that has its slot has paid its part of the quota.
local function closing(urgency, paid)
  local wait, why = 0, ''
  local function shut(milliseconds, reason) if milliseconds > wait then wait, why = milliseconds, reason end end
  shut(get('gate') - now, state.gateWhy or '')
  if get('broken') == 1 and not paid then
    shut(get('pause') - now, state.brokenWhy or '')
    -- The probe's answer is near: whoever is turned away meanwhile need not wait for its last moment.
    shut(math.min(get('probe') - now, second), state.brokenWhy or '')
  end
  shut(quietFor(), 'quiet-hours')
  if not paid and quotaSpent(urgency) then shut(untilMidnight, 'daily-quota') end
  return wait, why
end

local function currentRate() return math.min(get('rate'), config.ceiling) end
-- A run of small steps for one reason is one move.
local function move(rate, why)
  local from = currentRate()
  rate = math.min(rate, config.ceiling)
  if math.abs(rate - from) < 0.0001 then return end
  local goesOn = state.movedWhy == why and now - get('movedAt') < 2 * second
  if not goesOn then set('movedFrom', from); set('movedWhy', why) end
  set('movedTo', rate); set('movedAt', now); set('rate', rate)
end

-- A slot that was not used: no call left, so nothing counts against limit or quota.
local function giveBack(token)
  if redis.call('ZREM', flight, token) == 0 then return end
  redis.call('ZREM', left, token)
  if config.quota > 0 and get('day') == today then set('left', get('left') + 1) end
  if get('broken') == 1 and state.prober == token then set('probe', 0) end
end
-- A slot that was lost is made up for; one that was taken back when the pace fell is not.
local function owe() set('owed', math.min(get('owed') + 1, 0.05 * currentRate())) end
`

/**
 * ARGV: urgency, token, how many slots at most, milliseconds. Answers {'slot', wait, round, epoch, interval, at, ...}, {'again', wait},
 * {'closed', wait, why}, {'seed', server} or {'grant', epoch}. More slots than one are given only as far as they begin within
 * those milliseconds; their tokens are the first one's with '.1', '.2' ... behind it.
 */
export const takeScript = `${prelude}
local urgency, token, wanted, soon = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
-- A server that was started anew or took over may know an older state: it begins like an empty one.
if not state.epoch or silence > second / 2 then
  local _, info = pcall(redis.call, 'INFO', 'server')
  local server = type(info) == 'string' and info:match('run_id:(%w+)') or 'unknown'
  if not state.epoch or state.server ~= server then return {'seed', server} end
end
local wait, why = closing(urgency, false)
local mayAsk = why == 'daily-quota' and not (urgency == 'backfill' and used() < config.quota) and now - get('grantAt') > minute
if wait > 0 and not mayAsk then return {'closed', math.ceil(wait), why} end
if mayAsk or config.quota > 0 and (get('day') ~= today or get('left') < 1) then return {'grant', state.epoch} end

local interval = second / currentRate()
local slot = math.max(get('next'), now)
local ahead = slot - now
-- Backfill takes what is free soon, so that a fresh call never queues behind it; its credit keeps it a tenth. The others are
-- told when to ask, one after the other, so that many of them do not ask all the time.
if urgency == 'backfill' and ahead > math.max(1.5 * interval, 100) then
  if get('credit') >= 1 then
    set('credit', get('credit') - 1)
  else
    local asked = math.min(math.max(get('asked'), now) + 0.8 * interval, now + math.max(5 * interval, second / 2))
    set('asked', asked)
    save()
    return {'again', math.ceil(math.min(asked - now, config.patience))}
  end
end
if ahead > config.patience then return {'closed', math.ceil(ahead), 'portal-pace'} end

if get('broken') == 1 then
  wanted = 1
  set('probe', slot + math.min(config.flightFor, 15 * second))
  set('prober', token)
end
redis.call('ZREMRANGEBYSCORE', flight, '-inf', now)
redis.call('ZREMRANGEBYSCORE', left, '-inf', now - 4 * second)
local answer = {'slot', math.ceil(ahead), state.round or '0', state.epoch, math.ceil(interval)}
for number = 0, wanted - 1 do
  local own = number == 0 and token or token .. '.' .. number
  if number > 0 and (slot - now > soon or config.quota > 0 and get('left') < 1) then break end
  -- A slot that was given back is made up for, a little closer to the others but never closer than the ceiling allows.
  local gap = math.max((1 - math.min(get('owed'), 0.15)) * interval, second / config.ceiling)
  set('owed', math.max(0, get('owed') - (1 - gap / interval)))
  if urgency == 'fresh' then set('credit', math.min(2, get('credit') + 0.1)) end
  if config.quota > 0 then set('left', get('left') - 1) end
  redis.call('ZADD', flight, slot + config.flightFor, own)
  redis.call('ZADD', left, slot, own)
  answer[#answer + 1] = string.format('%.3f', slot)
  slot = slot + gap
end
set('next', slot)
save()
return answer
`

/**
 * After a wait: does the slot still hold? ARGV: token, slot, round, epoch, tolerated lateness, '1' at the last try. Answers {'go', slot}, {'again'}
 * or {'closed', wait, why}. Whoever is late every time leaves at the last try, if the second that ends now has room for it.
 */
export const confirmScript = `${prelude}
local token, slot, round, epoch, tolerance, last = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7] == '1'
if state.epoch ~= epoch then return {'again'} end
local answer = {'go', ARGV[3]}
local wait, why = closing('fresh', true)
-- The breaker opened after this slot was given, and this is not its probe.
if get('broken') == 1 and state.prober ~= token and get('pause') - now > wait then
  wait, why = get('pause') - now, state.brokenWhy or ''
end
if wait > 0 then
  answer = {'closed', math.ceil(wait), why}
elseif (state.round or '0') ~= round then
  answer = {'again'}
elseif now - slot > tolerance then
  owe()
  redis.call('ZREM', left, token)
  local room = redis.call('ZCOUNT', left, now - second, now) < math.max(1, math.floor(currentRate()))
  if last and room then
    redis.call('ZADD', left, now, token)
    set('owed', math.max(0, get('owed') - 1))
    answer = {'go', string.format('%.3f', now)}
  else
    answer = last and {'closed', second, 'portal-pace'} or {'again'}
  end
end
if answer[1] ~= 'go' then giveBack(token) end
save()
return answer
`

/** ARGV: token, epoch. The call did not leave. */
export const unusedScript = `${prelude}
local token, epoch = ARGV[2], ARGV[3]
if state.epoch ~= epoch then return 0 end
giveBack(token)
owe()
save()
return 1
`

/** What became of a call. */
export interface Report {
  readonly token: string
  /** When it left, by Redis' clock. */
  readonly slot: string
  readonly epoch: string
  readonly verdict: 'good' | 'busy' | 'bad' | 'none'
  readonly retryAfter: number
  /** Failures in a row that open the breaker. */
  readonly limit: number
  readonly failure: string
  readonly kind: string
  readonly milliseconds: number
}

/**
 * ARGV: reports (`Report[]`, as JSON) in the order of their answers. Answers {rate, mark, milliseconds the gate stays closed} when
 * the ledger should know, else {}.
 */
export const reportScript = `${prelude}
local token, slot, epoch, verdict, retryAfter, limit, failure, kind, took
local share, rate
local gated, isWorth = false, false

-- Share of a known limit that is used: two calls may come closer together on the way. How much closer is learned: it ends
-- where one call in two hundred is refused, and far fewer when a refusal closes the gate.
local leastShare, mostShare, dearer, cheaper = 0.85, 0.98, 0.004, 0.00002
local growth, gently = 1.2, 0.1
local holdFor = 10 * second
local floor = math.min(0.2, config.ceiling)

-- What the portal took in the second before this call left: an upper bound of what it takes.
local function tookBefore(at) return redis.call('ZCOUNT', left, at - second, '(' .. string.format('%.3f', at)) end

local function rest(milliseconds)
  -- Whoever waits for a slot of the old pace takes a new one.
  set('round', tostring(math.floor(get('round')) + 1))
  set('next', now + milliseconds)
  set('owed', 0)
end

local function refused()
  redis.call('ZREM', left, token)
  local met = now - slot < 3 * second and tookBefore(slot) or 0.75 * rate
  local mark = get('mark')
  if get('streak') == 0 then set('streakFrom', slot) end
  set('streak', get('streak') + 1)
  local isNew = slot > get('cutAt')
  if isNew then
    set('misses', get('streak') > 1 and get('misses') + 1 or 0)
    -- One refusal near a mark that held is the way's unevenness or a probe: a fall brings more at once.
    local isProbe = mark == 0 or rate > share * mark + 0.01
    if not isProbe then share = math.max(leastShare, share - (retryAfter > 0 and 4 or 1) * dearer) end
    set('share', share)
    if mark > 0 and now - get('refusedAt') > 3 * second then met = math.max(met, 0.99 * mark) end
    set('base', rate)
    set('cutAt', now)
  elseif get('streak') < 2 then
    return
  end
  set('refusedAt', now)
  local least = math.max(floor, get('base') / 2)
  local known = math.max(isNew and met or math.min(met, mark > 0 and mark or met), least)
  local lower = math.max(least, math.min(share * known, (isNew and get('streak') > 1) and share * rate or rate))
  -- Refused time after time, however slow: that is an outage, which says nothing about the limit.
  set('mark', get('misses') >= 4 and 0 or known)
  set('holdUntil', now + math.max(holdFor, 50 * retryAfter))
  set('step', 0.02)
  move(lower, failure)
  -- The first refusal costs a slot; when more follow, whatever is under way comes back before the next call leaves.
  local pause = get('streak') == 1 and 1.5 * second / lower or 50 * 2 ^ math.min(get('streak') - 2, 10)
  rest(math.max(retryAfter, math.min(pause, 500 * 2 ^ math.min(get('misses'), 3))))
end

local function taken(isSlow)
  if slot > get('streakFrom') and get('streak') > 0 then set('streak', 0); set('misses', 0) end
  set('share', math.min(mostShare, share + cheaper))
  share = get('share')
  if isSlow or slot <= math.max(get('cutAt'), get('grewAt')) then return end
  -- A pace that nobody uses proves nothing.
  if rate > 2 and tookBefore(slot) < 0.5 * rate * math.min(1, (slot - get('cutAt')) / second) then return end
  local mark = get('mark')
  local target = mark > 0 and math.min(config.ceiling, share * mark) or config.ceiling
  if rate < 0.995 * target then
    local speed = now - get('softAt') < 10 * second and gently or growth
    local elapsed = math.min(now - get('grewAt'), second / 2) / second
    set('grewAt', now)
    move(math.min(target, rate * math.exp(speed * elapsed) + 0.01), 'clean')
  elseif rate < config.ceiling and now >= get('holdUntil') and slot - get('probedAt') >= second and tookBefore(slot) >= 0.9 * rate - 1 then
    set('mark', math.max(mark, math.min(rate, tookBefore(slot))))
    set('probedAt', now)
    set('grewAt', now)
    move(rate * (1 + get('step')), 'probe')
    set('step', math.min(1, get('step') * 2))
  end
end

-- Answer times of calls of one kind, by a quick and a slow average; a time-out counts as a very slow answer.
local function slowness()
  if took <= 0 then return false end
  if failure == 'portal-timeout' then took = math.max(took, 10 * second) end
  took = math.min(took, 20 * second)
  local quick, slow, count = string.match(redis.call('HGET', times, kind) or '', '(%S+) (%S+) (%S+)')
  if not quick then quick, slow, count = took, took, 0 end
  count = math.min(tonumber(count) + 1, 100)
  quick = tonumber(quick) + (took - tonumber(quick)) * 0.2
  slow = tonumber(slow) + (took - tonumber(slow)) / math.max(count, 5)
  redis.call('HSET', times, kind, string.format('%.1f %.1f %d', quick, slow, count))
  return quick > second and quick > 3 * slow
end

local function slowDown()
  if now - get('softAt') < second or slot <= get('softAt') then return end
  set('softAt', now)
  move(math.max(math.min(1, config.ceiling), 0.85 * rate), failure == 'portal-timeout' and failure or 'slow')
end

local function breaker()
  local broken = get('broken') == 1
  if verdict == 'good' then
    set('bad', 0)
    if broken then set('broken', 0); set('trips', 0); set('probe', 0); set('pause', 0) end
    return
  end
  -- While the breaker is open only the probe says something new; calls that were under way when it opened do not.
  if verdict ~= 'bad' or broken and state.prober ~= token then return end
  if not broken then
    set('bad', get('bad') + 1)
    if get('bad') < limit then return end
  end
  set('trips', get('trips') + 1)
  set('broken', 1)
  set('pause', now + config.pauses[math.min(get('trips'), #config.pauses)])
  set('probe', 0)
  set('prober', '')
  set('bad', 0)
  set('brokenWhy', failure)
end

local function learn(report)
  token, slot, epoch, verdict = report.token, tonumber(report.slot), report.epoch, report.verdict
  retryAfter, limit, failure, kind, took = report.retryAfter, report.limit, report.failure, report.kind, report.milliseconds
  gated = retryAfter > 0 and now + retryAfter > get('gate')
  if gated then set('gate', now + retryAfter); set('gateWhy', failure) end
  -- Redis was flushed since this call left: what it met belongs to a state that is gone, but not the portal's wish.
  if state.epoch ~= epoch then return end
  isWorth = isWorth or gated and retryAfter > 2 * second
  share, rate = get('share'), currentRate()
  redis.call('ZREM', flight, token)
  breaker()
  local isSlow = slowness()
  if isSlow then slowDown() end
  if gated then rest(retryAfter) end
  if verdict == 'busy' then refused() end
  if verdict == 'good' then taken(isSlow) end
end

for _, report in ipairs(cjson.decode(ARGV[2])) do learn(report) end

local hasMoved = math.abs(currentRate() - get('keptRate')) > 0.1 * get('keptRate') and now - get('keptAt') > 5 * second
local answer = {}
if isWorth or hasMoved then
  set('keptAt', now)
  set('keptRate', currentRate())
  answer = {tostring(currentRate()), tostring(get('mark')), math.max(0, math.ceil(get('gate') - now)), state.gateWhy or ''}
end
save()
return answer
`

/** After a flush, from the ledger. ARGV: server, epoch, rate, mark, milliseconds the gate stays closed, why. The first one counts. */
export const seedScript = `${prelude}
local server, epoch, rate, mark, gateFor, why = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
if state.epoch and state.server == server then return 0 end
local gate, gateWhy = get('gate'), state.gateWhy or ''
redis.call('DEL', hash, flight, left, times)
state, changed = {}, {}
set('epoch', epoch)
set('server', server)
set('seen', now)
set('rate', math.min(rate, config.ceiling))
set('keptRate', rate)
set('mark', mark)
set('step', 0.02)
set('share', 0.97)
set('holdUntil', now + 10 * second)
set('gate', math.max(gate, now + gateFor))
set('gateWhy', gate > now + gateFor and gateWhy or why)
-- Calls may have left a moment before the flush: the ceiling holds across it.
set('next', now + math.max(second, second / config.ceiling))
set('movedAt', now)
set('movedFrom', math.min(rate, config.ceiling))
set('movedTo', math.min(rate, config.ceiling))
set('movedWhy', 'start')
save()
return 1
`

/** What the ledger granted for today. ARGV: epoch, calls, all calls granted today. */
export const grantScript = `${prelude}
local epoch, calls, granted = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if state.epoch ~= epoch then return 0 end
if get('day') ~= today then set('day', today); set('left', 0) end
set('left', get('left') + calls)
set('granted', granted)
set('grantAt', now)
save()
return 1
`

/** Changes nothing. ARGV: urgency. */
export const stateScript = `${prelude}
local wait, why = closing(ARGV[2], false)
local moved = get('movedAt') > 0 and {at = get('movedAt'), from = get('movedFrom'), to = get('movedTo'), why = state.movedWhy}
return cjson.encode({
  now = now, known = state.epoch ~= nil, rate = currentRate(), wait = math.ceil(wait), why = why, broken = get('broken') == 1,
  inFlight = redis.call('ZCOUNT', flight, now, now + config.flightFor), moved = moved or cjson.null, used = used(),
})
`

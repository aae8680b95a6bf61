-- The generic cell rate algorithm over one provider account, shared by all workers, on Redis' own clock.
--
-- Keys (the braces make all of one provider's keys live on one node of a cluster):
--   KEYS[1]  duecourse:{<provider>}:tat    theoretical arrival time: the unix microsecond at which the account would
--                                          be idle again. Expires then: absent means idle.
--   KEYS[2]  duecourse:{<provider>}:pause  the unix microsecond until which the provider asked for silence.
--                                          Expires then.
-- Arguments: operation, microseconds per token (may be fractional), burst, and by operation
--   take   wanted tokens                -> {granted, microseconds until the rest may be asked for, now}
--   give   tokens that were not used    -> {0, 0, now}
--   left   microseconds from now        -> {tokens that could be granted until then, 0, now}
--   pause  microseconds from now        -> {0, 0, now}
-- In any span of T microseconds at most T / (microseconds per token) + burst tokens are granted.
-- Times are whole microseconds: rounded up, so that rounding never grants more.

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local operation, emission, burst = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local amount = tonumber(ARGV[4])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local paused = math.max(tonumber(redis.call('GET', KEYS[2]) or 0), now)

local function keep(key, at)
  local life = math.ceil((at - now) / 1000)
  if life > 0 then
    redis.call('SET', key, string.format('%.0f', at), 'PX', string.format('%.0f', life))
  else
    redis.call('DEL', key)
  end
end

if operation == 'take' then
  if paused > now then
    return {0, paused - now, now}
  end
  local free = math.max(math.floor(burst - (tat - now) / emission), 0)
  local granted = math.min(amount, free)
  if granted > 0 then
    tat = math.ceil(tat + granted * emission)
    keep(KEYS[1], tat)
  end
  local rest = amount - granted
  if rest <= 0 then
    return {granted, 0, now}
  end
  -- Half a burst at a time: enough to be worth a call, and an account that is asked late loses nothing.
  local worth = math.min(rest, math.max(math.floor(burst / 2), 1))
  return {granted, math.max(math.ceil(tat - (burst - worth) * emission - now), 0), now}
end

if operation == 'give' then
  keep(KEYS[1], math.ceil(math.max(tat - amount * emission, now)))
  return {0, 0, now}
end

if operation == 'left' then
  if paused > now + amount then
    return {0, 0, now}
  end
  local free = math.floor(burst - (math.max(tat, paused) - now - amount) / emission)
  return {math.max(free, 0), 0, now}
end

if operation == 'pause' then
  keep(KEYS[2], math.ceil(math.max(paused, now + amount)))
  return {0, 0, now}
end

return redis.error_reply('no such operation')

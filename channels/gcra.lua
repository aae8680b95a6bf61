-- The generic cell rate algorithm over one provider account, shared by all workers, on Redis' own clock.
-- The same, step by step, as `gcra.py`, which says why.
--
-- Keys (the braces make all of one provider's keys live on one node of a cluster):
--   KEYS[1]   duecourse:{<provider>}:pace             hash, there only after a complaint of the provider:
--               until   unix microsecond until which the provider asked for silence
--               at      unix microsecond of the last complaint
--               time    the cells' time then; without this key the cells' time is the unix time
--               factor  the part of the nominal rate at which the cells' time went from then on
--               from    unix microsecond from which the factor climbs
--               fell    unix microsecond when it fell last
--             Expires a day after its last use: by then each cell that counted with its time is idle.
--   KEYS[2..] duecourse:{<provider>}:account, and      hash, in the cells' time:
--             duecourse:{<provider>}:endpoint:<name>
--               tat     theoretical arrival time: when the cell would be idle again
--               own<n>  the same for the guarantee of class n, 1 being the most urgent
--               for<n>  until when class n, told to wait, is preferred to those after it
--             Expires when all of it has passed: absent means idle.
-- Arguments: operation, amount, class (0: there are none), then five for each cell: microseconds per token, burst,
-- reserve, microseconds per token and burst of the class' guarantee. By operation the amount and the answer are
--   take   wanted tokens                -> {granted, microseconds until the rest may be asked for, now}
--   give   tokens that were not used    -> {0, 0, now}
--   left   microseconds from now        -> {tokens that this class can surely have until then, 0, now}
--   pause  microseconds from now        -> {0, 0, now}
-- In any span of T microseconds each cell grants at most T / (microseconds per token) + burst tokens.
-- Times are whole microseconds: rounded up, so that rounding never grants more.

local FALL, FALL_WINDOW, LOWEST, CLIMB = 0.7, 1000000, 0.1, 2e-8
local PACE_LIFE_MS = 86400000

local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local operation, amount, class = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local function whole(number)
  return string.format('%.0f', number)
end

local stored = redis.call('HMGET', KEYS[1], 'until', 'at', 'time', 'factor', 'from', 'fell')
local pace = {
  silent_until = tonumber(stored[1] or 0), at = tonumber(stored[2] or 0), time = tonumber(stored[3] or 0),
  factor = tonumber(stored[4] or 1), from = tonumber(stored[5] or 0), fell = tonumber(stored[6] or -FALL_WINDOW),
}

local function cells_time(real)
  local climbing = max(real - pace.from, 0)
  local slow = min(climbing, (1 - pace.factor) / CLIMB)
  local passed = pace.factor * (min(real, pace.from) - pace.at)
  return pace.time + floor(passed + pace.factor * slow + CLIMB * slow * slow / 2 + (climbing - slow))
end

local factor = min(1, pace.factor + CLIMB * max(now - pace.from, 0))
local silence = max(pace.silent_until - now, 0)

if operation == 'pause' then
  local time = cells_time(now)
  if silence == 0 and now - pace.fell >= FALL_WINDOW then
    factor = max(factor * FALL, LOWEST)
    pace.fell = now
  end
  local silent_until = max(pace.silent_until, now + amount)
  redis.call('HSET', KEYS[1], 'until', whole(silent_until), 'at', whole(now), 'time', whole(time),
    'factor', string.format('%.17g', factor), 'from', whole(max(silent_until, now)), 'fell', whole(pace.fell))
  redis.call('PEXPIRE', KEYS[1], PACE_LIFE_MS)
  return {0, 0, now}
end

if operation == 'take' and silence > 0 then
  return {0, silence, now}
end
if stored[1] then
  redis.call('PEXPIRE', KEYS[1], PACE_LIFE_MS)
end
local time = cells_time(now)

local function read(index)
  local first = 4 + (index - 2) * 5
  local cell = {
    key = KEYS[index], emission = tonumber(ARGV[first]), burst = tonumber(ARGV[first + 1]),
    reserve = tonumber(ARGV[first + 2]), own_emission = tonumber(ARGV[first + 3]),
    own_burst = tonumber(ARGV[first + 4]), blocked_until = 0,
  }
  local fields = {'tat', 'own' .. class}
  for other = 1, class - 1 do
    fields[#fields + 1] = 'for' .. other
  end
  local values = redis.call('HMGET', cell.key, unpack(fields))
  cell.tat, cell.own = tonumber(values[1] or 0), tonumber(values[2] or 0)
  for other = 3, #values do
    cell.blocked_until = max(cell.blocked_until, tonumber(values[other] or 0))
  end
  return cell
end

-- Tokens that anybody may take, and those that this class may take beyond them.
local function room(cell)
  local free = max(floor(cell.burst - (max(cell.tat, time) - time) / cell.emission), 0)
  local surplus = 0
  if cell.blocked_until <= time then
    surplus = max(free - cell.reserve, 0)
  end
  local own = 0
  if class > 0 then
    own = max(floor(cell.own_burst - (max(cell.own, time) - time) / cell.own_emission), 0)
  end
  return surplus, min(free - surplus, own)
end

-- The class' own share is touched last.
local function charge(cell, surplus, count)
  local own = count - min(count, surplus)
  if count > 0 then
    cell.tat = ceil(max(cell.tat, time) + count * cell.emission)
  end
  if own > 0 then
    cell.own = ceil(max(cell.own, time) + own * cell.own_emission)
  end
end

local function until_free(tat, emission, spare)
  return max(tat, time) - spare * emission - time
end

-- For half of what can be had at once: enough to be worth a call, and who comes late loses nothing.
local function wait_for(cell, rest)
  local worth = min(rest, max(floor((cell.burst - cell.reserve) / 2), 1))
  local wait = until_free(cell.tat, cell.emission, cell.burst - (cell.reserve + worth))
  wait = max(wait, cell.blocked_until - time)
  if class > 0 then
    worth = min(rest, max(floor(cell.own_burst / 2), 1))
    local own = until_free(cell.own, cell.own_emission, cell.own_burst - worth)
    wait = min(wait, max(own, until_free(cell.tat, cell.emission, cell.burst - worth)))
  end
  -- One more than needed, for what rounding took.
  return max(ceil(wait) + 1, 0)
end

local function keep(cell, preferred_until)
  local fields = {'tat', whole(cell.tat)}
  if class > 0 then
    fields = {'tat', whole(cell.tat), 'own' .. class, whole(cell.own), 'for' .. class, whole(preferred_until)}
  end
  redis.call('HSET', cell.key, unpack(fields))
  local last = max(cell.tat, cell.own, preferred_until)
  -- What other classes wrote may live longer.
  local life = max(ceil((last - time) / factor / 1000), redis.call('PTTL', cell.key), 1)
  redis.call('PEXPIRE', cell.key, whole(life))
end

local cells = {}
for index = 2, #KEYS do
  cells[#cells + 1] = read(index)
end

if operation == 'take' then
  local granted = amount
  for _, cell in ipairs(cells) do
    local surplus, own = room(cell)
    cell.surplus, cell.room = surplus, surplus + own
    granted = min(granted, cell.room)
  end
  local longest = 0
  for _, cell in ipairs(cells) do
    charge(cell, cell.surplus, granted)
    local wait, preferred_until = 0, 0
    if granted < amount then
      wait = wait_for(cell, amount - granted)
    end
    if cell.room < amount then
      preferred_until = time + wait + ceil((cell.burst - cell.reserve) * cell.emission / 4)
    end
    keep(cell, preferred_until)
    longest = max(longest, wait)
  end
  return {granted, ceil(longest / factor), now}
end

if operation == 'give' then
  for _, cell in ipairs(cells) do
    local tat = ceil(max(max(cell.tat, time) - amount * cell.emission, time))
    if redis.call('EXISTS', cell.key) == 1 then
      redis.call('HSET', cell.key, 'tat', whole(tat))
    end
  end
  return {0, 0, now}
end

if operation == 'left' then
  if silence > amount then
    return {0, 0, now}
  end
  local start, finish, least = cells_time(now + silence), cells_time(now + amount), nil
  for _, cell in ipairs(cells) do
    local free = floor(cell.burst - (max(cell.tat, start) - finish) / cell.emission)
    local own = 0
    if class > 0 then
      own = floor(cell.own_burst - (max(cell.own, start) - finish) / cell.own_emission)
    end
    local surplus = 0
    if cell.blocked_until <= start then
      surplus = free - cell.reserve
    end
    least = min(least or math.huge, max(surplus, min(free, own), 0))
  end
  return {least, 0, now}
end

return redis.error_reply('no such operation')

-- What was seen of the providers of one channel, shared by all workers, on Redis' own clock. `health.py` says why.
--
-- Keys (the braces make all keys of a channel live on one node of a cluster):
--   KEYS[1]  duecourse:{route:<channel>}:shares           hash, provider -> the part of its weight that it is given;
--            written by whoever judges, for SHARES_LIFE_MS. Absent means healthy.
--   KEYS[2]  duecourse:{route:<channel>}:seen:<provider>  hash of counts in buckets of time:
--              <n>:<sign>   calls that ended so in bucket n, of CALLS_S seconds each
--              <n>:sent     messages accepted in bucket n, of RECEIPTS_S seconds each
--              <n>:timely   those of them whose receipt came in time
--            Expires when nothing was seen for as long as it remembers; old buckets go when a new one begins.
-- Arguments: operation, how many seconds back to remember, then by operation
--   see     pairs of sign and count                  -> {provider, share, ...}
--   timely  pairs of age in seconds and count        -> {provider, share, ...}
--   read    nothing                                  -> {now in seconds, field, count, ...}
--   tell    pairs of provider and share              -> {provider, share, ...}
--   shares  nothing                                  -> {provider, share, ...}

local CALLS_S, RECEIPTS_S, SHARES_LIFE_MS = 2, 30, 120000
local OF_RECEIPTS = {sent = true, timely = true}

local now = tonumber(redis.call('TIME')[1])
local operation, memory = ARGV[1], tonumber(ARGV[2])
local seen = KEYS[2]

local function forget(size, before)
  for _, field in ipairs(redis.call('HKEYS', seen)) do
    local bucket, sign = string.match(field, '^(%d+):(.*)$')
    local own = OF_RECEIPTS[sign] and RECEIPTS_S or CALLS_S
    if own == size and tonumber(bucket) < before then
      redis.call('HDEL', seen, field)
    end
  end
end

local function count(size, at, sign, amount)
  local bucket = math.floor(at / size)
  if redis.call('HINCRBY', seen, string.format('%.0f:%s', bucket, sign), amount) == amount then
    forget(size, math.floor((now - memory) / size))
    redis.call('PEXPIRE', seen, memory * 1000 + 60000)
  end
end

if operation == 'see' then
  for index = 3, #ARGV, 2 do
    local sign, amount = ARGV[index], tonumber(ARGV[index + 1])
    if OF_RECEIPTS[sign] then
      count(RECEIPTS_S, now, sign, amount)
    else
      count(CALLS_S, now, sign, amount)
    end
  end
elseif operation == 'timely' then
  for index = 3, #ARGV, 2 do
    count(RECEIPTS_S, now - tonumber(ARGV[index]), 'timely', tonumber(ARGV[index + 1]))
  end
elseif operation == 'read' then
  local found = redis.call('HGETALL', seen)
  table.insert(found, 1, tostring(now))
  return found
elseif operation == 'tell' then
  redis.call('DEL', KEYS[1])
  for index = 3, #ARGV, 2 do
    redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
  end
  redis.call('PEXPIRE', KEYS[1], SHARES_LIFE_MS)
elseif operation ~= 'shares' then
  return redis.error_reply('no such operation')
end

return redis.call('HGETALL', KEYS[1])

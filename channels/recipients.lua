-- Each recipient's own limit at one provider account (generic cell rate algorithm), on Redis' own clock.
--
-- Keys: any number of
--   duecourse:{<provider>}:to:<blind index>   theoretical arrival time: the unix microsecond at which the recipient
--                                             would be idle again. Expires then: absent means idle.
-- Arguments: microseconds per token (may be fractional), burst. The answer is 1 or 0 for each key, in order, then now.

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local emission, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local answers = {}

for index, key in ipairs(KEYS) do
  local tat = math.max(tonumber(redis.call('GET', key) or 0), now)
  answers[index] = 0
  if math.floor(burst - (tat - now) / emission) >= 1 then
    tat = math.ceil(tat + emission)
    redis.call('SET', key, string.format('%.0f', tat), 'PX', string.format('%.0f', math.ceil((tat - now) / 1000)))
    answers[index] = 1
  end
end

answers[#KEYS + 1] = now
return answers

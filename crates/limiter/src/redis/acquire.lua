-- Decides requests in order. A request takes permits from all its counters or from none. Each counter is read
-- once and written once per call, even if several requests use it. The clock is the clock of the Redis
-- server, which does not advance while a script runs.
--
-- KEYS   the counters, each once
-- ARGV   for each request: its permits, the number of its counters, and for each counter its index in KEYS,
--        its limit, and its window in ms
-- Returns for each request: 1 (admitted) or 0, and for each counter the permits used and the ms until the
-- window ends (0 and 0: no window is open).

local used, left, taken, opened = {}, {}, {}, {}

local function read(k, window)
  used[k] = tonumber(redis.call('GET', KEYS[k])) or 0
  left[k] = used[k] > 0 and redis.call('PTTL', KEYS[k]) or 0
  -- A window without an expiry, or with one too late after a clock step, would stay closed for too long.
  if left[k] < 0 or left[k] > window then
    used[k], left[k] = 0, 0
  end
end

local function take(k, permits, window)
  if used[k] == 0 then
    opened[k], left[k] = window, window
  end
  used[k] = used[k] + permits
  taken[k] = (taken[k] or 0) + permits
end

local answer, at = {}, 1
while at <= #ARGV do
  local permits, counters = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local first, last = at + 2, at + 1 + 3 * counters
  local admitted = 1
  for c = first, last, 3 do
    local k = tonumber(ARGV[c])
    if not used[k] then
      read(k, tonumber(ARGV[c + 2]))
    end
    if permits > 0 and used[k] + permits > tonumber(ARGV[c + 1]) then
      admitted = 0
    end
  end
  answer[#answer + 1] = admitted
  for c = first, last, 3 do
    local k = tonumber(ARGV[c])
    if admitted == 1 and permits > 0 then
      take(k, permits, tonumber(ARGV[c + 2]))
    end
    answer[#answer + 1] = used[k]
    answer[#answer + 1] = left[k]
  end
  at = last + 1
end

for k, permits in pairs(taken) do
  if opened[k] then
    redis.call('SET', KEYS[k], permits, 'PX', opened[k])
  else
    redis.call('INCRBY', KEYS[k], permits)
  end
end
return answer

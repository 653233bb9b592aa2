-- Notes uses of idempotency keys, in order.
--
-- KEYS  for each use its marker
-- ARGV  for each use: what is to be done with it ('begin', 'done', 'forget'), the submission's id,
--       the body's hash, and for how many ms what is noted now is to live
-- Answers for each use 'first', 'in_flight', 'other_body', or the id of the submission that is done;
-- nothing of use to 'done' and 'forget'.
--
-- A marker is '?' (in flight) or '!' (durable), the submission's id and the body's hash.

local ID = 36

local function read(key)
  local marker = redis.call('GET', key)
  if marker and #marker > ID then
    return string.sub(marker, 1, 1), string.sub(marker, 2, 1 + ID), string.sub(marker, 2 + ID)
  end
end

local use = {}

function use.begin(key, state, holder, known, id, body, lifetime)
  -- The same submission asks again if it did not get the first answer.
  if not state or (state == '?' and holder == id) then
    redis.call('SET', key, '?' .. id .. body, 'PX', lifetime)
    return 'first'
  end
  if known ~= body then
    return 'other_body'
  end
  return state == '!' and holder or 'in_flight'
end

function use.done(key, state, holder, known, id, body, lifetime)
  if state ~= '!' then
    redis.call('SET', key, '!' .. id .. body, 'PX', lifetime)
  end
  return ''
end

function use.forget(key, state, holder, known, id)
  if state == '?' and holder == id then
    redis.call('DEL', key)
  end
  return ''
end

local answers = {}
for n, key in ipairs(KEYS) do
  local what, id, body, lifetime = ARGV[4 * n - 3], ARGV[4 * n - 2], ARGV[4 * n - 1], ARGV[4 * n]
  local state, holder, known = read(key)
  answers[n] = use[what](key, state, holder, known, id, body, lifetime)
end
return answers

-- Reads and writes markers of idempotency keys. The calls of a batch run in order.
--
-- KEYS   for each call: the key of its marker
-- ARGV   for each call: the operation ('reserve', 'complete', 'release'), the submission's id, the hash
--        of the body, and the lifetime of the marker in ms
-- Returns for each 'reserve': 'first_request', 'in_flight', 'body_mismatch', or the id of the durable
-- submission. Returns for each 'complete' and 'release' an empty string.
--
-- A marker is '?' (in flight) or '!' (durable), then the submission's id, then the hash of the body.

local ID_LENGTH = 36

local function read(key)
  local marker = redis.call('GET', key)
  if marker and #marker > ID_LENGTH then
    return string.sub(marker, 1, 1), string.sub(marker, 2, 1 + ID_LENGTH), string.sub(marker, 2 + ID_LENGTH)
  end
end

local operations = {}

function operations.reserve(key, state, holder, holder_body, id, body, lifetime)
  -- The same submission calls again if it did not get the first response.
  if not state or (state == '?' and holder == id) then
    redis.call('SET', key, '?' .. id .. body, 'PX', lifetime)
    return 'first_request'
  end
  if holder_body ~= body then
    return 'body_mismatch'
  end
  return state == '!' and holder or 'in_flight'
end

function operations.complete(key, state, holder, holder_body, id, body, lifetime)
  if state ~= '!' then
    redis.call('SET', key, '!' .. id .. body, 'PX', lifetime)
  end
  return ''
end

function operations.release(key, state, holder, holder_body, id)
  if state == '?' and holder == id then
    redis.call('DEL', key)
  end
  return ''
end

local answers = {}
for n, key in ipairs(KEYS) do
  local operation, id, body, lifetime = ARGV[4 * n - 3], ARGV[4 * n - 2], ARGV[4 * n - 1], ARGV[4 * n]
  local state, holder, holder_body = read(key)
  answers[n] = operations[operation](key, state, holder, holder_body, id, body, lifetime)
end
return answers

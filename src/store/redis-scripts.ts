// What must be one step for Redis, in Lua: a reader or another replica sees all of it or nothing.

/** What was seen of a capture goes, and is counted no more; false where there was nothing. */
const DROP_IMAGES = `
local function dropImages(id, images, order, bytes)
  local held = redis.call('HGET', images, 'bytes')
  if not held then return false end
  redis.call('DECRBY', bytes, held)
  redis.call('ZREM', order, id)
  redis.call('DEL', images)
  return true
end`;

/**
 * Puts a record in place of revision ARGV[2] (0: of none), so that the sequence is given out and readable at the same
 * instant: no reader can step over a number whose record is still on its way. 0 where another revision is there.
 * ioredis sends a command again when the connection broke before its reply: the second time finds the new revision.
 *
 * The counters of its line change in the same step: by what is given, and for a new record by whether its part was here
 * before. What was counted before a reset of the line is counted no more.
 *
 * KEYS: sequence, feed, inspection, open, lines, line, part; of a revised answer also images, order of images, bytes of
 * images.
 * ARGV: inspectionId, expected revision, 1 where it needs a review, now, lines there may be, seconds to know a part,
 * 1 where the verdict is OK, how many changes of counters, lineId ('': none), 1 where it has a part; these changes by
 * name and number; then field and value of the hash.
 */
export const PUT = `${DROP_IMAGES}
local held = redis.call('HMGET', KEYS[3], 'revision', 'resets')
if (held[1] or '0') ~= ARGV[2] then return 0 end
if KEYS[8] then dropImages(ARGV[1], KEYS[8], KEYS[9], KEYS[10]) end
local isNew, counters = ARGV[2] == '0', 10 + 2 * tonumber(ARGV[8])
local line, hasLine, resets, attempt = KEYS[6], ARGV[9] ~= '', held[2], 'NONE'
local known = hasLine and redis.call('HGET', line, 'resets')
if isNew then
  resets = known or '-1'
  if hasLine and not known and redis.call('SCARD', KEYS[5]) < tonumber(ARGV[5]) then
    redis.call('SADD', KEYS[5], ARGV[9])
    redis.call('HSET', line, 'resets', 0, 'since', ARGV[4])
    known, resets = '0', '0'
  end
  if known and ARGV[10] == '1' then
    attempt = redis.call('SET', KEYS[7], ARGV[1], 'NX', 'EX', ARGV[6]) and 'FIRST' or 'REPEAT'
    redis.call('HINCRBY', line, attempt == 'FIRST' and 'parts' or 'repeats', 1)
    if attempt == 'FIRST' and ARGV[7] == '1' then redis.call('HINCRBY', line, 'firstPassOk', 1) end
  end
  redis.call('HSET', KEYS[3], 'resets', resets, 'attempt', attempt)
end
if known and known == resets then
  for i = 11, counters, 2 do redis.call('HINCRBY', line, ARGV[i], ARGV[i + 1]) end
end
local sequence = redis.call('INCR', KEYS[1])
redis.call('HSET', KEYS[3], unpack(ARGV, counters + 1))
redis.call('ZADD', KEYS[2], sequence, ARGV[1])
if ARGV[3] == '1' then redis.call('ZADD', KEYS[4], sequence, ARGV[1]) else redis.call('ZREM', KEYS[4], ARGV[1]) end
return sequence`;

/**
 * A page and its records as they are at one instant: a record read later than its entry could be a newer revision,
 * which has an entry of its own further on.
 * KEYS: feed, or the like. ARGV: after, tail, entries to look at, limit, prefix of inspection keys, then lineId and verdict, each
 * preceded by 1 where it is asked for.
 * Answers the last sequence looked at ('' where none was), then the records.
 */
export const LIST = `
local entries = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], ARGV[2], 'WITHSCORES', 'LIMIT', 0, ARGV[3])
local page = { '' }
for i = 1, #entries, 2 do
  local key = ARGV[5] .. entries[i]
  page[1] = entries[i + 1]
  local fits = true
  if ARGV[6] == '1' then fits = redis.call('HGET', key, 'line') == ARGV[7] end
  if fits and ARGV[8] == '1' then fits = redis.call('HGET', key, 'verdict') == ARGV[9] end
  if fits then page[#page + 1] = redis.call('HGET', key, 'record') end
  if #page > tonumber(ARGV[4]) then break end
end
return page`;

/** KEYS: feed. ARGV: prefix of inspection keys, then ids. Answers sequence and revision of each, 0 where it is not there. */
export const FIND = `
local found = {}
for i = 2, #ARGV do
  found[i - 1] = {
    redis.call('ZSCORE', KEYS[1], ARGV[i]) or '0',
    redis.call('HGET', ARGV[1] .. ARGV[i], 'revision') or '0',
  }
end
return found`;

/**
 * Keeps a consumer where nobody changed it meanwhile. KEYS: consumers. ARGV: name, its text as read ('': none), its new
 * text, how many there may be. Answers 1, 0 where it was changed, -1 where there are too many.
 */
export const KEEP_CONSUMER = `
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[2] == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return -1 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`;

/**
 * Sets the counters of a line to nothing and records what they were.
 * KEYS: line, its resets. ARGV: by, reason, at, how many are kept. Answers the event, as a list; nil where there is no line.
 */
export const RESET_LINE = `
local held = redis.call('HGETALL', KEYS[1])
if #held == 0 then return nil end
local resets = redis.call('HGET', KEYS[1], 'resets') + 1
local event = cjson.encode({ ARGV[1], ARGV[2], ARGV[3], unpack(held) })
redis.call('LPUSH', KEYS[2], event)
redis.call('LTRIM', KEYS[2], 0, ARGV[4] - 1)
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'resets', resets, 'since', ARGV[3])
return event`;

/**
 * Removes what was seen of a capture and its maps ('images'), or all of it ('records'), unless a newer revision is
 * there. 1 where there was anything of it.
 * KEYS: inspection, feed, open, images, order of images, bytes of images. ARGV: inspectionId, revision, what.
 */
export const FORGET = `${DROP_IMAGES}
local held = tonumber(redis.call('HGET', KEYS[1], 'revision'))
if not held or held > tonumber(ARGV[2]) then return 0 end
local had = dropImages(ARGV[1], KEYS[4], KEYS[5], KEYS[6])
if ARGV[3] == 'records' then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('ZREM', KEYS[3], ARGV[1])
  return 1
end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 4) == 'map:' then had = redis.call('HDEL', KEYS[1], field) == 1 or had end
end
return had and 1 or 0`;

/**
 * Keeps the images of a capture in place of those it has, once the oldest of others have made room.
 * KEYS: inspection, images, order of images, bytes of images. ARGV: inspectionId, revision, bytes, limit, how many may
 * go, prefix of images; then field and value of the hash. Answers how many went; -1 where there is no such inspection,
 * or it was revised since.
 */
export const KEEP_IMAGES = `
local held = tonumber(redis.call('HGET', KEYS[1], 'revision'))
if not held then return -1 end
if held > tonumber(ARGV[2]) then
  local previous = cjson.decode(redis.call('HGET', KEYS[1], 'record')).previous
  if type(previous) == 'table' and previous.revision >= tonumber(ARGV[2]) then return -1 end
end
local total = tonumber(redis.call('GET', KEYS[4]) or '0') - tonumber(redis.call('HGET', KEYS[2], 'bytes') or '0')
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
local evicted, room = 0, tonumber(ARGV[4]) - tonumber(ARGV[3])
while total > room and evicted < tonumber(ARGV[5]) do
  local oldest = redis.call('ZPOPMIN', KEYS[3])[1]
  if not oldest then break end
  total = total - tonumber(redis.call('HGET', ARGV[6] .. oldest, 'bytes') or '0')
  redis.call('DEL', ARGV[6] .. oldest)
  evicted = evicted + 1
end
local last = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2]
redis.call('ZADD', KEYS[3], tonumber(last or '0') + 1, ARGV[1])
redis.call('HSET', KEYS[2], 'bytes', ARGV[3])
for i = 7, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('SET', KEYS[4], string.format('%d', total + tonumber(ARGV[3])))
return evicted`;

/** What the server says of its memory. KEYS: any of its own. */
export const MEMORY = `return redis.call('INFO', 'memory')`;

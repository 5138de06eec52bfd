// What must be one step for Redis, in Lua: a reader or another replica sees all of it or nothing.

/**
 * Puts a record in place of revision ARGV[2] (0: of none), so that the sequence is given out and readable at the same
 * instant: no reader can step over a number whose record is still on its way. 0 where another revision is there.
 * ioredis sends a command again when the connection broke before its reply: the second time finds the new revision.
 * KEYS: sequence, feed, inspection, open. ARGV: inspectionId, expected revision, 1 where it needs a review, then field
 * and value of the hash.
 */
export const PUT = `
local held = redis.call('HGET', KEYS[3], 'revision') or '0'
if held ~= ARGV[2] then return 0 end
local sequence = redis.call('INCR', KEYS[1])
redis.call('HSET', KEYS[3], unpack(ARGV, 4))
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

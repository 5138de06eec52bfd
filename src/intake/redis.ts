// The shared intake store: Redis, for several replicas of the service.
import { randomUUID } from 'node:crypto';
import type { RedisCommander } from 'ioredis';
import { repliesTo } from '../redis-reply.js';
import { ABSENT, type Change, type Held, type IntakeStore, intakeEntry } from './intake-store.js';

const answered = repliesTo('intake');

/** What nobody finished is kept so long after its last change: the longest outage that loses no capture. */
const UNSETTLED_TTL_MS = 7 * 24 * 3600 * 1000;

/**
 * Compares and writes in one step. Sent again because the connection broke before its reply, it finds its own version
 * and changes nothing.
 * KEYS: capture (hash: version, entry, piece:<name>), wakes (sorted set by time), held (hash: bytes by capture,
 * and their sum). ARGV: captureId, expected version, new version, entry ('' for none), wake time ('' for none), held
 * bytes, lifetime ms, '1' to drop the pieces, lifetime of what is shared ms, then field and value of each piece.
 */
const SWAP = `
local current = redis.call('HGET', KEYS[1], 'version') or ''
if current == ARGV[3] and (ARGV[3] ~= '' or ARGV[2] ~= '') then return 1 end
if current ~= ARGV[2] then return 0 end
local before = tonumber(redis.call('HGET', KEYS[3], 'of:' .. ARGV[1]) or '0')
if ARGV[4] == '' then
  redis.call('DEL', KEYS[1])
else
  if ARGV[8] == '1' then
    for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
      if string.sub(field, 1, 6) == 'piece:' then redis.call('HDEL', KEYS[1], field) end
    end
  end
  redis.call('HSET', KEYS[1], 'version', ARGV[3], 'entry', ARGV[4])
  for i = 10, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
  redis.call('PEXPIRE', KEYS[1], ARGV[7])
end
if ARGV[5] == '' then
  redis.call('ZREM', KEYS[2], ARGV[1])
else
  redis.call('ZADD', KEYS[2], ARGV[5], ARGV[1])
end
local after = tonumber(ARGV[6])
if after > 0 then
  redis.call('HSET', KEYS[3], 'of:' .. ARGV[1], after)
else
  redis.call('HDEL', KEYS[3], 'of:' .. ARGV[1])
end
if after ~= before then redis.call('HINCRBY', KEYS[3], 'sum', after - before) end
redis.call('PEXPIRE', KEYS[2], ARGV[9])
redis.call('PEXPIRE', KEYS[3], ARGV[9])
return 1`;

/**
 * A store on `redis`, which stays the caller's: close() does not end the connection. One step touches several keys: for
 * a cluster `keyPrefix` needs braces, which keep them in one slot.
 */
export function createRedisIntake(options: {
  readonly redis: RedisCommander;
  readonly keyPrefix: string;
  readonly nowMs: () => number;
}): IntakeStore {
  return new RedisIntake(options.redis, options.keyPrefix, options.nowMs);
}

class RedisIntake implements IntakeStore {
  readonly shared = true;
  readonly #redis: RedisCommander;
  readonly #prefix: string;
  readonly #nowMs: () => number;

  constructor(redis: RedisCommander, prefix: string, nowMs: () => number) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#nowMs = nowMs;
  }

  async get(captureId: string): Promise<Held | undefined> {
    const [version, entry] = await answered(
      this.#redis.hmget(this.#captureKey(captureId), 'version', 'entry'),
    );
    if (version == null || entry == null) return undefined;
    return { version, entry: intakeEntry.parse(JSON.parse(entry)) };
  }

  async swap({ captureId, version, entry, put, dropBytes }: Change): Promise<string | undefined> {
    const next = entry === undefined ? ABSENT : randomUUID();
    const wakeAtMs = entry?.wakeAtMs ?? null;
    const lifetimeMs =
      entry === undefined || wakeAtMs !== null
        ? UNSETTLED_TTL_MS
        : Math.max(1, Math.ceil(entry.expiresAtMs - this.#nowMs()));
    const pieces = [...(put ?? [])].flatMap(([name, bytes]) => [`piece:${name}`, Buffer.from(bytes)]);
    const keys = [this.#captureKey(captureId), this.#key('wakes'), this.#key('held')];
    const done = await answered(
      this.#redis.eval(
        SWAP,
        keys.length,
        ...keys,
        captureId,
        version,
        next,
        entry === undefined ? '' : JSON.stringify(entry),
        wakeAtMs ?? '',
        wakeAtMs === null ? 0 : (entry?.heldBytes ?? 0),
        lifetimeMs,
        dropBytes ? '1' : '',
        UNSETTLED_TTL_MS,
        ...pieces,
      ),
    );
    return done === 1 ? next : undefined;
  }

  async piece(captureId: string, name: string): Promise<Uint8Array | undefined> {
    const bytes = await answered(this.#redis.hgetBuffer(this.#captureKey(captureId), `piece:${name}`));
    return bytes ?? undefined;
  }

  async due(nowMs: number, limit: number): Promise<readonly string[]> {
    return answered(this.#redis.zrangebyscore(this.#key('wakes'), '-inf', nowMs, 'LIMIT', 0, limit));
  }

  async usage() {
    const [captures, bytes] = await answered(
      Promise.all([this.#redis.zcard(this.#key('wakes')), this.#redis.hget(this.#key('held'), 'sum')]),
    );
    return { captures, bytes: Number(bytes ?? 0) };
  }

  /** Every key has a lifetime. */
  async sweep(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {}

  #captureKey(captureId: string): string {
    return this.#key(`capture:${captureId}`);
  }

  #key(name: string): string {
    return `${this.#prefix}${name}`;
  }
}

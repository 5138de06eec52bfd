// What push keeps, shared: Redis, where of several replicas one delivers to a subscription.
import type { RedisCommander } from 'ioredis';
import {
  type DeadLetter,
  deadLetterSchema,
  oldestFirst,
  type Progress,
  type PushStore,
  progressSchema,
  readerOf,
  tryAtOnce,
  type Webhook,
  webhookSchema,
} from './push-store.js';

/** KEYS: lease. ARGV: owner, ttlMs. */
const LEASE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

/** KEYS: lease. ARGV: owner. */
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`;

/**
 * Whoever lost the lease, or whose subscription was removed with it, moves nothing: not a cursor that another
 * replica has brought further. KEYS: lease, reader, dead. ARGV: owner, progress, and for a burial eventId, letter.
 */
const SAVE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], 'progress', ARGV[2])
if ARGV[3] then redis.call('HSET', KEYS[3], ARGV[3], ARGV[4]) end
return 1`;

/** KEYS: reader. ARGV: expected version, version, webhook. */
const CHANGE = `
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'webhook', ARGV[3])
return 1`;

/** KEYS: dead. ARGV: eventId, letter. */
const CHANGE_LETTER = `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end`;

/** On `redis`, which stays the caller's: close() does not end the connection. */
export function createRedisPushStore(options: {
  readonly redis: RedisCommander;
  readonly keyPrefix: string;
}): PushStore {
  return new RedisPushStore(options.redis, options.keyPrefix);
}

class RedisPushStore implements PushStore {
  readonly #redis: RedisCommander;
  readonly #prefix: string;

  constructor(redis: RedisCommander, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  async webhooks(): Promise<Webhook[]> {
    const ids = await this.#redis.smembers(this.#index());
    const found = await Promise.all(ids.sort().map((id) => this.webhook(id)));
    return found.filter((webhook) => webhook !== undefined);
  }

  async webhook(id: string): Promise<Webhook | undefined> {
    const text = await this.#redis.hget(this.#reader(readerOf(id)), 'webhook');
    return text === null ? undefined : webhookSchema.parse(JSON.parse(text));
  }

  async putWebhook(webhook: Webhook, progress: Progress): Promise<void> {
    const reader = readerOf(webhook.id);
    // In the index first: a record outside it would be delivered by nobody and seen by nobody.
    await this.#redis.sadd(this.#index(), webhook.id);
    const known = await this.progress(reader);
    await this.#redis.hset(this.#reader(reader), {
      version: webhook.version,
      webhook: JSON.stringify(webhook),
      progress: JSON.stringify(known === undefined ? progress : tryAtOnce(known)),
    });
  }

  async changeWebhook(webhook: Webhook, version: string): Promise<boolean> {
    const key = this.#reader(readerOf(webhook.id));
    const record = JSON.stringify(webhook);
    return (await this.#redis.eval(CHANGE, 1, key, version, webhook.version, record)) === 1;
  }

  async removeWebhook(id: string): Promise<boolean> {
    const reader = readerOf(id);
    const there = await this.#redis.hexists(this.#reader(reader), 'webhook');
    await this.#redis.del(this.#lease(reader), this.#reader(reader), this.#dead(id));
    await this.#redis.srem(this.#index(), id);
    return there === 1;
  }

  async progress(reader: string): Promise<Progress | undefined> {
    const text = await this.#redis.hget(this.#reader(reader), 'progress');
    return text === null ? undefined : progressSchema.parse(JSON.parse(text));
  }

  async saveProgress(reader: string, owner: string, progress: Progress): Promise<boolean> {
    const keys = [this.#lease(reader), this.#reader(reader)];
    return (await this.#redis.eval(SAVE, keys.length, ...keys, owner, JSON.stringify(progress))) === 1;
  }

  async bury(id: string, owner: string, letter: DeadLetter, progress: Progress): Promise<boolean> {
    const reader = readerOf(id);
    const keys = [this.#lease(reader), this.#reader(reader), this.#dead(id)];
    const values = [owner, JSON.stringify(progress), letter.event.id, JSON.stringify(letter)];
    return (await this.#redis.eval(SAVE, keys.length, ...keys, ...values)) === 1;
  }

  async deadLetters(id: string): Promise<DeadLetter[]> {
    const texts = await this.#redis.hvals(this.#dead(id));
    return oldestFirst(texts.map((text) => deadLetterSchema.parse(JSON.parse(text))));
  }

  countDeadLetters(id: string): Promise<number> {
    return this.#redis.hlen(this.#dead(id));
  }

  async changeDeadLetter(id: string, letter: DeadLetter): Promise<void> {
    await this.#redis.eval(CHANGE_LETTER, 1, this.#dead(id), letter.event.id, JSON.stringify(letter));
  }

  async removeDeadLetters(id: string, eventIds: readonly string[]): Promise<void> {
    if (eventIds.length > 0) await this.#redis.hdel(this.#dead(id), ...eventIds);
  }

  async lease(reader: string, owner: string, ttlMs: number): Promise<boolean> {
    return (await this.#redis.eval(LEASE, 1, this.#lease(reader), owner, ttlMs)) === 1;
  }

  async release(reader: string, owner: string): Promise<void> {
    await this.#redis.eval(RELEASE, 1, this.#lease(reader), owner);
  }

  async close(): Promise<void> {}

  #index(): string {
    return `${this.#prefix}webhooks`;
  }

  #reader(reader: string): string {
    return `${this.#prefix}${reader}`;
  }

  #lease(reader: string): string {
    return `${this.#reader(reader)}:lease`;
  }

  #dead(id: string): string {
    return `${this.#reader(readerOf(id))}:dead`;
  }
}

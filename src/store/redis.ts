// The shared result store: Redis, for several replicas of the service.
import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { ServiceError } from '../errors.js';
import type { Inspection } from '../inspection.js';
import { decodeInspection, decodeMap, encodeInspection, encodeMaps } from './codec.js';
import { decodeCursor, encodeCursor, type Feed } from './cursor.js';
import { entriesToRead, type FeedEntry, pickPage } from './feed-page.js';
import { FeedWaiters } from './feed-waiters.js';
import type { Artefacts, ListQuery, Page, ResultStore, StoredMap } from './store.js';

/** While somebody waits, one GET each so often, however many wait: other replicas' saves are seen no later. */
const POLL_MS = 50;

/**
 * One step for Redis, so that a sequence is given out and readable at the same instant: no reader can
 * step over a number whose record is still on its way.
 * A repeated save changes nothing: ioredis sends a command again when the connection broke before its reply.
 * KEYS: sequence, feed, inspection. ARGV: inspectionId, lineId, verdict, then field and value of the hash.
 */
const SAVE = `
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
local sequence = redis.call('INCR', KEYS[1])
redis.call('HSET', KEYS[3], unpack(ARGV, 4))
redis.call('XADD', KEYS[2], sequence .. '-0', 'id', ARGV[1], 'line', ARGV[2], 'verdict', ARGV[3])
return sequence`;

/** A line without a name; line identifiers are never empty. */
const NO_LINE = '';

/**
 * A store on `redis`, which stays the caller's: close() does not end the connection.
 * A save survives what the server survives: see its appendfsync.
 */
export function createRedisStore(options: {
  readonly redis: Redis;
  readonly keyPrefix: string;
}): ResultStore {
  return new RedisStore(options.redis, options.keyPrefix);
}

class RedisStore implements ResultStore {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #waiters = new FeedWaiters();
  #poll: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  async save(inspection: Inspection, artefacts: Artefacts): Promise<void> {
    this.#assertOpen();
    const { inspectionId, lineId, verdict } = inspection;
    const fields: (string | Buffer)[] = ['record', encodeInspection(inspection)];
    for (const { name, bytes } of await encodeMaps(artefacts.maps)) fields.push(`map:${name}`, bytes);
    if (artefacts.thumbnail !== undefined) fields.push('thumbnail', Buffer.from(artefacts.thumbnail));
    const keys = [this.#key('sequence'), this.#key('feed'), this.#inspectionKey(inspectionId)];
    await this.#redis.eval(SAVE, keys.length, ...keys, inspectionId, lineId ?? NO_LINE, verdict, ...fields);
  }

  async get(inspectionId: string): Promise<Inspection | undefined> {
    this.#assertOpen();
    const text = await answered(this.#redis.hget(this.#inspectionKey(inspectionId), 'record'));
    return text === null ? undefined : decodeInspection(text);
  }

  async map(inspectionId: string, name: string): Promise<StoredMap | undefined> {
    this.#assertOpen();
    const bytes = await answered(this.#redis.hgetBuffer(this.#inspectionKey(inspectionId), `map:${name}`));
    return bytes === null ? undefined : decodeMap(bytes);
  }

  async thumbnail(inspectionId: string): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    const bytes = await answered(this.#redis.hgetBuffer(this.#inspectionKey(inspectionId), 'thumbnail'));
    return bytes ?? undefined;
  }

  async list(query: ListQuery): Promise<Page> {
    this.#assertOpen();
    const feed = await this.#feed();
    const after = decodeCursor(feed, query.after);
    const entries = await this.#entries(after, feed.tail, entriesToRead(query));
    const page = pickPage(entries, after, query);
    const items = await Promise.all(page.inspectionIds.map((id) => this.#listed(id)));
    return { items, nextCursor: encodeCursor(feed, page.lastSequence) };
  }

  async waitForNext(cursor: string | undefined, waitMs: number, signal: AbortSignal): Promise<void> {
    this.#assertOpen();
    const feed = await this.#feed();
    const after = decodeCursor(feed, cursor);
    if (feed.tail > after || this.#closed) return;
    const woken = this.#waiters.wait(after, waitMs, signal);
    this.#pollSoon();
    await woken;
  }

  async end(): Promise<string> {
    this.#assertOpen();
    const feed = await this.#feed();
    return encodeCursor(feed, feed.tail);
  }

  async ping(): Promise<void> {
    this.#assertOpen();
    // A read-only replica and a full server answer PING; only a write tells.
    await this.#redis.set(this.#key('pingedAt'), new Date().toISOString());
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#poll);
    this.#waiters.release();
  }

  #pollSoon(): void {
    if (this.#poll !== undefined || this.#closed || this.#waiters.size === 0) return;
    this.#poll = setTimeout(async () => {
      try {
        this.#waiters.advanced(Number(await this.#redis.get(this.#key('sequence'))));
      } catch {
        // Out of reach for the moment: the waiters go on, and their next list() says what is wrong.
      }
      this.#poll = undefined;
      this.#pollSoon();
    }, POLL_MS);
  }

  async #feed(): Promise<Feed> {
    const idKey = this.#key('storeId');
    const [, [storeId, tail]] = await answered(
      Promise.all([
        this.#redis.set(idKey, randomBytes(6).toString('hex'), 'NX'),
        this.#redis.mget(idKey, this.#key('sequence')),
      ]),
    );
    return { kind: 'redis', storeId: storeId ?? '', tail: Number(tail ?? 0) };
  }

  async #entries(after: number, tail: number, count: number): Promise<FeedEntry[]> {
    if (after >= tail) return [];
    const range = [`${after + 1}-0`, `${tail}-0`] as const;
    const replies = await answered(this.#redis.xrange(this.#key('feed'), ...range, 'COUNT', count));
    return replies.map(([streamId, fields]) => feedEntry(streamId, fields));
  }

  async #listed(inspectionId: string): Promise<Inspection> {
    const inspection = await this.get(inspectionId);
    if (inspection === undefined)
      throw new Error(`The result store in Redis is damaged: inspection ${inspectionId} is not there.`);
    return inspection;
  }

  #inspectionKey(inspectionId: string): string {
    return this.#key(`inspection:${inspectionId}`);
  }

  #key(name: string): string {
    return `${this.#prefix}${name}`;
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error('The result store is closed.');
  }
}

/** Readers are told to come again: it is not their request that is at fault, nor this service. */
async function answered<T>(reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (cause) {
    throw new ServiceError('STORE_UNAVAILABLE', {
      detail: `Redis, the result store, does not answer (${(cause as Error).message}); ask again.`,
      retryAfterSeconds: 1,
      cause,
    });
  }
}

/** `fields`: 'id', inspectionId, 'line', lineId, 'verdict', verdict, as SAVE wrote them. */
function feedEntry(streamId: string, fields: string[]): FeedEntry {
  const [, inspectionId = '', , line = NO_LINE, , verdict = ''] = fields;
  const sequence = Number(streamId.slice(0, streamId.indexOf('-')));
  return { sequence, inspectionId, lineId: line === NO_LINE ? null : line, verdict };
}

// The shared result store: Redis, for several replicas of the service.
import { randomBytes } from 'node:crypto';
import type { RedisCommander } from 'ioredis';
import type { Inspection, Review } from '../inspection.js';
import { decodeMap, type StoredMap } from '../map-codec.js';
import { repliesTo } from '../redis-reply.js';
import { asBuffer, decodeInspection, encodeInspection } from './codec.js';
import { describeStanding } from './consumer-position.js';
import { decodeCursor, encodeCursor, type Feed, lastOf } from './cursor.js';
import { entriesToRead } from './feed-page.js';
import { FeedWaiters } from './feed-waiters.js';
import { type Attempt, countsOf, MAX_LINES, noLine, plus } from './line-counts.js';
import { RedisConsumers } from './redis-consumers.js';
import { RedisImages } from './redis-images.js';
import { RedisLines } from './redis-lines.js';
import { LIST, MEMORY, PUT } from './redis-scripts.js';
import { needsReview, noInspection, replacement, withReview } from './revise.js';
import type {
  Ack,
  AckOutcome,
  Artefacts,
  CaptureImages,
  Changeover,
  ConsumerStanding,
  ImagesKept,
  Line,
  ListQuery,
  Page,
  PageQuery,
  Reset,
  ResultStore,
  Revision,
  Usage,
} from './store.js';

const answered = repliesTo('result');

/** While somebody waits, one GET each so often, however many wait: other replicas' saves are seen no later. */
const POLL_MS = 50;

/** Replicas that change one record at the same instant: more would be a fault. */
const MAX_ATTEMPTS = 50;

/** A part that comes back later is taken for a new one: its key must end some day. */
const PART_MEMORY_SECONDS = 30 * 24 * 3600;

interface Held {
  readonly inspection: Inspection;
  readonly attempt: Attempt;
}

/** What changes with a record. */
interface Besides {
  /** Field, value, and so on: its maps. */
  readonly fields?: readonly (string | Buffer)[];
  /** Of images that go, because they show what was seen before. */
  readonly imageKeys?: readonly string[];
}

/** A line without a name: identifiers hold no control characters. */
const NO_LINE = '\u0000';

/** Of one server or of a cluster: rooms send commands, and open and close nothing. */
export type RedisCommands = RedisCommander;

/**
 * A store on `redis`, which stays the caller's: close() does not end the connection.
 * A save survives what the server survives: see its appendfsync.
 */
export function createRedisStore(options: {
  readonly redis: RedisCommander;
  readonly keyPrefix: string;
}): ResultStore {
  return new RedisStore(options.redis, options.keyPrefix);
}

class RedisStore implements ResultStore {
  readonly #redis: RedisCommander;
  readonly #prefix: string;
  readonly #consumers: RedisConsumers;
  readonly #lines: RedisLines;
  readonly #images: RedisImages;
  readonly #replica = randomBytes(6).toString('hex');
  readonly #waiters = new FeedWaiters();
  #poll: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(redis: RedisCommander, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#lines = new RedisLines(redis, (name) => this.#key(name));
    this.#images = new RedisImages(redis, (name) => this.#key(name));
    this.#consumers = new RedisConsumers(redis, (name) => this.#key(name));
  }

  async save(inspection: Inspection, artefacts: Artefacts): Promise<void> {
    this.#assertOpen();
    const fields: (string | Buffer)[] = [];
    for (const [name, bytes] of Object.entries(artefacts.maps)) fields.push(`map:${name}`, asBuffer(bytes));
    // Nearly always the first of its id: looked up only where it is not.
    if (await this.#put(undefined, inspection, { fields })) return;
    const imageKeys = this.#images.keysOf(inspection.inspectionId);
    await this.#change(inspection.inspectionId, { fields, imageKeys }, (held) =>
      replacement(held, inspection),
    );
  }

  async review(inspectionId: string, review: Review): Promise<Inspection> {
    this.#assertOpen();
    return answered(
      this.#change(inspectionId, {}, (held) => {
        if (held === undefined) throw noInspection(inspectionId);
        return withReview(held, review);
      }),
    );
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
    return answered(this.#images.thumbnail(inspectionId));
  }

  async original(inspectionId: string, modality: string): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    return answered(this.#images.original(inspectionId, modality));
  }

  async keepImages(revision: Revision, images: CaptureImages, limitBytes: number): Promise<ImagesKept> {
    this.#assertOpen();
    return answered(this.#images.keep(revision, images, limitBytes));
  }

  async list(query: ListQuery): Promise<Page> {
    this.#assertOpen();
    return this.#page('feed', query);
  }

  async openReviews({ after, limit }: PageQuery): Promise<Page> {
    this.#assertOpen();
    return this.#page('open', { limit, ...(after === undefined ? {} : { after }) });
  }

  async ack(consumer: string, acks: readonly Ack[]): Promise<readonly AckOutcome[]> {
    this.#assertOpen();
    return answered(this.#consumers.ackIds(consumer, acks, new Date().toISOString()));
  }

  async ackUpTo(consumer: string, cursor: string): Promise<AckOutcome> {
    this.#assertOpen();
    const sequence = decodeCursor(await this.#feed(), cursor, 'cursor');
    return answered(this.#consumers.ackUpTo(consumer, sequence, new Date().toISOString()));
  }

  async consumer(name: string): Promise<ConsumerStanding | undefined> {
    this.#assertOpen();
    const [feed, found] = await Promise.all([this.#feed(), answered(this.#consumers.standing(name))]);
    return found && describeStanding(feed, name, found);
  }

  async consumers(): Promise<readonly ConsumerStanding[]> {
    this.#assertOpen();
    const names = await answered(this.#consumers.names());
    const found = await Promise.all(names.map((name) => this.consumer(name)));
    return found.filter((one) => one !== undefined);
  }

  async ackedTo(): Promise<string | undefined> {
    this.#assertOpen();
    const [feed, position] = await Promise.all([this.#feed(), answered(this.#consumers.ackedByAll())]);
    return position === undefined ? undefined : encodeCursor(feed, position);
  }

  async forgetConsumer(name: string): Promise<boolean> {
    this.#assertOpen();
    return answered(this.#consumers.forget(name));
  }

  async lines(): Promise<readonly Line[]> {
    this.#assertOpen();
    return answered(this.#lines.all());
  }

  async line(lineId: string): Promise<Line | undefined> {
    this.#assertOpen();
    return answered(this.#lines.line(lineId));
  }

  async resets(lineId: string): Promise<readonly Changeover[]> {
    this.#assertOpen();
    return answered(this.#lines.resets(lineId));
  }

  async resetLine(lineId: string, reset: Reset): Promise<Changeover> {
    this.#assertOpen();
    const event = await answered(this.#lines.reset(lineId, reset));
    if (event === undefined) throw noLine(lineId);
    return event;
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

  async forget(revisions: readonly Revision[], what: 'images' | 'records'): Promise<number> {
    this.#assertOpen();
    const forgetting = revisions.map((revision) => this.#images.forget(revision, what));
    return (await answered(Promise.all(forgetting))).filter(Boolean).length;
  }

  async usage(): Promise<Usage> {
    this.#assertOpen();
    const feed = this.#key('feed');
    const asked = Promise.all([
      this.#redis.zcard(feed),
      // As a script, so that of a cluster the node is asked that holds the feed.
      this.#redis.eval(MEMORY, 1, feed),
      this.#images.bytes(),
    ]);
    const [records, memory, imageBytes] = await answered(asked);
    const bytes = Number(/^used_memory:(\d+)/m.exec(String(memory))?.[1] ?? 0);
    return { records, bytes, freeBytes: undefined, imageBytes };
  }

  async leaseSweep(forMs: number): Promise<boolean> {
    this.#assertOpen();
    const key = this.#key('sweeper');
    if ((await answered(this.#redis.set(key, this.#replica, 'PX', forMs, 'NX'))) === 'OK') return true;
    return (await answered(this.#redis.get(key))) === this.#replica;
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

  /** `index`: inspection ids by sequence. */
  async #page(index: 'feed' | 'open', query: ListQuery): Promise<Page> {
    const feed = await this.#feed();
    const after = decodeCursor(feed, query.after);
    const { limit, lineId, verdict } = query;
    const lines = lineId === undefined ? [0, ''] : [1, lineId];
    const verdicts = verdict === undefined ? [0, ''] : [1, verdict];
    const asked = [
      after,
      lastOf(feed, query.upTo),
      entriesToRead(query),
      limit,
      this.#inspectionKey(''),
      ...lines,
      ...verdicts,
    ];
    const reading = this.#redis.eval(LIST, 1, this.#key(index), ...asked) as Promise<string[]>;
    const [last, ...records] = await answered(reading);
    return {
      items: records.map(decodeInspection),
      nextCursor: encodeCursor(feed, last ? Number(last) : after),
    };
  }

  /** The record as `change` leaves it, whoever else changes it meanwhile; `change` says undefined to leave it. */
  async #change(
    inspectionId: string,
    besides: Besides,
    change: (held: Inspection | undefined) => Inspection | undefined,
  ): Promise<Inspection> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const held = await this.#held(inspectionId);
      const next = change(held?.inspection);
      if (next === undefined) return held?.inspection as Inspection;
      if (await this.#put(held, next, besides)) return next;
    }
    throw new Error(`Inspection ${inspectionId} was changed by others ${MAX_ATTEMPTS} times in a row.`);
  }

  async #held(inspectionId: string): Promise<Held | undefined> {
    const [record, attempt] = await this.#redis.hmget(this.#inspectionKey(inspectionId), 'record', 'attempt');
    if (typeof record !== 'string') return undefined;
    return { inspection: decodeInspection(record), attempt: attempt as Attempt };
  }

  /** false where not `held` but another revision is there. */
  async #put(
    held: Held | undefined,
    inspection: Inspection,
    { fields = [], imageKeys = [] }: Besides,
  ): Promise<boolean> {
    const { inspectionId, revision, lineId, verdict, partId } = inspection;
    const keys = [
      ...['sequence', 'feed', `inspection:${inspectionId}`, 'open', 'lines', `line:${lineId ?? ''}`],
      `part:${lineId ?? ''}\u0000${partId ?? ''}`,
    ].map((name) => this.#key(name));
    keys.push(...imageKeys);
    const changes = changedCounts(held, inspection);
    const values = [
      ...[
        inspectionId,
        held?.inspection.revision ?? 0,
        needsReview(inspection) ? 1 : 0,
        new Date().toISOString(),
      ],
      ...[
        MAX_LINES,
        PART_MEMORY_SECONDS,
        verdict === 'OK' ? 1 : 0,
        changes.length,
        lineId ?? '',
        partId === null ? 0 : 1,
      ],
      ...changes.flat(),
      ...['revision', revision, 'line', lineId ?? NO_LINE, 'verdict', verdict],
      ...['record', encodeInspection(inspection), ...fields],
    ];
    return (await this.#redis.eval(PUT, keys.length, ...keys, ...values)) !== 0;
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

/** What the line's counters change by; of a new record, PUT itself adds what depends on its part. */
function changedCounts(held: Held | undefined, next: Inspection): [string, number][] {
  const now = countsOf(next, held?.attempt ?? 'NONE');
  const change = held === undefined ? now : plus(now, countsOf(held.inspection, held.attempt), -1);
  return Object.entries(change).filter(([, by]) => by !== 0);
}

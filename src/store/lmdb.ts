// The embedded result store: LMDB in a folder, one process, durable before a save resolves.
import { resolve } from 'node:path';
import { setImmediate as endOfTurn, setTimeout as sleep } from 'node:timers/promises';
import { ServiceError } from '../errors.js';
import { GroupCommit } from '../group-commit.js';
import type { Inspection, Review } from '../inspection.js';
import { decodeMap, type StoredMap } from '../map-codec.js';
import { asBuffer, decodeInspection, encodeInspection } from './codec.js';
import { describeStanding } from './consumer-position.js';
import { decodeCursor, encodeCursor, type Feed, lastOf } from './cursor.js';
import { entriesToRead, type FeedEntry, pickPage } from './feed-page.js';
import { FeedWaiters } from './feed-waiters.js';
import { noLine } from './line-counts.js';
import { ackedByAll, ackIds, ackUpTo, consumerNames, standing } from './lmdb-consumers.js';
import { keepImages, originalOf, removeCaptureImages, thumbnailOf } from './lmdb-images.js';
import { allLines, count, lineOf, resetLine, resetsOf } from './lmdb-lines.js';
import { removeImages, removeRecord, usageOf } from './lmdb-removal.js';
import { identity, type LmdbRooms, notOpened, openLockedFolder, openRooms } from './lmdb-rooms.js';
import { releaseLock } from './path-lock.js';
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

/** Keys beyond LMDB's own limit would throw; nothing of ours is half as long. */
const MAX_NAME_LENGTH = 256;
/**
 * Where captures queue, nobody is judged sooner because one of them is answered sooner, and a commit costs as much CPU
 * for one record as for ten: half as many of them are 4 % more captures a second on two cores, measured.
 */
const CROWDED_MS = 10;

export interface LmdbOptions {
  readonly path: string;
  /** True while records follow each other closely: then a commit waits for more of them. Absent: never. */
  readonly isCrowded?: () => boolean;
}

/**
 * Opens, or makes, the store in the folder `path`.
 * Throws a one-line Error where another process holds the folder, or it cannot be written.
 */
export async function openLmdbStore(options: LmdbOptions): Promise<ResultStore> {
  const path = resolve(options.path);
  const root = await openLockedFolder(path);
  try {
    return new LmdbStore(path, openRooms(root), options.isCrowded);
  } catch (cause) {
    await root.close();
    releaseLock(path);
    throw notOpened(path, cause);
  }
}

class LmdbStore implements ResultStore {
  readonly #path: string;
  readonly #rooms: LmdbRooms;
  readonly #storeId: string;
  readonly #commits: GroupCommit<() => void>;
  readonly #waiters = new FeedWaiters();
  /** The last sequence given out; never given twice, not even after a failed commit. */
  #assigned: number;
  /** The last sequence on disk: readers see no further, so a power cut takes nothing back from them. */
  #durable: number;
  #closed = false;

  constructor(path: string, rooms: LmdbRooms, isCrowded = () => false) {
    this.#path = path;
    this.#commits = new GroupCommit(
      (writes) => this.#commit(writes),
      () => (isCrowded() ? sleep(CROWDED_MS) : endOfTurn()),
    );
    this.#rooms = rooms;
    this.#storeId = identity(rooms.meta);
    this.#assigned = Number(rooms.meta.get('tail') ?? 0);
    this.#durable = this.#assigned;
  }

  async save(inspection: Inspection, artefacts: Artefacts): Promise<void> {
    this.#assertOpen();
    await this.#write(() => {
      const { inspectionId } = inspection;
      const held = this.#rooms.places.doesExist(inspectionId) ? this.#listed(inspectionId) : undefined;
      const next = replacement(held, inspection);
      if (next === undefined) return;
      if (held !== undefined) removeCaptureImages(this.#rooms, inspectionId);
      this.#put(held, next, artefacts.maps);
    });
  }

  async review(inspectionId: string, review: Review): Promise<Inspection> {
    this.#assertOpen();
    return this.#write(() => {
      const known = inspectionId.length <= MAX_NAME_LENGTH && this.#rooms.places.doesExist(inspectionId);
      if (!known) throw noInspection(inspectionId);
      const held = this.#listed(inspectionId);
      const next = withReview(held, review);
      if (next !== undefined) this.#put(held, next, {});
      return next ?? held;
    });
  }

  async get(inspectionId: string): Promise<Inspection | undefined> {
    this.#assertOpen();
    if (inspectionId.length > MAX_NAME_LENGTH) return undefined;
    const text = this.#rooms.inspections.get(inspectionId);
    return text === undefined ? undefined : decodeInspection(text);
  }

  async map(inspectionId: string, name: string): Promise<StoredMap | undefined> {
    this.#assertOpen();
    if (inspectionId.length + name.length > MAX_NAME_LENGTH) return undefined;
    const bytes = this.#rooms.maps.get([inspectionId, name]);
    return bytes === undefined ? undefined : decodeMap(bytes);
  }

  async thumbnail(inspectionId: string): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    if (inspectionId.length > MAX_NAME_LENGTH) return undefined;
    return thumbnailOf(this.#rooms, inspectionId);
  }

  async original(inspectionId: string, modality: string): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    if (inspectionId.length + modality.length > MAX_NAME_LENGTH) return undefined;
    return originalOf(this.#rooms, inspectionId, modality);
  }

  async keepImages(revision: Revision, images: CaptureImages, limitBytes: number): Promise<ImagesKept> {
    this.#assertOpen();
    return this.#write(() => keepImages(this.#rooms, revision, images, limitBytes));
  }

  async list(query: ListQuery): Promise<Page> {
    this.#assertOpen();
    const feed = this.#feed();
    const after = decodeCursor(feed, query.after);
    const end = lastOf(feed, query.upTo);
    const page = pickPage(this.#entries(after, end, entriesToRead(query)), after, query);
    const items = page.inspectionIds.map((id) => this.#listed(id));
    return { items, nextCursor: encodeCursor(feed, page.lastSequence) };
  }

  async openReviews({ after: cursor, limit }: PageQuery): Promise<Page> {
    this.#assertOpen();
    const feed = this.#feed();
    const after = decodeCursor(feed, cursor);
    const range = this.#rooms.open.getRange({ start: after + 1, end: feed.tail + 1, limit });
    const entries = [...range];
    const items = entries.map(({ value }) => this.#listed(value));
    return { items, nextCursor: encodeCursor(feed, entries.at(-1)?.key ?? after) };
  }

  async ack(consumer: string, acks: readonly Ack[]): Promise<readonly AckOutcome[]> {
    this.#assertOpen();
    return this.#write(() => ackIds(this.#rooms, consumer, acks, new Date().toISOString()));
  }

  async ackUpTo(consumer: string, cursor: string): Promise<AckOutcome> {
    this.#assertOpen();
    const sequence = decodeCursor(this.#feed(), cursor, 'cursor');
    return this.#write(() => ackUpTo(this.#rooms, consumer, sequence, new Date().toISOString()));
  }

  async consumer(name: string): Promise<ConsumerStanding | undefined> {
    this.#assertOpen();
    const found = standing(this.#rooms, name, this.#durable);
    return found && describeStanding(this.#feed(), name, found);
  }

  async consumers(): Promise<readonly ConsumerStanding[]> {
    const found = await Promise.all(consumerNames(this.#rooms).map((name) => this.consumer(name)));
    return found.filter((one) => one !== undefined);
  }

  async ackedTo(): Promise<string | undefined> {
    this.#assertOpen();
    const position = ackedByAll(this.#rooms);
    return position === undefined ? undefined : encodeCursor(this.#feed(), position);
  }

  async forgetConsumer(name: string): Promise<boolean> {
    this.#assertOpen();
    return this.#write(() => {
      const known = this.#rooms.consumers.doesExist(name);
      if (known) this.#rooms.consumers.remove(name);
      return known;
    });
  }

  async lines(): Promise<readonly Line[]> {
    this.#assertOpen();
    return allLines(this.#rooms);
  }

  async line(lineId: string): Promise<Line | undefined> {
    this.#assertOpen();
    return lineOf(this.#rooms, lineId);
  }

  async resets(lineId: string): Promise<readonly Changeover[]> {
    this.#assertOpen();
    return resetsOf(this.#rooms, lineId);
  }

  async resetLine(lineId: string, reset: Reset): Promise<Changeover> {
    this.#assertOpen();
    return this.#write(() => {
      const event = resetLine(this.#rooms, lineId, reset);
      if (event === undefined) throw noLine(lineId);
      return event;
    });
  }

  async waitForNext(cursor: string | undefined, waitMs: number, signal: AbortSignal): Promise<void> {
    this.#assertOpen();
    const after = decodeCursor(this.#feed(), cursor);
    if (this.#durable > after) return;
    await this.#waiters.wait(after, waitMs, signal);
  }

  async forget(revisions: readonly Revision[], what: 'images' | 'records'): Promise<number> {
    this.#assertOpen();
    return this.#write(() => {
      let removed = 0;
      for (const { inspectionId, revision } of revisions) {
        const [, held] = this.#rooms.places.get(inspectionId) ?? [];
        if (held === undefined || held > revision) continue;
        const hadImages = removeImages(this.#rooms, inspectionId);
        if (what === 'records') removeRecord(this.#rooms, inspectionId);
        if (hadImages || what === 'records') removed += 1;
      }
      return removed;
    });
  }

  async usage(): Promise<Usage> {
    this.#assertOpen();
    return usageOf(this.#rooms, this.#path);
  }

  async leaseSweep(): Promise<boolean> {
    this.#assertOpen();
    return true;
  }

  async end(): Promise<string> {
    this.#assertOpen();
    const feed = this.#feed();
    return encodeCursor(feed, feed.tail);
  }

  async ping(): Promise<void> {
    this.#assertOpen();
    await this.#rooms.meta.put('pingedAt', new Date().toISOString());
    await this.#rooms.root.flushed;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiters.release();
    await this.#commits.idle();
    await this.#rooms.root.close();
    releaseLock(this.#path);
  }

  /** Within a group's transaction, so `write` must be synchronous; a ServiceError it must throw before its first put. */
  async #write<T>(write: () => T): Promise<T> {
    let outcome: { readonly value: T } | { readonly refusal: ServiceError } | undefined;
    await this.#commits.add(() => {
      try {
        outcome = { value: write() };
      } catch (error) {
        // What is wrong with one write is no fault of its group; what is wrong with the store is everybody's.
        if (!(error instanceof ServiceError)) throw error;
        outcome = { refusal: error };
      }
    });
    if (outcome === undefined) throw new Error(`The result store ${this.#path} left a write undone.`);
    if ('refusal' in outcome) throw outcome.refusal;
    return outcome.value;
  }

  /** A group is there whole or not at all: a transaction that is a child can be taken back. */
  async #commit(writes: readonly (() => void)[]): Promise<void> {
    const { root, meta } = this.#rooms;
    await root.childTransaction(() => {
      for (const write of writes) write();
      meta.put('tail', `${this.#assigned}`);
    });
    const last = this.#assigned;
    await root.flushed;
    this.#durable = last;
    this.#waiters.advanced(last);
  }

  /** Within a transaction. The entry of the revision before goes: of each inspection the feed has the newest. */
  #put(held: Inspection | undefined, inspection: Inspection, encoded: Artefacts['maps']): void {
    const { feed, open, places, inspections, maps } = this.#rooms;
    const { inspectionId: id, revision, lineId, verdict } = inspection;
    const place = places.get(id);
    if (place !== undefined) {
      const [superseded] = place;
      feed.remove(superseded);
      open.remove(superseded);
    }
    const counted = count(this.#rooms, held, inspection, place, new Date().toISOString());
    this.#assigned += 1;
    inspections.put(id, encodeInspection(inspection));
    for (const [name, bytes] of Object.entries(encoded)) maps.put([id, name], asBuffer(bytes));
    feed.put(this.#assigned, [id, lineId, verdict]);
    places.put(id, [this.#assigned, revision, ...counted]);
    if (needsReview(inspection)) open.put(this.#assigned, id);
  }

  #feed(): Feed {
    return { kind: 'lmdb', storeId: this.#storeId, tail: this.#durable };
  }

  *#entries(after: number, tail: number, count: number): Generator<FeedEntry> {
    const range = this.#rooms.feed.getRange({ start: after + 1, end: tail + 1, limit: count });
    for (const { key, value } of range)
      yield { sequence: key, inspectionId: value[0], lineId: value[1], verdict: value[2] };
  }

  #listed(inspectionId: string): Inspection {
    const text = this.#rooms.inspections.get(inspectionId);
    if (text === undefined)
      throw new Error(`The result store ${this.#path} is damaged: inspection ${inspectionId} is not there.`);
    return decodeInspection(text);
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error(`The result store ${this.#path} is closed.`);
  }
}

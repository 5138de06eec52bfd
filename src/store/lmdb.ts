// The embedded result store: LMDB in a folder, one process, durable before a save resolves.
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { Inspection, Verdict } from '../inspection.js';
import { decodeInspection, decodeMap, encodeInspection, encodeMaps } from './codec.js';
import { decodeCursor, encodeCursor, type Feed } from './cursor.js';
import { entriesToRead, type FeedEntry, pickPage } from './feed-page.js';
import { FeedWaiters } from './feed-waiters.js';
import { GroupCommit } from './group-commit.js';
import { assertNotLocked, LockedError, releaseLock, takeLock } from './path-lock.js';
import type { Artefacts, ListQuery, Page, ResultStore, StoredMap } from './store.js';

/** Keys beyond LMDB's own limit would throw; nothing of ours is half as long. */
const MAX_NAME_LENGTH = 256;

type FeedValue = [inspectionId: string, lineId: string | null, verdict: Verdict];

interface Rooms {
  readonly root: RootDatabase;
  readonly meta: Database<string, string>;
  /** sequence → what the feed says. */
  readonly feed: Database<FeedValue, number>;
  readonly inspections: Database<string, string>;
  /** [inspectionId, name] → encoded map. */
  readonly maps: Database<Buffer, [string, string]>;
  readonly thumbnails: Database<Buffer, string>;
}

interface Write {
  readonly inspection: Inspection;
  readonly maps: readonly { readonly name: string; readonly bytes: Buffer }[];
  readonly thumbnail: Uint8Array | undefined;
}

/**
 * Opens, or makes, the store in the folder `path`.
 * Throws a one-line Error where another process holds the folder, or it cannot be written.
 */
export async function openLmdbStore(options: { readonly path: string }): Promise<ResultStore> {
  const path = resolve(options.path);
  const root = openFolder(path);
  try {
    // LMDB's write transaction excludes every other process, so check and take are one step.
    root.transactionSync(() => takeLock(path));
  } catch (cause) {
    await root.close();
    throw notOpened(path, cause);
  }
  try {
    return new LmdbStore(path, openRooms(root));
  } catch (cause) {
    await root.close();
    releaseLock(path);
    throw notOpened(path, cause);
  }
}

function openFolder(path: string): RootDatabase {
  try {
    mkdirSync(path, { recursive: true });
    assertNotLocked(path);
    return open({ path, noSubdir: false, maxDbs: 8 });
  } catch (cause) {
    throw notOpened(path, cause);
  }
}

function notOpened(path: string, cause: unknown): Error {
  if (cause instanceof LockedError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Error(`The result store ${path} cannot be opened: ${reason}`, { cause });
}

function openRooms(root: RootDatabase): Rooms {
  return {
    root,
    meta: root.openDB({ name: 'meta', encoding: 'string' }),
    feed: root.openDB({ name: 'feed', encoding: 'ordered-binary' }),
    inspections: root.openDB({ name: 'inspections', encoding: 'string' }),
    maps: root.openDB({ name: 'maps', encoding: 'binary' }),
    thumbnails: root.openDB({ name: 'thumbnails', encoding: 'binary' }),
  };
}

class LmdbStore implements ResultStore {
  readonly #path: string;
  readonly #rooms: Rooms;
  readonly #storeId: string;
  readonly #commits = new GroupCommit<Write>((writes) => this.#commit(writes));
  readonly #waiters = new FeedWaiters();
  /** The last sequence given out; never given twice, not even after a failed commit. */
  #assigned: number;
  /** The last sequence on disk: readers see no further, so a power cut takes nothing back from them. */
  #durable: number;
  #closed = false;

  constructor(path: string, rooms: Rooms) {
    this.#path = path;
    this.#rooms = rooms;
    this.#storeId = identity(rooms.meta);
    const [last] = rooms.feed.getKeys({ reverse: true, limit: 1 });
    this.#assigned = last ?? 0;
    this.#durable = this.#assigned;
  }

  async save(inspection: Inspection, artefacts: Artefacts): Promise<void> {
    this.#assertOpen();
    const maps = await encodeMaps(artefacts.maps);
    this.#assertOpen();
    await this.#commits.add({ inspection, maps, thumbnail: artefacts.thumbnail });
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
    return this.#rooms.thumbnails.get(inspectionId);
  }

  async list(query: ListQuery): Promise<Page> {
    this.#assertOpen();
    const feed = this.#feed();
    const after = decodeCursor(feed, query.after);
    const page = pickPage(this.#entries(after, feed.tail, entriesToRead(query)), after, query);
    const items = page.inspectionIds.map((id) => this.#listed(id));
    return { items, nextCursor: encodeCursor(feed, page.lastSequence) };
  }

  async waitForNext(cursor: string | undefined, waitMs: number, signal: AbortSignal): Promise<void> {
    this.#assertOpen();
    const after = decodeCursor(this.#feed(), cursor);
    if (this.#durable > after) return;
    await this.#waiters.wait(after, waitMs, signal);
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

  /** All writes of one event-loop turn are one LMDB transaction: a group is there whole or not at all. */
  async #commit(writes: readonly Write[]): Promise<void> {
    const { root, feed, inspections, maps, thumbnails } = this.#rooms;
    const puts: Promise<boolean>[] = [];
    const ids = new Set<string>();
    for (const { inspection, maps: encoded, thumbnail } of writes) {
      const id = inspection.inspectionId;
      if (ids.has(id) || inspections.doesExist(id)) continue;
      ids.add(id);
      this.#assigned += 1;
      puts.push(inspections.put(id, encodeInspection(inspection)));
      for (const { name, bytes } of encoded) puts.push(maps.put([id, name], bytes));
      if (thumbnail !== undefined) puts.push(thumbnails.put(id, Buffer.from(thumbnail)));
      puts.push(feed.put(this.#assigned, [id, inspection.lineId, inspection.verdict]));
    }
    const last = this.#assigned;
    await Promise.all(puts);
    await root.flushed;
    this.#durable = last;
    this.#waiters.advanced(last);
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

function identity(meta: Database<string, string>): string {
  const known = meta.get('storeId');
  if (known !== undefined) return known;
  const storeId = randomBytes(6).toString('hex');
  meta.putSync('storeId', storeId);
  return storeId;
}

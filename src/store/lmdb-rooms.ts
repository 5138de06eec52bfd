// The tables of the embedded store, and how their folder is opened.
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { type Database, open, type RootDatabase } from 'lmdb';
import type { Verdict } from '../inspection.js';
import type { Attempt } from './line-counts.js';
import { assertNotLocked, LockedError, takeLock } from './path-lock.js';

/** Of the tables below: a folder written with others is refused, not misread. */
const FORMAT = '3';

export type FeedValue = [inspectionId: string, lineId: string | null, verdict: Verdict];

/** Where an inspection stands in the feed, and how it was counted, by its id. */
export type Place = [sequence: number, revision: number, resets: number, attempt: Attempt];

export interface LmdbRooms {
  readonly root: RootDatabase;
  /** storeId, format, tail: the last sequence given out, imageBytes. */
  readonly meta: Database<string, string>;
  /** sequence → what the feed says. */
  readonly feed: Database<FeedValue, number>;
  readonly places: Database<Place, string>;
  /** sequence → inspectionId, of those that need a review. */
  readonly open: Database<string, number>;
  readonly consumers: Database<string, string>;
  /** lineId → counters. */
  readonly lines: Database<string, string>;
  /** [lineId, how many] → change-over. */
  readonly resets: Database<string, [string, number]>;
  /** [lineId, partId] → its first inspection. */
  readonly parts: Database<string, [string, string]>;
  readonly inspections: Database<string, string>;
  /** [inspectionId, name] → encoded map. */
  readonly maps: Database<Buffer, [string, string]>;
  /** [inspectionId, name] → what was seen; see lmdb-images.ts. */
  readonly images: Database<Buffer, [string, string]>;
  /** order of keeping → whose images. */
  readonly imageOrder: Database<string, number>;
  /** inspectionId → [order, bytes]. */
  readonly imagePlaces: Database<[order: number, bytes: number], string>;
}

/** With its lock taken. Throws an Error of one line where another process holds it or it cannot be written. */
export async function openLockedFolder(path: string): Promise<RootDatabase> {
  const root = openFolder(path);
  try {
    // LMDB's write transaction excludes every other process, so check and take are one step.
    root.transactionSync(() => takeLock(path));
    return root;
  } catch (cause) {
    await root.close();
    throw notOpened(path, cause);
  }
}

function openFolder(path: string): RootDatabase {
  try {
    makeFolder(path);
    assertNotLocked(path);
    return open({ path, noSubdir: false, maxDbs: 24 });
  } catch (cause) {
    throw notOpened(path, cause);
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    // Parents are made too, so none is missing: it is what Node says where the disk is read-only.
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new Error('it cannot be made. Is its disk mounted read-only, or part of its path a broken link?', {
      cause,
    });
  }
}

export function notOpened(path: string, cause: unknown): Error {
  if (cause instanceof LockedError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Error(`The result store ${path} cannot be opened: ${reason}`, { cause });
}

/** Throws where the folder is damaged or of another version. */
export function openRooms(root: RootDatabase): LmdbRooms {
  const rooms: LmdbRooms = {
    root,
    meta: root.openDB({ name: 'meta', encoding: 'string' }),
    feed: root.openDB({ name: 'feed', encoding: 'ordered-binary' }),
    places: root.openDB({ name: 'places', encoding: 'ordered-binary' }),
    open: root.openDB({ name: 'open', encoding: 'string' }),
    consumers: root.openDB({ name: 'consumers', encoding: 'string' }),
    lines: root.openDB({ name: 'lines', encoding: 'string' }),
    resets: root.openDB({ name: 'resets', encoding: 'string' }),
    parts: root.openDB({ name: 'parts', encoding: 'string' }),
    inspections: root.openDB({ name: 'inspections', encoding: 'string' }),
    maps: root.openDB({ name: 'maps', encoding: 'binary' }),
    images: root.openDB({ name: 'images', encoding: 'binary' }),
    imageOrder: root.openDB({ name: 'imageOrder', encoding: 'string' }),
    imagePlaces: root.openDB({ name: 'imagePlaces', encoding: 'ordered-binary' }),
  };
  assertFormat(rooms.meta);
  return rooms;
}

/** Random, made with the store. */
export function identity(meta: Database<string, string>): string {
  const known = meta.get('storeId');
  if (known !== undefined) return known;
  const storeId = randomBytes(6).toString('hex');
  meta.putSync('storeId', storeId);
  return storeId;
}

function assertFormat(meta: Database<string, string>): void {
  const format = meta.get('format');
  if (format === FORMAT) return;
  if (meta.get('storeId') !== undefined)
    throw new Error(
      'it was written by another version of the service. Move the folder away, or give this one another path.',
    );
  meta.putSync('format', FORMAT);
}

/** All that a table has of one inspection, by name; false where there was nothing. Within a transaction. */
export function removeNamed(table: Database<Buffer, [string, string]>, inspectionId: string): boolean {
  // Names are never empty, and U+FFFF sorts behind all of them.
  const range = { start: [inspectionId, ''], end: [inspectionId, '\uffff'] } as const;
  const keys = [...table.getKeys(range as unknown as { start: [string, string]; end: [string, string] })];
  for (const key of keys) table.remove(key);
  return keys.length > 0;
}

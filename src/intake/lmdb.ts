// The embedded intake store: LMDB in a folder of its own beside the results, one process.
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import {
  ABSENT,
  type Change,
  type Held,
  type IntakeEntry,
  type IntakeStore,
  intakeEntry,
} from './intake-store.js';

/** Keys beyond LMDB's own limit would throw; nothing of ours is half as long. */
const MAX_ID_LENGTH = 512;

type TimeKey = [atMs: number, captureId: string];

interface Stored {
  readonly version: number;
  readonly entry: IntakeEntry;
}

interface Rooms {
  readonly root: RootDatabase;
  readonly entries: Database<Stored, string>;
  /** What somebody must look at, by when. */
  readonly wakes: Database<true, TimeKey>;
  /** What is settled, by when it may be forgotten. */
  readonly expiries: Database<true, TimeKey>;
  readonly pieces: Database<Buffer, [captureId: string, name: string]>;
}

/** The folder must be held by one process alone. Throws a one-line Error where it cannot be opened. */
export function openLmdbIntake(options: { readonly path: string }): IntakeStore {
  const path = resolve(options.path);
  try {
    mkdirSync(path, { recursive: true });
    const root = open({ path, noSubdir: false, maxDbs: 8 });
    return new LmdbIntake(path, {
      root,
      entries: root.openDB({ name: 'entries', encoding: 'json' }),
      wakes: root.openDB({ name: 'wakes', encoding: 'json' }),
      expiries: root.openDB({ name: 'expiries', encoding: 'json' }),
      pieces: root.openDB({ name: 'pieces', encoding: 'binary' }),
    });
  } catch (cause) {
    throw new Error(`The intake store ${path} cannot be opened: ${(cause as Error).message}`, { cause });
  }
}

class LmdbIntake implements IntakeStore {
  readonly shared = false;
  readonly #path: string;
  readonly #rooms: Rooms;
  #captures = 0;
  #bytes = 0;
  #closed = false;

  constructor(path: string, rooms: Rooms) {
    this.#path = path;
    this.#rooms = rooms;
    for (const [, captureId] of rooms.wakes.getKeys()) this.#count(rooms.entries.get(captureId)?.entry, 1);
  }

  async get(captureId: string): Promise<Held | undefined> {
    this.#assertOpen();
    if (captureId.length > MAX_ID_LENGTH) return undefined;
    const stored = this.#rooms.entries.get(captureId);
    return stored && { version: String(stored.version), entry: intakeEntry.parse(stored.entry) };
  }

  /** Changes of one event-loop turn share one transaction and one sync. */
  async swap(change: Change): Promise<string | undefined> {
    this.#assertOpen();
    const { root } = this.#rooms;
    const version = await root.transaction(() => this.#apply(change));
    if (version !== undefined) await root.flushed;
    return version;
  }

  async piece(captureId: string, name: string): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    return this.#rooms.pieces.get([captureId, name]);
  }

  async due(nowMs: number, limit: number): Promise<readonly string[]> {
    this.#assertOpen();
    const end: TimeKey = [nowMs + 1, ''];
    return [...this.#rooms.wakes.getKeys({ end, limit })].map(([, captureId]) => captureId);
  }

  async usage() {
    return { captures: this.#captures, bytes: this.#bytes };
  }

  async sweep(nowMs: number, limit: number): Promise<number> {
    this.#assertOpen();
    const { root, entries, expiries } = this.#rooms;
    const old = [...expiries.getKeys({ end: [nowMs, ''], limit })];
    if (old.length === 0) return 0;
    await root.transaction(() => {
      for (const key of old) {
        // Came to life again since it was listed: then it stands elsewhere, or not here at all.
        if (!expiries.doesExist(key)) continue;
        expiries.removeSync(key);
        entries.removeSync(key[1]);
      }
    });
    return old.length;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#rooms.root.close();
  }

  /** Inside a transaction. */
  #apply({ captureId, version, entry, put, dropBytes }: Change): string | undefined {
    const { entries, pieces } = this.#rooms;
    const before = entries.get(captureId);
    if (String(before?.version ?? ABSENT) !== version) return undefined;
    this.#unlist(before?.entry);
    if (dropBytes || entry === undefined)
      for (const { name } of before?.entry.pieces ?? []) pieces.removeSync([captureId, name]);
    this.#count(before?.entry, -1);
    this.#count(entry, 1);
    if (entry === undefined) {
      entries.removeSync(captureId);
      return ABSENT;
    }
    for (const [name, bytes] of put ?? []) pieces.putSync([captureId, name], Buffer.from(bytes));
    const next = (before?.version ?? 0) + 1;
    entries.putSync(captureId, { version: next, entry });
    this.#list(entry);
    return String(next);
  }

  #list({ captureId, wakeAtMs, expiresAtMs }: IntakeEntry): void {
    const { wakes, expiries } = this.#rooms;
    if (wakeAtMs === null) expiries.putSync([expiresAtMs, captureId], true);
    else wakes.putSync([wakeAtMs, captureId], true);
  }

  #unlist(entry: IntakeEntry | undefined): void {
    if (entry === undefined) return;
    const { wakes, expiries } = this.#rooms;
    if (entry.wakeAtMs === null) expiries.removeSync([entry.expiresAtMs, entry.captureId]);
    else wakes.removeSync([entry.wakeAtMs, entry.captureId]);
  }

  #count(entry: IntakeEntry | undefined, change: 1 | -1): void {
    if (entry === undefined || entry.wakeAtMs === null) return;
    this.#captures += change;
    this.#bytes += change * entry.heldBytes;
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error(`The intake store ${this.#path} is closed.`);
  }
}

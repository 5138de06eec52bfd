// Records that wait on this machine's disk for a store that is away: a bounded queue in LMDB, first in, first out.
import { resolve } from 'node:path';
import type { Database, RootDatabase } from 'lmdb';
import { GroupCommit } from '../group-commit.js';
import type { Inspection } from '../inspection.js';
import { asBuffer, decodeInspection, encodeInspection } from './codec.js';
import { openLockedFolder } from './lmdb-rooms.js';
import { releaseLock } from './path-lock.js';
import type { Artefacts } from './store.js';

export interface SpooledRecord {
  readonly place: number;
  readonly inspection: Inspection;
  readonly artefacts: Artefacts;
}

export interface SpoolSize {
  readonly records: number;
  /** Of their contents; on the disk it is somewhat more. */
  readonly bytes: number;
}

export interface Spool {
  readonly size: SpoolSize;
  /** Resolves to false where it is full; otherwise once the record would survive a crash. */
  append(inspection: Inspection, artefacts: Artefacts): Promise<boolean>;
  /** undefined where nothing waits. */
  oldest(): Promise<SpooledRecord | undefined>;
  /** Of the oldest, once it is stored elsewhere. */
  remove(place: number): Promise<void>;
  close(): Promise<void>;
}

interface Waiting {
  readonly inspection: string;
  readonly maps: readonly { readonly name: string; readonly bytes: Buffer }[];
  readonly bytes: number;
}

/** Throws an Error of one line where the folder is held by another process or cannot be written. */
export async function openSpool(options: {
  readonly path: string;
  readonly limitBytes: number;
}): Promise<Spool> {
  const path = resolve(options.path);
  return new LmdbSpool(path, await openLockedFolder(path), options.limitBytes);
}

class LmdbSpool implements Spool {
  readonly #path: string;
  readonly #root: RootDatabase;
  readonly #waiting: Database<Waiting, number>;
  readonly #limitBytes: number;
  readonly #commits = new GroupCommit<() => void>((writes) => this.#commit(writes));
  #next: number;
  #records = 0;
  #bytes = 0;

  constructor(path: string, root: RootDatabase, limitBytes: number) {
    this.#path = path;
    this.#root = root;
    this.#limitBytes = limitBytes;
    this.#waiting = root.openDB<Waiting, number>({ name: 'waiting' });
    this.#next = 1;
    for (const { key, value } of this.#waiting.getRange()) {
      this.#next = key + 1;
      this.#records += 1;
      this.#bytes += value.bytes;
    }
  }

  get size(): SpoolSize {
    return { records: this.#records, bytes: this.#bytes };
  }

  async append(inspection: Inspection, artefacts: Artefacts): Promise<boolean> {
    const record = encodeInspection(inspection);
    const maps = Object.entries(artefacts.maps).map(([name, map]) => ({ name, bytes: asBuffer(map) }));
    const bytes = maps.reduce((sum, map) => sum + map.bytes.length, Buffer.byteLength(record));
    if (this.#bytes + bytes > this.#limitBytes) return false;
    this.#records += 1;
    this.#bytes += bytes;
    const place = this.#next++;
    const waiting = { inspection: record, maps, bytes };
    try {
      await this.#commits.add(() => this.#waiting.put(place, waiting));
    } catch (error) {
      this.#records -= 1;
      this.#bytes -= bytes;
      throw error;
    }
    return true;
  }

  async oldest(): Promise<SpooledRecord | undefined> {
    const [first] = this.#waiting.getRange({ limit: 1 });
    if (first === undefined) return undefined;
    const { inspection, maps } = first.value;
    return {
      place: first.key,
      inspection: decodeInspection(inspection),
      artefacts: { maps: Object.fromEntries(maps.map(({ name, bytes }) => [name, bytes])) },
    };
  }

  async remove(place: number): Promise<void> {
    const waiting = this.#waiting.get(place);
    if (waiting === undefined) return;
    await this.#commits.add(() => this.#waiting.remove(place));
    this.#records -= 1;
    this.#bytes -= waiting.bytes;
  }

  async close(): Promise<void> {
    await this.#commits.idle();
    await this.#root.close();
    releaseLock(this.#path);
  }

  async #commit(writes: readonly (() => void)[]): Promise<void> {
    await this.#root.childTransaction(() => {
      for (const write of writes) write();
    });
    await this.#root.flushed;
  }
}

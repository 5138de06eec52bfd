// A result store whose records wait in a spool while it is away, and are written in order when it is back.
import type { Inspection } from '../inspection.js';
import type { Spool, SpoolSize } from './spool.js';
import type { Artefacts, ResultStore } from './store.js';

export interface SpooledStoreOptions {
  /** The store that may be away; closed with the whole. */
  readonly store: ResultStore;
  /** Closed with the whole. */
  readonly spool: Spool;
  /** A save that takes longer counts as failed: its record goes to the spool. */
  readonly timeoutMs: number;
  /** How long to wait before the store is tried again. */
  readonly retryMs: number;
  /** After each change, and once at the start. */
  readonly onSize: (size: SpoolSize) => void;
  /** A record that is lost: the spool is full or fails, or the store is there and refuses it for good. */
  readonly onDropped: (inspection: Inspection, reason: Error) => void;
}

/** A store that answers and refuses one record so often will not take it: what waits behind it must not wait for ever. */
const MAX_REFUSALS = 5;

/**
 * save() rejects also where the record waits in the spool: the answer then says "stored": false, for it cannot be looked
 * up yet. Everything else is `store`'s.
 */
export function createSpooledStore(options: SpooledStoreOptions): ResultStore {
  const spooler = new Spooler(options);
  const own: Partial<ResultStore> = {
    save: (inspection, artefacts) => spooler.save(inspection, artefacts),
    close: () => spooler.close(),
  };
  return new Proxy(options.store, {
    get(store, name) {
      const method = own[name as keyof ResultStore] ?? Reflect.get(store, name, store);
      return typeof method === 'function' ? method.bind(store) : method;
    },
  });
}

class Spooler {
  readonly #options: SpooledStoreOptions;
  /** Set while the store is known to be away: saves go to the spool at once, and nobody waits for a time-out. */
  #isAway = false;
  #refusals = 0;
  #timer: NodeJS.Timeout | undefined;
  #draining: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: SpooledStoreOptions) {
    this.#options = options;
    options.onSize(options.spool.size);
    if (options.spool.size.records > 0) this.#drainSoon(0);
  }

  async save(inspection: Inspection, artefacts: Artefacts): Promise<void> {
    const { store, timeoutMs } = this.#options;
    if (this.#isClosed) throw new Error('The result store is closed.');
    let reason = new Error('it is away');
    try {
      if (!this.#isAway) return await within(timeoutMs, store.save(inspection, artefacts));
    } catch (error) {
      reason = error as Error;
    }
    this.#isAway = true;
    await this.#keep(inspection, artefacts, reason);
    throw new Error(`the record waits in the spool (the result store: ${reason.message})`, { cause: reason });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#draining;
    await this.#options.store.close();
    await this.#options.spool.close();
  }

  async #keep(inspection: Inspection, artefacts: Artefacts, reason: Error): Promise<void> {
    const { spool, retryMs, onSize } = this.#options;
    try {
      if (!(await spool.append(inspection, artefacts)))
        throw new Error('the spool is full', { cause: reason });
    } catch (error) {
      this.#drop(inspection, error as Error);
      throw error;
    } finally {
      this.#drainSoon(retryMs);
    }
    onSize(spool.size);
  }

  #drainSoon(waitMs: number): void {
    if (this.#timer !== undefined || this.#draining !== undefined || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#draining = this.#drain().finally(() => {
        this.#draining = undefined;
        if (this.#isAway || this.#options.spool.size.records > 0) this.#drainSoon(this.#options.retryMs);
      });
    }, waitMs);
    this.#timer.unref();
  }

  /** Stops at the first record that is not taken: what waits behind it would overtake it. Never throws. */
  async #drain(): Promise<void> {
    const { store, spool, timeoutMs, onSize } = this.#options;
    try {
      await within(timeoutMs, store.ping());
      this.#isAway = false;
      for (let next = await spool.oldest(); next !== undefined; next = await spool.oldest()) {
        if (this.#isClosed || !(await this.#write(next.inspection, next.artefacts))) return;
        await spool.remove(next.place);
        onSize(spool.size);
      }
    } catch {
      // Still away, or the spool cannot be read: tried again, and the size that stays says so.
    }
  }

  /** true where the record needs no more waiting. */
  async #write(inspection: Inspection, artefacts: Artefacts): Promise<boolean> {
    const { store, timeoutMs } = this.#options;
    try {
      // Idempotent: a record that was written just before the connection broke is there once.
      await within(timeoutMs, store.save(inspection, artefacts));
    } catch (error) {
      this.#refusals += 1;
      if (this.#refusals < MAX_REFUSALS || !(await this.#answers())) return false;
      this.#drop(inspection, error as Error);
    }
    this.#refusals = 0;
    return true;
  }

  #answers(): Promise<boolean> {
    const { store, timeoutMs } = this.#options;
    return within(timeoutMs, store.ping()).then(
      () => true,
      () => false,
    );
  }

  #drop(inspection: Inspection, reason: Error): void {
    this.#options.onDropped(inspection, reason);
  }
}

/** What is given up goes on; what it still does is harmless, for a repeated save changes nothing. */
async function within(timeoutMs: number, asked: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  asked.catch(() => {});
  try {
    await Promise.race([asked, expired]);
  } finally {
    clearTimeout(timer);
  }
}

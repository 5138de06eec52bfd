// What push keeps, embedded: LMDB in a folder of its own, one process, durable before a write resolves.
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
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

/** LMDB's own limit is 1978 bytes; no id of ours is half as long. */
const MAX_ID_LENGTH = 256;

interface Lease {
  readonly owner: string;
  readonly untilMs: number;
}

/**
 * Opens, or makes, the store in the folder `path`; that only one process does is the result store's lock.
 * Throws a one-line Error where the folder cannot be written.
 */
export function openLmdbPushStore(options: { readonly path: string }): PushStore {
  const path = resolve(options.path);
  try {
    mkdirSync(path, { recursive: true });
    return new LmdbPushStore(open({ path, noSubdir: false, maxDbs: 4 }));
  } catch (cause) {
    throw new Error(`The store of subscriptions ${path} cannot be opened: ${(cause as Error).message}`, {
      cause,
    });
  }
}

class LmdbPushStore implements PushStore {
  readonly #root: RootDatabase;
  readonly #webhooks: Database<string, string>;
  readonly #progress: Database<string, string>;
  /** [webhook, event] → letter. */
  readonly #letters: Database<string, [string, string]>;
  /** In memory: another process cannot hold one, and ours must not outlive us. */
  readonly #leases = new Map<string, Lease>();

  constructor(root: RootDatabase) {
    this.#root = root;
    this.#webhooks = root.openDB({ name: 'webhooks', encoding: 'string' });
    this.#progress = root.openDB({ name: 'progress', encoding: 'string' });
    this.#letters = root.openDB({ name: 'letters', encoding: 'string' });
  }

  async webhooks(): Promise<Webhook[]> {
    return [...this.#webhooks.getRange()].map(({ value }) => webhookSchema.parse(JSON.parse(value)));
  }

  async webhook(id: string): Promise<Webhook | undefined> {
    return this.#webhookNow(id);
  }

  async putWebhook(webhook: Webhook, progress: Progress): Promise<void> {
    await this.#write(() => {
      const reader = readerOf(webhook.id);
      const known = this.#progressNow(reader);
      this.#webhooks.put(webhook.id, JSON.stringify(webhook));
      this.#progress.put(reader, JSON.stringify(known === undefined ? progress : tryAtOnce(known)));
    });
  }

  changeWebhook(webhook: Webhook, version: string): Promise<boolean> {
    return this.#write(() => {
      if (this.#webhookNow(webhook.id)?.version !== version) return false;
      this.#webhooks.put(webhook.id, JSON.stringify(webhook));
      return true;
    });
  }

  removeWebhook(id: string): Promise<boolean> {
    return this.#write(() => {
      if (this.#webhookNow(id) === undefined) return false;
      this.#webhooks.remove(id);
      this.#progress.remove(readerOf(id));
      for (const key of [...this.#letters.getKeys(lettersOf(id))]) this.#letters.remove(key);
      this.#leases.delete(readerOf(id));
      return true;
    });
  }

  async progress(reader: string): Promise<Progress | undefined> {
    return this.#progressNow(reader);
  }

  saveProgress(reader: string, owner: string, progress: Progress): Promise<boolean> {
    return this.#write(() => {
      if (!this.#holds(reader, owner)) return false;
      this.#progress.put(reader, JSON.stringify(progress));
      return true;
    });
  }

  bury(id: string, owner: string, letter: DeadLetter, progress: Progress): Promise<boolean> {
    return this.#write(() => {
      if (!this.#holds(readerOf(id), owner)) return false;
      this.#letters.put([id, letter.event.id], JSON.stringify(letter));
      this.#progress.put(readerOf(id), JSON.stringify(progress));
      return true;
    });
  }

  async deadLetters(id: string): Promise<DeadLetter[]> {
    const found = [...this.#letters.getRange(lettersOf(id))];
    return oldestFirst(found.map(({ value }) => deadLetterSchema.parse(JSON.parse(value))));
  }

  async countDeadLetters(id: string): Promise<number> {
    return this.#letters.getKeysCount(lettersOf(id));
  }

  async changeDeadLetter(id: string, letter: DeadLetter): Promise<void> {
    await this.#write(() => {
      const key: [string, string] = [id, letter.event.id];
      if (this.#letters.doesExist(key)) this.#letters.put(key, JSON.stringify(letter));
    });
  }

  async removeDeadLetters(id: string, eventIds: readonly string[]): Promise<void> {
    await this.#write(() => {
      for (const eventId of eventIds) this.#letters.remove([id, eventId]);
    });
  }

  async lease(reader: string, owner: string, ttlMs: number): Promise<boolean> {
    const held = this.#leases.get(reader);
    if (held !== undefined && held.owner !== owner && held.untilMs > performance.now()) return false;
    this.#leases.set(reader, { owner, untilMs: performance.now() + ttlMs });
    return true;
  }

  async release(reader: string, owner: string): Promise<void> {
    if (this.#leases.get(reader)?.owner === owner) this.#leases.delete(reader);
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  #webhookNow(id: string): Webhook | undefined {
    const text = id.length > MAX_ID_LENGTH ? undefined : this.#webhooks.get(id);
    return text === undefined ? undefined : webhookSchema.parse(JSON.parse(text));
  }

  #progressNow(reader: string): Progress | undefined {
    const text = reader.length > MAX_ID_LENGTH ? undefined : this.#progress.get(reader);
    return text === undefined ? undefined : progressSchema.parse(JSON.parse(text));
  }

  #holds(reader: string, owner: string): boolean {
    const held = this.#leases.get(reader);
    return held?.owner === owner && held.untilMs > performance.now();
  }

  /** One transaction, on disk when it resolves. */
  async #write<T>(change: () => T): Promise<T> {
    const outcome = await this.#root.transaction(change);
    await this.#root.flushed;
    return outcome;
  }
}

function lettersOf(id: string): { start: [string, string]; end: [string, string] } {
  return { start: [id, ''], end: [id, '\uffff'] };
}

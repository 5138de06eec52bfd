// What is kept how long, and what goes first where there is no room: pictures before records, OK before the rest.
import { setImmediate } from 'node:timers/promises';
import type { Inspection } from '../inspection.js';
import type { Forgettable, Page, ResultStore, Usage } from './store.js';

export type What = 'images' | 'records';
/** unacked: by age or count, and a consumer had not acked it for as long as is waited. */
export type Reason = 'age' | 'count' | 'bytes' | 'unacked';

/** Infinity where it is unlimited. `flagged`: REVIEW, NG and NOT_DECIDABLE. */
export interface RetentionPolicy {
  readonly imagesMs: { readonly ok: number; readonly flagged: number };
  readonly recordsMs: { readonly ok: number; readonly flagged: number };
  /** So long a record is kept for a consumer that has not acked it, unless there is no room. */
  readonly unackedMs: number;
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** Of the disk of an embedded store. */
  readonly minFreeBytes: number;
}

export interface RetentionOptions {
  readonly store: Pick<ResultStore, 'list' | 'ackedTo' | 'forget' | 'usage' | 'leaseSweep'>;
  readonly policy: RetentionPolicy;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  readonly onRemoved: (what: What, reason: Reason, count: number) => void;
  readonly onUsage: (usage: Usage) => void;
  /** The age of the oldest record that is kept for consumers alone; 0 where there is none. */
  readonly onHeldBack: (ageMs: number) => void;
}

export interface Retention {
  /** One round; stops early when `signal` aborts. Throws what the store throws. */
  sweep(signal: AbortSignal): Promise<void>;
}

/** Of the feed at a time: about 4 ms, between which captures are served. */
const BATCH = 100;
/**
 * Of each class, or of each limit: 10,000 inspections a minute are more than lines make, and after a restart, when all
 * is looked at again, a round takes no more than some hundred milliseconds of it.
 */
const BATCHES_A_ROUND = 100;
/** A replica that died in the middle of a round holds up the others no longer. */
const LEASE_MS = 30_000;

/** What may go, in the order it goes where room is wanted. */
const CLASSES = [
  { what: 'images', of: 'ok' },
  { what: 'images', of: 'flagged' },
  { what: 'records', of: 'ok' },
  { what: 'records', of: 'flagged' },
] as const;
type Class = (typeof CLASSES)[number];

export function createRetention(options: RetentionOptions): Retention {
  return new Sweeper(options);
}

class Sweeper implements Retention {
  readonly #options: RetentionOptions;
  /** How far each class is done; after a restart they begin again, and find little. */
  readonly #cursors = new Map<Class, string>();
  #batchesLeft = 0;
  #ackedTo: string | undefined;
  #heldBackMs = 0;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  async sweep(signal: AbortSignal): Promise<void> {
    const { store, policy, nowMs, onUsage, onHeldBack } = this.#options;
    this.#heldBackMs = 0;
    if (await store.leaseSweep(LEASE_MS)) {
      this.#ackedTo = await store.ackedTo();
      for (const one of CLASSES) {
        const keptMs = one.what === 'images' ? policy.imagesMs[one.of] : policy.recordsMs[one.of];
        const isOld = ({ completedAt }: Inspection) => nowMs() - Date.parse(completedAt) > keptMs;
        this.#batchesLeft = BATCHES_A_ROUND;
        if (keptMs !== Number.POSITIVE_INFINITY) while (await this.#removeWhile(one, isOld, 'age', signal));
      }
      await this.#makeRoom(CLASSES.slice(2), 'count', (usage) => usage.records - policy.maxRecords, signal);
      // How much a record gives back is known only afterwards: batch by batch.
      await this.#makeRoom(CLASSES, 'bytes', (usage) => (isTight(usage, policy) ? BATCH : 0), signal);
    }
    onHeldBack(this.#heldBackMs);
    onUsage(await store.usage());
  }

  async #makeRoom(
    classes: readonly Class[],
    reason: Reason,
    excess: (usage: Usage) => number,
    signal: AbortSignal,
  ): Promise<void> {
    this.#batchesLeft = BATCHES_A_ROUND;
    for (const one of classes)
      for (;;) {
        let left = excess(await this.#options.store.usage());
        if (left <= 0) return;
        if (!(await this.#removeWhile(one, () => left-- > 0, reason, signal))) break;
        // On to the next class only where this one has nothing more to give.
        if (this.#batchesLeft === 0) return;
      }
  }

  /** Looks at a batch; false where there is nothing more to remove in this class. */
  async #removeWhile(
    one: Class,
    goes: (inspection: Inspection) => boolean,
    reason: Reason,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (signal.aborted || this.#batchesLeft === 0) return false;
    this.#batchesLeft -= 1;
    await setImmediate(); // captures first
    const after = this.#cursors.get(one);
    const page = await this.#page(after, one.what === 'records' && reason !== 'bytes');
    const why = page.isOwed ? 'unacked' : reason;
    const removed: Forgettable[] = [];
    for (const inspection of page.items) {
      if ((inspection.verdict === 'OK' ? 'ok' : 'flagged') !== one.of) continue;
      // The feed is in the order of time: behind what stays, nothing goes.
      if (!goes(inspection) || (page.isOwed && this.#isWaitedFor(inspection))) {
        await this.#forget(one, removed, why);
        return false;
      }
      removed.push(inspection);
    }
    await this.#forget(one, removed, why);
    if (page.items.length === 0) return false;
    this.#cursors.set(one, page.nextCursor);
    return true;
  }

  /** What every consumer has acked comes before what is still owed to one. */
  async #page(after: string | undefined, mindsConsumers: boolean): Promise<Page & { isOwed: boolean }> {
    const { store } = this.#options;
    const query = { limit: BATCH, ...(after === undefined ? {} : { after }) };
    if (!mindsConsumers || this.#ackedTo === undefined)
      return { ...(await store.list(query)), isOwed: false };
    const acked = await store.list({ ...query, upTo: this.#ackedTo });
    if (acked.items.length > 0) return { ...acked, isOwed: false };
    return { ...(await store.list(query)), isOwed: true };
  }

  #isWaitedFor({ completedAt }: Inspection): boolean {
    const ageMs = this.#options.nowMs() - Date.parse(completedAt);
    if (ageMs > this.#options.policy.unackedMs) return false;
    this.#heldBackMs = Math.max(this.#heldBackMs, ageMs);
    return true;
  }

  async #forget(one: Class, removed: readonly Forgettable[], reason: Reason): Promise<void> {
    if (removed.length === 0) return;
    await this.#options.store.forget(removed, one.what);
    this.#options.onRemoved(one.what, reason, removed.length);
  }
}

function isTight({ bytes, freeBytes }: Usage, { maxBytes, minFreeBytes }: RetentionPolicy): boolean {
  return bytes > maxBytes || (freeBytes !== undefined && freeBytes < minFreeBytes);
}

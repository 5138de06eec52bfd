// What is kept how long, and what goes first where there is no room: pictures before records, OK before the rest.
import { setImmediate } from 'node:timers/promises';
import { canonicalJson } from '../canonical-json.js';
import type { Inspection } from '../inspection.js';
import type { Page, ResultStore, Revision, Usage } from './store.js';

export type What = 'images' | 'records';
/** unacked: by age or count, and a consumer had not acked it for as long as is waited. */
export type Reason = 'age' | 'count' | 'bytes' | 'unacked';

/** Infinity where it is unlimited. `flagged`: REVIEW, NG and NOT_DECIDABLE. */
export interface Ages {
  readonly images: { readonly ok: number; readonly flagged: number };
  readonly records: { readonly ok: number; readonly flagged: number };
}

export interface RetentionPolicy {
  /** In milliseconds, where the recipe has none of its own. */
  readonly ages: Ages;
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
  /** By recipe, as they are now: of those recipes that have ages of their own. */
  readonly agesByRecipe: () => ReadonlyMap<string, Ages>;
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
/** Pictures come after their record: a round that went by before they were there would not come back for them. */
const PICTURES_LATE_MS = 60_000;
/** A replica that died in the middle of a round holds up the others no longer. */
const LEASE_MS = 30_000;

/** What may go, in the order it goes where room is wanted. */
const CLASSES = [
  { what: 'images', of: 'ok' },
  { what: 'images', of: 'flagged' },
  { what: 'records', of: 'ok' },
  { what: 'records', of: 'flagged' },
] as const;

/** What of one class is kept equally long; by it the feed is in the order in which things go. */
interface Group {
  readonly what: What;
  readonly of: 'ok' | 'flagged';
  readonly keptMs: number;
}

export function createRetention(options: RetentionOptions): Retention {
  return new Sweeper(options);
}

class Sweeper implements Retention {
  readonly #options: RetentionOptions;
  /** How far each group is done; after a restart, or another recipe, they begin again, and find little. */
  readonly #cursors = new Map<string, string>();
  /** When the next of a group gets old. */
  readonly #dueMs = new Map<string, number>();
  #agesByRecipe: ReadonlyMap<string, Ages> = new Map();
  #batchesLeft = 0;
  #ackedTo: string | undefined;
  #heldBackMs = 0;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  async sweep(signal: AbortSignal): Promise<void> {
    const { store, policy, onUsage, onHeldBack } = this.#options;
    this.#heldBackMs = 0;
    if (await store.leaseSweep(LEASE_MS)) {
      this.#ackedTo = await store.ackedTo();
      const groups = this.#groups();
      for (const { what, of } of CLASSES) {
        this.#batchesLeft = BATCHES_A_ROUND;
        for (const group of groups)
          if (group.what === what && group.of === of) await this.#removeOld(group, signal);
      }
      const records = groups.filter(({ what }) => what === 'records');
      await this.#makeRoom(records, 'count', (usage) => usage.records - policy.maxRecords, signal);
      // How much a record gives back is known only afterwards: batch by batch.
      await this.#makeRoom(groups, 'bytes', (usage) => (isTight(usage, policy) ? BATCH : 0), signal);
    }
    onHeldBack(this.#heldBackMs);
    onUsage(await store.usage());
  }

  /** Looks only once the oldest that stayed has got old: there may be many groups. */
  async #removeOld(group: Group, signal: AbortSignal): Promise<void> {
    const { nowMs } = this.#options;
    if (nowMs() <= (this.#dueMs.get(keyOf(group)) ?? 0)) return;
    const keptMs = group.keptMs + (group.what === 'images' ? PICTURES_LATE_MS : 0);
    const isOld = ({ completedAt }: Inspection) => {
      const dueMs = Date.parse(completedAt) + keptMs;
      this.#dueMs.set(keyOf(group), dueMs);
      return nowMs() > dueMs;
    };
    if (keptMs !== Number.POSITIVE_INFINITY) while (await this.#removeWhile(group, isOld, 'age', signal));
  }

  /** In the order they go: class by class, and in each what is kept shortest first. */
  #groups(): readonly Group[] {
    const { policy, agesByRecipe } = this.#options;
    const now = agesByRecipe();
    // What changed hands between groups may lie behind where its new one has come to.
    if (canonicalJson([...now]) !== canonicalJson([...this.#agesByRecipe])) {
      this.#cursors.clear();
      this.#dueMs.clear();
    }
    this.#agesByRecipe = now;
    const all = [policy.ages, ...now.values()];
    return CLASSES.flatMap(({ what, of }) => {
      const kept = new Set(all.map((ages) => ages[what][of]));
      return [...kept].sort((a, b) => a - b).map((keptMs) => ({ what, of, keptMs }));
    });
  }

  #isOf({ what, of, keptMs }: Group, { verdict, recipe }: Inspection): boolean {
    if ((verdict === 'OK' ? 'ok' : 'flagged') !== of) return false;
    const ages = this.#agesByRecipe.get(recipe ?? '') ?? this.#options.policy.ages;
    return ages[what][of] === keptMs;
  }

  async #makeRoom(
    groups: readonly Group[],
    reason: Reason,
    excess: (usage: Usage) => number,
    signal: AbortSignal,
  ): Promise<void> {
    this.#batchesLeft = BATCHES_A_ROUND;
    for (const group of groups)
      for (;;) {
        let left = excess(await this.#options.store.usage());
        if (left <= 0) return;
        if (!(await this.#removeWhile(group, () => left-- > 0, reason, signal))) break;
        // On to the next only where this one has nothing more to give.
        if (this.#batchesLeft === 0) return;
      }
  }

  /** Looks at a batch; false where there is nothing more to remove in this group. */
  async #removeWhile(
    group: Group,
    goes: (inspection: Inspection) => boolean,
    reason: Reason,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (signal.aborted || this.#batchesLeft === 0) return false;
    this.#batchesLeft -= 1;
    await setImmediate(); // captures first
    const key = keyOf(group);
    const page = await this.#page(this.#cursors.get(key), group.what === 'records' && reason !== 'bytes');
    const why = page.isOwed ? 'unacked' : reason;
    const removed: Revision[] = [];
    for (const inspection of page.items) {
      if (!this.#isOf(group, inspection)) continue;
      // The feed is in the order of time: behind what stays, nothing goes.
      if (!goes(inspection) || (page.isOwed && this.#isWaitedFor(inspection))) {
        await this.#forget(group, removed, why);
        return false;
      }
      removed.push(inspection);
    }
    await this.#forget(group, removed, why);
    if (page.items.length === 0) return false;
    this.#cursors.set(key, page.nextCursor);
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

  async #forget({ what }: Group, removed: readonly Revision[], reason: Reason): Promise<void> {
    if (removed.length === 0) return;
    // After a restart all is looked at again, also what has lost its images before.
    const count = await this.#options.store.forget(removed, what);
    if (count > 0) this.#options.onRemoved(what, reason, count);
  }
}

function keyOf({ what, of, keptMs }: Group): string {
  return `${what} ${of} ${keptMs}`;
}

/** Whether something has to go, and nothing should come that is not needed. */
export function isTight(
  { bytes, freeBytes }: Pick<Usage, 'bytes' | 'freeBytes'>,
  { maxBytes, minFreeBytes }: Pick<RetentionPolicy, 'maxBytes' | 'minFreeBytes'>,
): boolean {
  return bytes > maxBytes || (freeBytes !== undefined && freeBytes < minFreeBytes);
}

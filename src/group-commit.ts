// Writes that come close together share a commit, and those that come during one share the next.
import { setImmediate as endOfTurn } from 'node:timers/promises';

interface Waiting<T> {
  readonly entry: T;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** One flush to disk costs the same for one record and for a hundred: under load, groups form by themselves. */
export class GroupCommit<T> {
  readonly #commit: (entries: readonly T[]) => Promise<void>;
  readonly #gather: () => Promise<void>;
  #waiting: Waiting<T>[] = [];
  #running: Promise<void> | undefined;

  /** `gather`: how long a commit waits for those that will share it; by default, what this turn of the event loop brings. */
  constructor(commit: (entries: readonly T[]) => Promise<void>, gather: () => Promise<void> = endOfTurn) {
    this.#commit = commit;
    this.#gather = gather;
  }

  /** Resolves when the group of `entry` is committed; rejects with what its commit threw. */
  add(entry: T): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is waiting or under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#gather();
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#commit(group.map(({ entry }) => entry));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#running = undefined;
  }
}

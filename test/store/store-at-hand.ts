// The store a contract test works on, and what tests do with it again and again.
import type { ListQuery, ResultStore } from '../../src/store/store.js';
import type { anInspection } from './samples.js';

export interface StoreAtHand {
  readonly store: ResultStore;
  /** Closes the store and opens it again at the same place. */
  reopen(): Promise<void>;
  saveMany(count: number, changes: (i: number) => Parameters<typeof anInspection>[0]): Promise<void>;
  /** The captureIds of a page. */
  ids(query: ListQuery): Promise<string[]>;
}

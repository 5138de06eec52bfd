// Counts now and then what waits for others: consumers of the feed that are behind, parts that wait for a review.
import type { ResultStore } from '../store/store.js';

/** About as often as Prometheus looks. */
const EVERY_MS = 15_000;
/** They are read to be counted, so no more than that: the alert fires at half of it. */
const MOST_REVIEWS = 100;

export interface BacklogObserver {
  consumersBehind(lags: ReadonlyMap<string, number>): void;
  reviewBacklog(parts: number): void;
}

export type Backlogs = Pick<ResultStore, 'consumers' | 'openReviews'>;

/** Begins at once. What it returns ends it, after a count that is under way. */
export function watchBacklogs(store: Backlogs, observer: BacklogObserver): () => Promise<void> {
  // One at a time, however slow the store. One that fails is an entry of branchline_store_failures_total.
  let counting: Promise<void> | undefined;
  const begin = () => {
    counting ??= countBacklogs(store, observer)
      .catch(() => {})
      .finally(() => {
        counting = undefined;
      });
  };
  const timer = setInterval(begin, EVERY_MS).unref();
  begin();
  return async () => {
    clearInterval(timer);
    await counting;
  };
}

export async function countBacklogs(store: Backlogs, observer: BacklogObserver): Promise<void> {
  const standings = await store.consumers();
  observer.consumersBehind(new Map(standings.map(({ name, lag }) => [name, lag])));
  const { items } = await store.openReviews({ limit: MOST_REVIEWS });
  observer.reviewBacklog(items.length);
}

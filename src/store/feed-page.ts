// Picks a page from a stretch of the feed; knows nothing of where the feed is kept.
import type { ListQuery } from './store.js';

/** What the feed says of one record: enough to filter without reading the record. */
export interface FeedEntry {
  readonly sequence: number;
  readonly inspectionId: string;
  readonly lineId: string | null;
  readonly verdict: string;
}

/**
 * How many feed entries one page looks at. A rare verdict in a long feed then takes several pages,
 * each prompt (7 ms in lmdb) and each with a cursor further on.
 */
export const MAX_SCANNED = 2000;

export interface PickedPage {
  readonly inspectionIds: readonly string[];
  /** The last entry looked at: the next page starts after it. */
  readonly lastSequence: number;
}

/** Takes up to `limit` entries that pass the filters, and reads no further than it must. */
export function pickPage(entries: Iterable<FeedEntry>, after: number, query: ListQuery): PickedPage {
  const inspectionIds: string[] = [];
  let lastSequence = after;
  for (const entry of entries) {
    lastSequence = entry.sequence;
    if (passes(entry, query)) inspectionIds.push(entry.inspectionId);
    if (inspectionIds.length >= query.limit) break;
  }
  return { inspectionIds, lastSequence };
}

/** How many entries are worth reading for this page: unfiltered, each one counts. */
export function entriesToRead(query: ListQuery): number {
  const filtered = query.lineId !== undefined || query.verdict !== undefined;
  return filtered ? Math.max(MAX_SCANNED, query.limit) : query.limit;
}

function passes(entry: FeedEntry, query: ListQuery): boolean {
  return (
    (query.lineId === undefined || query.lineId === entry.lineId) &&
    (query.verdict === undefined || query.verdict === entry.verdict)
  );
}

// Reads the feed from a position on, event by event, and waits where it ends.
import { ServiceError } from '../errors.js';
import type { ListQuery, ResultStore } from '../store/store.js';
import { type EventFilter, eventOf, type PushEvent, passes } from './event.js';

export type Feed = Pick<ResultStore, 'list' | 'waitForNext'>;

/** Before the first record. */
export const FIRST = '0';

export interface Step {
  /** Where to go on once this step was dealt with. */
  readonly position: string;
  /** Absent: a page was read to its end, or nothing came for a while. */
  readonly event?: PushEvent;
}

export interface Following {
  readonly feed: Feed;
  /** A cursor of the feed, a position of an earlier step, or FIRST. */
  readonly from: string;
  readonly filter: EventFilter;
  /** A step without an event comes at least so often. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

const PAGE = 50;
/** No letter of base64url, which cursors are made of. */
const MARK = '~';

/**
 * A position inside a page is the page's cursor and the event that was dealt with last: the feed has cursors
 * for pages only. Ends when `signal` aborts; throws what the feed throws.
 */
export async function* follow({ feed, from, filter, idleMs, signal }: Following): AsyncGenerator<Step> {
  let [cursor = FIRST, last] = from.split(MARK) as [string?, string?];
  while (!signal.aborted) {
    const { items, nextCursor } = await feed.list(query(cursor, filter));
    const events = items.map(eventOf);
    // Not there any more, it was the oldest of its page: nothing is left out, something may come twice.
    const seen = events.findIndex(({ id }) => id === last);
    for (const event of events.slice(seen + 1)) {
      if (signal.aborted) return;
      if (passes(event.inspection, filter)) yield { position: `${cursor}${MARK}${event.id}`, event };
    }
    last = undefined;
    if (nextCursor === cursor) await feed.waitForNext(cursor, idleMs, signal);
    cursor = nextCursor;
    if (!signal.aborted) yield { position: cursor };
  }
}

function query(cursor: string, { lineId, verdicts }: EventFilter): ListQuery {
  const [verdict, ...others] = verdicts ?? [];
  return {
    limit: PAGE,
    ...(cursor === FIRST ? {} : { after: cursor }),
    ...(lineId === undefined ? {} : { lineId }),
    // The store filters by one.
    ...(verdict === undefined || others.length > 0 ? {} : { verdict }),
  };
}

/** Throws ServiceError BAD_CURSOR where the feed does not know the position. */
export async function assertPosition(feed: Pick<Feed, 'list'>, position: string): Promise<void> {
  const [cursor = FIRST] = position.split(MARK);
  await feed.list({ limit: 1, ...(cursor === FIRST ? {} : { after: cursor }) });
}

/** The position, or FIRST where it is of another feed: the store was wiped or replaced, and all in it is new. */
export async function knownPosition(feed: Feed, position: string): Promise<string> {
  try {
    await assertPosition(feed, position);
    return position;
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'BAD_CURSOR') return FIRST;
    throw error;
  }
}

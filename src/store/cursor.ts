// The opaque place in the feed that a reader keeps between pages.
import { ServiceError } from '../errors.js';

export type StoreKind = 'lmdb' | 'redis';

/** The feed a cursor belongs to: its store's kind and identity, and the last sequence readers may see. */
export interface Feed {
  readonly kind: StoreKind;
  /** Random, made with the store: a cursor must not survive a wiped store, or its reader would miss records. */
  readonly storeId: string;
  readonly tail: number;
}

const FORM = /^(lmdb|redis)\.([0-9a-f]+)\.(\d{1,15})$/;

export function encodeCursor(feed: Omit<Feed, 'tail'>, sequence: number): string {
  return Buffer.from(`${feed.kind}.${feed.storeId}.${sequence}`).toString('base64url');
}

/**
 * The sequence of the last record already seen; 0 where there is no cursor.
 * Throws ServiceError BAD_CURSOR, naming `part`, for a cursor that is broken, of another store, or ahead of this one.
 */
export function decodeCursor(feed: Feed, cursor: string | undefined, part = 'after'): number {
  if (cursor === undefined) return 0;
  const [, kind, storeId, digits] = FORM.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  if (digits === undefined)
    throw badCursor('The cursor cannot be read: send back "nextCursor" of an earlier page, unchanged.', part);
  if (kind !== feed.kind || storeId !== feed.storeId)
    throw badCursor('The cursor is from another result store: start again from the first page.', part);
  const sequence = Number(digits);
  if (sequence > feed.tail)
    throw badCursor(
      'The cursor is ahead of the store, which lost records: start again from the first page.',
      part,
    );
  return sequence;
}

/** The last sequence a page may look at. Throws as decodeCursor. */
export function lastOf(feed: Feed, upTo: string | undefined): number {
  return upTo === undefined ? feed.tail : decodeCursor(feed, upTo, 'upTo');
}

function badCursor(detail: string, part: string): ServiceError {
  return new ServiceError('BAD_CURSOR', { detail, part });
}

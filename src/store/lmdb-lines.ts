// Counters of the embedded store's lines, kept in the transaction of each record. Writes run within one of lmdb.ts.
import { z } from 'zod';
import type { Inspection } from '../inspection.js';
import { type Attempt, countsOf, lineCounts, MAX_LINES, MAX_RESETS, NO_COUNTS, plus } from './line-counts.js';
import type { LmdbRooms, Place } from './lmdb-rooms.js';
import type { Changeover, Line, LineCounts, Reset } from './store.js';

const heldLine = z.object({
  /** How often the counters were reset: what was counted before is not touched by later revisions. */
  resets: z.int(),
  since: z.string(),
  counts: lineCounts,
});
type HeldLine = z.infer<typeof heldLine>;

/** How an inspection was counted: at which reset of its line, -1 where not at all. */
export type Counted = [resets: number, attempt: Attempt];
const NOT_COUNTED: Counted = [-1, 'NONE'];

/** Counts `next` in place of `held`. */
export function count(
  rooms: LmdbRooms,
  held: Inspection | undefined,
  next: Inspection,
  place: Place | undefined,
  now: string,
): Counted {
  const { lineId } = next;
  if (lineId === null) return NOT_COUNTED;
  const line = read(rooms, lineId);
  if (held === undefined || place === undefined) return countNew(rooms, lineId, line, next, now);
  const [, , resets, attempt] = place;
  if (line !== undefined && line.resets === resets) {
    const change = plus(countsOf(next, attempt), countsOf(held, attempt), -1);
    write(rooms, lineId, { ...line, counts: plus(line.counts, change) });
  }
  return [resets, attempt];
}

function countNew(
  rooms: LmdbRooms,
  lineId: string,
  known: HeldLine | undefined,
  next: Inspection,
  now: string,
): Counted {
  if (known === undefined && rooms.lines.getKeysCount() >= MAX_LINES) return NOT_COUNTED;
  const line = known ?? { resets: 0, since: now, counts: NO_COUNTS };
  const attempt = attemptOf(rooms, lineId, next);
  write(rooms, lineId, { ...line, counts: plus(line.counts, countsOf(next, attempt)) });
  return [line.resets, attempt];
}

function attemptOf({ parts }: LmdbRooms, lineId: string, { partId, inspectionId }: Inspection): Attempt {
  if (partId === null) return 'NONE';
  if (parts.doesExist([lineId, partId])) return 'REPEAT';
  parts.put([lineId, partId], inspectionId);
  return 'FIRST';
}

export function allLines({ lines }: LmdbRooms): Line[] {
  return [...lines.getRange()].map(({ key, value }) => toLine(key, heldLine.parse(JSON.parse(value))));
}

export function lineOf(rooms: LmdbRooms, lineId: string): Line | undefined {
  const held = read(rooms, lineId);
  return held && toLine(lineId, held);
}

/** The newest first. */
export function resetsOf({ resets }: LmdbRooms, lineId: string): Changeover[] {
  const range = resets.getRange({
    start: [lineId, Number.MAX_SAFE_INTEGER],
    end: [lineId, 0],
    reverse: true,
  });
  return [...range].map(({ value }) => JSON.parse(value) as Changeover);
}

/** undefined where there is no such line. */
export function resetLine(rooms: LmdbRooms, lineId: string, reset: Reset): Changeover | undefined {
  const held = read(rooms, lineId);
  if (held === undefined) return undefined;
  const { since, counts } = held;
  const event: Changeover = { ...reset, since, counts: counts as LineCounts };
  const resets = held.resets + 1;
  rooms.resets.put([lineId, resets], JSON.stringify(event));
  rooms.resets.remove([lineId, resets - MAX_RESETS]);
  write(rooms, lineId, { resets, since: reset.at, counts: NO_COUNTS });
  return event;
}

function read({ lines }: LmdbRooms, lineId: string): HeldLine | undefined {
  const text = lines.get(lineId);
  return text === undefined ? undefined : heldLine.parse(JSON.parse(text));
}

function write({ lines }: LmdbRooms, lineId: string, line: HeldLine): void {
  lines.put(lineId, JSON.stringify(line));
}

function toLine(lineId: string, { since, counts }: HeldLine): Line {
  return { lineId, since, counts };
}

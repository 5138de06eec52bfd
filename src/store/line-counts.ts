// What one inspection adds to the counters of its line, and what the sums say; pure.
import { z } from 'zod';
import { ServiceError } from '../errors.js';
import type { Inspection, ReviewDecision } from '../inspection.js';
import type { LineCounts, LineRatios } from './store.js';

/** A client that makes a name up for every part would grow the counters without end. */
export const MAX_LINES = 1000;
/** Change-overs kept of each line. */
export const MAX_RESETS = 100;

/** Whether it is the first inspection of its part on the line: NONE where the part has no name. */
export type Attempt = 'NONE' | 'FIRST' | 'REPEAT';

const NAMES = [
  'failed',
  'inspected',
  'OK',
  'REVIEW',
  'NG',
  'NOT_DECIDABLE',
  'falseCalls',
  'confirmedCalls',
  'misses',
  'confirmedGood',
  'reworked',
  'parts',
  'firstPassOk',
  'repeats',
] as const satisfies readonly (keyof LineCounts)[];

export const NO_COUNTS = Object.fromEntries(NAMES.map((name) => [name, 0])) as unknown as LineCounts;

export const lineCounts = z.record(z.enum(NAMES), z.int());

/** What `inspection` counts for as it stands now. */
export function countsOf(inspection: Inspection, attempt: Attempt): LineCounts {
  const { state, verdict, reviews } = inspection;
  return {
    ...NO_COUNTS,
    ...(state === 'FAILED' ? { failed: 1 } : { inspected: 1, [verdict]: 1 }),
    ...judgedBy(inspection),
    reworked: reviews.some(({ decision }) => decision === 'REWORKED') ? 1 : 0,
    parts: attempt === 'FIRST' ? 1 : 0,
    firstPassOk: attempt === 'FIRST' && verdict === 'OK' ? 1 : 0,
    repeats: attempt === 'REPEAT' ? 1 : 0,
  };
}

/** `one` and `other`, or with factor -1 what `one` is more. */
export function plus(one: LineCounts, other: LineCounts, factor: 1 | -1 = 1): LineCounts {
  return Object.fromEntries(
    NAMES.map((name) => [name, one[name] + factor * other[name]]),
  ) as unknown as LineCounts;
}

/** null where nothing was there to divide by. */
export function ratiosOf(counts: LineCounts): LineRatios {
  const share = (part: number, whole: number) => (whole === 0 ? null : part / whole);
  const { falseCalls, confirmedCalls, misses, firstPassOk, parts } = counts;
  return {
    falseCallRatio: share(falseCalls, falseCalls + confirmedCalls),
    missRatio: share(misses, misses + confirmedCalls),
    firstPassYield: share(firstPassOk, parts),
  };
}

export function noLine(lineId: string): ServiceError {
  return new ServiceError('NOT_FOUND', {
    detail: `Nothing was inspected on a line "${lineId}" yet; GET /v1/lines lists those there are.`,
    part: 'lineId',
  });
}

/** People may disagree: the last word counts. Of a part that was repaired without a word, it was bad. */
function judgedBy({ verdict, reviews }: Inspection): Partial<LineCounts> {
  const decisions = reviews.map(({ decision }) => decision);
  const last: ReviewDecision | undefined =
    decisions.findLast((decision) => decision !== 'REWORKED') ?? decisions.at(-1);
  if (last === undefined || verdict === 'NOT_DECIDABLE') return {};
  if (verdict !== 'OK') return last === 'FALSE_CALL' ? { falseCalls: 1 } : { confirmedCalls: 1 };
  if (last === 'REWORKED') return {};
  return last === 'MISSED' ? { misses: 1 } : { confirmedGood: 1 };
}

// The order of the waiting, and what of it runs together next (pure).
import type { BranchCall } from '../worker/protocol.js';
import type { ExpectedTime, GraphNames } from './expected-time.js';

/** What the order, the forecast and the door look at; all times on one clock. */
export interface Queued {
  readonly call: BranchCall;
  readonly graphs: GraphNames;
  /** After it nobody waits any more. */
  readonly deadlineMs: number;
  /** What was promised at the door: earlier than the deadline. */
  readonly dueMs: number;
  /** The worker that ran it among others died: it may have been at fault, and is tried with nobody beside it. */
  readonly alone?: boolean;
}

/** Earliest deadline first; of equal ones, who came first. `queue` is in that order. */
export function inserted<T extends Queued>(queue: readonly T[], newcomer: T): T[] {
  let low = 0;
  let high = queue.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((queue[middle] as T).deadlineMs <= newcomer.deadlineMs) low = middle + 1;
    else high = middle;
  }
  return [...queue.slice(0, low), newcomer, ...queue.slice(low)];
}

export interface TurnLimits {
  /** Captures of one batch, at most. */
  readonly maxBatch: number;
  /** Captures of all batches; one batch may be larger. */
  readonly maxTurn: number;
  /** When the last batch must be done, for there to be more than one. */
  readonly untilMs: number;
}

/**
 * Takes out of `queue` what a worker is given at once: the next batch, and within the limits those after it. Empty
 * where nothing waits.
 */
export function takeTurn<T extends Queued>(
  queue: T[],
  nowMs: number,
  { maxBatch, maxTurn, untilMs }: TurnLimits,
  expected: ExpectedTime,
): T[][] {
  const turn: T[][] = [];
  let left = maxTurn;
  let endMs = nowMs;
  for (let next = queue[0]; next !== undefined; next = queue[0]) {
    const isFirst = turn.length === 0;
    const mayFollow = left >= 1 && !next.alone && endMs + expected.ofOne(next.graphs) <= untilMs;
    if (!isFirst && !mayFollow) break;
    const batch = isFirst
      ? takeBatch(queue, endMs, maxBatch, expected)
      : takeBatch(queue, endMs, Math.min(maxBatch, left), expected, untilMs);
    turn.push(batch);
    left = next.alone ? 0 : left - batch.length;
    endMs += expected.ofBatch(batch.map(({ graphs }) => graphs));
  }
  return turn;
}

/**
 * Takes the next batch out of `queue`: its first, and those behind it that share an encoder with it, as long as the
 * first stays within its deadline, and all are done by `untilMs`. Empty where nothing waits.
 */
export function takeBatch<T extends Queued>(
  queue: T[],
  nowMs: number,
  maxBatch: number,
  expected: ExpectedTime,
  untilMs = Number.POSITIVE_INFINITY,
): T[] {
  const first = queue.shift();
  if (first === undefined) return [];
  const latestMs = Math.min(first.deadlineMs, untilMs);
  const batch = [first];
  if (maxBatch <= 1) return batch;
  const time = expected.emptyBatch();
  time.add(first.graphs);
  for (let at = 0; at < queue.length && batch.length < maxBatch; ) {
    const next = queue[at] as T;
    if (first.alone || next.alone || !sharesEncoder(first, next)) {
      at++;
      continue;
    }
    if (nowMs + time.msWith(next.graphs) > latestMs) break;
    time.add(next.graphs);
    batch.push(next);
    queue.splice(at, 1);
  }
  return batch;
}

/** Without a graph in common a batch saves nothing, and each would wait for the other's run. */
function sharesEncoder({ call: one }: Queued, { call: other }: Queued): boolean {
  return one.model === other.model && Object.keys(other.inputs).some((name) => name in one.inputs);
}

// Plays the queue forward: when would each of the waiting be done, if nothing else came (pure)?
import type { ExpectedTime } from './expected-time.js';
import { type Queued, takeBatch } from './queue.js';

export interface Machine {
  readonly nowMs: number;
  /** When each worker takes the next batch; empty where none is alive. */
  readonly freeMs: readonly number[];
  readonly maxBatch: number;
  readonly expected: ExpectedTime;
}

export interface Forecast<T> {
  readonly doneMs: ReadonlyMap<T, number>;
  /** When the first worker has nothing left to do. */
  readonly freeMs: number;
}

/** `queue` in its order. Who would be taken too late is passed over, as the scheduler will pass it over. */
export function forecast<T extends Queued>(queue: readonly T[], machine: Machine): Forecast<T> {
  const { nowMs, maxBatch, expected } = machine;
  const waiting = [...queue];
  const free = machine.freeMs.map((ms) => Math.max(ms, nowMs));
  const doneMs = new Map<T, number>();
  // No worker: one is on its way, and nobody knows when it comes. Nobody is called late for that.
  if (free.length === 0) return { doneMs, freeMs: nowMs };
  let first = earliest(free);
  for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
    const startMs = free[first] as number;
    const aloneMs = startMs + expected.ofOne(next.graphs);
    if (aloneMs > next.deadlineMs) {
      doneMs.set(next, aloneMs);
      waiting.shift();
      continue;
    }
    const batch = takeBatch(waiting, startMs, maxBatch, expected);
    const endMs = startMs + expected.ofBatch(batch.map(({ graphs }) => graphs));
    for (const done of batch) doneMs.set(done, endMs);
    free[first] = endMs;
    first = earliest(free);
  }
  return { doneMs, freeMs: free[first] as number };
}

/** When `last` is done, behind all of `queue`: as `forecast` says; without batches at a fraction of the price. */
export function doneBehindMs(queue: readonly Queued[], last: Queued, machine: Machine): number {
  const { nowMs, maxBatch, expected } = machine;
  if (maxBatch > 1) return forecast([...queue, last], machine).doneMs.get(last) ?? nowMs;
  const free = machine.freeMs.map((ms) => Math.max(ms, nowMs));
  if (free.length === 0) return nowMs;
  let first = earliest(free);
  for (const { graphs, deadlineMs } of queue) {
    const endMs = (free[first] as number) + expected.ofOne(graphs);
    if (endMs > deadlineMs) continue;
    free[first] = endMs;
    first = earliest(free);
  }
  return (free[first] as number) + expected.ofOne(last.graphs);
}

function earliest(free: readonly number[]): number {
  let first = 0;
  for (let at = 1; at < free.length; at++) if ((free[at] as number) < (free[first] as number)) first = at;
  return first;
}

// The writer of the feed benchmark, a process of its own: fills a store, says how long each stretch took, and goes on
// saving until it is killed, so that the store is opened as a crash leaves it.
import { openLmdbStore } from '../../src/store/lmdb.js';
import type { ResultStore } from '../../src/store/store.js';
import { inspectionAt } from './records.js';

export interface FillTask {
  readonly path: string;
  readonly warmUpPath: string;
  readonly records: number;
  /** Records of one timed stretch; `records` is a multiple of it. */
  readonly stretch: number;
}

export interface FillAnswer {
  /** Of each stretch in turn, milliseconds. */
  readonly stretchMs: readonly number[];
}

/** Saves under way at once: what a busy line has, and enough for the group commit. */
const CONCURRENCY = 100;

async function save(store: ResultStore, from: number, count: number): Promise<void> {
  let next = from;
  const writer = async () => {
    while (next < from + count) await store.save(inspectionAt(next++), { maps: {} });
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, writer));
}

process.once('message', async (task: FillTask) => {
  // The first records of a process are slow for reasons of the process: not what is measured.
  const warmUp = await openLmdbStore({ path: task.warmUpPath });
  await save(warmUp, 0, task.stretch);
  await warmUp.close();

  const store = await openLmdbStore({ path: task.path });
  const stretchMs: number[] = [];
  for (let from = 0; from < task.records; from += task.stretch) {
    const startedMs = performance.now();
    await save(store, from, task.stretch);
    stretchMs.push(performance.now() - startedMs);
  }
  process.send?.({ stretchMs } satisfies FillAnswer);
  for (let from = task.records; ; from += task.stretch) await save(store, from, task.stretch);
});

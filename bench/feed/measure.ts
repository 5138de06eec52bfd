// What the feed benchmark measures: filling, opening after a kill, and reading in the middle.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openLmdbStore } from '../../src/store/lmdb.js';
import type { ResultStore } from '../../src/store/store.js';
import type { FillAnswer, FillTask } from './fill.js';

export const PAGE = 100;
const STRETCH = 10_000;
const PAGES_READ = 200;

export interface FeedFigures {
  readonly records: number;
  readonly bytes: number;
  readonly stretchMs: readonly number[];
  /** Opening the folder of a killed process, and its first page. */
  readonly recoveryMs: number;
  /** Each of many pages from the middle half. */
  readonly pageMs: readonly number[];
  readonly filteredPageMs: readonly number[];
  /** Position and lag of a consumer that has everything before it. */
  readonly lagMs: number;
}

/** In `folder`, which must be empty; `records` is rounded up to whole stretches of 10,000. */
export async function measureFeed(
  folder: string,
  records: number,
  signal: AbortSignal,
): Promise<FeedFigures> {
  const path = join(folder, 'store');
  const whole = Math.ceil(records / STRETCH) * STRETCH;
  const { stretchMs } = await fillAndKill(
    { path, warmUpPath: join(folder, 'warm-up'), records: whole, stretch: STRETCH },
    signal,
  );
  const startedMs = performance.now();
  const store = await openLmdbStore({ path });
  try {
    const { nextCursor } = await store.list({ limit: PAGE });
    const recoveryMs = performance.now() - startedMs;
    const { size } = await stat(join(path, 'data.mdb'));
    const read = { store, nextCursor, records: whole };
    return {
      records: whole,
      bytes: size,
      stretchMs,
      recoveryMs,
      pageMs: await pagesInTheMiddle(read, {}),
      filteredPageMs: await pagesInTheMiddle(read, { verdict: 'NG' }),
      lagMs: await lagOf(store),
    };
  } finally {
    await store.close();
  }
}

async function fillAndKill(task: FillTask, signal: AbortSignal): Promise<FillAnswer> {
  const child = fork(fileURLToPath(new URL('fill.js', import.meta.url)), { signal });
  const exited = once(child, 'exit');
  const answer = new Promise<FillAnswer>((resolve, reject) => {
    child.once('message', (message) => resolve(message as FillAnswer));
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`the writer ended before it was done (exit code ${code})`)),
    );
  });
  child.send(task);
  const filled = await answer;
  child.kill('SIGKILL');
  await exited;
  return filled;
}

/** Milliseconds of pages at random places between a quarter and three quarters of the feed. */
async function pagesInTheMiddle(
  { store, nextCursor, records }: { store: ResultStore; nextCursor: string; records: number },
  filter: { verdict?: 'NG' },
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < PAGES_READ; i++) {
    // 7919 is prime: the places jump about, and are the same in every run.
    const place = Math.floor(records / 4) + ((i * 7919 * 61) % Math.floor(records / 2));
    const startedMs = performance.now();
    await store.list({ limit: PAGE, after: cursorAt(nextCursor, place), ...filter });
    times.push(performance.now() - startedMs);
  }
  return times;
}

/** A reader never makes a cursor; the benchmark must begin in the middle without reading up to there. */
function cursorAt(cursor: string, place: number): string {
  const text = Buffer.from(cursor, 'base64url').toString('latin1').replace(/\d+$/, String(place));
  return Buffer.from(text).toString('base64url');
}

async function lagOf(store: ResultStore): Promise<number> {
  const [second] = (await store.list({ limit: 2 })).items.slice(1);
  await store.ack('bench', [{ inspectionId: second?.inspectionId ?? '' }]);
  const startedMs = performance.now();
  await store.consumer('bench');
  return performance.now() - startedMs;
}

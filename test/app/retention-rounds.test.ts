// When rounds of retention begin, and what the end waits for; the clock and the store are the test's.
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { openRetention } from '../../src/app/retention.js';
import { loadConfig } from '../../src/config.js';
import type { ResultStore } from '../../src/store/store.js';

const MINUTE_MS = 60_000;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate'] });
});
afterEach(() => {
  jest.useRealTimers();
});

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Rounds of a store that answers when told to. */
function opened() {
  const answers: ((error?: Error) => void)[] = [];
  const errors: string[] = [];
  const store = {
    leaseSweep: () =>
      new Promise<boolean>((resolve, reject) => {
        answers.push((error) => (error === undefined ? resolve(false) : reject(error)));
      }),
    usage: async () => ({ records: 0, bytes: 0, freeBytes: undefined, imageBytes: 0 }),
  } as unknown as ResultStore;
  const metrics = { removed: () => {}, heldBack: () => {}, storeUsage: () => {} };
  const log = { error: (_: object, message: string) => errors.push(message) } as unknown as Parameters<
    typeof openRetention
  >[4];
  const retention = openRetention(loadConfig({}), store, { list: () => [] }, metrics, log);
  return { retention, answers, errors };
}

it('begins no round while one is under way, and the next when that is done', async () => {
  const { retention, answers } = opened();
  jest.advanceTimersByTime(3 * MINUTE_MS);
  expect(answers).toHaveLength(1);
  answers[0]?.();
  await settled();
  jest.advanceTimersByTime(MINUTE_MS);
  expect(answers).toHaveLength(2);
  answers[1]?.();
  await retention.close();
});

it('goes on after a round that failed', async () => {
  const { retention, answers, errors } = opened();
  answers[0]?.(new Error('the store is away'));
  await settled();
  expect(errors).toHaveLength(1);
  jest.advanceTimersByTime(MINUTE_MS);
  expect(answers).toHaveLength(2);
  answers[1]?.();
  await retention.close();
});

it('ends only when the round under way has', async () => {
  const { retention, answers } = opened();
  jest.advanceTimersByTime(2 * MINUTE_MS);
  let isClosed = false;
  const closing = retention.close().then(() => {
    isClosed = true;
  });
  await settled();
  expect(isClosed).toBe(false);
  answers[0]?.();
  await closing;
  jest.advanceTimersByTime(MINUTE_MS);
  expect(answers).toHaveLength(1);
});

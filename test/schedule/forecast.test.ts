// The sum that stands in for a schedule never promises more than the schedule keeps.
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ExpectedTime, graphsOf } from '../../src/schedule/expected-time.js';
import { doneAtLatestMs, forecast } from '../../src/schedule/forecast.js';
import { callOf, teach } from './support.js';

const queued = (branch: string, deadlineMs: number) => {
  const call = callOf(branch);
  return { call, graphs: graphsOf(call), deadlineMs, dueMs: deadlineMs };
};

it('is at or after the time that the schedule gives', () => {
  const branch = fc.constantFrom('a', 'b', 'c');
  fc.assert(
    fc.property(
      fc.array(fc.record({ branch, deadlineMs: fc.integer({ min: 1, max: 500 }) }), { maxLength: 30 }),
      fc.array(fc.integer({ min: 0, max: 80 }), { minLength: 1, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 3, maxLength: 3 }),
      branch,
      (waiting, freeMs, runMs, own) => {
        const expected = new ExpectedTime();
        for (const [at, name] of ['a', 'b', 'c'].entries()) teach(expected, name, runMs[at] as number);
        const machine = { nowMs: 20, freeMs, maxBatch: 1, expected };
        const queue = waiting
          .map((one) => queued(one.branch, one.deadlineMs))
          .sort((one, other) => one.deadlineMs - other.deadlineMs);
        const last = queued(own, 1e6);
        const { doneMs } = forecast([...queue, last], machine);
        const bound = doneAtLatestMs(queue, expected.ofOne(last.graphs), machine);
        expect(doneMs.get(last)).toBeLessThanOrEqual(bound + 1e-6);
      },
    ),
  );
});

it('is no more than the schedule where all captures are alike and all workers free', () => {
  const expected = new ExpectedTime();
  teach(expected, 'a', 10);
  const machine = { nowMs: 0, freeMs: [0, 0], maxBatch: 1, expected };
  const queue = [queued('a', 100), queued('a', 100)];
  expect(doneAtLatestMs(queue, 10, machine)).toBe(20);
  expect(doneAtLatestMs(queue, 10, { ...machine, freeMs: [] })).toBe(0);
});

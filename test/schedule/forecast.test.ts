// The look along the queue says what the whole forecast says.
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ExpectedTime, graphsOf } from '../../src/schedule/expected-time.js';
import { doneBehindMs, forecast } from '../../src/schedule/forecast.js';
import { callOf, teach } from './support.js';

const queued = (branch: string, deadlineMs: number) => {
  const call = callOf(branch);
  return { call, graphs: graphsOf(call), deadlineMs, dueMs: deadlineMs };
};

it('is done when the forecast says', () => {
  const branch = fc.constantFrom('a', 'b', 'c');
  fc.assert(
    fc.property(
      fc.array(fc.record({ branch, deadlineMs: fc.integer({ min: 1, max: 500 }) }), { maxLength: 30 }),
      fc.array(fc.integer({ min: 0, max: 80 }), { minLength: 1, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 3, maxLength: 3 }),
      branch,
      fc.integer({ min: 1, max: 3 }),
      (waiting, freeMs, runMs, own, maxBatch) => {
        const expected = new ExpectedTime();
        for (const [at, name] of ['a', 'b', 'c'].entries()) teach(expected, name, runMs[at] as number);
        const machine = { nowMs: 20, freeMs, maxBatch, expected };
        const queue = waiting
          .map((one) => queued(one.branch, one.deadlineMs))
          .sort((one, other) => one.deadlineMs - other.deadlineMs);
        const last = queued(own, 1e6);
        const { doneMs } = forecast([...queue, last], machine);
        expect(doneBehindMs(queue, last, machine)).toBe(doneMs.get(last));
      },
    ),
  );
});

it('is late for nobody where no worker is alive', () => {
  const machine = { nowMs: 7, freeMs: [], maxBatch: 1, expected: new ExpectedTime() };
  expect(doneBehindMs([queued('a', 100)], queued('a', 200), machine)).toBe(7);
});

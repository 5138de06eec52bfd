// What a batch is expected to take, from what its graphs took.
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ExpectedTime, type GraphNames } from '../../src/schedule/expected-time.js';

const MODEL = 'm@1';
const NAMES = ['a', 'b', 'c'];
const graphs = (names: readonly string[]): GraphNames => names.map((name) => `${MODEL} encoder ${name}`);

/** a: 2 ms a sample and 3 ms a run; b: 5 and 0; c: 0 and 7. */
function taught(): ExpectedTime {
  const expected = new ExpectedTime();
  const teach = (name: string, samples: number, ms: number) =>
    expected.observe(MODEL, [{ kind: 'encoder', name, samples, ms }]);
  for (let run = 0; run < 50; run++)
    for (const n of [1, 2, 4]) {
      teach('a', n, 2 * n + 3);
      teach('b', n, 5 * n);
      teach('c', n, 7);
    }
  return expected;
}

it('counts what a graph takes for a run once, and what it takes for a sample for each call', () => {
  const expected = taught();
  expect(expected.ofOne(graphs(['a', 'b']))).toBeCloseTo(10);
  expect(expected.ofBatch([graphs(['a', 'b']), graphs(['a']), graphs(['a', 'c'])])).toBeCloseTo(9 + 5 + 7);
});

it('knows nothing of graphs that never ran', () => {
  expect(new ExpectedTime().ofBatch([graphs(['a']), graphs(['a', 'b'])])).toBe(0);
});

it('says of a batch that grows what it says of the whole, and looks ahead without adding', () => {
  const expected = taught();
  const calls = fc.array(fc.subarray(NAMES, { minLength: 1 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(calls, (names) => {
      const batch = expected.emptyBatch();
      for (const [at, own] of names.entries()) {
        const whole = names.slice(0, at + 1).map(graphs);
        expect(batch.msWith(graphs(own))).toBeCloseTo(expected.ofBatch(whole));
        batch.add(graphs(own));
        const counted = NAMES.map((name) => whole.flat().filter((graph) => graph.endsWith(name)).length);
        const [a = 0, b = 0, c = 0] = counted;
        expect(batch.ms).toBeCloseTo((a > 0 ? 2 * a + 3 : 0) + 5 * b + (c > 0 ? 7 : 0));
      }
    }),
  );
});

// The index against numbers worked by hand, and what holds for it whatever the numbers are.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { binOf, chanceLimit, populationStabilityIndex, sum } from '../../src/drift/psi.js';

describe('the population stability index', () => {
  it('is what it is by hand', () => {
    // (0.4 - 0.5) ln(0.4 / 0.5) + (0.6 - 0.5) ln(0.6 / 0.5) = 0.1 ln 1.25 + 0.1 ln 1.2 = 0.1 ln 1.5
    expect(populationStabilityIndex([50, 50], [80, 120])).toBeCloseTo(0.1 * Math.log(1.5), 12);
    // -0.1 ln(0.1 / 0.2) - 0.1 ln(0.2 / 0.3) + 0.2 ln(0.7 / 0.5)
    const byHand = 0.1 * Math.log(2) + 0.1 * Math.log(1.5) + 0.2 * Math.log(1.4);
    expect(populationStabilityIndex([20, 30, 50], [10, 20, 70])).toBeCloseTo(byHand, 12);
  });

  it('takes a share of 0 for one of 0.0001', () => {
    const byHand = (0.0001 - 0.5) * Math.log(0.0001 / 0.5) + 0.5 * Math.log(2);
    expect(populationStabilityIndex([50, 50], [0, 10])).toBeCloseTo(byHand, 12);
  });

  it('of defective parts that all score above the good ones is what the runbook says', () => {
    const fifths = Array<number>(5).fill(100);
    const withDefects = (percent: number) => [...Array<number>(4).fill(100 - percent), 100 + 4 * percent];
    expect(populationStabilityIndex(fifths, withDefects(20))).toBeCloseTo(0.13, 2);
    expect(populationStabilityIndex(fifths, withDefects(30))).toBeCloseTo(0.27, 2);
  });

  const counts = fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), { minLength: 2, maxLength: 10 });
  const filled = counts.filter((pairs) => sum(pairs.map(([e]) => e)) > 0 && sum(pairs.map(([, a]) => a)) > 0);

  it('is never negative, 0 for equal shares, and the same from either side', () => {
    fc.assert(
      fc.property(filled, fc.integer({ min: 1, max: 9 }), (pairs, times) => {
        const [expected, actual] = [pairs.map(([e]) => e), pairs.map(([, a]) => a)];
        const psi = populationStabilityIndex(expected, actual);
        expect(psi).toBeGreaterThanOrEqual(0);
        expect(populationStabilityIndex(actual, expected)).toBeCloseTo(psi, 9);
        expect(
          populationStabilityIndex(
            expected,
            expected.map((count) => times * count),
          ),
        ).toBeCloseTo(0, 9);
      }),
    );
  });

  it('passes the limit of chance in about one window of a thousand where nothing has changed', () => {
    // A generator with a seed, so that every run of the test draws the same.
    let state = 7;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    const sampleOf = (n: number) => {
      const sample = Array<number>(10).fill(0);
      for (let i = 0; i < n; i++) {
        const bin = Math.floor(random() * 10);
        sample[bin] = (sample[bin] ?? 0) + 1;
      }
      return sample;
    };
    const limit = chanceLimit(10, 180, 500);
    expect(limit).toBeCloseTo(27.877 * (1 / 180 + 1 / 500), 12);
    const windows = Array.from({ length: 5000 }, () =>
      populationStabilityIndex(sampleOf(180), sampleOf(500)),
    );
    const beyond = windows.filter((psi) => psi > limit).length;
    expect(beyond).toBeGreaterThan(0);
    expect(beyond).toBeLessThan(25);
  });
});

describe('the bin of a score', () => {
  it('is the one above, on an edge, as for the trainer', () => {
    const bins = { upTo: [0.28, 0.32, 1], counts: [1, 1, 1] };
    expect([0, 0.2799, 0.28, 0.32, 1].map((score) => binOf(score, bins))).toEqual([0, 0, 1, 2, 2]);
  });
});

// Percentiles, medians and straight lines, by hand-made examples.
import { describe, expect, it } from '@jest/globals';
import { fitLine, percentile, spreadOf } from '../../bench/statistics.js';

describe('percentile', () => {
  it('takes the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([0.5, 0.9, 0.99, 0.999, 1].map((share) => percentile(values, share))).toEqual([
      50, 90, 99, 100, 100,
    ]);
    expect(percentile([7], 0.99)).toBe(7);
  });

  it('sorts by number, and refuses to make one up', () => {
    expect(percentile([10, 9, 100], 0.5)).toBe(10);
    expect(() => percentile([], 0.5)).toThrow('no values');
  });
});

describe('spreadOf', () => {
  it('gives median, least and greatest', () => {
    expect(spreadOf([3, 10, 1])).toEqual({ median: 3, min: 1, max: 10 });
    expect(spreadOf([4, 1, 2, 100])).toEqual({ median: 3, min: 1, max: 100 });
    expect(spreadOf([])).toBeUndefined();
  });
});

describe('fitLine', () => {
  it('finds a line without noise, far from the origin too', () => {
    const line = fitLine([1000, 1001, 1002, 1003].map((x) => ({ x, y: 5 - 2 * x })));
    expect(line?.slope).toBeCloseTo(-2, 9);
    expect(line?.intercept).toBeCloseTo(5, 6);
    expect(line?.slopeError).toBeCloseTo(0, 9);
  });

  it('knows how sure it is', () => {
    // Residuals ±1 about y = 0 at x = 0…3: slope −0.4, s² = Σr²/(n − 2) = 3.2/2, Sxx = 5.
    const line = fitLine([1, -1, 1, -1].map((y, x) => ({ x, y })));
    expect(line?.slope).toBeCloseTo(-0.4, 9);
    expect(line?.slopeError).toBeCloseTo(Math.sqrt(3.2 / 2 / 5), 9);
  });

  it('says nothing of two points, or of one place', () => {
    expect(fitLine([1, 2].map((x) => ({ x, y: x })))).toBeUndefined();
    expect(fitLine([1, 2, 3].map((y) => ({ x: 7, y })))).toBeUndefined();
  });
});

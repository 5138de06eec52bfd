import { describe, expect, it } from '@jest/globals';
import { RunTimeFit } from '../../src/schedule/run-time-fit.js';

function fitOf(runs: readonly (readonly [n: number, ms: number])[]): RunTimeFit {
  const fit = new RunTimeFit();
  for (const [n, ms] of runs) fit.observe(n, ms);
  return fit;
}

const repeated = <T>(times: number, items: readonly T[]) => Array.from({ length: times }, () => items).flat();

describe('RunTimeFit', () => {
  it('knows nothing before the first run', () => {
    expect(new RunTimeFit().estimateMs(4)).toBe(0);
  });

  it('finds slope and base of runs of several sizes', () => {
    const fit = fitOf(
      repeated(
        5,
        [1, 2, 4, 8].map((n) => [n, 3 * n + 7] as const),
      ),
    );
    expect(fit.estimateMs(1)).toBeCloseTo(10, 6);
    expect(fit.estimateMs(16)).toBeCloseTo(55, 6);
  });

  it('goes by the mean, in proportion, where all runs were of one size', () => {
    const fit = fitOf(
      repeated(50, [
        [1, 10],
        [1, 12],
      ] as const),
    );
    expect(fit.estimateMs(1)).toBeCloseTo(11, 0);
    expect(fit.estimateMs(4)).toBeCloseTo(44, 0);
  });

  it('follows a machine that became slower', () => {
    const fit = fitOf([...repeated(100, [[1, 10]] as const), ...repeated(60, [[1, 40]] as const)]);
    expect(fit.estimateMs(1)).toBeGreaterThan(38);
  });

  it('never says that more samples take less, or that none take less than nothing', () => {
    const falling = fitOf([
      [1, 20],
      [8, 10],
    ]);
    expect(falling.estimateMs(64)).toBeGreaterThanOrEqual(falling.estimateMs(1));
    const steep = fitOf([
      [1, 1],
      [8, 100],
    ]);
    expect(steep.estimateMs(0)).toBeGreaterThanOrEqual(0);
  });
});

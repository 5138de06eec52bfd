import { describe, expect, it } from '@jest/globals';
import { judge, verdictFor } from '../../src/verdict/judge.js';

const thresholds = { review: 0.5, reject: 0.7 };

describe('verdictFor', () => {
  it.each([
    [0, 'OK'],
    [0.4999, 'OK'],
    [0.5, 'REVIEW'],
    [0.6999, 'REVIEW'],
    [0.7, 'NG'],
    [1, 'NG'],
  ])('score %s is %s', (score, verdict) => {
    expect(verdictFor(score, thresholds)).toBe(verdict);
  });

  it('knows no review where both thresholds are one', () => {
    const single = { review: 0.5, reject: 0.5 };
    expect(verdictFor(0.5, single)).toBe('NG');
    expect(verdictFor(0.4999, single)).toBe('OK');
  });
});

describe('judge', () => {
  const map = { height: 1, width: 2, values: Float32Array.of(0.1, 0.9) };

  it('marks the regions at or above the review threshold', () => {
    const { regions } = judge(0.6, map, thresholds, { width: 2, height: 1 });
    expect(regions.map(({ bbox }) => bbox)).toEqual([[1, 0, 1, 1]]);
  });

  it('marks none where the frame is sound', () => {
    expect(judge(0.6, map, thresholds, undefined).regions).toEqual([]);
  });

  it('keeps a score that rounding pushed past the scale on it', () => {
    expect(judge(1.0000001, map, thresholds, undefined).score).toBe(1);
  });
});

// What counts as a leak, and what as breathing.
import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../bench/random.js';
import { judgeGrowth } from './growth.js';

const MIB = 2 ** 20;
const points = (bytesAt: (x: number) => number) =>
  Array.from({ length: 201 }, (_, i) => ({ x: 100 * i, bytes: bytesAt(100 * i) }));

describe('growth', () => {
  it('is a leak where it goes on, beyond the noise', () => {
    const random = seededRandom(3);
    const growth = judgeGrowth(points((x) => 300 * MIB + 8192 * x + 20 * MIB * random()));
    expect(growth?.leaks).toBe(true);
    expect((growth?.bytesPerStep ?? 0) / 8192).toBeCloseTo(1, 0);
    expect((growth?.grownBytes ?? 0) / MIB).toBeCloseTo(78, -1);
  });

  it('is none where memory fills up once, or goes up and down', () => {
    const random = seededRandom(3);
    expect(judgeGrowth(points((x) => 300 * MIB * (1 - Math.exp(-x / 2000))))?.leaks).toBe(false);
    expect(judgeGrowth(points(() => 300 * MIB + 50 * MIB * random()))?.leaks).toBe(false);
  });

  it('is none where it is small against the process, or where memory shrinks', () => {
    expect(judgeGrowth(points((x) => 900 * MIB + 4 * 1024 * x))?.leaks).toBe(false);
    expect(judgeGrowth(points((x) => 900 * MIB - 8192 * x))?.leaks).toBe(false);
  });

  it('is not judged by a handful of looks', () => {
    expect(judgeGrowth([])).toBeUndefined();
    const steep = Array.from({ length: 16 }, (_, i) => ({ x: i + 1, bytes: i * 900 * MIB }));
    expect(judgeGrowth(steep.slice(0, 14))).toBeUndefined();
    expect(judgeGrowth(steep)?.leaks).toBe(true);
  });
});

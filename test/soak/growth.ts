// Whether memory that was looked at again and again grows, or only breathes. Pure.
import { fitLine, spreadOf } from '../../bench/statistics.js';

export interface MemoryPoint {
  /** Captures, or loads, done so far. */
  readonly x: number;
  readonly bytes: number;
}

export interface Growth {
  /** Over the second half; the first one is caches and allocators filling up. */
  readonly bytesPerStep: number;
  readonly standardError: number;
  /** bytesPerStep times the steps of the second half. */
  readonly grownBytes: number;
  readonly medianBytes: number;
  /** What may pass for noise. */
  readonly toleranceBytes: number;
  readonly leaks: boolean;
}

const MIB = 1024 * 1024;
// In a few hundred captures the heap has not found its size yet: 10 to 25 MiB were seen where nothing leaks.
const LEAST_TOLERANCE_BYTES = 64 * MIB;
const TOLERANCE_SHARE = 0.05;
/** In the second half: three loads of a large bundle once gave a slope of 100 ± 50 MiB a load, which says nothing. */
const LEAST_POINTS = 8;

/** undefined where there are too few points to say anything. A leak is a slope beyond its own error and the noise. */
export function judgeGrowth(points: readonly MemoryPoint[]): Growth | undefined {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const middle = (first.x + last.x) / 2;
  const half = points.filter(({ x }) => x >= middle);
  if (half.length < LEAST_POINTS) return undefined;
  const line = fitLine(half.map(({ x, bytes }) => ({ x, y: bytes })));
  const medianBytes = spreadOf(half.map(({ bytes }) => bytes))?.median;
  if (line === undefined || medianBytes === undefined) return undefined;
  const grownBytes = line.slope * (last.x - middle);
  const toleranceBytes = Math.max(LEAST_TOLERANCE_BYTES, TOLERANCE_SHARE * medianBytes);
  return {
    bytesPerStep: line.slope,
    standardError: line.slopeError,
    grownBytes,
    medianBytes,
    toleranceBytes,
    leaks: line.slope - 2 * line.slopeError > 0 && grownBytes > toleranceBytes,
  };
}

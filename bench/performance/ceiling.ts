// The ceiling of one block: what bare ONNX Runtime does with the same captures on the same cores.
import { availableParallelism } from 'node:os';
import type { RawJob, RawResult } from '../ceiling/protocol.js';
import { runRaw } from '../ceiling/raw.js';
import { percentile } from '../statistics.js';
import type { Bodies } from './bodies.js';
import type { Ceiling } from './figures.js';

export interface CeilingTask {
  readonly bodies: Bodies;
  readonly measureMs: number;
  readonly warmUpMs: number;
  readonly signal: AbortSignal;
}

export interface MeasuredCeiling {
  readonly ceiling: Ceiling;
  /** Scores of all PNG captures, then of all JPEG captures. */
  readonly expected: readonly number[];
}

/** `withMix`: all branches in turn, too. */
export async function measureCeiling(
  { bodies, measureMs, warmUpMs, signal }: CeilingTask,
  withMix: boolean,
): Promise<MeasuredCeiling> {
  const cores = availableParallelism();
  const raw = (captures: readonly { readonly job: RawJob }[], decode: boolean, workers = cores) =>
    runRaw({ jobs: captures.map(({ job }) => job), decode, workers, measureMs, warmUpMs }, signal);
  const perSecond = ({ latenciesMs }: RawResult) => (latenciesMs.length * 1000) / measureMs;
  const png = await raw(bodies.png, true);
  const jpeg = await raw(bodies.jpeg, true);
  const bare = await raw(bodies.png, false);
  const one = await raw(bodies.png, true, 1);
  const mix = withMix
    ? {
        decodedPerSecond: perSecond(await raw(bodies.mix, true)),
        barePerSecond: perSecond(await raw(bodies.mix, false)),
      }
    : undefined;
  return {
    ceiling: {
      pngPerSecond: perSecond(png),
      jpegPerSecond: perSecond(jpeg),
      barePerSecond: perSecond(bare),
      oneP50Ms: percentile(one.latenciesMs, 0.5),
      mix,
    },
    expected: [...png.scores, ...jpeg.scores],
  };
}

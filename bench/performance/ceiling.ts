// The ceiling of one block: what bare ONNX Runtime does with the same captures on the same cores.
import { availableParallelism } from 'node:os';
import type { RawJob, RawResult } from '../ceiling/protocol.js';
import { runRaw } from '../ceiling/raw.js';
import { percentile } from '../statistics.js';
import type { Bodies } from './bodies.js';
import type { Ceiling } from './figures.js';
import type { Drive } from './sweep.js';

export interface CeilingTask {
  readonly bodies: Bodies;
  /** Of captures that are run only. */
  readonly drive: Drive;
  readonly measureMs: number;
  readonly warmUpMs: number;
  readonly signal: AbortSignal;
}

export interface MeasuredCeiling {
  readonly ceiling: Ceiling;
  /** Scores of all PNG captures, then of all JPEG captures, each capture once. */
  readonly expected: readonly number[];
}

/** `withMix`: all branches in turn, too. */
export async function measureCeiling(task: CeilingTask, withMix: boolean): Promise<MeasuredCeiling> {
  const { png: pngCaptures, jpeg: jpegCaptures, mix: mixCaptures } = task.bodies;
  const png = await raw(task, pngCaptures, true);
  const jpeg = await raw(task, jpegCaptures, true);
  const bare = await raw(task, pngCaptures, false);
  const one = await raw(task, pngCaptures, true, 1);
  const mix = withMix
    ? {
        decodedPerSecond: perSecond(task, await raw(task, mixCaptures, true)),
        barePerSecond: perSecond(task, await raw(task, mixCaptures, false)),
      }
    : undefined;
  return {
    ceiling: {
      pngPerSecond: perSecond(task, png),
      jpegPerSecond: perSecond(task, jpeg),
      barePerSecond: perSecond(task, bare),
      oneP50Ms: percentile(one.latenciesMs, 0.5),
      mix,
    },
    expected: [...png.scores, ...jpeg.scores],
  };
}

/** PNG once more, and the mean of both: a machine that drifts in between is unfair to nobody. */
export async function measureAgain(task: CeilingTask, before: Ceiling): Promise<Ceiling> {
  const png = await raw(task, task.bodies.png, true);
  const bare = await raw(task, task.bodies.png, false);
  return {
    ...before,
    pngPerSecond: (before.pngPerSecond + perSecond(task, png)) / 2,
    barePerSecond: (before.barePerSecond + perSecond(task, bare)) / 2,
  };
}

function raw(
  { drive, measureMs, warmUpMs, signal }: CeilingTask,
  captures: readonly { readonly job: RawJob }[],
  decode: boolean,
  workers = availableParallelism(),
): Promise<RawResult> {
  const jobs = captures.map(({ job }) => job);
  // Decoding is the cores' work, also where runs are a GPU's: every core decodes, and runs what it has decoded.
  const how = decode ? { provider: drive.provider, workers, batch: 1 } : drive;
  return runRaw({ jobs, decode, ...how, measureMs, warmUpMs }, signal);
}

function perSecond({ measureMs }: CeilingTask, { latenciesMs }: RawResult): number {
  return (latenciesMs.length * 1000) / measureMs;
}

// The ceiling of one block: what bare ONNX Runtime does with the same captures on the same cores.
import { availableParallelism } from 'node:os';
import type { RawJob, RawResult } from '../ceiling/protocol.js';
import { runRaw } from '../ceiling/raw.js';
import { percentile } from '../statistics.js';
import type { Bodies } from './bodies.js';
import type { BodyKind, Ceiling } from './figures.js';
import type { Drive } from './sweep.js';

export interface CeilingTask {
  readonly bodies: Bodies;
  /** Of captures that are run only. */
  readonly drive: Drive;
  readonly measureMs: number;
  readonly warmUpMs: number;
  readonly signal: AbortSignal;
}

/** What a loop is held against: one worker that decodes and runs, or all of them with captures of one kind. */
export type CeilingKind = 'one' | 'png' | 'jpeg' | 'mix';

/** From so many clients on a loop is one of saturation. */
const SATURATING = 8;

/** undefined where a loop is held against nothing, or against what is measured for another. `withMix`: also the mix. */
export function ceilingKindOf(body: BodyKind, clients: number, withMix: boolean): CeilingKind | undefined {
  if (body === 'png' && clients === 1) return 'one';
  // All defective ones are held against the PNGs.
  if (clients < SATURATING || body === 'png, all defective' || (body === 'mix' && !withMix)) return undefined;
  return body;
}

/** Measured again and again beside the loops that are held against it: a machine drifts in between. */
export interface MeasuredCeiling {
  readonly oneP50Ms: number[];
  readonly pngPerSecond: number[];
  readonly barePerSecond: number[];
  readonly jpegPerSecond: number[];
  readonly mixDecodedPerSecond: number[];
  readonly mixBarePerSecond: number[];
}

export function nothingMeasured(): MeasuredCeiling {
  return {
    oneP50Ms: [],
    pngPerSecond: [],
    barePerSecond: [],
    jpegPerSecond: [],
    mixDecodedPerSecond: [],
    mixBarePerSecond: [],
  };
}

/** Adds to `measured`. */
export async function measureCeiling(
  task: CeilingTask,
  kind: CeilingKind,
  measured: MeasuredCeiling,
): Promise<void> {
  const { png, jpeg, mix } = task.bodies;
  const rate = async (captures: Parameters<typeof raw>[1], decode: boolean) =>
    perSecond(task, await raw(task, captures, decode));
  switch (kind) {
    case 'one':
      measured.oneP50Ms.push(percentile((await raw(task, png, true, 1)).latenciesMs, 0.5));
      break;
    case 'png':
      measured.pngPerSecond.push(await rate(png, true));
      measured.barePerSecond.push(await rate(png, false));
      break;
    case 'jpeg':
      measured.jpegPerSecond.push(await rate(jpeg, true));
      break;
    case 'mix':
      measured.mixDecodedPerSecond.push(await rate(mix, true));
      measured.mixBarePerSecond.push(await rate(mix, false));
      break;
    default:
      kind satisfies never;
  }
}

/** Means. */
export function ceilingOf(measured: MeasuredCeiling): Ceiling {
  const { mixDecodedPerSecond, mixBarePerSecond } = measured;
  return {
    pngPerSecond: mean(measured.pngPerSecond),
    jpegPerSecond: mean(measured.jpegPerSecond),
    barePerSecond: mean(measured.barePerSecond),
    oneP50Ms: mean(measured.oneP50Ms),
    mix:
      mixBarePerSecond.length === 0
        ? undefined
        : { decodedPerSecond: mean(mixDecodedPerSecond), barePerSecond: mean(mixBarePerSecond) },
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Bare ONNX Runtime's, of all PNG captures, then of all JPEG captures, each capture once. */
export async function scoresOf(task: CeilingTask): Promise<readonly number[]> {
  const once = { ...task, measureMs: 0, warmUpMs: 0 };
  const png = await raw(once, task.bodies.png, true);
  const jpeg = await raw(once, task.bodies.jpeg, true);
  return [...png.scores, ...jpeg.scores];
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

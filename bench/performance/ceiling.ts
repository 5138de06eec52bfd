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

/** The rates of a ceiling, measured beside the loops that are held against them: a machine may drift in between. */
export interface Beside {
  readonly png: number[];
  readonly bare: number[];
  readonly jpeg: number[];
  readonly mixDecoded: number[];
  readonly mixBare: number[];
}

export function nothingBeside(): Beside {
  return { png: [], bare: [], jpeg: [], mixDecoded: [], mixBare: [] };
}

/** Measures what loops of such bodies are held against once more. */
export async function measureBeside(task: CeilingTask, body: BodyKind, beside: Beside): Promise<void> {
  const { png, jpeg, mix } = task.bodies;
  const rate = async (captures: Parameters<typeof raw>[1], decode: boolean) =>
    perSecond(task, await raw(task, captures, decode));
  if (body === 'png') {
    beside.png.push(await rate(png, true));
    beside.bare.push(await rate(png, false));
  } else if (body === 'jpeg') beside.jpeg.push(await rate(jpeg, true));
  else if (body === 'mix') {
    beside.mixDecoded.push(await rate(mix, true));
    beside.mixBare.push(await rate(mix, false));
  }
}

/** The means of what was measured beside the loops in place of what was measured before them. */
export function ceilingBeside(before: Ceiling, beside: Beside): Ceiling {
  const mean = (rates: readonly number[], instead: number) =>
    rates.length === 0 ? instead : rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  return {
    ...before,
    pngPerSecond: mean(beside.png, before.pngPerSecond),
    barePerSecond: mean(beside.bare, before.barePerSecond),
    jpegPerSecond: mean(beside.jpeg, before.jpegPerSecond),
    mix: before.mix && {
      decodedPerSecond: mean(beside.mixDecoded, before.mix.decodedPerSecond),
      barePerSecond: mean(beside.mixBare, before.mix.barePerSecond),
    },
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

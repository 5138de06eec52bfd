// In which sizes an encoder is run where each change of size costs a search (pure).
import type { BatchTensor } from './protocol.js';

/**
 * At every change of a batch's size cuDNN looks for the fastest convolutions anew, for half a second to a second
 * (measured; microsoft/onnxruntime#23006), and ONNX Runtime's Node binding cannot tell it not to; TensorRT builds an
 * engine. Elsewhere any size is as good. Decision 0030.
 */
const SEARCHES: ReadonlySet<string> = new Set(['cuda', 'tensorrt']);

export function hasRungs(provider: string): boolean {
  return SEARCHES.has(provider);
}

/** Powers of two up to the first that holds `maxSamples`: at most as much again is computed in vain. */
export function rungsUpTo(maxSamples: number): number[] {
  const rungs = [1];
  for (let rung = 2; rung < 2 * maxSamples; rung *= 2) rungs.push(rung);
  return rungs;
}

/** Samples that an encoder is run on together. */
export interface Piece {
  /** Its axis 0 is a rung. */
  readonly input: BatchTensor;
  /** Those of it that were asked for; what follows repeats the last one, and nobody reads its answers. */
  readonly samples: number;
}

/** `rungs` from the smallest to the largest; what is more than the largest is cut. */
export function onRungs(tensor: BatchTensor, rungs: readonly number[]): Piece[] {
  const [all = 0] = tensor.shape;
  const largest = rungs.at(-1) ?? 1;
  const pieces: Piece[] = [];
  for (let from = 0; from < all; from += largest) {
    const samples = Math.min(largest, all - from);
    const rung = rungs.find((size) => size >= samples) ?? largest;
    pieces.push({ input: filledUp(tensor, from, samples, rung), samples });
  }
  return pieces;
}

function filledUp(tensor: BatchTensor, from: number, samples: number, rung: number): BatchTensor {
  const [all = 0, ...sample] = tensor.shape;
  if (rung === all) return tensor;
  const size = tensor.data.length / all;
  const data = tensor.dtype === 'uint8' ? new Uint8Array(rung * size) : new Float32Array(rung * size);
  data.set(tensor.data.subarray(from * size, (from + samples) * size));
  for (let row = samples; row < rung; row++)
    data.copyWithin(row * size, (samples - 1) * size, samples * size);
  return { ...tensor, shape: [rung, ...sample], data } as BatchTensor;
}

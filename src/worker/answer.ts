// What a head and its encoders gave → the answer to one call: its own samples, copied out of the batch (pure).
import { encodeMap, quantise } from '../map-codec.js';
import type { BatchAnswer, BatchMap } from './protocol.js';

/** As much of a tensor as is read here; axis 0 is N. */
export interface OutputTensor {
  readonly dims: readonly number[];
  readonly data: unknown;
}
export type Outputs = Readonly<Record<string, OutputTensor>>;

/** Samples of a batch. */
export interface Rows {
  readonly from: number;
  readonly samples: number;
}

const MODALITY_MAP = 'map';

/** `evidence` by "modality.output". Throws where an output is missing, or a score or weight is not finite. */
export function toAnswer(
  modalities: readonly string[],
  outputs: Outputs,
  evidence: Outputs,
  rows: Rows,
): Omit<BatchAnswer, 'runMs'> {
  const map = toMap(outputs, 'map', rows);
  const modalityMaps = Object.fromEntries(
    modalities.map((name) => [name, toMap(evidence, `${name}.${MODALITY_MAP}`, rows)]),
  );
  return {
    score: numbers(outputs, 'score', rows, modalities),
    map,
    modalityScore: numbers(outputs, 'modality_score', rows, modalities),
    modalityWeight: numbers(outputs, 'modality_weight', rows, modalities),
    modalityMaps,
    keptMaps: rows.samples === 1 ? keptMaps(map, modalityMaps) : {},
  };
}

/**
 * Encoded here, where it holds up nobody but the next run: the main thread answers for all workers. A single modality's
 * own map is the fused one as well; the same bytes are then there under both names.
 */
function keptMaps(fused: BatchMap, own: Readonly<Record<string, BatchMap>>): Record<string, Uint8Array> {
  const encoded = encodeMap(quantise(fused));
  const others = Object.entries(own).map(([name, map]) => [
    name,
    isSame(map, fused) ? encoded : encodeMap(quantise(map)),
  ]);
  return { fused: encoded, ...Object.fromEntries(others) };
}

function isSame(one: BatchMap, other: BatchMap): boolean {
  if (one.height !== other.height || one.width !== other.width) return false;
  return Buffer.compare(bytesOf(one), bytesOf(other)) === 0;
}

function bytesOf({ values: { buffer, byteOffset, byteLength } }: BatchMap): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

export function pick<T>(outputs: Readonly<Record<string, T>>, name: string): T {
  const tensor = outputs[name];
  if (tensor === undefined) throw new Error(`the graph gave no "${name}"`);
  return tensor;
}

function toMap(outputs: Outputs, name: string, rows: Rows): BatchMap {
  const [, height = 0, width = 0] = pick(outputs, name).dims; // (N, h, w)
  return { height, width, values: floats(outputs, name, rows) };
}

/** What goes into the record as it is: JSON has no word for NaN, and the record could not be read back. */
function numbers(outputs: Outputs, name: string, rows: Rows, modalities: readonly string[]): Float32Array {
  const values = floats(outputs, name, rows);
  if (!values.every(Number.isFinite))
    throw new Error(`branch "${modalities.join('+')}" gave no number as "${name}"`);
  return values;
}

/** Copied: ONNX Runtime's own buffers may not be transferred to another thread. */
function floats(outputs: Outputs, name: string, { from, samples }: Rows): Float32Array {
  const { data, dims } = pick(outputs, name);
  if (!(data instanceof Float32Array)) throw new Error(`"${name}" is not float32`);
  const size = data.length / (dims[0] ?? 1);
  return data.slice(from * size, (from + samples) * size);
}

// Turns the parts of a capture into good tensors, and says of every other part why it was dropped.
import type { ModalitySpec } from '../bundle/manifest.js';
import { type ErrorCode, ServiceError } from '../errors.js';
import type { CaptureMetadata } from '../inspection.js';
import { DecodeError } from '../modality/decode-error.js';
import type { DroppedPart, DropReason, ModalityTensor } from '../modality/tensor.js';

export interface Calibration {
  readonly scale?: number;
  readonly offset?: number;
}

/** Room for the pixels of a part while they are decoded; what comes back gives it up. Throws ServiceError. */
export type ReservePixels = (bytes: number, part: string) => () => void;

export interface Decoder {
  /** Asks `reserve` for room before it decodes pixels. Throws DecodeError, and what `reserve` throws. */
  decode(
    bytes: Uint8Array,
    spec: ModalitySpec,
    calibration: Calibration,
    reserve: (bytes: number) => () => void,
  ): Promise<ModalityTensor>;
  /** Why a decoded signal says nothing about the part; undefined where it does. */
  fault(tensor: ModalityTensor, spec: ModalitySpec): { reason: DropReason; detail: string } | undefined;
}

export interface DecodedParts {
  readonly good: ReadonlyMap<string, ModalityTensor>;
  readonly dropped: readonly DroppedPart[];
  /** Modalities of the model that did not arrive. */
  readonly missing: readonly string[];
}

/** Bytes that cannot be decoded, and the answer where the capture cannot do without them. */
const UNDECODABLE: Partial<Record<DropReason, ErrorCode>> = {
  empty: 'PART_EMPTY',
  unsupported_format: 'PART_UNSUPPORTED',
  corrupt: 'PART_CORRUPT',
  too_large: 'PART_TOO_LARGE',
  wrong_bit_depth: 'PART_WRONG_KIND',
  wrong_channels: 'PART_WRONG_KIND',
  wrong_sample_rate: 'PART_WRONG_KIND',
  too_short: 'PART_WRONG_KIND',
};

/**
 * Decodes and gates all parts at once. A part that cannot be decoded is dropped, unless `required` names it or no
 * good part remains: then it is the capture's fault. Throws ServiceError NO_PARTS, UNKNOWN_MODALITY, BAD_METADATA,
 * PART_*.
 */
export async function decodeParts(
  parts: ReadonlyMap<string, Uint8Array>,
  specs: readonly ModalitySpec[],
  metadata: CaptureMetadata,
  required: readonly string[],
  decoder: Decoder,
  reservePixels: ReservePixels,
): Promise<DecodedParts> {
  assertKnown(parts, specs, metadata);
  const arrived = specs.filter(({ name }) => parts.has(name));
  // All of them, also where one is refused: what is still being decoded still holds memory.
  const outcomes = await Promise.allSettled(
    arrived.map((spec) => {
      const bytes = parts.get(spec.name) ?? new Uint8Array();
      return decodeOne(bytes, spec, calibrationFor(spec.name, metadata), decoder, reservePixels);
    }),
  );
  const good = new Map<string, ModalityTensor>();
  const dropped: DroppedPart[] = [];
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') throw outcome.reason;
    if ('tensor' in outcome.value) good.set(outcome.value.name, outcome.value.tensor);
    else dropped.push(outcome.value);
  }
  refuseUndecodable(dropped, good.size > 0 ? required : arrived.map(({ name }) => name));
  const missing = specs.map(({ name }) => name).filter((name) => !parts.has(name));
  return { good, dropped, missing };
}

async function decodeOne(
  bytes: Uint8Array,
  spec: ModalitySpec,
  calibration: Calibration,
  decoder: Decoder,
  reservePixels: ReservePixels,
): Promise<{ name: string; tensor: ModalityTensor } | DroppedPart> {
  const { name } = spec;
  try {
    const reserve = (pixelBytes: number) => reservePixels(pixelBytes, name);
    const tensor = await decoder.decode(bytes, spec, calibration, reserve);
    const fault = decoder.fault(tensor, spec);
    return fault === undefined ? { name, tensor } : { name, ...fault };
  } catch (error) {
    if (error instanceof DecodeError) return { name, reason: error.reason, detail: error.message };
    throw error;
  }
}

function refuseUndecodable(dropped: readonly DroppedPart[], needed: readonly string[]): void {
  for (const { name, reason, detail } of dropped) {
    const code = UNDECODABLE[reason];
    if (code !== undefined && needed.includes(name))
      throw new ServiceError(code, { detail: `Part "${name}" cannot be used: ${detail}.`, part: name });
  }
}

function assertKnown(
  parts: ReadonlyMap<string, Uint8Array>,
  specs: readonly ModalitySpec[],
  metadata: CaptureMetadata,
): void {
  const known = specs.map(({ name }) => name);
  for (const name of parts.keys())
    if (!known.includes(name))
      throw new ServiceError('UNKNOWN_MODALITY', {
        detail: `The model knows no modality "${name}"; it knows: ${known.join(', ')}.`,
        part: name,
      });
  for (const name of Object.keys(metadata.modalities ?? {}))
    if (!known.includes(name))
      throw new ServiceError('BAD_METADATA', {
        detail: `metadata.modalities names "${name}"; the model knows: ${known.join(', ')}.`,
        part: 'metadata',
      });
  if (parts.size === 0)
    throw new ServiceError('NO_PARTS', {
      detail: `The capture carries no modality; send at least one part named ${known.join(', ')}.`,
    });
}

/** "gain" is the thermal camera's word for scale. */
function calibrationFor(name: string, metadata: CaptureMetadata): Calibration {
  const own = metadata.modalities?.[name];
  const scale = own?.scale ?? own?.gain;
  return {
    ...(scale === undefined ? {} : { scale }),
    ...(own?.offset === undefined ? {} : { offset: own.offset }),
  };
}

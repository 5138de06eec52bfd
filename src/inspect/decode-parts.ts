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

export interface Decoder {
  /** Throws DecodeError. */
  decode(bytes: Uint8Array, spec: ModalitySpec, calibration?: Calibration): Promise<ModalityTensor>;
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
): Promise<DecodedParts> {
  assertKnown(parts, specs, metadata);
  const arrived = specs.filter(({ name }) => parts.has(name));
  const outcomes = await Promise.all(
    arrived.map((spec) =>
      decodeOne(parts.get(spec.name) ?? new Uint8Array(), spec, calibrationFor(spec.name, metadata), decoder),
    ),
  );
  const good = new Map<string, ModalityTensor>();
  const dropped: DroppedPart[] = [];
  for (const outcome of outcomes)
    if ('tensor' in outcome) good.set(outcome.name, outcome.tensor);
    else dropped.push(outcome);
  refuseUndecodable(dropped, good.size > 0 ? required : arrived.map(({ name }) => name));
  const missing = specs.map(({ name }) => name).filter((name) => !parts.has(name));
  return { good, dropped, missing };
}

async function decodeOne(
  bytes: Uint8Array,
  spec: ModalitySpec,
  calibration: Calibration,
  decoder: Decoder,
): Promise<{ name: string; tensor: ModalityTensor } | DroppedPart> {
  const { name } = spec;
  try {
    const tensor = await decoder.decode(bytes, spec, calibration);
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

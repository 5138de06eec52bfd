// Refuses signals that say nothing: a covered lens, a dead sensor, a cut microphone cable.
import type { ModalitySpec } from '../bundle/manifest.js';
import type { DropReason, ModalityTensor } from './tensor.js';

/** Where a signal stops being one. Set wide on purpose: judging the part is the model's work, not the gate's. */
export interface GateLimits {
  /** Grey levels; an image whose every channel varies by less (standard deviation) is `blank`. */
  readonly imageMinStd: number;
  /** 0…1; an image with a greater share of all-black or all-white pixels is `saturated`. */
  readonly imageMaxSaturated: number;
  /** In the modality's unit; a range map whose valid pixels vary by no more is `blank`. 0: only a constant one. */
  readonly rangeMaxBlankStd: number;
  /** 0…1; a range map with a smaller share of measured pixels has `no_valid_pixels`. */
  readonly rangeMinValid: number;
  /** Of full scale; sound whose RMS about its mean is smaller is `silent`. */
  readonly audioMinRms: number;
  /** 0…1; sound with a greater share of samples at full scale is `clipped`. */
  readonly audioMaxClipped: number;
}

/**
 * Measured on good parts: the least std of a picture was 8.7, and a small part before black left 98.7 % of it at
 * 0. A microphone's own noise is some -70 dBFS, a cut cable under -80 (1e-4); a good motor never clips.
 */
export const defaultGateLimits: GateLimits = {
  imageMinStd: 2,
  imageMaxSaturated: 0.995,
  rangeMaxBlankStd: 0,
  rangeMinValid: 0.02,
  audioMinRms: 1e-4,
  audioMaxClipped: 0.05,
};

/**
 * No sensor measures such a value: it marks "nothing measured" in some formats (3.4e38, 1e30), and squared it is
 * beyond the float32 that the graphs compute with.
 */
const ABSURD = 1e12;

const FULL_SCALE = 0.999; // 16-bit converters stop at 0.99997, some a little earlier

export interface QualityFault {
  readonly reason: DropReason;
  /** One clause for the technician, with the number measured and the limit. */
  readonly detail: string;
}

/** What is wrong with a decoded signal, or undefined where it can be judged. At most a few passes over
 * the samples, and an early exit for the good ones. */
export function qualityFault(
  tensor: ModalityTensor,
  spec: ModalitySpec,
  limits: GateLimits,
): QualityFault | undefined {
  switch (spec.kind) {
    case 'image':
      return imageFault(tensor.data, spec.channels, limits);
    case 'range':
      return rangeFault(tensor.data, spec.unit, limits);
    case 'audio':
      return audioFault(tensor.data, limits);
    default:
      return spec satisfies never;
  }
}

type Samples = ModalityTensor['data'];

function imageFault(pixels: Samples, channels: number, limits: GateLimits): QualityFault | undefined {
  const saturated = saturatedShare(pixels, channels, limits.imageMaxSaturated);
  // First: a picture that is all white is blank as well, but "saturated" says more about the cause.
  if (saturated > limits.imageMaxSaturated)
    return {
      reason: 'saturated',
      detail: `${percent(saturated)} of the pixels are fully black or white (limit ${percent(limits.imageMaxSaturated)}): check exposure and lens`,
    };
  let std = 0;
  for (let channel = 0; channel < channels && std < limits.imageMinStd; channel++)
    std = Math.max(std, channelStd(pixels, channel, channels, limits.imageMinStd));
  if (std < limits.imageMinStd)
    return {
      reason: 'blank',
      detail: `the picture is one flat tone (standard deviation ${std.toFixed(2)}, at least ${limits.imageMinStd} is right): check lens and light`,
    };
  return undefined;
}

/** Share of pixels that are 0 in all channels, or 255 in all; 0 as soon as it cannot exceed `max` any more. */
function saturatedShare(pixels: Samples, channels: number, max: number): number {
  const count = pixels.length / channels;
  const enough = (1 - max) * count;
  let open = 0;
  for (let i = 0; i < pixels.length; i += channels) {
    const first = pixels[i];
    let c = first === 0 || first === 255 ? 1 : channels + 1;
    while (c < channels && pixels[i + c] === first) c++;
    if (c !== channels && ++open > enough) return 0;
  }
  return 1 - open / count;
}

/**
 * Standard deviation of one channel, or a lower bound that is at least `enough`: squares about a prefix's mean only
 * grow with every further pixel, so that a good picture is let pass after a few rows.
 */
function channelStd(pixels: Samples, channel: number, channels: number, enough: number): number {
  const count = pixels.length / channels;
  const chunk = 1024 * channels;
  let sum = 0;
  let squares = 0; // exact: both stay far below 2^53
  let bound = 0;
  for (let start = channel, seen = 0; start < pixels.length && bound < enough; start += chunk) {
    const end = Math.min(start + chunk, pixels.length);
    for (let i = start; i < end; i += channels, seen++) {
      const value = pixels[i] as number;
      sum += value;
      squares += value * value;
    }
    bound = Math.sqrt(Math.max(0, squares - (sum * sum) / seen) / count);
  }
  return bound;
}

/** As corrupt as bytes that cannot be decoded: one such value among good ones would spoil the whole score. */
function absurdFault(values: Samples, advice: string): QualityFault | undefined {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value <= ABSURD && value >= -ABSURD) continue;
    if (Number.isNaN(value)) continue;
    return {
      reason: 'corrupt',
      detail: `it holds the value ${value.toExponential(1)}, which no sensor measures: ${advice}`,
    };
  }
  return undefined;
}

function rangeFault(values: Samples, unit: string, limits: GateLimits): QualityFault | undefined {
  const absurd = absurdFault(values, 'pixels that were not measured must be NaN');
  if (absurd !== undefined) return absurd;
  const enough = limits.rangeMinValid * values.length;
  const enoughSquares = limits.rangeMaxBlankStd ** 2 * values.length;
  let valid = 0;
  let origin = 0;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (Number.isNaN(value)) continue;
    // Counted from the first valid value: exact for a constant map, and no cancellation far from 0.
    if (valid++ === 0) origin = value;
    const above = value - origin;
    sum += above;
    squares += above * above;
    if (valid >= enough && squares - (sum * sum) / valid > enoughSquares) return undefined;
  }
  const share = valid / values.length;
  if (valid === 0 || valid < enough)
    return {
      reason: 'no_valid_pixels',
      detail: `${percent(share)} of the pixels were measured, at least ${percent(limits.rangeMinValid)} is right: check the sensor's distance and exposure`,
    };
  const std = Math.sqrt(Math.max(0, squares / valid - (sum / valid) ** 2));
  if (std <= limits.rangeMaxBlankStd)
    return {
      reason: 'blank',
      detail: `the measured pixels do not vary (all near ${origin} ${unit}): the sensor is stuck or sends a placeholder`,
    };
  return undefined;
}

function audioFault(samples: Samples, limits: GateLimits): QualityFault | undefined {
  const absurd = absurdFault(samples, 'float sound lies in -1…1');
  if (absurd !== undefined) return absurd;
  let sum = 0;
  let squares = 0;
  let clipped = 0;
  for (let i = 0; i < samples.length; i++) {
    const value = samples[i] as number;
    sum += value;
    squares += value * value;
    if (Math.abs(value) >= FULL_SCALE) clipped++;
  }
  const count = samples.length;
  const rms = Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
  const share = clipped / count;
  // Before silence: a microphone stuck at full scale has no RMS either.
  if (share > limits.audioMaxClipped)
    return {
      reason: 'clipped',
      detail: `${percent(share)} of the samples are at full scale (limit ${percent(limits.audioMaxClipped)}): turn the gain down`,
    };
  if (rms < limits.audioMinRms)
    return {
      reason: 'silent',
      detail: `the sound has an RMS of ${rms.toExponential(1)}, at least ${limits.audioMinRms} is right: check microphone and cable`,
    };
  return undefined;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

// Makes the small picture of a capture that a heat map can be laid over.
import sharp from 'sharp';
import type { ModalitySpec } from '../bundle/manifest.js';
import type { ModalityTensor } from '../modality/tensor.js';

const MAX_WIDTH = 256;
/** Range maps are stretched between these shares of their valid pixels: a few wild points must not eat the scale. */
const STRETCH = [0.02, 0.98] as const;
const DARKEST_VALID = 24; // black is left for "not measured"
const SAMPLES = 4096;
const QUALITY = 80;

/** A JPEG at most 256 pixels wide; undefined for sound, which has no picture. */
export async function thumbnail(tensor: ModalityTensor, spec: ModalitySpec): Promise<Uint8Array | undefined> {
  if (spec.kind === 'audio') return undefined;
  const pixels = tensor.dtype === 'uint8' ? tensor.data : stretched(tensor.data);
  const channels = spec.kind === 'image' ? spec.channels : 1;
  const picture = sharp(pixels, { raw: { width: spec.width, height: spec.height, channels } });
  // Not asked to where it need not: sharp copies the picture even then. Optimised codes save 8 % of the bytes for
  // a fifth more time.
  if (spec.width > MAX_WIDTH) picture.resize({ width: MAX_WIDTH });
  return picture.jpeg({ quality: QUALITY, optimiseCoding: false }).toBuffer();
}

/** Greys 24…255 from the 2nd to the 98th hundredth of the valid values; 0 where nothing was measured. */
function stretched(values: Float32Array): Uint8Array {
  const sorted = sample(values).sort();
  const [low, high] = STRETCH.map((share) => sorted[Math.round(share * (sorted.length - 1))] ?? 0) as [
    number,
    number,
  ];
  const scale = high > low ? (255 - DARKEST_VALID) / (high - low) : 0;
  const greys = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (Number.isNaN(value)) continue;
    greys[i] = Math.round(DARKEST_VALID + scale * Math.min(Math.max(value - low, 0), high - low));
  }
  return greys;
}

/** Valid values from all over the map, enough for two hundredths: sorting all of 256² held the event loop 13 ms. */
function sample(values: Float32Array): Float32Array {
  const stride = Math.floor(values.length / SAMPLES);
  // Odd: an even one would see the same few columns of every row of a map as wide as a power of two.
  const step = stride % 2 === 1 ? stride : stride + 1;
  const sampled = new Float32Array(Math.ceil(values.length / step));
  let count = 0;
  for (let i = 0; i < values.length; i += step) {
    const value = values[i] as number;
    if (!Number.isNaN(value)) sampled[count++] = value;
  }
  return sampled.subarray(0, count);
}

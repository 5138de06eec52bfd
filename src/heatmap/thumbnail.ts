// Makes the small picture of a capture that a heat map can be laid over.
import sharp from 'sharp';
import type { ModalitySpec } from '../bundle/manifest.js';
import type { ModalityTensor } from '../modality/tensor.js';

const MAX_WIDTH = 256;
/** Range maps are stretched between these shares of their valid pixels: a few wild points must not eat the scale. */
const STRETCH = [0.02, 0.98] as const;
const DARKEST_VALID = 24; // black is left for "not measured"
const QUALITY = 80;

/** A JPEG at most 256 pixels wide; undefined for sound, which has no picture. */
export async function thumbnail(tensor: ModalityTensor, spec: ModalitySpec): Promise<Uint8Array | undefined> {
  if (spec.kind === 'audio') return undefined;
  const pixels = tensor.dtype === 'uint8' ? tensor.data : stretched(tensor.data);
  const channels = spec.kind === 'image' ? spec.channels : 1;
  return sharp(pixels, { raw: { width: spec.width, height: spec.height, channels } })
    .resize({ width: MAX_WIDTH, withoutEnlargement: true })
    .jpeg({ quality: QUALITY })
    .toBuffer();
}

/** Greys 24…255 from the 2nd to the 98th hundredth of the valid values; 0 where nothing was measured. */
function stretched(values: Float32Array): Uint8Array {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  const [low, high] = STRETCH.map((share) => sorted[Math.round(share * (sorted.length - 1))] ?? 0) as [
    number,
    number,
  ];
  const scale = high > low ? (255 - DARKEST_VALID) / (high - low) : 0;
  return Uint8Array.from(values, (value) =>
    Number.isNaN(value)
      ? 0
      : Math.round(DARKEST_VALID + scale * Math.min(Math.max(value - low, 0), high - low)),
  );
}

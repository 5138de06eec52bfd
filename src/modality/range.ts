// Turns a depth or thermal map into float32 [H, W, 1] in the modality's unit, NaN where nothing was measured.
import type { RangeSpec } from '../bundle/manifest.js';
import { checkAspect } from './aspect.js';
import { DecodeError } from './decode-error.js';
import type { Picture } from './picture.js';
import type { ModalityTensor } from './tensor.js';

/** The capture's own conversion: value = raw * scale + offset. */
export interface Calibration {
  readonly scale?: number;
  readonly offset?: number;
}

/** Throws DecodeError `wrong_bit_depth`, `wrong_channels`, `wrong_aspect` or `corrupt`. */
export async function decodeRange(
  picture: Picture,
  spec: RangeSpec,
  calibration: Calibration,
): Promise<ModalityTensor> {
  const { dtype, channels } = picture;
  if (dtype === 'uint8')
    throw new DecodeError('wrong_bit_depth', `8 bits a pixel; ${spec.name} takes 16 or float 32`);
  if (channels !== 1 && !(dtype === 'float32' && channels === 3))
    throw new DecodeError(
      'wrong_channels',
      `${channels} channels of ${dtype}; ${spec.name} takes one channel, or three of float 32 (x, y, z)`,
    );
  checkAspect(picture, spec);
  const pixels = await picture.read();
  const isInteger = dtype === 'uint16';
  const scale = calibration.scale ?? (isInteger ? spec.scale : 1);
  const offset = calibration.offset ?? (isInteger ? spec.offset : 0);
  const data = new Float32Array(spec.height * spec.width);
  const columns = nearest(picture.width, spec.width);
  const rows = nearest(picture.height, spec.height);
  // One loop without calls: with a closure for each pixel a map of 256² took ten times as long.
  for (let i = 0, to = 0; i < spec.height; i++) {
    const row = (rows[i] as number) * picture.width;
    for (let j = 0; j < spec.width; j++, to++) {
      const at = (row + (columns[j] as number)) * channels;
      const raw = pixels[at + channels - 1] as number;
      const measured = isInteger
        ? raw !== spec.invalid
        : channels === 1 || raw !== 0 || pixels[at] !== 0 || pixels[at + 1] !== 0; // x, y and z all 0: no point
      // Stored first, tested after: a value beyond float32 becomes infinite only here.
      data[to] = raw * scale + offset;
      if (!measured || !Number.isFinite(data[to])) data[to] = Number.NaN;
    }
  }
  return { dtype: 'float32', shape: [spec.height, spec.width, 1], data };
}

/** Output k takes input floor((k + 0.5) from / to): never interpolated, NaN would bleed. */
function nearest(from: number, to: number): Int32Array {
  return Int32Array.from({ length: to }, (_, k) => Math.floor(((k + 0.5) * from) / to));
}

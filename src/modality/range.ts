// Turns a depth or thermal map into float32 [H, W, 1] in the modality's unit, NaN where nothing was measured.
import type { RangeSpec } from '../bundle/manifest.js';
import { checkAspect } from './aspect.js';
import { DecodeError } from './decode-error.js';
import type { PixelArray } from './npy.js';
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
  const isValid = isInteger
    ? differsFrom(pixels, spec.invalid)
    : channels === 3
      ? isPoint(pixels)
      : () => true;
  const data = new Float32Array(spec.height * spec.width);
  forEachNearest(picture, spec, (to, from) => {
    const at = from * channels;
    // Stored first, tested after: a value beyond float32 becomes infinite only here.
    data[to] = (pixels[at + channels - 1] as number) * scale + offset;
    if (!isValid(at) || !Number.isFinite(data[to])) data[to] = Number.NaN;
  });
  return { dtype: 'float32', shape: [spec.height, spec.width, 1], data };
}

function differsFrom(pixels: PixelArray, invalid: number | null): (at: number) => boolean {
  return (at) => pixels[at] !== invalid;
}

/** x, y and z all 0: no point was measured there. */
function isPoint(pixels: PixelArray): (at: number) => boolean {
  return (at) => pixels[at] !== 0 || pixels[at + 1] !== 0 || pixels[at + 2] !== 0;
}

/** Output (i, j) takes input (floor((i + 0.5) h / H), floor((j + 0.5) w / W)): never interpolated, NaN would bleed. */
function forEachNearest(from: Picture, to: RangeSpec, visit: (to: number, from: number) => void): void {
  for (let i = 0; i < to.height; i++) {
    const row = Math.floor(((i + 0.5) * from.height) / to.height) * from.width;
    for (let j = 0; j < to.width; j++)
      visit(i * to.width + j, row + Math.floor(((j + 0.5) * from.width) / to.width));
  }
}

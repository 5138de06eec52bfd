// Turns an 8-bit picture into uint8 [H, W, C] at the bundle's size.
import sharp from 'sharp';
import type { ImageSpec } from '../bundle/manifest.js';
import { checkAspect } from './aspect.js';
import { DecodeError } from './decode-error.js';
import type { Picture } from './picture.js';
import type { ModalityTensor } from './tensor.js';

/** Throws DecodeError `wrong_bit_depth`, `wrong_channels`, `wrong_aspect` or `corrupt`. */
export async function decodeImage(picture: Picture, spec: ImageSpec): Promise<ModalityTensor> {
  if (picture.dtype !== 'uint8')
    throw new DecodeError('wrong_bit_depth', `${picture.dtype} pixels; ${spec.name} takes 8 bits a sample`);
  if (picture.channels !== spec.channels)
    throw new DecodeError(
      'wrong_channels',
      `${picture.channels} channels; ${spec.name} takes ${spec.channels}`,
    );
  checkAspect(picture, spec);
  const pixels = (await picture.read()) as Uint8Array;
  const sameSize = picture.width === spec.width && picture.height === spec.height;
  const data = sameSize ? alone(pixels) : await resize(pixels, picture, spec);
  return { dtype: 'uint8', shape: [spec.height, spec.width, spec.channels], data };
}

/** Itself where nothing else lies in its memory, otherwise a copy: what goes to a worker takes all of it along. */
function alone(pixels: Uint8Array): Uint8Array {
  return pixels.byteLength === pixels.buffer.byteLength ? pixels : new Uint8Array(pixels);
}

/** From raw pixels, so that sharp neither shrinks while loading nor premultiplies: the trainer does neither. */
async function resize(pixels: Uint8Array, from: Picture, to: ImageSpec): Promise<Uint8Array> {
  const raw = { width: from.width, height: from.height, channels: to.channels };
  const resized = await sharp(pixels, { raw })
    .resize(to.width, to.height, { fit: 'fill', kernel: 'linear' })
    .toColourspace(to.channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer();
  return alone(resized);
}

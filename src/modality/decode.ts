// Turns a part's bytes into the tensor its encoder takes; docs/decoding.md is the law, the trainer follows it too.
import type { ImageSpec, ModalitySpec, RangeSpec } from '../bundle/manifest.js';
import { decodeAudio } from './audio.js';
import { decodeImage } from './image.js';
import { openPicture, type Picture } from './picture.js';
import { type Calibration, decodeRange } from './range.js';
import type { ModalityTensor } from './tensor.js';

/** Room for so many bytes; what comes back gives it up. */
export type Reserve = (bytes: number) => () => void;

/**
 * One sample without the batch axis; its `data` is all of its buffer, which is cloned to a worker.
 * `calibration` matters to range maps only. Asks `reserve` for the pixels of a picture, at its own size, before they
 * are decoded. Throws DecodeError, whose `reason` is one of docs/decoding.md, and what `reserve` throws.
 */
export async function decodePart(
  bytes: Uint8Array,
  spec: ModalitySpec,
  calibration: Calibration,
  reserve: Reserve,
): Promise<ModalityTensor> {
  if (spec.kind === 'audio') return decodeAudio(bytes, spec);
  const picture = await openPicture(bytes);
  const release = reserve(picture.decodingBytes);
  try {
    return await decodePicture(picture, spec, calibration);
  } finally {
    release();
  }
}

function decodePicture(
  picture: Picture,
  spec: ImageSpec | RangeSpec,
  calibration: Calibration,
): Promise<ModalityTensor> {
  switch (spec.kind) {
    case 'image':
      return decodeImage(picture, spec);
    case 'range':
      return decodeRange(picture, spec, calibration);
    default:
      return spec satisfies never;
  }
}

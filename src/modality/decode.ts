// Turns a part's bytes into the tensor its encoder takes; docs/decoding.md is the law, the trainer follows it too.
import type { ModalitySpec } from '../bundle/manifest.js';
import { decodeAudio } from './audio.js';
import { decodeImage } from './image.js';
import { openPicture } from './picture.js';
import { type Calibration, decodeRange } from './range.js';
import type { ModalityTensor } from './tensor.js';

/**
 * One sample without the batch axis; its `data` owns its buffer, so that it can be transferred to a worker.
 * Throws DecodeError, whose `reason` is one of docs/decoding.md. `calibration` matters to range maps only.
 */
export async function decodePart(
  bytes: Uint8Array,
  spec: ModalitySpec,
  calibration: Calibration = {},
): Promise<ModalityTensor> {
  switch (spec.kind) {
    case 'image':
      return decodeImage(await openPicture(bytes), spec);
    case 'range':
      return decodeRange(await openPicture(bytes), spec, calibration);
    case 'audio':
      return decodeAudio(bytes, spec);
    default:
      return spec satisfies never;
  }
}

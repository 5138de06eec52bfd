// Turns a WAV file into float32 [T] in -1…1, channels averaged.
import { type AudioSpec, sampleCount } from '../bundle/manifest.js';
import { DecodeError } from './decode-error.js';
import { sniff } from './sniff.js';
import type { ModalityTensor } from './tensor.js';
import { firstSamples, readWav } from './wav.js';

/** Throws DecodeError `empty`, `unsupported_format`, `corrupt`, `wrong_bit_depth`, `wrong_sample_rate` or `too_short`. */
export function decodeAudio(bytes: Uint8Array, spec: AudioSpec): ModalityTensor {
  const format = sniff(bytes);
  if (format !== 'wav')
    throw new DecodeError('unsupported_format', `a ${format.toUpperCase()} file where a WAV belongs`);
  const wav = readWav(bytes);
  if (wav.sampleRate !== spec.sampleRate)
    throw new DecodeError(
      'wrong_sample_rate',
      `${wav.sampleRate} Hz; ${spec.name} takes ${spec.sampleRate} Hz`,
    );
  const count = sampleCount(spec);
  if (wav.length < count)
    throw new DecodeError('too_short', `${wav.length} samples; ${spec.name} takes ${count}`);
  return { dtype: 'float32', shape: [count], data: firstSamples(wav, count) };
}

// Reads WAV files: RIFF chunks, PCM 16/24/32 and float 32, also WAVE_FORMAT_EXTENSIBLE.
import { DecodeError } from './decode-error.js';

const PCM = 1;
const IEEE_FLOAT = 3;
const EXTENSIBLE = 0xfffe;
/** The bytes every KSDATAFORMAT_SUBTYPE ends with, after the format tag (mmreg.h). */
const SUBTYPE_TAIL = '000000001000800000aa00389b71';

/** A WAV file whose chunks were checked. */
export interface Wav {
  readonly isFloat: boolean;
  readonly channels: number;
  readonly sampleRate: number;
  readonly bits: number;
  /** Samples per channel. */
  readonly length: number;
  readonly frames: DataView;
}

/** Walks the RIFF chunks. Throws DecodeError `corrupt`, `unsupported_format` or `wrong_bit_depth`. */
export function readWav(bytes: Uint8Array): Wav {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let fmt: DataView | undefined;
  let frames: DataView | undefined;
  for (let at = 12; at + 8 <= bytes.length && !(fmt && frames); ) {
    const name = String.fromCharCode(...bytes.subarray(at, at + 4));
    const size = view.getUint32(at + 4, true);
    const there = bytes.length - at - 8;
    if (size > there)
      throw new DecodeError(
        'corrupt',
        `chunk "${name.trim()}" claims ${size} bytes, ${there} are there: the file is cut off or its header is wrong`,
      );
    const chunk = new DataView(bytes.buffer, bytes.byteOffset + at + 8, size);
    if (name === 'fmt ') fmt ??= chunk;
    if (name === 'data') frames ??= chunk;
    at += 8 + size + (size % 2);
  }
  if (!fmt || !frames)
    throw new DecodeError('corrupt', 'the WAV file ends before its "fmt" and "data" chunks');
  return describe(fmt, frames);
}

function describe(fmt: DataView, frames: DataView): Wav {
  if (fmt.byteLength < 16)
    throw new DecodeError('corrupt', `the "fmt" chunk has ${fmt.byteLength} bytes, not 16 or more`);
  const tag = formatTag(fmt);
  const channels = fmt.getUint16(2, true);
  const sampleRate = fmt.getUint32(4, true);
  const blockBytes = fmt.getUint16(12, true);
  const bits = fmt.getUint16(14, true);
  if (tag !== PCM && tag !== IEEE_FLOAT)
    throw new DecodeError(
      'unsupported_format',
      `WAV encoding ${tag} is not supported; save it as PCM or float`,
    );
  const isFloat = tag === IEEE_FLOAT;
  if (!(isFloat ? [32] : [16, 24, 32]).includes(bits))
    throw new DecodeError(
      'wrong_bit_depth',
      `${bits}-bit ${isFloat ? 'float' : 'PCM'}; PCM 16, 24, 32 or float 32 is right`,
    );
  const consistent = channels > 0 && sampleRate > 0 && blockBytes === (channels * bits) / 8;
  if (!consistent || frames.byteLength % blockBytes !== 0)
    throw new DecodeError('corrupt', 'the "fmt" chunk contradicts itself or the data chunk');
  return { isFloat, channels, sampleRate, bits, length: frames.byteLength / blockBytes, frames };
}

function formatTag(fmt: DataView): number {
  const tag = fmt.getUint16(0, true);
  if (tag !== EXTENSIBLE) return tag;
  if (fmt.byteLength < 40)
    throw new DecodeError('corrupt', 'the extensible "fmt" chunk is shorter than 40 bytes');
  const tail = Buffer.from(fmt.buffer, fmt.byteOffset + 26, 14).toString('hex');
  return tail === SUBTYPE_TAIL ? fmt.getUint16(24, true) : 0;
}

/** The first `count` samples in -1…1, channels averaged. Throws DecodeError `corrupt` for NaN or infinity. */
export function firstSamples(wav: Wav, count: number): Float32Array {
  const sampleBytes = wav.bits / 8;
  const read = sampleReader(wav);
  const fullScale = wav.isFloat ? 1 : 2 ** (wav.bits - 1);
  const samples = new Float32Array(count);
  for (let i = 0, at = 0; i < count; i++) {
    let total = 0;
    for (let channel = 0; channel < wav.channels; channel++, at += sampleBytes) total += read(at);
    if (!Number.isFinite(total))
      throw new DecodeError('corrupt', 'the sound holds samples that are not numbers');
    samples[i] = total / wav.channels / fullScale;
  }
  return samples;
}

function sampleReader({ frames, isFloat, bits }: Wav): (at: number) => number {
  if (isFloat) return (at) => frames.getFloat32(at, true);
  if (bits === 16) return (at) => frames.getInt16(at, true);
  if (bits === 32) return (at) => frames.getInt32(at, true);
  return (at) => frames.getUint16(at, true) + frames.getInt8(at + 2) * 0x1_0000;
}

// Opens the picture most cameras send, a PNG without alpha, palette or interlacing, at a third of libvips' price.
import { availableParallelism } from 'node:os';
import { Transformer } from '@napi-rs/image';
import type { Picture } from './picture.js';

const SIGNATURE_BYTES = 8;
/** Length, type and checksum of a chunk: what stands around its content. */
const CHUNK_BYTES = 12;
const IHDR_BYTES = 13;

/** PNG 11.2.1, colour type: greyscale, truecolour. Palettes and alpha are libvips' work. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3 };

/** Chunks that change no stored sample. Any other (transparency, orientation, animation) is libvips' work. */
const HARMLESS = new Set(
  'IHDR IDAT IEND gAMA cHRM sRGB iCCP sBIT bKGD hIST pHYs tIME tEXt zTXt iTXt'.split(' '),
);

/** Decoded at once up to here, 256 x 256 in 1.2 ms; a larger picture would hold up the event loop. */
const SYNCHRONOUS_PIXELS = 512 * 512;
/** Of more cores than these the workers outrun the event loop: decoding beside it, 16 answered half as much again. */
const SYNCHRONOUS_CORES = 4;
const CORES = availableParallelism();

/** In the event loop's own thread; beside it otherwise, which costs each picture a way there and back. */
export function isDecodedAtOnce(pixels: number, cores: number): boolean {
  return cores <= SYNCHRONOUS_CORES && pixels <= SYNCHRONOUS_PIXELS;
}

export type PlainPicture = Pick<Picture, 'width' | 'height' | 'channels' | 'dtype'> & {
  /** As Picture.read(); undefined where it cannot be decoded: libvips has the words for why. */
  read(): Promise<Uint8Array | Uint16Array | undefined>;
};

/** Reads the header of PNG bytes; undefined where the picture is not plain, or not whole. */
export function openPlainPng(bytes: Uint8Array): PlainPicture | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isPlain(file)) return undefined;
  const width = file.readUInt32BE(16);
  const height = file.readUInt32BE(20);
  const [bits = 0, colourType = 0, , , interlaced] = file.subarray(24);
  const channels = CHANNELS[colourType];
  if (channels === undefined || interlaced !== 0 || (bits !== 8 && bits !== 16)) return undefined;
  const samples = width * height * channels;
  return {
    width,
    height,
    channels,
    dtype: bits === 8 ? 'uint8' : 'uint16',
    async read() {
      const pixels = await decode(file, width * height);
      if (pixels?.byteLength !== (samples * bits) / 8) return undefined;
      if (bits === 8) return pixels;
      return new Uint16Array(pixels.buffer, pixels.byteOffset, samples);
    },
  };
}

/** All chunks are there, harmless, and in bounds; IHDR first and IEND last. */
function isPlain(file: Buffer): boolean {
  let at = SIGNATURE_BYTES;
  let type = '';
  while (at + CHUNK_BYTES <= file.length && type !== 'IEND') {
    const length = file.readUInt32BE(at);
    type = file.toString('latin1', at + 4, at + 8);
    if (!HARMLESS.has(type) || (at === SIGNATURE_BYTES) !== (type === 'IHDR' && length === IHDR_BYTES))
      return false;
    at += CHUNK_BYTES + length;
  }
  return type === 'IEND' && at <= file.length;
}

async function decode(file: Buffer, pixels: number): Promise<Buffer | undefined> {
  try {
    const transformer = new Transformer(file);
    return isDecodedAtOnce(pixels, CORES) ? transformer.rawPixelsSync() : await transformer.rawPixels();
  } catch {
    return undefined;
  }
}

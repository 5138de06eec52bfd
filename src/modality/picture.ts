// Opens a picture of any accepted format: what its header says first, its pixels when asked for.
import sharp, { type Metadata, type SharpOptions } from 'sharp';
import { DecodeError } from './decode-error.js';
import { type PixelArray, readNpy } from './npy.js';
import { type PlainJpeg, readPlainJpeg } from './plain-jpeg.js';
import { openPlainPng, type PlainPicture } from './plain-png.js';
import { type FileFormat, sniff } from './sniff.js';

const MAX_PIXELS = 64_000_000;

// Process-wide, so it is done where sharp is first imported: no other loader of libvips ever sees a part's bytes.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: ['VipsForeignLoadPng', 'VipsForeignLoadJpeg', 'VipsForeignLoadTiff'] });
// Every part is read once; a cache would only hold memory.
sharp.cache(false);
// Parts are small and many at a time: threads of libvips' own beside them cost more than they gain.
sharp.concurrency(1);

const DTYPES = { uchar: 'uint8', ushort: 'uint16', float: 'float32' } as const;
/** The colour spaces whose samples are taken as stored. */
const SPACES: Readonly<Record<Picture['dtype'], readonly string[]>> = {
  uint8: ['b-w', 'srgb'],
  uint16: ['grey16', 'rgb16'],
  float32: ['b-w', 'scrgb'],
};

const OPTIONS = {
  autoOrient: true,
  ignoreIcc: true, // pixels as stored: the trainer does not convert either
  failOn: 'error', // a truncated file is never decoded half-way
  limitInputPixels: false, // refused below, with a sentence
  limitInputChannels: false,
  sequentialRead: true,
} as const satisfies SharpOptions;

/** A picture's header: upright, without alpha. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly dtype: 'uint8' | 'uint16' | 'float32';
  /** What its pixels hold while they are read: the decoder's own, and those it hands over. */
  readonly decodingBytes: number;
  /** Decodes the pixels, row-major [h, w, c]. Their memory may be the decoder's. */
  read(): Promise<PixelArray>;
}

/**
 * Reads the header only.
 * Throws DecodeError `empty`, `unsupported_format`, `corrupt`, `too_large`, `wrong_bit_depth` or `wrong_channels`;
 * `read()` throws `corrupt` for damaged pixels.
 */
export async function openPicture(bytes: Uint8Array): Promise<Picture> {
  const format = sniff(bytes);
  if (format === 'wav') throw new DecodeError('unsupported_format', 'a WAV file where a picture belongs');
  if (format === 'npy') return openNpy(bytes);
  const png = format === 'png' ? openPlainPng(bytes) : undefined;
  if (png !== undefined) return openPlain(png, bytes);
  const jpeg = format === 'jpeg' ? readPlainJpeg(bytes) : undefined;
  return jpeg === undefined ? openByVips(bytes, format) : openJpeg(jpeg, bytes);
}

/** Its header says what libvips would say of it; its pixels are libvips'. */
function openJpeg({ width, height, channels }: PlainJpeg, bytes: Uint8Array): Picture {
  assertNotTooLarge({ width, height });
  const header = { depth: 'uchar', space: channels === 1 ? 'b-w' : 'srgb' } as const;
  return {
    ...{ width, height, channels, dtype: 'uint8' },
    decodingBytes: decodingBytes(width * height * channels, 'uint8'),
    read: () => readRaw(bytes, header, channels).catch(brokenOff('JPEG')),
  };
}

function openPlain(plain: PlainPicture, bytes: Uint8Array): Picture {
  assertNotTooLarge(plain);
  const { width, height, channels, dtype } = plain;
  return {
    ...{ width, height, channels, dtype },
    decodingBytes: decodingBytes(width * height * channels, dtype),
    async read() {
      return (await plain.read()) ?? (await openByVips(bytes, 'png')).read();
    },
  };
}

async function openByVips(bytes: Uint8Array, format: FileFormat): Promise<Picture> {
  const label = format.toUpperCase();
  const header = await readMetadata(bytes, label);
  assertNotTooLarge(header);
  const dtype = sampleType(header, label);
  // Two or four channels: the last one is alpha.
  const stored = header.channels;
  const channels = stored === 2 || stored === 4 ? stored - 1 : stored;
  const { width, height } = header.autoOrient;
  return {
    width,
    height,
    channels,
    dtype,
    decodingBytes: decodingBytes(width * height * stored, dtype),
    read: () => readPixels(bytes, header, channels).catch(brokenOff(label)),
  };
}

function brokenOff(label: string): (cause: unknown) => never {
  return (cause) => {
    throw new DecodeError('corrupt', `the ${label} file breaks off or is damaged`, { cause });
  };
}

function assertNotTooLarge({ width, height }: { width: number; height: number }): void {
  if (width * height > MAX_PIXELS)
    throw new DecodeError('too_large', `${width} x ${height} pixels; ${MAX_PIXELS} is the limit`);
}

function openNpy(bytes: Uint8Array): Picture {
  const { shape, dtype, read } = readNpy(bytes, MAX_PIXELS);
  const [height = 0, width = 0, channels = 1] = shape;
  const size = decodingBytes(height * width * channels, dtype);
  return { width, height, channels, dtype, decodingBytes: size, read: async () => read() };
}

function decodingBytes(samples: number, dtype: Picture['dtype']): number {
  return 2 * samples * { uint8: 1, uint16: 2, float32: 4 }[dtype];
}

async function readMetadata(bytes: Uint8Array, label: string): Promise<Metadata> {
  try {
    return await sharp(bytes, OPTIONS).metadata();
  } catch (cause) {
    // libvips refuses 64 bits a sample this early, and in these words.
    if (String(cause).includes('samples out of range')) throw wrongType('more than 32 bits a sample', label);
    throw new DecodeError('corrupt', `the ${label} header cannot be read`, { cause });
  }
}

function sampleType({ depth, space }: Metadata, label: string): Picture['dtype'] {
  const dtype = DTYPES[depth as keyof typeof DTYPES];
  if (!dtype) throw wrongType(depth, label);
  if (SPACES[dtype].includes(space)) return dtype;
  // libvips widens half floats, and says so only by the colour space.
  if (dtype === 'float32' && SPACES.uint16.includes(space)) throw wrongType('float 16', label);
  throw new DecodeError('wrong_channels', `colours are ${space}; save it as grey or RGB`);
}

function wrongType(found: string, label: string): DecodeError {
  return new DecodeError(
    'wrong_bit_depth',
    `${label} of type ${found}; 8 or 16 bits unsigned or float 32 is right`,
  );
}

async function readPixels(bytes: Uint8Array, header: Metadata, channels: number): Promise<PixelArray> {
  // sharp keeps only the first channel of a "b-w" picture, whatever it holds: fetch the others one by one.
  if (header.space === 'b-w' && channels > 1) {
    const planes: PixelArray[] = [];
    for (let channel = 0; channel < channels; channel++)
      planes.push(await readRaw(bytes, header, 1, channel));
    return interleave(planes);
  }
  return readRaw(bytes, header, channels);
}

/** As much of it as the pixels need. */
type Samples = Pick<Metadata, 'depth' | 'space'>;

async function readRaw(
  bytes: Uint8Array,
  header: Samples,
  channels: number,
  only?: number,
): Promise<PixelArray> {
  // To its own colour space: otherwise sharp silently converts grey to RGB, 16 bits to 8, and xyz to sRGB.
  const pipeline = sharp(bytes, OPTIONS).toColourspace(header.space);
  if (only !== undefined) pipeline.extractChannel(only as 0);
  const { data, info } = await pipeline
    .raw({ depth: header.depth as 'uchar' | 'ushort' | 'float' })
    .toBuffer({ resolveWithObject: true });
  return withoutAlpha(asPixels(data, header), info.channels, channels);
}

/** A view: sharp allocates each picture for itself, so that it starts on a multiple of any sample's size. */
function asPixels({ buffer, byteOffset, byteLength }: Buffer, { depth }: Samples): PixelArray {
  if (depth === 'ushort') return new Uint16Array(buffer, byteOffset, byteLength / 2);
  if (depth === 'float') return new Float32Array(buffer, byteOffset, byteLength / 4);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function withoutAlpha(pixels: PixelArray, stored: number, wanted: number): PixelArray {
  if (stored === wanted) return pixels;
  const count = pixels.length / stored;
  const kept = pixels.slice(0, count * wanted);
  for (let i = 0, to = 0, from = 0; i < count; i++, from += stored)
    for (let c = 0; c < wanted; c++) kept[to++] = pixels[from + c] ?? 0;
  return kept;
}

function interleave(planes: readonly PixelArray[]): PixelArray {
  const [first] = planes;
  if (!first) throw new RangeError('a picture has at least one channel');
  const pixels = new (first.constructor as new (length: number) => PixelArray)(first.length * planes.length);
  planes.forEach((plane, c) => {
    for (let i = 0; i < plane.length; i++) pixels[i * planes.length + c] = plane[i] ?? 0;
  });
  return pixels;
}

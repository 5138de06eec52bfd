// Pictures no good camera sends: bombs, wrong depths, broken files.
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  readonly interlace: number;
}

/** A PNG whose checksums are right, whatever its header says of the deflated rows. */
export function pngOf({ width, height, depth, colour, interlace }: PngHeader, rows: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, interlace], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A whole, valid PNG of side x side black pixels, one bit each: small to send, huge to decode. */
export function bombPng(side: number): Buffer {
  const rows = deflateSync(Buffer.alloc((1 + Math.ceil(side / 8)) * side));
  return pngOf({ width: side, height: side, depth: 1, colour: 0, interlace: 0 }, rows);
}

function chunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** 64 x 64, grey noise of 16 bits. */
export function grey16(format: 'png' | 'tiff'): Promise<Buffer> {
  const values = Uint16Array.from({ length: 64 * 64 }, (_, i) => 1000 + ((i * 7919) % 4096));
  const picture = sharp(values, { raw: { width: 64, height: 64, channels: 1 } }).toColourspace('grey16');
  return (format === 'png' ? picture.png() : picture.tiff({ compression: 'none' })).toBuffer();
}

/** 64 x 64, colour noise of 8 bits. */
export function rgb8(format: 'png' | 'jpeg' | 'tiff'): Promise<Buffer> {
  const values = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251);
  return sharp(values, { raw: { width: 64, height: 64, channels: 3 } })
    .toFormat(format)
    .toBuffer();
}

/** 64 x 64, grey noise of 8 bits. */
export function grey8(): Promise<Buffer> {
  const values = Uint8Array.from({ length: 64 * 64 }, (_, i) => (i * 7919) % 251);
  return sharp(values, { raw: { width: 64, height: 64, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
}

/** The first part of a file, as a cable pulled in the middle leaves it. */
export const cut = (file: Buffer, share = 0.6): Buffer => file.subarray(0, Math.floor(file.length * share));

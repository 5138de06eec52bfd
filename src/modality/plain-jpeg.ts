// Reads the header of the JPEG most cameras send, without libvips: asking it costs a fifth of decoding a small picture.

export interface PlainJpeg {
  readonly width: number;
  readonly height: number;
  /** Grey, or three that libvips makes RGB. */
  readonly channels: 1 | 3;
}

/** ITU-T T.81, B.1.1.3, table B.1. */
const SOI_BYTES = 2;
const SOF0 = 0xc0;
const SOF2 = 0xc2;
const SOS = 0xda;
/**
 * Segments that change no stored sample: Huffman and quantisation tables, restart interval, comment, JFIF (APP0) and
 * ICC profile (APP2). Any other is libvips' work: EXIF (APP1) may turn the picture, Adobe's (APP14) names its colours.
 */
const HARMLESS = new Set([0xc4, 0xdb, 0xdd, 0xfe, 0xe0, 0xe2]);

/** undefined where the picture is not baseline or progressive with 8 bits, or its header is not plain, or not whole. */
export function readPlainJpeg(bytes: Uint8Array): PlainJpeg | undefined {
  const file = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let frame: PlainJpeg | undefined;
  // Marker and length, each of two bytes, of the segment at hand.
  for (let at = SOI_BYTES; at + 4 <= file.byteLength; ) {
    if (file.getUint8(at) !== 0xff) return undefined;
    const marker = file.getUint8(at + 1);
    const end = at + 2 + file.getUint16(at + 2);
    if (marker === SOS) return frame;
    if (end > file.byteLength || end < at + 4) return undefined;
    if (marker >= SOF0 && marker <= SOF2) {
      if (frame !== undefined) return undefined;
      frame = readFrame(file, at + 4, end);
      if (frame === undefined) return undefined;
    } else if (!HARMLESS.has(marker)) return undefined;
    at = end;
  }
  return undefined;
}

/** B.2.2: precision, lines, samples a line, components. */
function readFrame(file: DataView, at: number, end: number): PlainJpeg | undefined {
  if (at + 6 > end) return undefined;
  const precision = file.getUint8(at);
  const height = file.getUint16(at + 1);
  const width = file.getUint16(at + 3);
  const channels = file.getUint8(at + 5);
  if (precision !== 8 || width === 0 || height === 0) return undefined;
  return channels === 1 || channels === 3 ? { width, height, channels } : undefined;
}

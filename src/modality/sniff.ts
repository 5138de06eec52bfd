// Says what a file is by its first bytes, never by its name or the client's content type.
import { DecodeError } from './decode-error.js';

export type FileFormat = 'png' | 'jpeg' | 'tiff' | 'npy' | 'wav';

const SIGNATURES: readonly (readonly [string, FileFormat])[] = [
  ['\x89PNG\r\n\x1a\n', 'png'],
  ['\xff\xd8\xff', 'jpeg'],
  ['II*\0', 'tiff'],
  ['MM\0*', 'tiff'],
  ['II+\0', 'tiff'], // BigTIFF
  ['MM\0+', 'tiff'],
  ['\x93NUMPY', 'npy'],
];

/** The format of a part. Throws DecodeError `empty` or `unsupported_format`. */
export function sniff(bytes: Uint8Array): FileFormat {
  if (bytes.length === 0) throw new DecodeError('empty', 'the file has no bytes');
  const head = String.fromCharCode(...bytes.subarray(0, 12));
  const found = SIGNATURES.find(([signature]) => head.startsWith(signature));
  if (found) return found[1];
  if (head.startsWith('RIFF') && head.slice(8) === 'WAVE') return 'wav';
  throw new DecodeError('unsupported_format', 'not a PNG, JPEG, TIFF, NPY or WAV file');
}

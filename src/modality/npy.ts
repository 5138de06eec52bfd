// Reads NPY files of the three dtypes that sensors write: u1, <u2 and <f4.
import { DecodeError } from './decode-error.js';

export type PixelArray = Uint8Array | Uint16Array | Float32Array;

const MAX_HEADER_BYTES = 4096; // real headers have about 100; a longer one is not a picture

type Dtype = 'uint8' | 'uint16' | 'float32';
const DTYPES: Readonly<Record<string, Dtype>> = {
  "'|u1'": 'uint8',
  "'<u2'": 'uint16',
  "'<f4'": 'float32',
};
const ARRAYS = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };

export interface NpyArray {
  /** [h, w] or [h, w, c]. */
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  /** A copy: the file's numbers need not lie on a multiple of their size. */
  read(): PixelArray;
}

/** Throws DecodeError `corrupt`, `wrong_bit_depth`, `unsupported_format`, `wrong_channels` or `too_large`. */
export function readNpy(bytes: Uint8Array, maxPixels: number): NpyArray {
  const { text, end } = readHeader(bytes);
  const descr = /'descr':\s*('[^']*'|\[)/.exec(text)?.[1];
  const fortran = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const dimensions = /'shape':\s*\(([\d, ]*)\)/.exec(text)?.[1];
  if (descr === undefined || fortran === undefined || dimensions === undefined)
    throw new DecodeError('corrupt', 'the NPY header is not one that numpy writes');
  const dtype = DTYPES[descr];
  if (!dtype)
    throw new DecodeError('wrong_bit_depth', `NPY of dtype ${descr}; '|u1', '<u2' or '<f4' is right`);
  if (fortran === 'True')
    throw new DecodeError('unsupported_format', 'NPY in Fortran order; save np.ascontiguousarray(array)');
  const shape = dimensions
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  const [height = 0, width = 0] = shape;
  if (shape.length !== 2 && shape.length !== 3)
    throw new DecodeError('wrong_channels', `NPY of shape (${shape}); (h, w) or (h, w, c) is right`);
  if (height * width > maxPixels)
    throw new DecodeError('too_large', `${width} x ${height} pixels; ${maxPixels} is the limit`);
  const PixelType = ARRAYS[dtype];
  const promised = shape.reduce((product, size) => product * size, PixelType.BYTES_PER_ELEMENT);
  if (promised === 0 || promised !== bytes.length - end)
    throw new DecodeError(
      'corrupt',
      `the NPY header promises ${promised} bytes, ${bytes.length - end} are there`,
    );
  return { shape, dtype, read: () => new PixelType(new Uint8Array(bytes.subarray(end)).buffer) };
}

function readHeader(bytes: Uint8Array): { text: string; end: number } {
  const version = bytes[6] ?? 0;
  const start = version === 1 ? 10 : 12;
  if (version < 1 || version > 3 || bytes.length < start)
    throw new DecodeError('corrupt', 'the NPY header is cut off or of an unknown version');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (size > MAX_HEADER_BYTES || start + size > bytes.length)
    throw new DecodeError('corrupt', `the NPY header claims ${size} bytes`);
  return { text: Buffer.from(bytes.subarray(start, start + size)).toString('latin1'), end: start + size };
}

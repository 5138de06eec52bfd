// Reads the golden vectors: NumPy's .npy format, the two dtypes a bundle holds.

export type NpyArray =
  | { readonly dtype: 'uint8'; readonly shape: readonly number[]; readonly data: Uint8Array }
  | { readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array };

// "The first 6 bytes are a magic string: exactly \x93NUMPY" (NumPy format specification)
const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
const BYTES_PER_VALUE: Readonly<Record<string, number>> = { '|u1': 1, '<f4': 4 };

/** Throws an Error saying what is wrong with the file. */
export function parseNpy(bytes: Buffer): NpyArray {
  if (!bytes.subarray(0, 6).equals(MAGIC)) throw new Error('is not a .npy file');
  // Version 1.0 counts its header in two bytes, later versions in four.
  const lengthBytes = bytes[6] === 1 ? 2 : 4;
  const headerStart = 8 + lengthBytes;
  const dataStart = headerStart + bytes.readUIntLE(8, lengthBytes);
  const header = bytes.toString('latin1', headerStart, dataStart);
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? '';
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (shapeText === undefined || !/'fortran_order':\s*False/.test(header))
    throw new Error('has a header that is not a row-major array');
  const shape = shapeText
    .split(',')
    .filter((axis) => axis.trim() !== '')
    .map(Number);
  const bytesPerValue = BYTES_PER_VALUE[descr];
  if (bytesPerValue === undefined) throw new Error(`holds "${descr}"; only uint8 and float32 are read`);
  const count = shape.reduce((product, axis) => product * axis, 1);
  if (dataStart + count * bytesPerValue !== bytes.length)
    throw new Error(
      `holds ${bytes.length - dataStart} bytes of values; its shape (${shape}) needs another count`,
    );
  // Copied: the values must lie at a multiple of four bytes, in a buffer of their own.
  const values = new Uint8Array(bytes.subarray(dataStart));
  return descr === '|u1'
    ? { dtype: 'uint8', shape, data: values }
    : { dtype: 'float32', shape, data: new Float32Array(values.buffer) };
}

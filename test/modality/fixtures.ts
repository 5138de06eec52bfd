// Finds and reads the golden files of test/fixtures/decoding.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Tests run from the repository root. */
export function fixture(name: string): string {
  return resolve('test/fixtures/decoding', name);
}

/** An expected array: uint8 or float32, little-endian, as numpy.save writes it. */
export function readExpected(name: string): { dtype: string; shape: number[]; values: number[] } {
  const bytes = readFileSync(fixture(name));
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, start);
  const shape =
    /\(([^)]*)\)/
      .exec(header)?.[1]
      ?.split(',')
      .filter((size) => size.trim())
      .map(Number) ?? [];
  const isFloat = header.includes('<f4');
  const count = (bytes.length - start) / (isFloat ? 4 : 1);
  const values = Array.from({ length: count }, (_, i) =>
    isFloat ? bytes.readFloatLE(start + 4 * i) : bytes.readUInt8(start + i),
  );
  return { dtype: isFloat ? 'float32' : 'uint8', shape, values };
}

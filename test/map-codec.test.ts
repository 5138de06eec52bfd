// The stored bytes of a map: exact, compact, and refused where damaged.
import { describe, expect, it } from '@jest/globals';
import { decodeMap, encodeMap, quantise } from '../src/map-codec.js';
import { aMap } from './store/samples.js';

describe('quantise', () => {
  it('keeps 0…1 to 1/65535, clamps the rest, and reads no number as nothing unusual', () => {
    const values = Float32Array.of(0, 0.5, 1, -0.5, 1.5, Number.NaN);
    expect(Array.from(quantise({ height: 2, width: 3, values }).values)).toEqual([
      0, 32768, 65535, 0, 65535, 0,
    ]);
  });
});

it('gives back every value of a map', async () => {
  const map = aMap(64, 48);
  const decoded = await decodeMap(encodeMap(map));
  expect([decoded.height, decoded.width]).toEqual([64, 48]);
  expect(Array.from(decoded.values)).toEqual(Array.from(map.values));
});

it('keeps a smooth map in less than half its size', () => {
  const values = Uint16Array.from({ length: 256 * 256 }, (_, i) => 20000 + 9000 * Math.sin(i / 40));
  const bytes = encodeMap({ height: 256, width: 256, values });
  expect(bytes.length).toBeLessThan(values.byteLength / 2);
});

it('refuses a map whose values do not fill its frame', () => {
  expect(() => encodeMap({ height: 2, width: 3, values: new Uint16Array(5) })).toThrow(
    '5 values instead of 6',
  );
});

it('refuses damaged bytes', async () => {
  const bytes = encodeMap(aMap());
  await expect(decodeMap(bytes.subarray(0, bytes.length - 4))).rejects.toThrow();
});

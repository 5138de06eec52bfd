// The stored bytes of a map: exact, compact, and refused where damaged.
import { expect, it } from '@jest/globals';
import { decodeMap, encodeMap } from '../../src/store/codec.js';
import { aMap } from './samples.js';

it('gives back every value of a map', async () => {
  const map = aMap(64, 48);
  const decoded = await decodeMap(await encodeMap(map));
  expect([decoded.height, decoded.width]).toEqual([64, 48]);
  expect(Array.from(decoded.values)).toEqual(Array.from(map.values));
});

it('keeps a smooth map in less than half its size', async () => {
  const values = Uint16Array.from({ length: 256 * 256 }, (_, i) => 20000 + 9000 * Math.sin(i / 40));
  const bytes = await encodeMap({ height: 256, width: 256, values });
  expect(bytes.length).toBeLessThan(values.byteLength / 2);
});

it('refuses a map whose values do not fill its frame', async () => {
  await expect(encodeMap({ height: 2, width: 3, values: new Uint16Array(5) })).rejects.toThrow(
    '5 values instead of 6',
  );
});

it('refuses damaged bytes', async () => {
  const bytes = await encodeMap(aMap());
  await expect(decodeMap(bytes.subarray(0, bytes.length - 4))).rejects.toThrow();
});

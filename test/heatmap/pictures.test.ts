// Checks what an overlay lies on, and the sheet the demo writes.
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { ImageSpec, RangeSpec } from '../../src/bundle/manifest.js';
import { contactSheet } from '../../src/heatmap/sheet.js';
import { thumbnail } from '../../src/heatmap/thumbnail.js';

const image: ImageSpec = {
  name: 'rgb',
  kind: 'image',
  width: 512,
  height: 320,
  channels: 3,
  bits: 8,
  registeredWith: [],
};
const range: RangeSpec = {
  name: 'depth',
  kind: 'range',
  width: 100,
  height: 50,
  unit: 'mm',
  encoding: 'uint16',
  scale: 1,
  offset: 0,
  invalid: 0,
  registeredWith: [],
};

async function greys(encoded: Uint8Array | undefined) {
  const { data, info } = await sharp(encoded).greyscale().raw().toBuffer({ resolveWithObject: true });
  return {
    width: info.width,
    height: info.height,
    at: (x: number, y: number) => data[y * info.width + x] ?? -1,
  };
}

describe('a thumbnail', () => {
  it('is at most 256 pixels wide and keeps the aspect', async () => {
    const data = new Uint8Array(512 * 320 * 3).fill(77);
    const small = await greys(await thumbnail({ dtype: 'uint8', shape: [320, 512, 3], data }, image));
    expect([small.width, small.height]).toEqual([256, 160]);
    expect(Math.abs(small.at(100, 100) - 77)).toBeLessThan(3);
  });

  it('stretches a range map over its bulk, and keeps black for what was not measured', async () => {
    const data = Float32Array.from({ length: 5000 }, (_, i) => (i % 100 < 20 ? Number.NaN : 400 + (i % 100)));
    data[50] = 1e6; // a wild point must not darken the rest
    const small = await greys(await thumbnail({ dtype: 'float32', shape: [50, 100, 1], data }, range));
    expect(small.width).toBe(100);
    expect(small.at(8, 25)).toBeLessThan(10);
    expect(small.at(24, 25)).toBeGreaterThan(15);
    expect(small.at(60, 25)).toBeGreaterThan(100);
    expect(small.at(97, 25)).toBeGreaterThan(240);
  });

  it('is made even where nothing was measured, or all is the same', async () => {
    for (const value of [Number.NaN, 7]) {
      const data = new Float32Array(5000).fill(value);
      expect(await thumbnail({ dtype: 'float32', shape: [50, 100, 1], data }, range)).toBeDefined();
    }
  });

  it('does not exist for sound', async () => {
    const data = new Float32Array(8);
    const spec = { name: 'tap', kind: 'audio', sampleRate: 8, seconds: 1, registeredWith: [] } as const;
    expect(
      await thumbnail({ dtype: 'float32', shape: [8], data }, { ...spec, registeredWith: [] }),
    ).toBeUndefined();
  });
});

describe('a contact sheet', () => {
  const tile = (background: string) =>
    sharp({ create: { width: 60, height: 40, channels: 3, background } })
      .png()
      .toBuffer();

  it('lays the tiles out in rows, each with ink above it where it has a title', async () => {
    const black = await tile('#000');
    const tiles = ['ng 0.83', '', 'ok', 'a title far wider than its picture'].map((title) => ({
      title,
      png: black,
    }));
    const sheet = await greys(await contactSheet(tiles, 3));
    expect(sheet.width).toBe(12 + 3 * 72);
    const hasInk = (column: number, row: number) =>
      Array.from({ length: 60 * 14 }, (_, i) =>
        sheet.at(12 + column * 72 + (i % 60), 12 + row * 74 + Math.floor(i / 60)),
      ).some((grey) => grey < 100);
    expect([hasInk(0, 0), hasInk(1, 0), hasInk(2, 0), hasInk(0, 1)]).toEqual([true, false, true, true]);
    expect(sheet.at(12 + 30, 12 + 22 + 20)).toBe(0);
    expect(sheet.at(12 + 72 + 30, 12 + 74 + 22 + 20)).toBeGreaterThan(200);
  });

  it('is as narrow as its tiles where they do not fill a row', async () => {
    const sheet = await greys(await contactSheet([{ title: 'one', png: await tile('#000') }], 4));
    expect(sheet.width).toBe(12 + 72);
  });

  it('needs at least one picture', async () => {
    await expect(contactSheet([], 3)).rejects.toThrow('at least one picture');
  });
});

// Looks at heat maps pixel by pixel: sides of the threshold, overlays, and the two forms for programs.
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { encodeNpy, encodePng16, renderHeatmap } from '../../src/heatmap/render.js';
import type { StoredMap } from '../../src/map-codec.js';

function mapOf(width: number, height: number, score: (x: number, y: number) => number): StoredMap {
  const values = Uint16Array.from({ length: width * height }, (_, i) =>
    Math.round(65535 * score(i % width, Math.floor(i / width))),
  );
  return { width, height, values };
}

async function pixels(png: Buffer) {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  return {
    ...info,
    at: (x: number, y: number) => Array.from(data.subarray(3 * (y * info.width + x)).subarray(0, 3)),
  };
}

const isWarm = ([red = 0, , blue = 0]: number[]) => red > blue;
/** Left half good, right half a defect. */
const halves = mapOf(64, 32, (x) => (x < 32 ? 0.1 : 0.9));

describe('a heat map alone', () => {
  it('has the size that is asked for, whatever the size of the map', async () => {
    const picture = await pixels(await renderHeatmap(halves, { threshold: 0.5, width: 200, height: 77 }));
    expect([picture.width, picture.height, picture.channels]).toEqual([200, 77, 3]);
    expect(isWarm(picture.at(5, 40))).toBe(false);
    expect(isWarm(picture.at(195, 40))).toBe(true);
  });

  it('is warm from the threshold on, and not a hair before', async () => {
    // 0.35 lies between two steps of the scale: rounding to the nearer one would be wrong on one side.
    for (const threshold of [0.35, 0.5]) {
      const scores = [0, threshold - 1e-4, threshold + 1e-4, 1];
      const map = mapOf(4, 1, (x) => scores[x] ?? 0);
      const picture = await pixels(await renderHeatmap(map, { threshold, width: 4, height: 1 }));
      expect(scores.map((_, x) => isWarm(picture.at(x, 0)))).toEqual([false, false, true, true]);
    }
  });

  it('is on a fixed scale: the same score has the same colour beside any other', async () => {
    const colours = await Promise.all(
      [0, 0.4, 1].map(async (other) => {
        const map = mapOf(64, 64, (x) => (x < 32 ? 0.3 : other));
        return (await pixels(await renderHeatmap(map, { threshold: 0.5, width: 64, height: 64 }))).at(3, 3);
      }),
    );
    expect(colours[1]).toEqual(colours[0]);
    expect(colours[2]).toEqual(colours[0]);
  });

  it('puts a peak where the map has it', async () => {
    const map = mapOf(64, 64, (x, y) => (Math.hypot(x - 48, y - 16) < 5 ? 1 : 0));
    const picture = await pixels(await renderHeatmap(map, { threshold: 0.5, width: 256, height: 256 }));
    expect(isWarm(picture.at(48 * 4, 16 * 4))).toBe(true);
    expect(isWarm(picture.at(16 * 4, 48 * 4))).toBe(false);
  });

  it('shows sharp borders without overshoot', async () => {
    const picture = await pixels(await renderHeatmap(halves, { threshold: 0.5, width: 256, height: 128 }));
    const row = Array.from({ length: 256 }, (_, x) => isWarm(picture.at(x, 64)));
    expect(row.indexOf(true)).toBe(128);
    expect(row.lastIndexOf(false)).toBe(127);
  });
});

describe('an overlay', () => {
  const part = sharp({
    create: { width: 90, height: 45, channels: 3, background: { r: 90, g: 120, b: 200 } },
  })
    .png()
    .toBuffer();

  it('leaves the part bare where nothing is found, and in greys', async () => {
    const map = mapOf(64, 32, (x) => (x < 32 ? 0.24 : 0.9));
    const picture = await pixels(
      await renderHeatmap(map, { threshold: 0.5, width: 128, height: 64, overlay: await part }),
    );
    const [red, green, blue] = picture.at(10, 30);
    expect([green, blue]).toEqual([red, red]);
    expect(picture.at(11, 30)).toEqual(picture.at(10, 30));
    expect(isWarm(picture.at(120, 30))).toBe(true);
  });

  it('lets the part shine through a defect, inside an opaque outline', async () => {
    const bright = await sharp({ create: { width: 9, height: 9, channels: 3, background: '#fff' } })
      .png()
      .toBuffer();
    const dark = await sharp({ create: { width: 9, height: 9, channels: 3, background: '#000' } })
      .png()
      .toBuffer();
    const map = mapOf(64, 64, (x, y) => (Math.hypot(x - 32, y - 32) < 16 ? 0.8 : 0));
    const options = { threshold: 0.5, width: 256, height: 256 };
    const onBright = await pixels(await renderHeatmap(map, { ...options, overlay: bright }));
    const onDark = await pixels(await renderHeatmap(map, { ...options, overlay: dark }));
    expect(onBright.at(128, 128)).not.toEqual(onDark.at(128, 128));
    const outline = Array.from({ length: 128 }, (_, x) => x).find((x) => isWarm(onDark.at(x, 128))) ?? 0;
    expect(outline).toBeGreaterThan(40);
    expect(onBright.at(outline, 128)).toEqual(onDark.at(outline, 128));
  });

  it('is refused where the bytes are no picture', async () => {
    const overlay = Buffer.from('not a picture');
    await expect(renderHeatmap(halves, { threshold: 0.5, width: 8, height: 8, overlay })).rejects.toThrow();
  });
});

describe('for programs', () => {
  const map = mapOf(7, 5, (x, y) => (x + 7 * y) / 34);

  it('the 16-bit PNG holds every value as stored', async () => {
    const png = await encodePng16(map);
    expect(await sharp(png).metadata()).toMatchObject({ width: 7, height: 5, depth: 'ushort', channels: 1 });
    const raw = await sharp(png).toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer();
    expect(Array.from({ length: 35 }, (_, i) => raw.readUInt16LE(2 * i))).toEqual(Array.from(map.values));
  });

  it('the .npy holds scores 0…1 as numpy expects them', () => {
    const file = encodeNpy(map);
    expect(file.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00');
    const start = 10 + file.readUInt16LE(8);
    expect(start % 64).toBe(0);
    expect(file.toString('latin1', 10, start)).toMatch(
      /^{'descr': '<f4', 'fortran_order': False, 'shape': \(5, 7\), } *\n$/,
    );
    expect(file.length).toBe(start + 35 * 4);
    expect(file.readFloatLE(start)).toBe(0);
    expect(file.readFloatLE(start + 34 * 4)).toBe(1);
    expect(file.readFloatLE(start + 17 * 4)).toBeCloseTo(0.5, 4);
  });
});

import { describe, expect, it } from '@jest/globals';
import { findRegions, type ScoreMap } from '../../src/verdict/regions.js';

/** A map drawn as rows of digits: 7 is 0.7. */
function draw(...rows: string[]): ScoreMap {
  const values = rows.flatMap((row) => [...row].map((digit) => Number(digit) / 10));
  return { height: rows.length, width: rows[0]?.length ?? 0, values: Float32Array.from(values) };
}

const own = (map: ScoreMap) => ({ width: map.width, height: map.height });

describe('findRegions', () => {
  it('joins 4-neighbours and keeps diagonal ones apart', () => {
    const map = draw('9000', '0800', '0880', '0000');
    expect(findRegions(map, 0.5, own(map)).map(({ bbox, areaPx }) => [bbox, areaPx])).toEqual([
      [[0, 0, 1, 1], 1],
      [[1, 1, 2, 2], 3],
    ]);
  });

  it('does not join the end of a row to the start of the next', () => {
    const map = draw('0009', '9000');
    expect(findRegions(map, 0.5, own(map))).toHaveLength(2);
  });

  it('says peak and mean of each, strongest first', () => {
    const map = draw('60009', '80000');
    const [first, second] = findRegions(map, 0.5, own(map));
    expect([first?.peak, second?.peak]).toEqual([expect.closeTo(0.9, 6), expect.closeTo(0.8, 6)]);
    expect(second?.mean).toBeCloseTo(0.7, 6);
  });

  it('takes a pixel exactly at the threshold', () => {
    const map = draw('050');
    expect(findRegions(map, 0.5, own(map))).toHaveLength(1);
    expect(findRegions(map, 0.51, own(map))).toHaveLength(0);
  });

  it('gives boxes and areas in pixels of the frame', () => {
    const map = draw('00', '09');
    expect(findRegions(map, 0.5, { width: 20, height: 40 })).toMatchObject([
      { bbox: [10, 20, 10, 20], areaPx: 200 },
    ]);
  });

  it('survives a map that is hot all over', () => {
    const map = { height: 512, width: 512, values: new Float32Array(512 * 512).fill(0.9) };
    expect(findRegions(map, 0.5, own(map))).toMatchObject([{ bbox: [0, 0, 512, 512], areaPx: 512 * 512 }]);
  });

  it('keeps the strongest where specks are everywhere', () => {
    const values = Float32Array.from({ length: 4096 }, (_, i) => {
      const isSpeck = (i % 64) % 2 === 0 && Math.floor(i / 64) % 2 === 0;
      return isSpeck ? 0.5 + i / 10_000 : 0;
    });
    const regions = findRegions({ height: 64, width: 64, values }, 0.5, { width: 64, height: 64 });
    expect(regions).toHaveLength(16);
    expect(regions[0]?.bbox).toEqual([62, 62, 1, 1]);
  });
});

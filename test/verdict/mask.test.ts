// Shapes → places of a map, and what counts of a map.
import { describe, expect, it } from '@jest/globals';
import { judge } from '../../src/verdict/judge.js';
import { coversPlaces, keptPlaces, type Mask, peakWithin } from '../../src/verdict/mask.js';

const map = { width: 4, height: 4 };
/** One character a place, row by row. */
const drawn = (mask: Omit<Mask, 'size'>, size: Mask['size'] = [40, 40], of = map) => {
  const places = keptPlaces({ size, ...mask }, of);
  const rows = Array.from({ length: of.height }, (_, y) => [
    ...places.subarray(y * of.width, (y + 1) * of.width),
  ]);
  return rows.map((row) => row.map((kept) => (kept ? '#' : '.')).join(''));
};

describe('places that count', () => {
  it('are those whose centre lies in a region of interest, and in nothing that is ignored', () => {
    expect(drawn({ roi: [{ rect: [10, 0, 20, 40] }] })).toEqual(['.##.', '.##.', '.##.', '.##.']);
    expect(drawn({ ignore: [{ rect: [0, 10, 14, 10] }] })).toEqual(['####', '.###', '####', '####']);
    expect(drawn({ roi: [{ rect: [0, 0, 20, 40] }], ignore: [{ rect: [0, 0, 10, 10] }] })).toEqual([
      '.#..',
      '##..',
      '##..',
      '##..',
    ]);
    expect(drawn({ ignore: [{ rect: [16, 0, 8, 40] }] })).toEqual(['####', '####', '####', '####']);
  });

  it('belong, on an edge that two shapes share, to the right and lower one alone', () => {
    expect(drawn({ roi: [{ rect: [5, 5, 10, 10] }] })).toEqual(['#...', '....', '....', '....']);
    expect(drawn({ roi: [{ rect: [15, 15, 10, 10] }] })).toEqual(['....', '.#..', '....', '....']);
  });

  it('join several regions, and scale from the size they are drawn in', () => {
    const roi = [{ rect: [0, 0, 100, 100] }, { rect: [300, 300, 100, 100] }] as const;
    expect(drawn({ roi }, [400, 400])).toEqual(['#...', '....', '....', '...#']);
    expect(drawn({ roi: [{ rect: [0, 0, 1, 1] }] }, [2, 1], { width: 6, height: 2 })).toEqual([
      '###...',
      '###...',
    ]);
  });

  it('follow a polygon, whichever way round it is drawn, with its notches', () => {
    const triangle = [
      [0, 0],
      [40, 0],
      [0, 40],
    ] as const;
    const expected = ['###.', '##..', '#...', '....'];
    expect(drawn({ roi: [{ polygon: triangle }] })).toEqual(expected);
    expect(drawn({ roi: [{ polygon: triangle.toReversed() }] })).toEqual(expected);
    const notched = [
      [0, 0],
      [40, 0],
      [40, 40],
      [30, 40],
      [30, 10],
      [10, 10],
      [10, 40],
      [0, 40],
    ] as const;
    expect(drawn({ roi: [{ polygon: notched }] })).toEqual(['####', '#..#', '#..#', '#..#']);
  });

  it('tell of a shape that lies between all centres', () => {
    expect(coversPlaces({ rect: [16, 0, 8, 40] }, [40, 40], map)).toBe(false);
    expect(coversPlaces({ rect: [14, 0, 8, 40] }, [40, 40], map)).toBe(true);
  });

  it('fill a map with the largest polygons there may be in no time', () => {
    const polygon = Array.from({ length: 256 }, (_, i): [number, number] => [
      500 + 500 * Math.cos(i * 2.4),
      500 + 500 * Math.sin(i * 2.4),
    ]);
    // Of the processor: others may be busy too.
    const before = process.cpuUsage();
    keptPlaces({ size: [1000, 1000], ignore: Array(64).fill({ polygon }) }, { width: 64, height: 64 });
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(1000);
  });
});

describe('a masked judgement', () => {
  const thresholds = { review: 0.5, reject: 0.7 };
  const scores = { height: 1, width: 4, values: Float32Array.of(0.9, 0.1, 0.6, Number.NaN) };
  const frame = { width: 4, height: 1 };
  const look = (places: number[] | undefined, beside: number[] = []) =>
    judge(0.95, scores, thresholds, frame, { places: places && Uint8Array.from(places), beside });

  it('is driven by nothing that is ignored, and shows no region there', () => {
    const { verdict, score, unmaskedScore, regions } = look([0, 1, 1, 1]);
    expect([verdict, score, unmaskedScore]).toEqual(['REVIEW', Math.fround(0.6), 0.95]);
    expect(regions.map(({ bbox }) => bbox)).toEqual([[2, 0, 1, 1]]);
    expect(look([0, 1, 0, 1])).toMatchObject({ verdict: 'OK', score: Math.fround(0.1), regions: [] });
  });

  it('cuts a region where the mask cuts it', () => {
    const wide = { height: 1, width: 4, values: Float32Array.of(0.9, 0.8, 0.6, 0.6) };
    const { regions } = judge(0.95, wide, thresholds, frame, {
      places: Uint8Array.of(0, 1, 1, 0),
      beside: [],
    });
    expect(regions).toEqual([
      expect.objectContaining({ bbox: [1, 0, 2, 1], areaPx: 2, peak: Math.fround(0.8) }),
    ]);
  });

  it('hears what has no place in the map', () => {
    expect(look([0, 1, 0, 0], [0.2, 0.75])).toMatchObject({ verdict: 'NG', score: 0.75, regions: [] });
    expect(look(undefined, [0.3]).score).toBe(Math.fround(0.9));
  });

  it('gives no verdict on nothing', () => {
    expect(() => look([0, 0, 0, 1])).toThrow('no number where the recipe looks');
    expect(peakWithin(scores, Uint8Array.of(0, 0, 0, 0))).toBeNaN();
  });

  it('is the score of the model where nothing is masked', () => {
    expect(judge(0.55, scores, thresholds, frame)).toMatchObject({ score: 0.55, unmaskedScore: 0.55 });
  });
});

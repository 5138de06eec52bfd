// What is sent: pictures as a line makes its parts, and what is wrong with some of them.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { readBodies } from '../../bench/performance/bodies.js';
import { asOnALine, PARTS_TO_A_DEFECTIVE } from '../../bench/performance/mixture.js';

const DEMO = fileURLToPath(new URL('../../../models/demo-part/3', import.meta.url));

describe('parts as on a line', () => {
  it('are good but for every twentieth, and come in turn', () => {
    const line = asOnALine(['g1', 'g2'], ['d1', 'd2', 'd3']);
    expect(line).toHaveLength(60);
    expect(line.flatMap((part, i) => (part.startsWith('d') ? [[i, part]] : []))).toEqual([
      [19, 'd1'],
      [39, 'd2'],
      [59, 'd3'],
    ]);
    expect(line.slice(17, 23)).toEqual(['g2', 'g1', 'd1', 'g2', 'g1', 'g2']);
  });

  it('all come, however many good ones there are', () => {
    const good = Array.from({ length: 50 }, (_, i) => `g${i}`);
    const line = asOnALine(good, ['d']);
    expect(new Set(line).size).toBe(51);
    expect(line.filter((part) => part === 'd')).toHaveLength(line.length / PARTS_TO_A_DEFECTIVE);
  });

  it('are what there is where a kind is missing', () => {
    expect(asOnALine(['g1', 'g2'], [])).toEqual(['g1', 'g2']);
    expect(asOnALine([], ['d1', 'd2'])).toEqual(['d1', 'd2']);
  });
});

describe('the bodies of the demo part', () => {
  it('are mostly good, PNG and JPEG alike, and the defective ones stand apart too', async () => {
    const { png, jpeg, defectivePng } = await readBodies(DEMO, 'graphs', 'rgb');
    const defective = new Set(defectivePng);
    // stain-1, stain-2, dent-1, crack-1: the others have no colour picture that shows something.
    expect(defective.size).toBe(4);
    expect(new Set(png).size).toBe(6);
    expect(png.filter((capture) => defective.has(capture))).toHaveLength(png.length / PARTS_TO_A_DEFECTIVE);
    // The same order: where a PNG comes again, so does its JPEG.
    expect(jpeg.map((capture) => jpeg.indexOf(capture))).toEqual(png.map((capture) => png.indexOf(capture)));
    expect(new Set(jpeg.map(({ picture }) => picture.contentType))).toEqual(new Set(['image/jpeg']));
  });

  it('of the mix are every branch of a capture, then of the next, of which every twentieth is defective', async () => {
    const { mix } = await readBodies(DEMO, 'graphs', 'rgb');
    const branches = new Set(mix.map(({ branch }) => branch));
    expect(branches.size).toBe(15);
    expect(mix).toHaveLength(15 * PARTS_TO_A_DEFECTIVE);
    for (let from = 0; from < mix.length; from += 15)
      expect(new Set(mix.slice(from, from + 15).map(({ branch }) => branch))).toEqual(branches);
    // One whole capture is good and one is not, and the same one comes as the same capture.
    const often = new Map<object, number>();
    for (const capture of mix) often.set(capture, (often.get(capture) ?? 0) + 1);
    expect([...often.values()].sort((one, other) => one - other)).toEqual([
      ...Array(15).fill(1),
      ...Array(15).fill(PARTS_TO_A_DEFECTIVE - 1),
    ]);
  });
});

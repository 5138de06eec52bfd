// AUROC by hand-counted pairs.
import { expect, it } from '@jest/globals';
import { auroc, aurocInterval } from '../../bench/auroc.js';

const parts = (goods: number[], defects: number[]) => [
  ...goods.map((score) => ({ score, defective: false })),
  ...defects.map((score) => ({ score, defective: true })),
];

it.each([
  ['all apart', [0.1, 0.2], [0.8, 0.9], 1],
  ['all the wrong way round', [0.8, 0.9], [0.1, 0.2], 0],
  ['5 of 6 pairs right', [0.1, 0.5], [0.4, 0.6, 0.7], 5 / 6],
  ['all tied', [0.5, 0.5], [0.5], 0.5],
  ['one tie among four pairs', [0.2, 0.5], [0.5, 0.9], 3.5 / 4],
  ['zeros of both signs tie', [0], [-0], 0.5],
])('counts %s', (_, goods, defects, expected) => {
  expect(auroc(parts(goods, defects))).toBeCloseTo(expected, 12);
});

it('agrees with counting every pair', () => {
  const scores = Array.from({ length: 60 }, (_, i) => ((i * 37) % 23) / 23);
  const [goods, defects] = [scores.slice(0, 25), scores.slice(25)];
  let won = 0;
  for (const good of goods)
    for (const defect of defects) won += good < defect ? 1 : good === defect ? 0.5 : 0;
  expect(auroc(parts(goods, defects))).toBeCloseTo(won / (goods.length * defects.length), 12);
});

it('has no figure where good or defective parts are missing', () => {
  expect(auroc(parts([0.1], []))).toBeNull();
  expect(auroc([])).toBeNull();
  expect(aurocInterval(parts([], [0.1]))).toBeNull();
});

it('gives an interval around the figure, wider for fewer parts', () => {
  const draw = (count: number) =>
    parts(
      Array.from({ length: count }, (_, i) => (i + 0.5) / count),
      Array.from({ length: count }, (_, i) => (i + 0.5) / count + 0.3),
    );
  const widths = [10, 200].map((count) => {
    const figure = auroc(draw(count)) ?? Number.NaN;
    const interval = aurocInterval(draw(count));
    expect(interval?.low).toBeLessThan(figure);
    expect(interval?.high).toBeGreaterThan(figure);
    return (interval?.high ?? 0) - (interval?.low ?? 0);
  });
  expect(widths[0]).toBeGreaterThan(2 * (widths[1] ?? 0));
});

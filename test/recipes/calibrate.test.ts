// Thresholds from good parts: which parts count, what is promised, and when there are too few.
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Bundle } from '../../src/bundle/bundle.js';
import type { Inspection, ReviewDecision, Verdict } from '../../src/inspection.js';
import { goodPartOf, partsNeeded, reviewThreshold, withReview } from '../../src/recipes/calibrate.js';
import { hashOfMasks, masksSchema } from '../../src/recipes/masks.js';
import { type CalibrationRequest, propose } from '../../src/recipes/propose.js';
import { type CurrentRecipe, recipeSchema } from '../../src/recipes/recipe.js';
import { anInspection } from '../store/samples.js';
import { openTinyBundle } from '../support/tiny-bundle.js';

let bundle: Bundle;
beforeAll(async () => {
  bundle = await openTinyBundle();
});

const reviewed = (verdict: Verdict, ...decisions: ReviewDecision[]) =>
  anInspection({
    verdict,
    reviews: decisions.map((decision) => ({ decision, by: 'q', note: null, at: 'now' })),
  });

it.each<[Verdict, ReviewDecision[], boolean]>([
  ['OK', ['CONFIRMED'], true],
  ['NG', ['FALSE_CALL'], true],
  ['REVIEW', ['FALSE_CALL'], true],
  ['OK', [], false],
  ['NG', ['CONFIRMED'], false],
  ['OK', ['MISSED'], false],
  ['OK', ['CONFIRMED', 'MISSED'], false],
  ['REVIEW', ['REWORKED'], false],
])('%s, reviewed %j: a good part: %s', (verdict, decisions, isGood) => {
  expect(goodPartOf(reviewed(verdict, ...decisions)) !== undefined).toBe(isGood);
});

describe('the review threshold', () => {
  const scores = (n: number) => Array.from({ length: n }, (_, i) => (i + 1) / 1000);

  it('lies just above the k-th smallest score, k = ceil((n + 1)(1 - rate))', () => {
    // n = 99, rate 5 %: k = 95.
    expect(reviewThreshold(scores(99).reverse(), 0.05)).toBe(0.095001);
    expect(reviewThreshold(scores(19), 0.05)).toBe(0.019001);
  });

  it.each([
    [0.5, 1],
    [0.05, 19],
    [0.02, 49],
    [0.01, 99],
    [0.001, 999],
  ])('at a rate of %d needs %d parts, and not one fewer will do', (rate, needed) => {
    expect(partsNeeded(rate)).toBe(needed);
    expect(reviewThreshold(scores(needed), rate)).toBeDefined();
    expect(reviewThreshold(scores(needed - 1), rate)).toBeUndefined();
  });

  it('keeps its promise for parts it has not seen', () => {
    // A generator of its own, so that the test is the same every time; skewed, as scores are.
    let state = 1;
    const draw = () => {
      state = (state * 48271) % 2147483647;
      return (state / 2147483647) ** 4;
    };
    let called = 0;
    const rounds = 4000;
    for (let i = 0; i < rounds; i++) {
      const threshold = reviewThreshold(Array.from({ length: 30 }, draw), 0.1) ?? 0;
      if (draw() >= threshold) called++;
    }
    // (n + 1 - k) / (n + 1) = 3 / 31; without the correction, the 27th of 30, it would be 4 / 31.
    expect(called / rounds).toBeGreaterThan(0.08);
    expect(called / rounds).toBeLessThan(0.11);
  });

  it('never passes the reject threshold', () => {
    expect(withReview({ review: 0.5, reject: 0.7 }, 0.6)).toEqual({ review: 0.6, reject: 0.7 });
    expect(withReview({ review: 0.5, reject: 0.7 }, 0.8)).toEqual({ review: 0.8, reject: 0.8 });
    expect(reviewThreshold([1], 0.5)).toBe(1);
  });
});

describe('a proposal', () => {
  const never = new AbortController().signal;
  const current = (changes: object): CurrentRecipe => ({
    id: 'bracket',
    revision: 4,
    hash: 'h',
    origin: 'api',
    recipe: recipeSchema.parse(changes),
    at: 'now',
  });
  const part = (score: number, branch: string, changes: Partial<Inspection> = {}) =>
    anInspection({
      ...reviewed('OK', 'CONFIRMED'),
      inspectionId: `${branch}-${score}`,
      recipe: 'bracket',
      model: { name: 'tiny', version: 1, sha256: bundle.sha256 },
      completedAt: '2026-01-02T00:00:00.000Z',
      score,
      branch,
      ...changes,
    });
  /** Pages of 100 whose cursors are numbers. */
  const feedOf = (items: readonly Inspection[]) => ({
    list: async ({ after, limit }: { after?: string; limit: number }) => {
      const start = Number(after ?? 0);
      const page = items.slice(start, start + limit);
      return { items: page, nextCursor: String(start + page.length) };
    },
  });
  const ask = (changes: object, items: readonly Inspection[], request: Partial<CalibrationRequest> = {}) =>
    propose(current(changes), bundle, { falseCallRate: 0.05, ...request }, feedOf(items), never);
  const many = (n: number, branch: string) =>
    Array.from({ length: n }, (_, i) => part((i + 1) / 1000, branch));
  const own = { thresholds: { review: 0.5, reject: 0.7 } };

  it('is one pair for all branches, where the recipe has one', async () => {
    const found = await ask(own, [...many(150, 'rgb'), ...many(49, 'depth')]);
    expect(found).toMatchObject({ n: 199, needed: 19, scanned: 199, reachedEnd: true, branches: [] });
    // The 190th of 199: of the 150 and the 49 together.
    expect(found.thresholds).toEqual({ review: 0.141001, reject: 0.7 });
    expect(found.proposed).toMatchObject({ thresholds: found.thresholds, required: [] });
  });

  it('is a pair for each branch with enough parts, where the branches have their own', async () => {
    const found = await ask({}, [...many(19, 'rgb'), ...many(18, 'depth')]);
    expect(found.branches).toEqual([
      { branch: 'depth', n: 18, thresholds: null },
      { branch: 'rgb', n: 19, thresholds: { review: 0.019001, reject: 0.7 } },
    ]);
    expect(found.proposed.thresholdsByBranch).toEqual({ rgb: { review: 0.019001, reject: 0.7 } });
  });

  it('leaves out other recipes, other models, older parts, and parts that are not known to be good', async () => {
    const others = [
      part(0.9, 'rgb', { recipe: 'soup' }),
      part(0.9, 'rgb', { model: { name: 'tiny', version: 1, sha256: 'old' } }),
      part(0.9, 'rgb', { completedAt: '2025-12-31T23:00:00.000Z' }),
      part(0.9, 'rgb', { reviews: [] }),
    ];
    const found = await ask(own, [...others, ...many(19, 'rgb')], { from: '2026-01-01T00:00:00Z' });
    expect(found).toMatchObject({ n: 19, scanned: 23, thresholds: { review: 0.019001 } });
  });

  it('takes parts that were judged under the masks the recipe has now, and no others', async () => {
    const masks = { rgb: { size: [64, 64], ignore: [{ rect: [0, 0, 9, 9] }] } };
    const hash = hashOfMasks(masksSchema.parse(masks));
    const under = (mask: string) => ({ mask: { frames: ['rgb'], hash: mask, unmaskedScore: 0.9 } });
    const judged = many(19, 'rgb').map((each) => ({ ...each, ...under(hash) }));
    const others = [part(0.9, 'rgb'), part(0.9, 'rgb', under('another')), part(0.01, 'acoustic')];
    const found = await ask({ ...own, masks }, [...others, ...judged]);
    // Sound has no mask, so its part compares.
    expect(found).toMatchObject({ n: 20, scanned: 22, thresholds: { review: 0.019001 } });
    expect(await ask(own, [...many(19, 'rgb'), ...judged])).toMatchObject({ n: 19 });
  });

  it('is refused where there are too few, with how many there are and how many it takes', async () => {
    for (const changes of [own, {}])
      await expect(ask(changes, [...many(10, 'rgb'), ...many(8, 'depth')])).rejects.toMatchObject({
        code: 'TOO_FEW_PARTS',
        status: 422,
        message: expect.stringMatching(
          /has 18 good parts .* \(depth 8, rgb 10\); this false-call rate needs 19\. Review more/,
        ),
      });
  });
});

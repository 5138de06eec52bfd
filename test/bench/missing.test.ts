// The missing protocols: what each loses, how often, and the same again for the same seed.
import { describe, expect, it } from '@jest/globals';
import { loseModalities, PROTOCOLS, type Protocol } from '../../bench/missing.js';
import { planCaptures, planJson } from '../../bench/plan.js';
import { seededRandom } from '../../bench/random.js';

const ALL = ['acoustic', 'depth', 'rgb', 'thermal'];
const DRAWS = 20_000;

function draw(protocol: Protocol, rate: number, present = ALL): string[][] {
  const random = seededRandom(1);
  return Array.from({ length: DRAWS }, () => loseModalities(present, protocol, rate, random));
}

function share(draws: string[][], holds: (kept: string[]) => boolean): number {
  return draws.filter(holds).length / draws.length;
}

describe.each(PROTOCOLS)('%s', (protocol) => {
  it('keeps at least one modality, in order, even where all should be lost', () => {
    const inOrder = (kept: string[]) => kept.join() === ALL.filter((name) => kept.includes(name)).join();
    expect(share(draw(protocol, 1), (kept) => kept.length > 0 && inOrder(kept))).toBe(1);
  });

  it('loses nothing at rate 0, and nothing of a single modality', () => {
    expect(share(draw(protocol, 0), (kept) => kept.length === 4)).toBe(1);
    expect(share(draw(protocol, 1, ['rgb']), (kept) => kept.length === 1)).toBe(1);
  });

  it('loses each modality as often as any other', () => {
    const draws = draw(protocol, 0.4);
    const shares = ALL.map((name) => share(draws, (kept) => !kept.includes(name)));
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThan(0.02);
  });
});

it('sample: incomplete at the rate, and then every proper subset alike', () => {
  const draws = draw('sample', 0.4);
  expect(Math.abs(share(draws, (kept) => kept.length < 4) - 0.4)).toBeLessThan(0.015);
  const incomplete = draws.filter((kept) => kept.length < 4);
  const subsets = new Set(incomplete.map((kept) => kept.join('+')));
  expect(subsets.size).toBe(14);
  for (const subset of subsets)
    expect(Math.abs(share(incomplete, (kept) => kept.join('+') === subset) - 1 / 14)).toBeLessThan(0.02);
});

it('one: incomplete at the rate, and then exactly one is lost', () => {
  const draws = draw('one', 0.4);
  expect(Math.abs(share(draws, (kept) => kept.length === 3) - 0.4)).toBeLessThan(0.015);
  expect(share(draws, (kept) => kept.length < 3)).toBe(0);
});

it('bern: each is lost at the rate, apart from the one that must be kept', () => {
  const draws = draw('bern', 0.4);
  // P(lost) = 0.4 − P(all four drawn) / 4
  expect(Math.abs(share(draws, (kept) => !kept.includes('rgb')) - (0.4 - 0.4 ** 4 / 4))).toBeLessThan(0.01);
});

it('plans the same subsets for the same seed, others for another', () => {
  const files = new Map(ALL.map((name) => [name, `${name}.png`]));
  const captures = Array.from({ length: 50 }, (_, i) => ({ label: 'good', id: `${i}`, files }));
  const plan = (seed: number) => planJson(planCaptures(captures, { protocol: 'bern', rate: 0.4, seed }));
  expect(plan(3)).toBe(plan(3));
  expect(plan(3)).not.toBe(plan(4));
  expect(JSON.parse(plan(3)).captures[0]).toEqual({ label: 'good', id: '0', modalities: expect.any(Array) });
});

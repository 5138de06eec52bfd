// Figures of an evaluation, and its comparison with the trainer's.
import { describe, expect, it } from '@jest/globals';
import { compare } from '../../bench/comparison.js';
import { figuresOf } from '../../bench/figures.js';
import type { JudgedCapture } from '../../bench/judge.js';
import type { Verdict } from '../../src/inspection.js';
import { anInspection } from '../store/samples.js';

function judged(id: string, label: string, score: number | null, verdict: Verdict): JudgedCapture {
  return {
    id,
    label,
    defective: label !== 'good',
    modalities: ['rgb'],
    inspection: anInspection({ score, verdict, branch: score === null ? null : 'rgb' }),
    refusedAs: undefined,
    latencyMs: 10,
  };
}

const refused: JudgedCapture = {
  ...judged('r', 'dent', null, 'NG'),
  inspection: undefined,
  refusedAs: 'NO_BRANCH',
  latencyMs: undefined,
};

const CAPTURES = [
  judged('0', 'good', 0.1, 'OK'),
  judged('1', 'good', 0.6, 'REVIEW'),
  judged('0', 'dent', 0.9, 'NG'),
  judged('1', 'stain', 0.2, 'OK'),
  judged('2', 'dent', null, 'NOT_DECIDABLE'),
  refused,
];

describe('figuresOf', () => {
  const figures = figuresOf(CAPTURES);

  it('takes the AUROC over what has a score', () => {
    expect(figures.scored).toBe(4);
    expect(figures.auroc).toBe(0.75);
    expect(figures.branches).toEqual([{ branch: 'rgb', captures: 4, auroc: 0.75 }]);
  });

  it('counts verdicts by label, and refusals by code', () => {
    expect(figures.captures).toEqual({ good: 2, defective: 4 });
    expect(figures.confusion.good).toEqual({ OK: 1, REVIEW: 1, NG: 0, NOT_DECIDABLE: 0 });
    expect(figures.confusion.defective).toEqual({ OK: 1, REVIEW: 0, NG: 1, NOT_DECIDABLE: 1 });
    expect(figures.refused).toEqual({ NO_BRANCH: 1 });
    expect(figures.dropped).toEqual({ 'depth: blank': 5 });
  });

  it('has no latency where nothing was answered', () => {
    expect(figuresOf([refused]).latencyMs).toBeNull();
  });
});

describe('compare', () => {
  const scores = [
    { label: 'good', id: '0', branch: 'rgb', score: 0.1 },
    { label: 'good', id: '1', branch: 'rgb', score: 0.6 },
    { label: 'dent', id: '0', branch: 'depth+rgb', score: 0.9 },
    { label: 'stain', id: '1', branch: 'rgb', score: 0.25 },
  ];

  it('agrees where the figures do, and names the largest score difference', () => {
    const comparison = compare(CAPTURES, { imageAuroc: 0.7505, scores });
    expect(comparison.agrees).toBe(true);
    expect(comparison.difference).toBeCloseTo(-0.0005, 9);
    expect(comparison.largest?.capture).toBe('stain/1');
    expect(comparison.largest?.difference).toBeCloseTo(0.05, 9);
  });

  it.each([0.752, 0.748])('does not agree with a trainer that says %d', (imageAuroc) => {
    expect(compare(CAPTURES, { imageAuroc, scores }).agrees).toBe(false);
  });

  it('does not agree where only one side has a figure', () => {
    expect(compare([refused], { imageAuroc: 0.9, scores }).agrees).toBe(false);
    expect(compare([refused], { imageAuroc: null, scores }).agrees).toBe(true);
  });

  it('names captures of another branch, and those only the trainer scored', () => {
    const more = [...scores, { label: 'dent', id: 'r', branch: 'rgb', score: 0.5 }];
    const comparison = compare(CAPTURES, { imageAuroc: 0.75, scores: more });
    expect(comparison.otherBranch).toEqual(['dent/0']);
    expect(comparison.onlyTrainer).toEqual(['dent/r']);
  });
});

// Scores and branches of each line against the calibration, in windows by number and age.
import { describe, expect, it } from '@jest/globals';
import { Window } from '../../src/drift/window.js';
import { anInspection } from '../store/samples.js';
import { spread, type Watched, watch } from './support.js';

const branchOf = ({ drift }: Watched, branch = 'rgb', line = 0) =>
  drift.report().lines[line]?.branches.find((found) => found.branch === branch);

describe('a window', () => {
  it('holds the newest values, as many as it may, and counts them', () => {
    const window = new Window<string>({ maxCount: 3, maxAgeMs: 1000 });
    for (const value of ['a', 'b', 'a', 'c']) window.add(value, 0);
    expect([window.length, window.count('a'), window.count('b'), window.count('c')]).toEqual([3, 1, 1, 1]);
  });

  it('forgets what is older than it may be', () => {
    const window = new Window<string>({ maxCount: 10, maxAgeMs: 1000 });
    window.add('a', 0);
    window.add('b', 600);
    window.forgetOld(1000);
    expect([window.length, window.oldestMs, window.newestMs]).toEqual([2, 0, 600]);
    window.forgetOld(1001);
    expect([window.length, window.count('a'), window.oldestMs]).toEqual([1, 0, 600]);
    window.add('c', 5000);
    expect([window.length, window.count('b')]).toEqual([1, 0]);
  });
});

describe('the scores of a line', () => {
  it('are stable where they lie as those of calibration', () => {
    const watched = watch();
    for (const score of spread(200, 0.2, 0.6)) watched.see({ score });
    const found = branchOf(watched);
    expect(found).toMatchObject({ state: 'stable', scores: 200, calibrationParts: 200, limit: 0.27877 });
    expect(found?.psi).toBeCloseTo(0, 9);
    expect(found?.bins).toHaveLength(10);
    expect(found?.bins[0]).toEqual({ upTo: 0.24, expected: 0.1, actual: 0.1 });
  });

  it('have moved a little where a fifth lies above all good parts, and much where half of them does', () => {
    const fifth = watch();
    for (const score of [...spread(400, 0.2, 0.6), ...spread(100, 0.7, 0.9)]) fifth.see({ score });
    // In a window of 200: the last hundred good ones and all the others.
    expect(branchOf(fifth)?.state).toBe('shifted');
    const large = watch({ windowCaptures: 5000 });
    for (let round = 0; round < 8; round++)
      for (const score of [...spread(400, 0.2, 0.6), ...spread(100, 0.7, 0.9)]) large.see({ score });
    expect(branchOf(large)).toMatchObject({ state: 'moderate', limit: 0.25 });
    expect(branchOf(large)?.psi).toBeCloseTo(0.225, 3);
  });

  it('are what the model gave, also where a mask left less of it', () => {
    const watched = watch();
    for (const unmaskedScore of spread(200, 0.2, 0.6))
      watched.see({ score: 0.1, mask: { frames: ['rgb'], hash: '', unmaskedScore } });
    expect(branchOf(watched)?.state).toBe('stable');
  });

  it('say nothing of fewer than a hundred, and say it of the hundredth', () => {
    const watched = watch();
    for (const score of spread(99, 0.8, 0.9)) watched.see({ score });
    expect(branchOf(watched)).toMatchObject({ state: 'too_few', psi: null, limit: null, scores: 99 });
    watched.see({ score: 0.85 });
    expect(branchOf(watched)).toMatchObject({ state: 'shifted', scores: 100 });
  });

  it('say nothing of a calibration on too few parts', () => {
    const reference = { model: 'tiny@1', branch: 'rgb', bins: { upTo: [1], counts: [9] } };
    const watched = watch({ references: [reference] });
    for (const score of spread(150, 0.8, 0.9)) watched.see({ score });
    expect(branchOf(watched)).toMatchObject({ state: 'too_few', psi: null, calibrationParts: 9 });
  });

  it('are those of the window: what is too many or too old no longer counts', () => {
    const watched = watch();
    for (const score of spread(200, 0.8, 0.9)) watched.see({ score });
    expect(branchOf(watched)?.state).toBe('shifted');
    for (const score of spread(200, 0.2, 0.6)) watched.see({ score });
    expect(branchOf(watched)?.state).toBe('stable');
    watched.later(24 * 60 - 1);
    expect(branchOf(watched)?.scores).toBe(200);
    watched.later(2);
    expect(watched.drift.report().lines).toEqual([]);
  });

  it('are kept apart by line, recipe, model and branch, and found by line and recipe', () => {
    const watched = watch();
    watched.see({ lineId: 'line-1', recipe: 'a' });
    watched.see({ lineId: 'line-1', recipe: 'b' });
    watched.see({ lineId: 'line-2', recipe: 'a', branch: 'depth+rgb' });
    watched.see({ lineId: null, recipe: null });
    const found = (filter = {}) =>
      watched.drift
        .report(filter)
        .lines.map(({ lineId, recipe, branches }) => [lineId, recipe, branches.map(({ branch }) => branch)]);
    expect(found()).toEqual([
      ['line-1', 'a', ['rgb']],
      ['line-1', 'b', ['rgb']],
      ['line-2', 'a', ['depth+rgb']],
      [null, null, ['rgb']],
    ]);
    expect(found({ lineId: 'line-1' })).toHaveLength(2);
    expect(found({ lineId: 'line-1', recipe: 'b' })).toHaveLength(1);
    expect(found({ recipe: 'a' })).toHaveLength(2);
    expect(found({ lineId: 'line-9' })).toEqual([]);
  });

  it('are none of a capture that was set aside: no model has judged it', () => {
    const watched = watch();
    watched.see({ model: null, branch: null, score: null, verdict: 'NOT_DECIDABLE' });
    expect(watched.drift.report().lines).toEqual([]);
  });

  it('show which share of captures each branch judged, and how many none did', () => {
    const watched = watch();
    for (let i = 0; i < 6; i++) watched.see({ branch: 'rgb' });
    for (let i = 0; i < 3; i++) watched.see({ branch: 'depth+rgb' });
    watched.see({ branch: null, score: null, verdict: 'NOT_DECIDABLE' });
    const [line] = watched.drift.report().lines;
    expect(line).toMatchObject({ captures: 10, notDecidable: 1, model: 'tiny@1' });
    expect(line?.branches.map(({ branch, share }) => [branch, share])).toEqual([
      ['depth+rgb', 0.3],
      ['rgb', 0.6],
    ]);
  });

  it('keep the last of a branch that judges seldom, and count its share by the captures there are', () => {
    const watched = watch();
    for (let i = 0; i < 150; i++) watched.see({ branch: 'rgb' });
    for (let i = 0; i < 150; i++) watched.see({ branch: 'depth+rgb' });
    expect(branchOf(watched)).toMatchObject({ share: 0.25, scores: 150 });
  });

  it('are remembered of the two hundred lines that came last', () => {
    const watched = watch();
    for (let line = 0; line < 210; line++) {
      watched.see({ lineId: 'busy' });
      watched.see({ lineId: `line-${line}` });
    }
    const report = watched.drift.report().lines;
    const lines = report.map(({ lineId }) => lineId);
    expect(lines).toHaveLength(200);
    expect(report.find(({ lineId }) => lineId === 'busy')?.captures).toBe(200);
    expect(lines).not.toContain('line-10');
    expect(lines).toContain('line-11');
  });

  it('cost a tenth at most of a look at every value of its pictures', () => {
    const { drift } = watch();
    const inspection = anInspection({ model: { name: 'tiny', version: 1, sha256: '' }, branch: 'rgb' });
    const picture = { data: new Float32Array(256 * 256).fill(1.5) };
    const signals = new Map(['acoustic', 'depth', 'rgb', 'thermal'].map((name) => [name, picture]));
    const timed = (work: () => void) => {
      const startMs = performance.now();
      work();
      return performance.now() - startMs;
    };
    let sum = 0;
    const lookAtAll = () => {
      for (const { data } of signals.values()) for (const value of data) sum += value;
    };
    // In turn, so that a busy machine slows both; in a quarter of the rounds, say, neither was interrupted.
    const rounds = Array.from({ length: 300 }, () => ({
      observed: timed(() => drift.observe(inspection, signals)),
      looked: timed(lookAtAll),
    }));
    const quarter = (millis: number[]) => millis.sort((a, b) => a - b)[75] ?? Number.NaN;
    const observed = quarter(rounds.map((round) => round.observed));
    const looked = quarter(rounds.map((round) => round.looked));
    expect(sum).toBeGreaterThan(0);
    expect(observed / looked).toBeLessThan(0.1);
  });
});

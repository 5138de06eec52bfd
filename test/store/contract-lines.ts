// What a store must count for each line.
import { describe, expect, it } from '@jest/globals';
import type { Inspection, ReviewDecision } from '../../src/inspection.js';
import { A_REVIEW, anInspection, NOTHING } from './samples.js';
import type { StoreAtHand } from './store-at-hand.js';

export function describeLines(at: StoreAtHand): void {
  describe('counters of a line', () => {
    const judged = async (changes: Parameters<typeof anInspection>[0]) => {
      const inspection = anInspection({ lineId: 'line-1', ...changes });
      await at.store.save(inspection, NOTHING);
      return inspection;
    };
    const reviewed = (inspection: Inspection, decision: ReviewDecision, by = 'inspector') =>
      at.store.review(inspection.inspectionId, { ...A_REVIEW, decision, by });
    /** Those that are not 0. */
    const counts = async (lineId = 'line-1') => {
      const line = await at.store.line(lineId);
      return Object.fromEntries(Object.entries(line?.counts ?? {}).filter(([, count]) => count !== 0));
    };

    it('count verdicts, each line for itself, and nothing without a line', async () => {
      for (const verdict of ['OK', 'OK', 'REVIEW', 'NG', 'NOT_DECIDABLE'] as const) await judged({ verdict });
      await judged({ verdict: 'OK', lineId: 'line-2' });
      await judged({ lineId: null });
      const all = { inspected: 5, OK: 2, REVIEW: 1, NG: 1, NOT_DECIDABLE: 1 };
      expect(await counts()).toEqual(all);
      expect(await counts('line-2')).toEqual({ inspected: 1, OK: 1 });
      expect((await at.store.lines()).map(({ lineId }) => lineId)).toEqual(['line-1', 'line-2']);
      expect(await at.store.line('line-3')).toBeUndefined();
    });

    it('count what was set aside by itself, and its part as one that was not OK', async () => {
      const failure = { code: 'WORKER_LOST', detail: 'It ended its worker twice.' };
      const given = { state: 'FAILED', failure, verdict: 'NOT_DECIDABLE', model: null, partId: 'p' } as const;
      const failed = await judged(given);
      await judged({ verdict: 'OK', partId: 'p' });
      const all = { failed: 1, inspected: 1, OK: 1, parts: 1, repeats: 1 };
      expect(await counts()).toEqual(all);
      await reviewed(failed, 'REWORKED');
      expect(await counts()).toEqual({ ...all, reworked: 1 });
      expect(await at.store.get(failed.inspectionId)).toMatchObject({
        state: 'FAILED',
        failure,
        model: null,
      });
    });

    it('count a save that is repeated once, and many that race exactly', async () => {
      const inspection = anInspection({ partId: 'p' });
      await Promise.all(Array.from({ length: 20 }, () => at.store.save(inspection, NOTHING)));
      await Promise.all(Array.from({ length: 50 }, () => judged({ verdict: 'OK', partId: 'p' })));
      expect(await counts()).toEqual({ inspected: 51, OK: 50, NG: 1, parts: 1, repeats: 50 });
    });

    it('follow a revised answer', async () => {
      const first = await judged({ verdict: 'REVIEW', partId: 'p' });
      await at.store.save({ ...first, verdict: 'OK', revision: 2 }, NOTHING);
      expect(await counts()).toEqual({ inspected: 1, OK: 1, parts: 1, firstPassOk: 1 });
    });

    it('count what people say, by the last word where they disagree', async () => {
      const [called, passed, doubtful] = [
        await judged({ verdict: 'NG' }),
        await judged({ verdict: 'OK' }),
        await judged({ verdict: 'REVIEW' }),
      ];
      await reviewed(called, 'FALSE_CALL');
      await reviewed(passed, 'MISSED');
      for (const inspection of [called, passed]) await reviewed(inspection, 'REWORKED');
      await reviewed(doubtful, 'REWORKED');
      const verdicts = { inspected: 3, OK: 1, REVIEW: 1, NG: 1, reworked: 3 };
      expect(await counts()).toEqual({ ...verdicts, falseCalls: 1, misses: 1, confirmedCalls: 1 });
      await reviewed(called, 'CONFIRMED', 'another');
      await reviewed(passed, 'CONFIRMED', 'another');
      expect(await counts()).toEqual({ ...verdicts, confirmedCalls: 2, confirmedGood: 1 });
      // Repaired without a word: it was not good, and nobody said that it was missed.
      await reviewed(await judged({ verdict: 'OK' }), 'REWORKED');
      const repaired = { inspected: 4, OK: 2, reworked: 4 };
      expect(await counts()).toEqual({ ...verdicts, ...repaired, confirmedCalls: 2, confirmedGood: 1 });
    });

    it('tell the first attempt of a part from later ones, line by line', async () => {
      await judged({ verdict: 'NG', partId: 'a' });
      await judged({ verdict: 'OK', partId: 'a' });
      await judged({ verdict: 'OK', partId: 'b' });
      await judged({ verdict: 'OK', partId: 'a', lineId: 'line-2' });
      const all = { inspected: 3, OK: 2, NG: 1, parts: 2, firstPassOk: 1, repeats: 1 };
      expect(await counts()).toEqual(all);
      expect(await counts('line-2')).toEqual({ inspected: 1, OK: 1, parts: 1, firstPassOk: 1 });
    });

    it('begin again at a change-over, which is recorded, and are not touched by what was before', async () => {
      const before = await judged({ verdict: 'NG', partId: 'a' });
      const since = (await at.store.line('line-1'))?.since;
      const reset = { by: 'mara', reason: 'product 7', at: '2025-01-01T14:00:00.000Z' };
      const event = await at.store.resetLine('line-1', reset);
      expect(event).toMatchObject({
        ...reset,
        since,
        counts: { inspected: 1, NG: 1, parts: 1, misses: 0 },
      });
      expect(await at.store.line('line-1')).toMatchObject({ since: reset.at, counts: { inspected: 0 } });
      await reviewed(before, 'FALSE_CALL');
      await judged({ verdict: 'OK', partId: 'a' });
      expect(await counts()).toEqual({ inspected: 1, OK: 1, repeats: 1 });
      await at.store.resetLine('line-1', { ...reset, reason: 'product 8' });
      const resets = await at.store.resets('line-1');
      expect(resets.map(({ reason }) => reason)).toEqual(['product 8', 'product 7']);
      expect(resets[1]).toEqual(event);
      expect(await at.store.resets('line-2')).toEqual([]);
    });

    it('keep the last hundred change-overs', async () => {
      await judged({});
      for (let i = 0; i < 102; i++) await at.store.resetLine('line-1', { by: 'm', reason: `${i}`, at: 't' });
      const reasons = (await at.store.resets('line-1')).map(({ reason }) => reason);
      expect([reasons.length, reasons[0], reasons.at(-1)]).toEqual([100, '101', '2']);
    });

    it('know no line where nothing was inspected', async () => {
      const resetting = at.store.resetLine('line-9', { by: 'm', reason: 'r', at: 't' });
      await expect(resetting).rejects.toMatchObject({ code: 'NOT_FOUND', part: 'lineId' });
    });

    it('are kept of a thousand lines; a line beyond is judged and stored, and not counted', async () => {
      const saves = Array.from({ length: 1000 }, (_, i) => judged({ lineId: `l${i}`, partId: 'p' }));
      await Promise.all(saves);
      const beyond = await judged({ lineId: 'one-more', partId: 'p' });
      await reviewed(beyond, 'CONFIRMED');
      expect(await at.store.line('one-more')).toBeUndefined();
      expect(await at.store.lines()).toHaveLength(1000);
      expect((await at.store.get(beyond.inspectionId))?.revision).toBe(2);
      await judged({ lineId: 'l7' });
      expect(await counts('l7')).toEqual({ inspected: 2, NG: 2, parts: 1 });
    });

    it('are there again after close and reopen', async () => {
      await judged({ verdict: 'OK', partId: 'a' });
      await at.reopen();
      await judged({ verdict: 'OK', partId: 'a' });
      expect(await counts()).toEqual({ inspected: 2, OK: 2, parts: 1, firstPassOk: 1, repeats: 1 });
    });
  });
}

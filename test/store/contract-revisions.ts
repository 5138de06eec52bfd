// What a store must do with newer revisions and reviews of a record.
import { describe, expect, it } from '@jest/globals';
import { A_REVIEW, aKeptMap, anInspection, NOTHING } from './samples.js';
import type { StoreAtHand } from './store-at-hand.js';

export function describeRevisions(at: StoreAtHand): void {
  describe('revisions', () => {
    const newest = async () =>
      (await at.store.list({ limit: 100 })).items.map(
        ({ captureId, revision }) => `${captureId}.${revision}`,
      );

    it('puts a higher revision in place of the record, at the end of the feed, and keeps its reviews', async () => {
      const first = anInspection({ captureId: 'a', verdict: 'REVIEW' });
      await at.store.save(first, { maps: { fused: aKeptMap(1, 1), rgb: aKeptMap(1, 1) } });
      await at.saveMany(1, () => ({ captureId: 'b' }));
      const { nextCursor } = await at.store.list({ limit: 2 });
      const { reviews } = await at.store.review(first.inspectionId, A_REVIEW);
      const revised = { ...first, verdict: 'NG' as const, revision: 3 };
      await at.store.save(revised, { maps: { fused: aKeptMap(2, 3) } });
      expect(await newest()).toEqual(['b.1', 'a.3']);
      expect(await at.store.get(first.inspectionId)).toEqual({ ...revised, reviews });
      expect((await at.store.map(first.inspectionId, 'fused'))?.width).toBe(3);
      expect(await at.ids({ limit: 10, verdict: 'REVIEW' })).toEqual([]);
      expect(await at.ids({ limit: 10, after: nextCursor })).toEqual(['a']);
    });

    it.each([1, 2])('changes nothing for revision %i where 2 is held', async (revision) => {
      const { inspectionId } = anInspection();
      await at.store.save(anInspection({ inspectionId, revision: 2, captureId: 'held' }), NOTHING);
      await at.store.save(anInspection({ inspectionId, revision, captureId: 'late' }), NOTHING);
      expect(await newest()).toEqual(['held.2']);
    });

    it('keeps the highest of revisions that race, once in the feed', async () => {
      const { inspectionId } = anInspection();
      const revisions = Array.from({ length: 20 }, (_, i) => ((i * 7) % 20) + 1);
      await Promise.all(
        revisions.map((revision) => at.store.save(anInspection({ inspectionId, revision }), NOTHING)),
      );
      expect(await newest()).toEqual(['capture-1.20']);
    });

    it('loses none of the reviews that race', async () => {
      const { inspectionId } = anInspection();
      await at.store.save(anInspection({ inspectionId }), NOTHING);
      const names = Array.from({ length: 20 }, (_, i) => `inspector-${i}`);
      await Promise.all(names.map((by) => at.store.review(inspectionId, { ...A_REVIEW, by })));
      const found = await at.store.get(inspectionId);
      expect(found?.reviews.map(({ by }) => by).toSorted()).toEqual(names.toSorted());
      expect(await newest()).toEqual(['capture-1.21']);
      expect(found?.verdict).toBe('NG');
    });

    it('takes the very same review once', async () => {
      const { inspectionId } = anInspection();
      await at.store.save(anInspection({ inspectionId }), NOTHING);
      const reviewed = await at.store.review(inspectionId, A_REVIEW);
      expect(await at.store.review(inspectionId, A_REVIEW)).toEqual(reviewed);
      expect(reviewed.revision).toBe(2);
    });

    it.each([
      ['OK', 'FALSE_CALL'],
      ['NG', 'MISSED'],
      ['REVIEW', 'MISSED'],
      ['NOT_DECIDABLE', 'FALSE_CALL'],
    ] as const)('refuses to call %s a %s, and leaves the record as it is', async (verdict, decision) => {
      const inspection = anInspection({ verdict });
      await at.store.save(inspection, NOTHING);
      const reviewing = at.store.review(inspection.inspectionId, { ...A_REVIEW, decision });
      await expect(reviewing).rejects.toMatchObject({ code: 'REVIEW_REFUSED', part: 'decision' });
      expect(await at.store.get(inspection.inspectionId)).toEqual(inspection);
    });

    it('takes a hundred reviews of one inspection, no more', async () => {
      const { inspectionId } = anInspection();
      await at.store.save(anInspection({ inspectionId }), NOTHING);
      for (let i = 0; i < 100; i++) await at.store.review(inspectionId, { ...A_REVIEW, note: `${i}` });
      await expect(at.store.review(inspectionId, A_REVIEW)).rejects.toMatchObject({ code: 'REVIEW_REFUSED' });
    });

    it('takes what the last review says already once, whenever it is said again', async () => {
      const { inspectionId } = anInspection();
      await at.store.save(anInspection({ inspectionId }), NOTHING);
      await at.store.review(inspectionId, A_REVIEW);
      const again = { ...A_REVIEW, at: '2025-01-01T06:00:09.000Z' };
      expect((await at.store.review(inspectionId, again)).revision).toBe(2);
      await at.store.review(inspectionId, { ...A_REVIEW, decision: 'REWORKED' });
      expect((await at.store.review(inspectionId, again)).revision).toBe(4);
    });

    it.each(['no-such-id', '', '\u0000', 'x'.repeat(5000)])(
      'knows no inspection of a name like %#',
      async (id) => {
        await expect(at.store.review(id, A_REVIEW)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      },
    );

    it('never lets a reader miss the newest revision, nor see one twice, while records are revised', async () => {
      const inspections = Array.from({ length: 60 }, (_, i) => anInspection({ captureId: `c${i}` }));
      const writing = Promise.all(
        inspections.map(async (inspection, i) => {
          await new Promise((resolve) => setTimeout(resolve, (i * 7) % 30));
          await at.store.save(inspection, NOTHING);
          if (i % 2 === 0) await at.store.save({ ...inspection, revision: 2 }, NOTHING);
          if (i % 3 === 0) await at.store.review(inspection.inspectionId, A_REVIEW);
        }),
      );
      const seen: string[] = [];
      let after: string | undefined;
      let done = false;
      void writing.then(() => {
        done = true;
      });
      for (let ended = false; !ended; ) {
        ended = done; // what was written before this page is in it, or behind its cursor
        const page = await at.store.list({ limit: 7, ...(after && { after }) });
        seen.push(...page.items.map(({ captureId, revision }) => `${captureId}.${revision}`));
        ended &&= page.items.length === 0;
        after = page.nextCursor;
        if (page.items.length === 0 && !ended)
          await at.store.waitForNext(after, 50, new AbortController().signal);
      }
      await writing;
      expect(new Set(seen).size).toBe(seen.length);
      const last = inspections.map(
        ({ captureId }, i) => `${captureId}.${1 + (i % 2 === 0 ? 1 : 0) + (i % 3 === 0 ? 1 : 0)}`,
      );
      expect(seen).toEqual(expect.arrayContaining(last));
    });
  });
}

export function describeOpenReviews(at: StoreAtHand): void {
  describe('the queue of open reviews', () => {
    const open = async (limit = 10, after?: string) =>
      (await at.store.openReviews({ limit, ...(after && { after }) })).items.map(
        ({ captureId }) => captureId,
      );

    it('holds what was judged REVIEW and nobody reviewed, in order', async () => {
      const verdicts = ['REVIEW', 'OK', 'REVIEW', 'NG', 'NOT_DECIDABLE', 'REVIEW'] as const;
      const saved = verdicts.map((verdict, i) => anInspection({ verdict, captureId: `c${i}` }));
      for (const inspection of saved) await at.store.save(inspection, NOTHING);
      expect(await open()).toEqual(['c0', 'c2', 'c5']);
      await at.store.review(saved[2]?.inspectionId ?? '', A_REVIEW);
      expect(await open()).toEqual(['c0', 'c5']);
    });

    it('follows the verdict of a revised answer, unless it was reviewed', async () => {
      const [doubtful, good, seen] = [
        anInspection({ verdict: 'REVIEW', captureId: 'doubtful' }),
        anInspection({ verdict: 'OK', captureId: 'good' }),
        anInspection({ verdict: 'OK', captureId: 'seen' }),
      ];
      for (const inspection of [doubtful, good, seen]) await at.store.save(inspection, NOTHING);
      await at.store.review(seen.inspectionId, A_REVIEW);
      await at.store.save({ ...doubtful, verdict: 'NG', revision: 2 }, NOTHING);
      await at.store.save({ ...good, verdict: 'REVIEW', revision: 2 }, NOTHING);
      await at.store.save({ ...seen, verdict: 'REVIEW', revision: 3 }, NOTHING);
      expect(await open()).toEqual(['good']);
    });

    it('is read page by page', async () => {
      await at.saveMany(3, (i) => ({ verdict: 'REVIEW', captureId: `c${i}` }));
      const first = await at.store.openReviews({ limit: 2 });
      expect(first.items.map(({ captureId }) => captureId)).toEqual(['c0', 'c1']);
      const second = await at.store.openReviews({ limit: 2, after: first.nextCursor });
      expect(second.items.map(({ captureId }) => captureId)).toEqual(['c2']);
      const { nextCursor } = second;
      expect(await at.store.openReviews({ limit: 2, after: nextCursor })).toEqual({ items: [], nextCursor });
      await expect(at.store.openReviews({ limit: 1, after: 'x' })).rejects.toMatchObject({
        code: 'BAD_CURSOR',
      });
    });
  });
}

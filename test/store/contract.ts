// What every result store must do: the same tests for each adapter.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Inspection, ReviewDecision } from '../../src/inspection.js';
import type { ListQuery, ResultStore } from '../../src/store/store.js';
import { A_REVIEW, aMap, anInspection, NOTHING } from './samples.js';

/** A place for one store; open() again after close() finds what was saved. */
export interface StorePlace {
  open(): Promise<ResultStore>;
  remove(): Promise<void>;
}

const never = () => new AbortController().signal;

export function describeResultStore(name: string, newPlace: () => Promise<StorePlace>): void {
  describe(`${name}: result store`, () => {
    let place: StorePlace;
    let store: ResultStore;

    beforeEach(async () => {
      place = await newPlace();
      store = await place.open();
    });
    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    const saveMany = async (count: number, changes: (i: number) => Parameters<typeof anInspection>[0]) => {
      for (let i = 0; i < count; i++) await store.save(anInspection(changes(i)), NOTHING);
    };
    const ids = async (query: ListQuery) => (await store.list(query)).items.map((item) => item.captureId);

    it('gives back an inspection as it was saved', async () => {
      const inspection = anInspection();
      await store.save(inspection, NOTHING);
      expect(await store.get(inspection.inspectionId)).toEqual(inspection);
    });

    it('gives back maps and thumbnail bit by bit', async () => {
      const { inspectionId } = anInspection();
      const fused = aMap();
      const thumbnail = Uint8Array.from([0, 255, 10, 13, 0]);
      await store.save(anInspection({ inspectionId }), { maps: { fused, rgb: aMap(1, 1) }, thumbnail });
      const found = await store.map(inspectionId, 'fused');
      expect([found?.height, found?.width]).toEqual([fused.height, fused.width]);
      expect(Array.from(found?.values ?? [])).toEqual(Array.from(fused.values));
      expect((await store.map(inspectionId, 'rgb'))?.values.length).toBe(1);
      expect(Array.from((await store.thumbnail(inspectionId)) ?? [])).toEqual(Array.from(thumbnail));
    });

    it('says undefined of what it does not have', async () => {
      const { inspectionId } = anInspection();
      await store.save(anInspection({ inspectionId }), NOTHING);
      expect(await store.map(inspectionId, 'fused')).toBeUndefined();
      expect(await store.thumbnail(inspectionId)).toBeUndefined();
      for (const id of ['no-such-id', '', '\u0000', 'x'.repeat(5000)]) {
        expect(await store.get(id)).toBeUndefined();
        expect(await store.map(id, 'fused')).toBeUndefined();
        expect(await store.thumbnail(id)).toBeUndefined();
      }
    });

    it('lists in the order of saving, page by page', async () => {
      await saveMany(5, (i) => ({ captureId: `c${i}` }));
      const first = await store.list({ limit: 2 });
      expect(first.items.map((item) => item.captureId)).toEqual(['c0', 'c1']);
      const second = await store.list({ limit: 2, after: first.nextCursor });
      expect(second.items.map((item) => item.captureId)).toEqual(['c2', 'c3']);
      expect(await ids({ limit: 2, after: second.nextCursor })).toEqual(['c4']);
    });

    it('names the end of the feed: nothing before it, all that comes after', async () => {
      await saveMany(2, (i) => ({ captureId: `before${i}` }));
      const after = await store.end();
      expect(await ids({ limit: 10, after })).toEqual([]);
      await saveMany(1, () => ({ captureId: 'after' }));
      expect(await ids({ limit: 10, after })).toEqual(['after']);
    });

    it('keeps the cursor on an empty page, and goes on from it', async () => {
      const empty = await store.list({ limit: 10 });
      expect(empty.items).toEqual([]);
      await saveMany(1, () => ({ captureId: 'first' }));
      const page = await store.list({ limit: 10, after: empty.nextCursor });
      expect(page.items.map((item) => item.captureId)).toEqual(['first']);
      const end = await store.list({ limit: 10, after: page.nextCursor });
      expect(end).toEqual({ items: [], nextCursor: page.nextCursor });
    });

    it('filters by line and by verdict', async () => {
      await saveMany(6, (i) => ({
        captureId: `c${i}`,
        lineId: i % 2 === 0 ? 'line-a' : null,
        verdict: i < 3 ? 'OK' : 'NG',
      }));
      expect(await ids({ limit: 10, lineId: 'line-a' })).toEqual(['c0', 'c2', 'c4']);
      expect(await ids({ limit: 10, verdict: 'NG' })).toEqual(['c3', 'c4', 'c5']);
      expect(await ids({ limit: 10, lineId: 'line-a', verdict: 'NG' })).toEqual(['c4']);
      expect(await ids({ limit: 10, lineId: '' })).toEqual([]);
    });

    it('moves on through a long stretch that a filter leaves out, and finds what lies behind', async () => {
      const others = Array.from({ length: 2500 }, () => store.save(anInspection({ verdict: 'OK' }), NOTHING));
      await Promise.all(others);
      await store.save(anInspection({ captureId: 'rare', verdict: 'REVIEW' }), NOTHING);
      const found: string[] = [];
      let after: string | undefined;
      for (let pages = 0; pages < 10 && found.length === 0; pages++) {
        const page = await store.list({ limit: 5, verdict: 'REVIEW', ...(after && { after }) });
        expect(page.nextCursor).not.toBe(after);
        found.push(...page.items.map((item) => item.captureId));
        after = page.nextCursor;
      }
      expect(found).toEqual(['rare']);
    });

    it.each([
      ['nonsense', 'not-a-cursor'],
      ['empty', ''],
      ['another store', Buffer.from('lmdb.0123456789ab.0').toString('base64url')],
    ])('refuses a cursor that is %s', async (_, after) => {
      await expect(store.list({ limit: 1, after })).rejects.toMatchObject({ code: 'BAD_CURSOR' });
      await expect(store.waitForNext(after, 1, never())).rejects.toMatchObject({ code: 'BAD_CURSOR' });
    });

    it('refuses a cursor that is ahead of the store', async () => {
      const { nextCursor } = await store.list({ limit: 1 });
      const ahead = Buffer.from(nextCursor, 'base64url').toString().replace(/\d+$/, '99');
      const after = Buffer.from(ahead).toString('base64url');
      await expect(store.list({ limit: 1, after })).rejects.toMatchObject({ code: 'BAD_CURSOR' });
    });

    it('lists an inspection that is saved twice once, as it was first', async () => {
      const { inspectionId } = anInspection();
      await store.save(anInspection({ inspectionId, captureId: 'first' }), NOTHING);
      await store.save(anInspection({ inspectionId, captureId: 'second' }), NOTHING);
      expect(await ids({ limit: 10 })).toEqual(['first']);
    });

    describe('revisions', () => {
      const newest = async () =>
        (await store.list({ limit: 100 })).items.map(({ captureId, revision }) => `${captureId}.${revision}`);

      it('puts a higher revision in place of the record, at the end of the feed, and keeps its reviews', async () => {
        const first = anInspection({ captureId: 'a', verdict: 'REVIEW' });
        await store.save(first, { maps: { fused: aMap(1, 1), rgb: aMap(1, 1) } });
        await saveMany(1, () => ({ captureId: 'b' }));
        const { nextCursor } = await store.list({ limit: 2 });
        const { reviews } = await store.review(first.inspectionId, A_REVIEW);
        const revised = { ...first, verdict: 'NG' as const, revision: 3 };
        await store.save(revised, { maps: { fused: aMap(2, 3) } });
        expect(await newest()).toEqual(['b.1', 'a.3']);
        expect(await store.get(first.inspectionId)).toEqual({ ...revised, reviews });
        expect((await store.map(first.inspectionId, 'fused'))?.width).toBe(3);
        expect(await ids({ limit: 10, verdict: 'REVIEW' })).toEqual([]);
        expect(await ids({ limit: 10, after: nextCursor })).toEqual(['a']);
      });

      it.each([1, 2])('changes nothing for revision %i where 2 is held', async (revision) => {
        const { inspectionId } = anInspection();
        await store.save(anInspection({ inspectionId, revision: 2, captureId: 'held' }), NOTHING);
        await store.save(anInspection({ inspectionId, revision, captureId: 'late' }), NOTHING);
        expect(await newest()).toEqual(['held.2']);
      });

      it('keeps the highest of revisions that race, once in the feed', async () => {
        const { inspectionId } = anInspection();
        const revisions = Array.from({ length: 20 }, (_, i) => ((i * 7) % 20) + 1);
        await Promise.all(
          revisions.map((revision) => store.save(anInspection({ inspectionId, revision }), NOTHING)),
        );
        expect(await newest()).toEqual(['capture-1.20']);
      });

      it('loses none of the reviews that race', async () => {
        const { inspectionId } = anInspection();
        await store.save(anInspection({ inspectionId }), NOTHING);
        const names = Array.from({ length: 20 }, (_, i) => `inspector-${i}`);
        await Promise.all(names.map((by) => store.review(inspectionId, { ...A_REVIEW, by })));
        const found = await store.get(inspectionId);
        expect(found?.reviews.map(({ by }) => by).toSorted()).toEqual(names.toSorted());
        expect(await newest()).toEqual(['capture-1.21']);
        expect(found?.verdict).toBe('NG');
      });

      it('takes the very same review once', async () => {
        const { inspectionId } = anInspection();
        await store.save(anInspection({ inspectionId }), NOTHING);
        const reviewed = await store.review(inspectionId, A_REVIEW);
        expect(await store.review(inspectionId, A_REVIEW)).toEqual(reviewed);
        expect(reviewed.revision).toBe(2);
      });

      it.each([
        ['OK', 'FALSE_CALL'],
        ['NG', 'MISSED'],
        ['REVIEW', 'MISSED'],
        ['NOT_DECIDABLE', 'FALSE_CALL'],
      ] as const)('refuses to call %s a %s, and leaves the record as it is', async (verdict, decision) => {
        const inspection = anInspection({ verdict });
        await store.save(inspection, NOTHING);
        const reviewing = store.review(inspection.inspectionId, { ...A_REVIEW, decision });
        await expect(reviewing).rejects.toMatchObject({ code: 'REVIEW_REFUSED', part: 'decision' });
        expect(await store.get(inspection.inspectionId)).toEqual(inspection);
      });

      it('takes a hundred reviews of one inspection, no more', async () => {
        const { inspectionId } = anInspection();
        await store.save(anInspection({ inspectionId }), NOTHING);
        for (let i = 0; i < 100; i++) await store.review(inspectionId, { ...A_REVIEW, note: `${i}` });
        await expect(store.review(inspectionId, A_REVIEW)).rejects.toMatchObject({ code: 'REVIEW_REFUSED' });
      });

      it('takes what the last review says already once, whenever it is said again', async () => {
        const { inspectionId } = anInspection();
        await store.save(anInspection({ inspectionId }), NOTHING);
        await store.review(inspectionId, A_REVIEW);
        const again = { ...A_REVIEW, at: '2025-01-01T06:00:09.000Z' };
        expect((await store.review(inspectionId, again)).revision).toBe(2);
        await store.review(inspectionId, { ...A_REVIEW, decision: 'REWORKED' });
        expect((await store.review(inspectionId, again)).revision).toBe(4);
      });

      it.each(['no-such-id', '', '\u0000', 'x'.repeat(5000)])(
        'knows no inspection of a name like %#',
        async (id) => {
          await expect(store.review(id, A_REVIEW)).rejects.toMatchObject({ code: 'NOT_FOUND' });
        },
      );

      it('never lets a reader miss the newest revision, nor see one twice, while records are revised', async () => {
        const inspections = Array.from({ length: 60 }, (_, i) => anInspection({ captureId: `c${i}` }));
        const writing = Promise.all(
          inspections.map(async (inspection, i) => {
            await new Promise((resolve) => setTimeout(resolve, (i * 7) % 30));
            await store.save(inspection, NOTHING);
            if (i % 2 === 0) await store.save({ ...inspection, revision: 2 }, NOTHING);
            if (i % 3 === 0) await store.review(inspection.inspectionId, A_REVIEW);
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
          const page = await store.list({ limit: 7, ...(after && { after }) });
          seen.push(...page.items.map(({ captureId, revision }) => `${captureId}.${revision}`));
          ended &&= page.items.length === 0;
          after = page.nextCursor;
          if (page.items.length === 0 && !ended) await store.waitForNext(after, 50, never());
        }
        await writing;
        expect(new Set(seen).size).toBe(seen.length);
        const last = inspections.map(
          ({ captureId }, i) => `${captureId}.${1 + (i % 2 === 0 ? 1 : 0) + (i % 3 === 0 ? 1 : 0)}`,
        );
        expect(seen).toEqual(expect.arrayContaining(last));
      });
    });

    describe('the queue of open reviews', () => {
      const open = async (limit = 10, after?: string) =>
        (await store.openReviews({ limit, ...(after && { after }) })).items.map(({ captureId }) => captureId);

      it('holds what was judged REVIEW and nobody reviewed, in order', async () => {
        const verdicts = ['REVIEW', 'OK', 'REVIEW', 'NG', 'NOT_DECIDABLE', 'REVIEW'] as const;
        const saved = verdicts.map((verdict, i) => anInspection({ verdict, captureId: `c${i}` }));
        for (const inspection of saved) await store.save(inspection, NOTHING);
        expect(await open()).toEqual(['c0', 'c2', 'c5']);
        await store.review(saved[2]?.inspectionId ?? '', A_REVIEW);
        expect(await open()).toEqual(['c0', 'c5']);
      });

      it('follows the verdict of a revised answer, unless it was reviewed', async () => {
        const [doubtful, good, seen] = [
          anInspection({ verdict: 'REVIEW', captureId: 'doubtful' }),
          anInspection({ verdict: 'OK', captureId: 'good' }),
          anInspection({ verdict: 'OK', captureId: 'seen' }),
        ];
        for (const inspection of [doubtful, good, seen]) await store.save(inspection, NOTHING);
        await store.review(seen.inspectionId, A_REVIEW);
        await store.save({ ...doubtful, verdict: 'NG', revision: 2 }, NOTHING);
        await store.save({ ...good, verdict: 'REVIEW', revision: 2 }, NOTHING);
        await store.save({ ...seen, verdict: 'REVIEW', revision: 3 }, NOTHING);
        expect(await open()).toEqual(['good']);
      });

      it('is read page by page', async () => {
        await saveMany(3, (i) => ({ verdict: 'REVIEW', captureId: `c${i}` }));
        const first = await store.openReviews({ limit: 2 });
        expect(first.items.map(({ captureId }) => captureId)).toEqual(['c0', 'c1']);
        const second = await store.openReviews({ limit: 2, after: first.nextCursor });
        expect(second.items.map(({ captureId }) => captureId)).toEqual(['c2']);
        const { nextCursor } = second;
        expect(await store.openReviews({ limit: 2, after: nextCursor })).toEqual({ items: [], nextCursor });
        await expect(store.openReviews({ limit: 1, after: 'x' })).rejects.toMatchObject({
          code: 'BAD_CURSOR',
        });
      });
    });

    describe('consumers', () => {
      let saved: Inspection[];
      beforeEach(async () => {
        saved = Array.from({ length: 5 }, (_, i) => anInspection({ captureId: `c${i}` }));
        for (const inspection of saved) await store.save(inspection, NOTHING);
      });

      const idOf = (i: number) => saved[i]?.inspectionId ?? '';
      const ack = (...indices: number[]) =>
        store.ack(
          'mes',
          indices.map((i) => ({ inspectionId: idOf(i) })),
        );
      /** What a reader that goes on from the consumer's cursor reads first, and the two numbers. */
      const standing = async () => {
        const found = await store.consumer('mes');
        const [next] = await ids({ limit: 1, ...(found && { after: found.cursor }) });
        return { next, lag: found?.lag, ahead: found?.ahead };
      };

      it('stand behind the longest stretch that is acked, and remember what is acked beyond it', async () => {
        expect(await ack(0, 2, 3)).toEqual(['ACKED', 'ACKED', 'ACKED']);
        expect(await standing()).toEqual({ next: 'c1', lag: 2, ahead: 2 });
        await ack(1);
        expect(await standing()).toEqual({ next: 'c4', lag: 1, ahead: 0 });
        await ack(4);
        expect(await standing()).toEqual({ next: undefined, lag: 0, ahead: 0 });
      });

      it('hear of each id what became of it', async () => {
        await ack(0, 2);
        const acks = [{ inspectionId: 'none' }, ...[0, 1, 2, 1].map((i) => ({ inspectionId: idOf(i) }))];
        const outcomes = await store.ack('mes', acks);
        expect(outcomes).toEqual(['UNKNOWN', 'ALREADY_ACKED', 'ACKED', 'ALREADY_ACKED', 'ALREADY_ACKED']);
        expect(await standing()).toEqual({ next: 'c3', lag: 2, ahead: 0 });
      });

      it('owe a record again that got a new revision after its ack', async () => {
        await ack(0, 1, 2, 3, 4);
        await store.review(idOf(1), A_REVIEW);
        expect(await standing()).toEqual({ next: 'c1', lag: 1, ahead: 0 });
        expect(await ack(1)).toEqual(['ACKED']);
        expect(await standing()).toEqual({ next: undefined, lag: 0, ahead: 0 });
      });

      it('do not ack a revision they have not read', async () => {
        await store.review(idOf(0), A_REVIEW);
        const inspectionId = idOf(0);
        expect(await store.ack('mes', [{ inspectionId, revision: 1 }])).toEqual(['SUPERSEDED']);
        expect(await store.ack('mes', [{ inspectionId, revision: 3 }])).toEqual(['UNKNOWN']);
        expect(await store.consumer('mes')).toBeUndefined();
        expect(await store.ack('mes', [{ inspectionId, revision: 2 }])).toEqual(['ACKED']);
        expect(await standing()).toEqual({ next: 'c1', lag: 4, ahead: 1 });
      });

      it('step over a gap whose record has moved on, and forget acks of what has', async () => {
        await ack(0, 2, 4);
        for (const i of [1, 4]) await store.review(idOf(i), A_REVIEW); // now: 0 2 3 1' 4'
        expect(await standing()).toEqual({ next: 'c3', lag: 3, ahead: 0 });
      });

      it('ack up to a cursor, and never go back', async () => {
        await ack(3);
        const { nextCursor } = await store.list({ limit: 3 });
        expect(await store.ackUpTo('mes', nextCursor)).toBe('ACKED');
        expect(await standing()).toEqual({ next: 'c4', lag: 1, ahead: 0 });
        expect(await store.ackUpTo('mes', nextCursor)).toBe('ALREADY_ACKED');
        expect(await standing()).toEqual({ next: 'c4', lag: 1, ahead: 0 });
        await expect(store.ackUpTo('mes', 'x')).rejects.toMatchObject({ code: 'BAD_CURSOR', part: 'cursor' });
      });

      it('begin at the first record, also where that is what they ack', async () => {
        const { nextCursor } = await store.list({ limit: 1, lineId: 'none' });
        await store.close();
        store = await place.open();
        expect(await store.ackUpTo('mes', nextCursor)).toBe('ACKED');
        expect((await standing()).lag).toBe(0);
        expect(await store.ack('other', [{ inspectionId: 'none' }])).toEqual(['UNKNOWN']);
        expect((await store.consumers()).map(({ name }) => name)).toEqual(['mes']);
      });

      it('lose no ack of many that race', async () => {
        await saveMany(45, () => ({}));
        const { items } = await store.list({ limit: 100 });
        const acks = items.map(({ inspectionId }) => store.ack('mes', [{ inspectionId }]));
        expect(new Set((await Promise.all(acks)).flat())).toEqual(new Set(['ACKED']));
        expect(await store.consumer('mes')).toMatchObject({ lag: 0, ahead: 0 });
      });

      it('keep their place over close and reopen', async () => {
        await ack(0, 2);
        const before = await store.consumer('mes');
        await store.close();
        store = await place.open();
        expect(await store.consumer('mes')).toEqual(before);
      });

      it('are 64 at most, and are forgotten on request', async () => {
        for (let i = 0; i < 64; i++) await store.ack(`mes-${i}`, [{ inspectionId: idOf(0) }]);
        await expect(ack(0)).rejects.toMatchObject({ code: 'ACK_REFUSED', part: 'name' });
        expect(await store.ack('mes-7', [{ inspectionId: idOf(1) }])).toEqual(['ACKED']);
        expect(await store.forgetConsumer('mes-7')).toBe(true);
        expect(await store.forgetConsumer('mes-7')).toBe(false);
        expect(await ack(0)).toEqual(['ACKED']);
        expect(await store.consumers()).toHaveLength(64);
      });
    });

    describe('counters of a line', () => {
      const judged = async (changes: Parameters<typeof anInspection>[0]) => {
        const inspection = anInspection({ lineId: 'line-1', ...changes });
        await store.save(inspection, NOTHING);
        return inspection;
      };
      const reviewed = (inspection: Inspection, decision: ReviewDecision, by = 'inspector') =>
        store.review(inspection.inspectionId, { ...A_REVIEW, decision, by });
      /** Those that are not 0. */
      const counts = async (lineId = 'line-1') => {
        const line = await store.line(lineId);
        return Object.fromEntries(Object.entries(line?.counts ?? {}).filter(([, count]) => count !== 0));
      };

      it('count verdicts, each line for itself, and nothing without a line', async () => {
        for (const verdict of ['OK', 'OK', 'REVIEW', 'NG', 'NOT_DECIDABLE'] as const)
          await judged({ verdict });
        await judged({ verdict: 'OK', lineId: 'line-2' });
        await judged({ lineId: null });
        const all = { inspected: 5, OK: 2, REVIEW: 1, NG: 1, NOT_DECIDABLE: 1 };
        expect(await counts()).toEqual(all);
        expect(await counts('line-2')).toEqual({ inspected: 1, OK: 1 });
        expect((await store.lines()).map(({ lineId }) => lineId)).toEqual(['line-1', 'line-2']);
        expect(await store.line('line-3')).toBeUndefined();
      });

      it('count a save that is repeated once, and many that race exactly', async () => {
        const inspection = anInspection({ partId: 'p' });
        await Promise.all(Array.from({ length: 20 }, () => store.save(inspection, NOTHING)));
        await Promise.all(Array.from({ length: 50 }, () => judged({ verdict: 'OK', partId: 'p' })));
        expect(await counts()).toEqual({ inspected: 51, OK: 50, NG: 1, parts: 1, repeats: 50 });
      });

      it('follow a revised answer', async () => {
        const first = await judged({ verdict: 'REVIEW', partId: 'p' });
        await store.save({ ...first, verdict: 'OK', revision: 2 }, NOTHING);
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
        const since = (await store.line('line-1'))?.since;
        const reset = { by: 'mara', reason: 'product 7', at: '2025-01-01T14:00:00.000Z' };
        const event = await store.resetLine('line-1', reset);
        expect(event).toMatchObject({
          ...reset,
          since,
          counts: { inspected: 1, NG: 1, parts: 1, misses: 0 },
        });
        expect(await store.line('line-1')).toMatchObject({ since: reset.at, counts: { inspected: 0 } });
        await reviewed(before, 'FALSE_CALL');
        await judged({ verdict: 'OK', partId: 'a' });
        expect(await counts()).toEqual({ inspected: 1, OK: 1, repeats: 1 });
        await store.resetLine('line-1', { ...reset, reason: 'product 8' });
        const resets = await store.resets('line-1');
        expect(resets.map(({ reason }) => reason)).toEqual(['product 8', 'product 7']);
        expect(resets[1]).toEqual(event);
        expect(await store.resets('line-2')).toEqual([]);
      });

      it('keep the last hundred change-overs', async () => {
        await judged({});
        for (let i = 0; i < 102; i++) await store.resetLine('line-1', { by: 'm', reason: `${i}`, at: 't' });
        const reasons = (await store.resets('line-1')).map(({ reason }) => reason);
        expect([reasons.length, reasons[0], reasons.at(-1)]).toEqual([100, '101', '2']);
      });

      it('know no line where nothing was inspected', async () => {
        const resetting = store.resetLine('line-9', { by: 'm', reason: 'r', at: 't' });
        await expect(resetting).rejects.toMatchObject({ code: 'NOT_FOUND', part: 'lineId' });
      });

      it('are kept of a thousand lines; a line beyond is judged and stored, and not counted', async () => {
        const saves = Array.from({ length: 1000 }, (_, i) => judged({ lineId: `l${i}`, partId: 'p' }));
        await Promise.all(saves);
        const beyond = await judged({ lineId: 'one-more', partId: 'p' });
        await reviewed(beyond, 'CONFIRMED');
        expect(await store.line('one-more')).toBeUndefined();
        expect(await store.lines()).toHaveLength(1000);
        expect((await store.get(beyond.inspectionId))?.revision).toBe(2);
        await judged({ lineId: 'l7' });
        expect(await counts('l7')).toEqual({ inspected: 2, NG: 2, parts: 1 });
      });

      it('are there again after close and reopen', async () => {
        await judged({ verdict: 'OK', partId: 'a' });
        await store.close();
        store = await place.open();
        await judged({ verdict: 'OK', partId: 'a' });
        expect(await counts()).toEqual({ inspected: 2, OK: 2, parts: 1, firstPassOk: 1, repeats: 1 });
      });
    });

    describe('forgetting', () => {
      const pictured = { maps: { fused: aMap(), rgb: aMap() }, thumbnail: Uint8Array.from([1, 2, 3]) };

      it('takes the pictures, and leaves the record where it is', async () => {
        const [gone, kept] = [anInspection({ captureId: 'gone' }), anInspection({ captureId: 'kept' })];
        for (const inspection of [gone, kept]) await store.save(inspection, pictured);
        await store.forget([gone], 'images');
        expect(await store.map(gone.inspectionId, 'fused')).toBeUndefined();
        expect(await store.map(gone.inspectionId, 'rgb')).toBeUndefined();
        expect(await store.thumbnail(gone.inspectionId)).toBeUndefined();
        expect(await store.get(gone.inspectionId)).toEqual(gone);
        expect((await store.map(kept.inspectionId, 'rgb'))?.width).toBe(7);
        expect(await store.thumbnail(kept.inspectionId)).toHaveLength(3);
        expect(await ids({ limit: 10 })).toEqual(['gone', 'kept']);
      });

      it('takes whole records, from the feed and the queue of reviews too, and goes on counting', async () => {
        const saved = Array.from({ length: 3 }, (_, i) =>
          anInspection({ captureId: `c${i}`, verdict: 'REVIEW', partId: `p${i}` }),
        );
        for (const inspection of saved) await store.save(inspection, pictured);
        const { nextCursor } = await store.list({ limit: 3 });
        await store.forget(saved.slice(0, 2), 'records');
        expect(await store.get(saved[0]?.inspectionId ?? '')).toBeUndefined();
        expect(await store.map(saved[0]?.inspectionId ?? '', 'fused')).toBeUndefined();
        expect(await ids({ limit: 10 })).toEqual(['c2']);
        expect((await store.openReviews({ limit: 10 })).items).toHaveLength(1);
        await store.forget(saved, 'records');
        await store.close();
        store = await place.open();
        await saveMany(1, () => ({ captureId: 'next' }));
        expect(await ids({ limit: 10, after: nextCursor })).toEqual(['next']);
        expect((await store.line('line-1'))?.counts.inspected).toBe(4);
        expect((await store.usage()).records).toBe(1);
      });

      it('leaves a revision that is newer than the one it was told of', async () => {
        const inspection = anInspection();
        await store.save(inspection, pictured);
        await store.review(inspection.inspectionId, A_REVIEW);
        for (const what of ['images', 'records'] as const) await store.forget([inspection], what);
        expect(await store.thumbnail(inspection.inspectionId)).toHaveLength(3);
        await store.forget([{ ...inspection, revision: 2 }], 'records');
        await store.forget([{ inspectionId: 'none', revision: 1 }], 'records');
        expect(await ids({ limit: 10 })).toEqual([]);
      });

      it('lets consumers step over what is gone', async () => {
        const saved = Array.from({ length: 3 }, () => anInspection());
        for (const inspection of saved) await store.save(inspection, NOTHING);
        await store.ack('mes', saved.slice(1));
        await store.forget(saved.slice(0, 1), 'records');
        expect(await store.consumer('mes')).toMatchObject({ lag: 0, ahead: 0 });
      });

      it('says what the store holds, and who may tidy it', async () => {
        const before = await store.usage();
        await Promise.all(Array.from({ length: 50 }, () => store.save(anInspection(), pictured)));
        const after = await store.usage();
        expect([before.records, after.records]).toEqual([0, 50]);
        expect(after.bytes).toBeGreaterThan(before.bytes);
        expect(await store.leaseSweep(30_000)).toBe(true);
        expect(await store.leaseSweep(30_000)).toBe(true);
      });
    });

    it('shows each of 200 concurrent saves exactly once to a reader that races them', async () => {
      const inspections = Array.from({ length: 200 }, (_, i) => anInspection({ captureId: `c${i}` }));
      const saves = inspections.map(async (inspection, i) => {
        await new Promise((resolve) => setTimeout(resolve, (i * 7) % 40));
        await store.save(inspection, { maps: { fused: aMap(8, 8) } });
      });
      const seen: string[] = [];
      let after: string | undefined;
      const giveUpAt = Date.now() + 10_000;
      while (seen.length < 200 && Date.now() < giveUpAt) {
        const page = await store.list({ limit: 9, ...(after && { after }) });
        seen.push(...page.items.map((item) => item.inspectionId));
        after = page.nextCursor;
        if (page.items.length === 0) await store.waitForNext(after, 1000, never());
      }
      await Promise.all(saves);
      expect(seen.toSorted()).toEqual(inspections.map((item) => item.inspectionId).toSorted());
    });

    it('lists a record as soon as its save has resolved', async () => {
      for (let i = 0; i < 20; i++) {
        await store.save(anInspection({ captureId: `c${i}` }), NOTHING);
        expect((await ids({ limit: 100 })).at(-1)).toBe(`c${i}`);
      }
    });

    it('does not wait where something new is there already', async () => {
      await saveMany(1, () => ({}));
      const startedAt = performance.now();
      await store.waitForNext(undefined, 20_000, never());
      expect(performance.now() - startedAt).toBeLessThan(1000);
    });

    it('wakes a waiting reader at the next save', async () => {
      await saveMany(1, () => ({}));
      const { nextCursor } = await store.list({ limit: 10 });
      const startedAt = performance.now();
      const waiting = store.waitForNext(nextCursor, 20_000, never());
      await saveMany(1, () => ({ captureId: 'news' }));
      await waiting;
      expect(performance.now() - startedAt).toBeLessThan(2000);
      expect(await ids({ limit: 10, after: nextCursor })).toEqual(['news']);
    });

    it('wakes a waiting reader when the time is up, not before', async () => {
      const startedAt = performance.now();
      await store.waitForNext(undefined, 120, never());
      const waitedMs = performance.now() - startedAt;
      expect(waitedMs).toBeGreaterThanOrEqual(115);
      expect(waitedMs).toBeLessThan(2000);
    });

    it('lets a reader go that aborts, before or during the wait', async () => {
      const startedAt = performance.now();
      await store.waitForNext(undefined, 20_000, AbortSignal.abort());
      await store.waitForNext(undefined, 20_000, AbortSignal.timeout(30));
      expect(performance.now() - startedAt).toBeLessThan(2000);
    });

    it('lets waiting readers go when it closes', async () => {
      const waiting = store.waitForNext(undefined, 20_000, never());
      await new Promise((resolve) => setTimeout(resolve, 20));
      await store.close();
      await waiting;
    });

    it('keeps records, cursors and order over close and reopen', async () => {
      await saveMany(2, (i) => ({ captureId: `c${i}` }));
      const { nextCursor } = await store.list({ limit: 1 });
      await store.close();
      store = await place.open();
      await saveMany(1, () => ({ captureId: 'c2' }));
      expect(await ids({ limit: 10 })).toEqual(['c0', 'c1', 'c2']);
      expect(await ids({ limit: 10, after: nextCursor })).toEqual(['c1', 'c2']);
    });

    it('answers ping while open, and nothing once closed', async () => {
      await store.ping();
      await store.close();
      await expect(store.ping()).rejects.toThrow('closed');
      await expect(store.save(anInspection(), NOTHING)).rejects.toThrow('closed');
      await expect(store.list({ limit: 1 })).rejects.toThrow('closed');
    });
  });
}

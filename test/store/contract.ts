// What every result store must do: the same tests for each adapter.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeMap } from '../../src/map-codec.js';
import type { ListQuery, ResultStore } from '../../src/store/store.js';
import { describeConsumers } from './contract-consumers.js';
import { describeForgetting } from './contract-forgetting.js';
import { describeImages } from './contract-images.js';
import { describeLines } from './contract-lines.js';
import { describeOpenReviews, describeRevisions } from './contract-revisions.js';
import { aKeptMap, aMap, anInspection, NOTHING } from './samples.js';
import type { StoreAtHand } from './store-at-hand.js';

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

    const at: StoreAtHand = {
      get store() {
        return store;
      },
      reopen: async () => {
        await store.close();
        store = await place.open();
      },
      saveMany,
      ids,
    };
    describeRevisions(at);
    describeOpenReviews(at);
    describeConsumers(at);
    describeLines(at);
    describeForgetting(at);
    describeImages(at);

    it('gives back an inspection as it was saved', async () => {
      const inspection = anInspection();
      await store.save(inspection, NOTHING);
      expect(await store.get(inspection.inspectionId)).toEqual(inspection);
    });

    it('gives back maps bit by bit', async () => {
      const { inspectionId } = anInspection();
      const fused = aMap();
      await store.save(anInspection({ inspectionId }), {
        maps: { fused: encodeMap(fused), rgb: aKeptMap(1, 1) },
      });
      const found = await store.map(inspectionId, 'fused');
      expect([found?.height, found?.width]).toEqual([fused.height, fused.width]);
      expect(Array.from(found?.values ?? [])).toEqual(Array.from(fused.values));
      expect((await store.map(inspectionId, 'rgb'))?.values.length).toBe(1);
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
        expect(await store.original(id, 'rgb')).toBeUndefined();
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

    it('shows each of 200 concurrent saves exactly once to a reader that races them', async () => {
      const inspections = Array.from({ length: 200 }, (_, i) => anInspection({ captureId: `c${i}` }));
      const saves = inspections.map(async (inspection, i) => {
        await new Promise((resolve) => setTimeout(resolve, (i * 7) % 40));
        await store.save(inspection, { maps: { fused: aKeptMap(8, 8) } });
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

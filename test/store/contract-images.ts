// Which images of captures a store must keep, and which must make room.
import { describe, expect, it } from '@jest/globals';
import type { Inspection } from '../../src/inspection.js';
import { MAX_EVICTED } from '../../src/store/store.js';
import { A_REVIEW, anInspection, NOTHING } from './samples.js';
import type { StoreAtHand } from './store-at-hand.js';

const ROOMY = 1_000_000;
const first = (inspectionId = '') => ({ inspectionId, revision: 1 });
const ofBytes = (size: number) => ({ originals: { rgb: new Uint8Array(size).fill(7) } });

const previousOf = ({ revision, verdict, score, branch }: Inspection) => ({
  revision,
  verdict,
  score,
  branch,
});

export function describeImages(at: StoreAtHand): void {
  describe('images of captures', () => {
    /** Ids of inspections with images of so many bytes each. */
    const pictured = async (count: number, size: number, limitBytes = ROOMY) => {
      const saved = Array.from({ length: count }, () => anInspection());
      for (const inspection of saved) {
        await at.store.save(inspection, NOTHING);
        await at.store.keepImages(inspection, ofBytes(size), limitBytes);
      }
      return saved.map(({ inspectionId }) => inspectionId);
    };
    const whoseAreThere = async (ids: readonly string[]) => {
      const files = await Promise.all(ids.map((id) => at.store.original(id, 'rgb')));
      return files.map((file) => file !== undefined);
    };

    it('gives back thumbnail and files bit by bit, also after a restart', async () => {
      const { inspectionId } = anInspection();
      await at.store.save(anInspection({ inspectionId }), NOTHING);
      const thumbnail = Uint8Array.from([0, 255, 10, 13, 0]);
      const originals = { rgb: Uint8Array.from([1, 0, 254]), acoustic: Uint8Array.of() };
      expect(
        await at.store.keepImages({ inspectionId, revision: 1 }, { thumbnail, originals }, ROOMY),
      ).toEqual({
        kept: true,
        evicted: 0,
      });
      await at.reopen();
      expect(Array.from((await at.store.thumbnail(inspectionId)) ?? [])).toEqual(Array.from(thumbnail));
      expect(Array.from((await at.store.original(inspectionId, 'rgb')) ?? [])).toEqual([1, 0, 254]);
      expect(await at.store.original(inspectionId, 'acoustic')).toHaveLength(0);
      for (const name of ['depth', 'thumbnail', 'bytes', 'map:fused', ''])
        expect(await at.store.original(inspectionId, name)).toBeUndefined();
      expect((await at.store.usage()).imageBytes).toBe(8);
    });

    it('keeps none of an inspection it does not have', async () => {
      expect(await at.store.keepImages(first('none'), ofBytes(5), ROOMY)).toEqual({
        kept: false,
        evicted: 0,
      });
      expect(await at.store.original('none', 'rgb')).toBeUndefined();
      expect((await at.store.usage()).imageBytes).toBe(0);
    });

    it('lets the oldest go where all together are over the limit, and no record', async () => {
      const ids = await pictured(5, 100, 350);
      expect(await whoseAreThere(ids)).toEqual([false, false, true, true, true]);
      expect((await at.store.usage()).imageBytes).toBe(300);
      expect((await at.store.list({ limit: 10 })).items).toHaveLength(5);
      const last = anInspection();
      await at.store.save(last, NOTHING);
      expect(await at.store.keepImages(last, ofBytes(250), 350)).toEqual({
        kept: true,
        evicted: 2,
      });
      expect(await whoseAreThere(ids)).toEqual([false, false, false, false, true]);
      expect((await at.store.usage()).imageBytes).toBe(350);
    });

    it('keeps nothing that is over the limit by itself, and throws nothing out for it', async () => {
      const ids = await pictured(2, 100);
      expect(await at.store.keepImages(first(ids[0]), ofBytes(351), 350)).toEqual({
        kept: false,
        evicted: 0,
      });
      expect(await whoseAreThere(ids)).toEqual([true, true]);
    });

    it('reaches a limit that was lowered in several calls', async () => {
      const ids = await pictured(MAX_EVICTED + 10, 10);
      const [one, other] = [anInspection(), anInspection()];
      for (const inspection of [one, other]) await at.store.save(inspection, NOTHING);
      const keep = (id: string) => at.store.keepImages(first(id), ofBytes(10), 20);
      expect((await keep(one.inspectionId)).evicted).toBe(MAX_EVICTED);
      expect((await keep(other.inspectionId)).evicted).toBe(10);
      expect((await whoseAreThere(ids)).some((there) => there)).toBe(false);
      expect((await at.store.usage()).imageBytes).toBe(20);
    });

    it('counts what is kept at the same time', async () => {
      const saved = Array.from({ length: 20 }, () => anInspection());
      await Promise.all(saved.map((inspection) => at.store.save(inspection, NOTHING)));
      await Promise.all(saved.map((one) => at.store.keepImages(one, ofBytes(10), 100)));
      expect((await at.store.usage()).imageBytes).toBe(100);
      const there = await whoseAreThere(saved.map(({ inspectionId }) => inspectionId));
      expect(there.filter(Boolean)).toHaveLength(10);
    });

    it('replaces what an inspection has, and then it is the newest', async () => {
      const [older, newer] = (await pictured(2, 100)) as [string, string];
      await at.store.keepImages(first(older), { thumbnail: Uint8Array.of(1), originals: {} }, ROOMY);
      expect(await at.store.original(older, 'rgb')).toBeUndefined();
      expect((await at.store.usage()).imageBytes).toBe(101);
      await at.store.keepImages(first((await pictured(1, 0))[0]), ofBytes(50), 100);
      expect(await whoseAreThere([newer])).toEqual([false]);
      expect(await at.store.thumbnail(older)).toHaveLength(1);
    });

    it('takes them with a revised answer, and not with a review', async () => {
      const inspection = anInspection();
      await at.store.save(inspection, NOTHING);
      await at.store.keepImages(inspection, ofBytes(10), ROOMY);
      await at.store.review(inspection.inspectionId, A_REVIEW);
      await at.store.save(inspection, NOTHING);
      expect(await whoseAreThere([inspection.inspectionId])).toEqual([true]);
      await at.store.save({ ...inspection, revision: 3 }, NOTHING);
      expect(await whoseAreThere([inspection.inspectionId])).toEqual([false]);
      expect((await at.store.usage()).imageBytes).toBe(0);
    });

    it('keeps none that come after the answer was revised, and those of the revised one', async () => {
      const inspection = anInspection();
      const { inspectionId } = inspection;
      const revised = { ...inspection, revision: 2, previous: previousOf(inspection) };
      const showsOf = async () => (await at.store.original(inspectionId, 'rgb'))?.length;
      await at.store.save(inspection, NOTHING);
      await at.store.save(revised, NOTHING);
      expect((await at.store.keepImages(inspection, ofBytes(10), ROOMY)).kept).toBe(false);
      expect(await showsOf()).toBeUndefined();
      await at.store.keepImages(revised, ofBytes(20), ROOMY);
      expect((await at.store.keepImages(inspection, ofBytes(10), ROOMY)).kept).toBe(false);
      expect(await showsOf()).toBe(20);
      expect((await at.store.usage()).imageBytes).toBe(20);
    });

    it('keeps those that come after a review: what was seen is the same', async () => {
      const inspection = anInspection();
      const revised = { ...inspection, revision: 2, previous: previousOf(inspection) };
      for (const answer of [inspection, revised]) await at.store.save(answer, NOTHING);
      await at.store.review(inspection.inspectionId, A_REVIEW);
      expect((await at.store.keepImages(revised, ofBytes(10), ROOMY)).kept).toBe(true);
      expect(await whoseAreThere([inspection.inspectionId])).toEqual([true]);
    });

    it.each(['images', 'records'] as const)('counts no more what goes with %s', async (what) => {
      const ids = await pictured(2, 100);
      await at.store.forget([{ inspectionId: ids[0] ?? '', revision: 1 }], what);
      expect(await whoseAreThere(ids)).toEqual([false, true]);
      expect((await at.store.usage()).imageBytes).toBe(100);
    });
  });
}

// What a store must remove, and what it must leave.
import { describe, expect, it } from '@jest/globals';
import type { Inspection } from '../../src/inspection.js';
import { A_REVIEW, aKeptMap, anInspection, NOTHING } from './samples.js';
import type { StoreAtHand } from './store-at-hand.js';

export function describeForgetting(at: StoreAtHand): void {
  describe('forgetting', () => {
    const save = async (inspection: Inspection) => {
      await at.store.save(inspection, { maps: { fused: aKeptMap(), rgb: aKeptMap() } });
      const images = { thumbnail: Uint8Array.from([1, 2, 3]), originals: {} };
      await at.store.keepImages(inspection, images, 1_000_000);
    };

    it('takes the pictures, and leaves the record where it is', async () => {
      const [gone, kept] = [anInspection({ captureId: 'gone' }), anInspection({ captureId: 'kept' })];
      for (const inspection of [gone, kept]) await save(inspection);
      await at.store.forget([gone], 'images');
      expect(await at.store.map(gone.inspectionId, 'fused')).toBeUndefined();
      expect(await at.store.map(gone.inspectionId, 'rgb')).toBeUndefined();
      expect(await at.store.thumbnail(gone.inspectionId)).toBeUndefined();
      expect(await at.store.get(gone.inspectionId)).toEqual(gone);
      expect((await at.store.map(kept.inspectionId, 'rgb'))?.width).toBe(7);
      expect(await at.store.thumbnail(kept.inspectionId)).toHaveLength(3);
      expect(await at.ids({ limit: 10 })).toEqual(['gone', 'kept']);
    });

    it('takes whole records, from the feed and the queue of reviews too, and goes on counting', async () => {
      const saved = Array.from({ length: 3 }, (_, i) =>
        anInspection({ captureId: `c${i}`, verdict: 'REVIEW', partId: `p${i}` }),
      );
      for (const inspection of saved) await save(inspection);
      const { nextCursor } = await at.store.list({ limit: 3 });
      await at.store.forget(saved.slice(0, 2), 'records');
      expect(await at.store.get(saved[0]?.inspectionId ?? '')).toBeUndefined();
      expect(await at.store.map(saved[0]?.inspectionId ?? '', 'fused')).toBeUndefined();
      expect(await at.ids({ limit: 10 })).toEqual(['c2']);
      expect((await at.store.openReviews({ limit: 10 })).items).toHaveLength(1);
      expect(await at.store.forget(saved, 'records')).toBe(1);
      await at.reopen();
      await at.saveMany(1, () => ({ captureId: 'next' }));
      expect(await at.ids({ limit: 10, after: nextCursor })).toEqual(['next']);
      expect((await at.store.line('line-1'))?.counts.inspected).toBe(4);
      expect((await at.store.usage()).records).toBe(1);
    });

    it('leaves a revision that is newer than the one it was told of', async () => {
      const inspection = anInspection();
      await save(inspection);
      await at.store.review(inspection.inspectionId, A_REVIEW);
      for (const what of ['images', 'records'] as const)
        expect(await at.store.forget([inspection], what)).toBe(0);
      expect(await at.store.thumbnail(inspection.inspectionId)).toHaveLength(3);
      await at.store.forget([{ ...inspection, revision: 2 }], 'records');
      await at.store.forget([{ inspectionId: 'none', revision: 1 }], 'records');
      expect(await at.ids({ limit: 10 })).toEqual([]);
    });

    it('says of how many it took anything: pictures, maps alone, or the record', async () => {
      const [pictured, mapped, bare] = [anInspection(), anInspection(), anInspection()];
      await save(pictured);
      await at.store.save(mapped, { maps: { fused: aKeptMap() } });
      await at.store.save(bare, NOTHING);
      const all = [pictured, mapped, bare, anInspection()];
      expect(await at.store.forget(all, 'images')).toBe(2);
      expect(await at.store.forget(all, 'images')).toBe(0);
      expect(await at.store.forget(all, 'records')).toBe(3);
    });

    it('lets consumers step over what is gone', async () => {
      const saved = Array.from({ length: 3 }, () => anInspection());
      for (const inspection of saved) await at.store.save(inspection, NOTHING);
      await at.store.ack('mes', saved.slice(1));
      await at.store.forget(saved.slice(0, 1), 'records');
      expect(await at.store.consumer('mes')).toMatchObject({ lag: 0, ahead: 0 });
    });

    it('says what the store holds, and who may tidy it', async () => {
      const before = await at.store.usage();
      await Promise.all(Array.from({ length: 50 }, () => save(anInspection())));
      const after = await at.store.usage();
      expect([before.records, after.records]).toEqual([0, 50]);
      expect(after.bytes).toBeGreaterThan(before.bytes);
      expect(await at.store.leaseSweep(30_000)).toBe(true);
      expect(await at.store.leaseSweep(30_000)).toBe(true);
    });
  });
}

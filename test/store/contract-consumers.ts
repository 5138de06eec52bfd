// What a store must keep of those who read its feed.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Inspection } from '../../src/inspection.js';
import { A_REVIEW, anInspection, NOTHING } from './samples.js';
import type { StoreAtHand } from './store-at-hand.js';

export function describeConsumers(at: StoreAtHand): void {
  describe('consumers', () => {
    let saved: Inspection[];
    beforeEach(async () => {
      saved = Array.from({ length: 5 }, (_, i) => anInspection({ captureId: `c${i}` }));
      for (const inspection of saved) await at.store.save(inspection, NOTHING);
    });

    const idOf = (i: number) => saved[i]?.inspectionId ?? '';
    const ack = (...indices: number[]) =>
      at.store.ack(
        'mes',
        indices.map((i) => ({ inspectionId: idOf(i) })),
      );
    /** What a reader that goes on from the consumer's cursor reads first, and the two numbers. */
    const standing = async () => {
      const found = await at.store.consumer('mes');
      const [next] = await at.ids({ limit: 1, ...(found && { after: found.cursor }) });
      return { next, lag: found?.lag, ahead: found?.ahead };
    };

    it('say up to where all of them have acked, and a page ends there', async () => {
      expect(await at.store.ackedTo()).toBeUndefined();
      await ack(0, 1, 3);
      await at.store.ack(
        'archive',
        saved.map(({ inspectionId }) => ({ inspectionId })),
      );
      const upTo = await at.store.ackedTo();
      expect(await at.ids({ limit: 10, ...(upTo && { upTo }) })).toEqual(['c0', 'c1']);
      const end = await at.store.end();
      expect(await at.ids({ limit: 10, after: end, ...(upTo && { upTo }) })).toEqual([]);
      await at.store.forgetConsumer('mes');
      expect(await at.ids({ limit: 10, upTo: (await at.store.ackedTo()) ?? '' })).toHaveLength(5);
    });

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
      const outcomes = await at.store.ack('mes', acks);
      expect(outcomes).toEqual(['UNKNOWN', 'ALREADY_ACKED', 'ACKED', 'ALREADY_ACKED', 'ALREADY_ACKED']);
      expect(await standing()).toEqual({ next: 'c3', lag: 2, ahead: 0 });
    });

    it('owe a record again that got a new revision after its ack', async () => {
      await ack(0, 1, 2, 3, 4);
      await at.store.review(idOf(1), A_REVIEW);
      expect(await standing()).toEqual({ next: 'c1', lag: 1, ahead: 0 });
      expect(await ack(1)).toEqual(['ACKED']);
      expect(await standing()).toEqual({ next: undefined, lag: 0, ahead: 0 });
    });

    it('do not ack a revision they have not read', async () => {
      await at.store.review(idOf(0), A_REVIEW);
      const inspectionId = idOf(0);
      expect(await at.store.ack('mes', [{ inspectionId, revision: 1 }])).toEqual(['SUPERSEDED']);
      expect(await at.store.ack('mes', [{ inspectionId, revision: 3 }])).toEqual(['UNKNOWN']);
      expect(await at.store.consumer('mes')).toBeUndefined();
      expect(await at.store.ack('mes', [{ inspectionId, revision: 2 }])).toEqual(['ACKED']);
      expect(await standing()).toEqual({ next: 'c1', lag: 4, ahead: 1 });
    });

    it('step over a gap whose record has moved on, and forget acks of what has', async () => {
      await ack(0, 2, 4);
      for (const i of [1, 4]) await at.store.review(idOf(i), A_REVIEW); // now: 0 2 3 1' 4'
      expect(await standing()).toEqual({ next: 'c3', lag: 3, ahead: 0 });
    });

    it('ack up to a cursor, and never go back', async () => {
      await ack(3);
      const { nextCursor } = await at.store.list({ limit: 3 });
      expect(await at.store.ackUpTo('mes', nextCursor)).toBe('ACKED');
      expect(await standing()).toEqual({ next: 'c4', lag: 1, ahead: 0 });
      expect(await at.store.ackUpTo('mes', nextCursor)).toBe('ALREADY_ACKED');
      expect(await standing()).toEqual({ next: 'c4', lag: 1, ahead: 0 });
      await expect(at.store.ackUpTo('mes', 'x')).rejects.toMatchObject({
        code: 'BAD_CURSOR',
        part: 'cursor',
      });
    });

    it('begin at the first record, also where that is what they ack', async () => {
      const { nextCursor } = await at.store.list({ limit: 1, lineId: 'none' });
      await at.reopen();
      expect(await at.store.ackUpTo('mes', nextCursor)).toBe('ACKED');
      expect((await standing()).lag).toBe(0);
      expect(await at.store.ack('other', [{ inspectionId: 'none' }])).toEqual(['UNKNOWN']);
      expect((await at.store.consumers()).map(({ name }) => name)).toEqual(['mes']);
    });

    it('lose no ack of many that race', async () => {
      await at.saveMany(45, () => ({}));
      const { items } = await at.store.list({ limit: 100 });
      const acks = items.map(({ inspectionId }) => at.store.ack('mes', [{ inspectionId }]));
      expect(new Set((await Promise.all(acks)).flat())).toEqual(new Set(['ACKED']));
      expect(await at.store.consumer('mes')).toMatchObject({ lag: 0, ahead: 0 });
    });

    it('keep their place over close and reopen', async () => {
      await ack(0, 2);
      const before = await at.store.consumer('mes');
      await at.reopen();
      expect(await at.store.consumer('mes')).toEqual(before);
    });

    it('are 64 at most, and are forgotten on request', async () => {
      for (let i = 0; i < 64; i++) await at.store.ack(`mes-${i}`, [{ inspectionId: idOf(0) }]);
      await expect(ack(0)).rejects.toMatchObject({ code: 'ACK_REFUSED', part: 'name' });
      expect(await at.store.ack('mes-7', [{ inspectionId: idOf(1) }])).toEqual(['ACKED']);
      expect(await at.store.forgetConsumer('mes-7')).toBe(true);
      expect(await at.store.forgetConsumer('mes-7')).toBe(false);
      expect(await ack(0)).toEqual(['ACKED']);
      expect(await at.store.consumers()).toHaveLength(64);
    });
  });
}

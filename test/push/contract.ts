// What every push store must do: the same tests for each adapter.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventOf } from '../../src/push/event.js';
import { type DeadLetter, type Progress, type PushStore, readerOf } from '../../src/push/push-store.js';
import { anInspection } from '../store/samples.js';
import { aProgress, aWebhook } from './samples.js';

export interface PushStorePlace {
  /** Another process, or the same after a restart; in lmdb the one before is closed first. */
  open(): Promise<PushStore>;
  remove(): Promise<void>;
}

const LONG_MS = 60_000;

export function describePushStore(name: string, newPlace: () => Promise<PushStorePlace>): void {
  describe(`${name}: push store`, () => {
    let place: PushStorePlace;
    let store: PushStore;

    beforeEach(async () => {
      place = await newPlace();
      store = await place.open();
    });
    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    const aLetter = (changes: Partial<DeadLetter> = {}): DeadLetter => ({
      event: eventOf(anInspection()),
      attempts: 3,
      buriedAt: '2025-01-01T00:00:00.000Z',
      fault: 'http://mes.example answered 500',
      replay: false,
      ...changes,
    });
    const put = (id: string, progress: Progress = aProgress()) =>
      store.putWebhook(aWebhook({ id }), progress);

    it('gives back subscriptions and progress as they were, also after it was opened again', async () => {
      const webhook = aWebhook({ id: 'b', lineId: 'Linie 4/Süd', verdicts: ['NG', 'REVIEW'] });
      await store.putWebhook(webhook, aProgress({ position: 'here' }));
      await put('a');
      await store.close();
      store = await place.open();
      expect(await store.webhook('b')).toEqual(webhook);
      expect((await store.webhooks()).map(({ id }) => id)).toEqual(['a', 'b']);
      expect(await store.progress(readerOf('b'))).toEqual(aProgress({ position: 'here' }));
    });

    it('says undefined of what it does not have', async () => {
      for (const id of ['nobody', '', '\u0000', 'x'.repeat(5000)]) {
        expect(await store.webhook(id)).toBeUndefined();
        expect(await store.progress(readerOf(id))).toBeUndefined();
      }
      expect(await store.removeWebhook('nobody')).toBe(false);
      expect(await store.deadLetters('nobody')).toEqual([]);
    });

    it('keeps the place of a subscription that is put again, and tries it at once', async () => {
      const trial = { eventId: 'e.1', attempts: 4, firstMs: 1, nextMs: 2, fault: 'no' };
      await put('a', aProgress({ position: 'far', trial }));
      await put('a', aProgress({ position: 'now' }));
      expect(await store.progress(readerOf('a'))).toEqual(aProgress({ position: 'far', trial: null }));
    });

    it('changes only the version it was asked to change', async () => {
      await put('a');
      const changed = { ...aWebhook({ id: 'a' }), version: 'v2', state: 'ENDED' as const };
      expect(await store.changeWebhook(changed, 'other')).toBe(false);
      expect((await store.webhook('a'))?.state).toBe('ACTIVE');
      expect(await store.changeWebhook(changed, aWebhook().version)).toBe(true);
      expect(await store.webhook('a')).toEqual(changed);
      expect(await store.changeWebhook(changed, aWebhook().version)).toBe(false);
    });

    it('leases a reader to one owner at a time', async () => {
      expect(await store.lease('mqtt', 'one', LONG_MS)).toBe(true);
      expect(await store.lease('mqtt', 'two', LONG_MS)).toBe(false);
      expect(await store.lease('mqtt', 'one', LONG_MS)).toBe(true);
      expect(await store.lease('other', 'two', LONG_MS)).toBe(true);
      await store.release('mqtt', 'two');
      expect(await store.lease('mqtt', 'two', LONG_MS)).toBe(false);
      await store.release('mqtt', 'one');
      expect(await store.lease('mqtt', 'two', LONG_MS)).toBe(true);
    });

    it('gives the lease of an owner that is gone to another', async () => {
      expect(await store.lease('mqtt', 'gone', 50)).toBe(true);
      while (!(await store.lease('mqtt', 'next', LONG_MS))) await new Promise(setImmediate);
      expect(await store.saveProgress('mqtt', 'gone', aProgress())).toBe(false);
      expect(await store.saveProgress('mqtt', 'next', aProgress())).toBe(true);
    });

    it('takes progress and burials from the holder of the lease only', async () => {
      await put('a', aProgress({ position: 'start' }));
      const moved = aProgress({ position: 'moved' });
      expect(await store.saveProgress(readerOf('a'), 'me', moved)).toBe(false);
      await store.lease(readerOf('a'), 'me', LONG_MS);
      expect(await store.saveProgress(readerOf('a'), 'other', moved)).toBe(false);
      expect(await store.bury('a', 'other', aLetter(), moved)).toBe(false);
      expect((await store.progress(readerOf('a')))?.position).toBe('start');
      expect(await store.countDeadLetters('a')).toBe(0);
      expect(await store.saveProgress(readerOf('a'), 'me', moved)).toBe(true);
      expect(await store.bury('a', 'me', aLetter(), aProgress({ position: 'buried' }))).toBe(true);
      expect((await store.progress(readerOf('a')))?.position).toBe('buried');
    });

    it('lists dead letters oldest first, changes and removes them', async () => {
      await put('a');
      await put('ab');
      await store.lease(readerOf('a'), 'me', LONG_MS);
      const [late, early] = [aLetter({ buriedAt: '2025-01-02T00:00:00.000Z' }), aLetter()];
      for (const letter of [late, early]) await store.bury('a', 'me', letter, aProgress());
      expect(await store.deadLetters('a')).toEqual([early, late]);
      expect(await store.deadLetters('ab')).toEqual([]);
      await store.changeDeadLetter('a', { ...late, replay: true });
      await store.removeDeadLetters('a', [early.event.id]);
      await store.changeDeadLetter('a', early);
      expect(await store.deadLetters('a')).toEqual([{ ...late, replay: true }]);
      expect(await store.countDeadLetters('a')).toBe(1);
    });

    it('removes a subscription with all that belongs to it, and whoever works on it finds no lease', async () => {
      await put('a');
      await put('ab');
      await store.lease(readerOf('a'), 'me', LONG_MS);
      await store.bury('a', 'me', aLetter(), aProgress());
      expect(await store.removeWebhook('a')).toBe(true);
      expect(await store.saveProgress(readerOf('a'), 'me', aProgress())).toBe(false);
      expect(await store.webhook('a')).toBeUndefined();
      expect(await store.progress(readerOf('a'))).toBeUndefined();
      expect(await store.deadLetters('a')).toEqual([]);
      expect((await store.webhooks()).map(({ id }) => id)).toEqual(['ab']);
    });
  });
}

// What every intake store must do: the same tests for each adapter.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ABSENT, type IntakeStore } from '../../src/intake/intake-store.js';
import { anEntry, aPiece } from './samples.js';

/** A place for one store; open() again after close() finds what was written. */
export interface IntakePlace {
  open(): Promise<IntakeStore>;
  remove(): Promise<void>;
}

const bytes = (...values: number[]) => Uint8Array.from(values);

export function describeIntakeStore(name: string, newPlace: () => Promise<IntakePlace>): void {
  describe(`${name}: intake store`, () => {
    let place: IntakePlace;
    let store: IntakeStore;
    beforeEach(async () => {
      place = await newPlace();
      store = await place.open();
    });
    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    const create = async (entry = anEntry(), put?: ReadonlyMap<string, Uint8Array>) =>
      (await store.swap({
        captureId: entry.captureId,
        version: ABSENT,
        entry,
        ...(put && { put }),
      })) as string;

    it('gives back an entry as it was written, also after it was closed', async () => {
      const entry = anEntry({ pieces: [aPiece('rgb')], lease: { owner: 'me', untilMs: 5 }, failure: null });
      const version = await create(entry);
      expect(await store.get('c-1')).toEqual({ version, entry });
      await store.close();
      store = await place.open();
      expect(await store.get('c-1')).toEqual({ version, entry });
    });

    it('says undefined of what it does not have', async () => {
      for (const id of ['none', '\u0000', 'x'.repeat(5000)]) expect(await store.get(id)).toBeUndefined();
      expect(await store.piece('none', 'rgb')).toBeUndefined();
    });

    it('writes only over the version that was read', async () => {
      const first = await create();
      expect(await store.swap({ captureId: 'c-1', version: ABSENT, entry: anEntry() })).toBeUndefined();
      const second = await store.swap({ captureId: 'c-1', version: first, entry: anEntry({ attempts: 1 }) });
      expect(second).not.toBe(first);
      const stale = { captureId: 'c-1', version: first, entry: anEntry({ attempts: 2 }) };
      expect(await store.swap(stale)).toBeUndefined();
      expect((await store.get('c-1'))?.entry.attempts).toBe(1);
    });

    it('lets one of many writers through that read the same', async () => {
      const version = await create();
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          store.swap({ captureId: 'c-1', version, entry: anEntry({ attempts: i }) }),
        ),
      );
      expect(outcomes.filter((outcome) => outcome !== undefined)).toHaveLength(1);
    });

    it('keeps bytes with their entry, bit by bit, until they are dropped or it goes', async () => {
      const entry = anEntry({ pieces: [aPiece('rgb'), aPiece('depth', 1)], heldBytes: 4 });
      const first = await create(entry, new Map([['rgb', bytes(0, 255, 10)]]));
      const second = await store.swap({
        captureId: 'c-1',
        version: first,
        entry,
        put: new Map([['depth', bytes(7)]]),
      });
      expect(Array.from((await store.piece('c-1', 'rgb')) ?? [])).toEqual([0, 255, 10]);
      expect(Array.from((await store.piece('c-1', 'depth')) ?? [])).toEqual([7]);
      expect(await store.usage()).toEqual({ captures: 1, bytes: 4 });
      const dropped = { ...entry, heldBytes: 0 };
      const change = { captureId: 'c-1', version: second as string, entry: dropped, dropBytes: true };
      expect(await store.swap(change)).toBeDefined();
      expect(await store.piece('c-1', 'rgb')).toBeUndefined();
      expect(await store.piece('c-1', 'depth')).toBeUndefined();
      expect(await store.usage()).toEqual({ captures: 1, bytes: 0 });
    });

    it('writes no bytes where another writer came first', async () => {
      await create();
      const put = new Map([['rgb', bytes(1)]]);
      await store.swap({ captureId: 'c-1', version: ABSENT, entry: anEntry(), put });
      expect(await store.piece('c-1', 'rgb')).toBeUndefined();
    });

    it('forgets an entry with its bytes, and lets it come again', async () => {
      const entry = anEntry({ pieces: [aPiece('rgb')], heldBytes: 3 });
      const version = await create(entry, new Map([['rgb', bytes(1, 2, 3)]]));
      expect(await store.swap({ captureId: 'c-1', version, entry: undefined })).toBe(ABSENT);
      expect(await store.get('c-1')).toBeUndefined();
      expect(await store.piece('c-1', 'rgb')).toBeUndefined();
      expect(await store.usage()).toEqual({ captures: 0, bytes: 0 });
      expect(await store.due(Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
      expect(await create()).toBeDefined();
    });

    it('lists what is due, the longest due first, as often as it is asked', async () => {
      await create(anEntry({ captureId: 'later', wakeAtMs: 3000 }));
      await create(anEntry({ captureId: 'second', wakeAtMs: 2000 }));
      await create(anEntry({ captureId: 'first', wakeAtMs: 1000 }));
      await create(anEntry({ captureId: 'settled', wakeAtMs: null, state: 'COMPLETED' }));
      expect(await store.due(2000, 10)).toEqual(['first', 'second']);
      expect(await store.due(2000, 1)).toEqual(['first']);
      expect(await store.due(999, 10)).toEqual([]);
      expect((await store.usage()).captures).toBe(3);
    });

    it('lists an entry by its newest time alone', async () => {
      const version = await create(anEntry({ wakeAtMs: 1000 }));
      await store.swap({ captureId: 'c-1', version, entry: anEntry({ wakeAtMs: 5000 }) });
      expect(await store.due(4999, 10)).toEqual([]);
      expect(await store.due(5000, 10)).toEqual(['c-1']);
    });

    it('counts what it holds again when it is opened', async () => {
      await create(anEntry({ pieces: [aPiece('rgb')], heldBytes: 3 }), new Map([['rgb', bytes(1, 2, 3)]]));
      await create(anEntry({ captureId: 'settled', wakeAtMs: null }));
      await store.close();
      store = await place.open();
      expect(await store.usage()).toEqual({ captures: 1, bytes: 3 });
    });
  });
}

// The embedded intake store: the contract, and how it forgets.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { ABSENT } from '../../src/intake/intake-store.js';
import { openLmdbIntake } from '../../src/intake/lmdb.js';
import { describeIntakeStore, type IntakePlace } from './contract.js';
import { anEntry } from './samples.js';

async function newPlace(): Promise<IntakePlace> {
  const path = await mkdtemp(join(tmpdir(), 'branchline-intake-'));
  return { open: async () => openLmdbIntake({ path }), remove: () => rm(path, { recursive: true }) };
}

describeIntakeStore('lmdb', newPlace);

it('forgets expired entries step by step, and none that somebody must still look at', async () => {
  const place = await newPlace();
  const store = await place.open();
  const put = (captureId: string, expiresAtMs: number, wakeAtMs: number | null) =>
    store.swap({ captureId, version: ABSENT, entry: anEntry({ captureId, expiresAtMs, wakeAtMs }) });
  await Promise.all([1, 2, 3].map((at) => put(`old-${at}`, at, null)));
  await put('open', 1, 1);
  await put('young', 100, null);
  expect(await store.sweep(50, 2)).toBe(2);
  expect(await store.sweep(50, 2)).toBe(1);
  expect(await store.sweep(50, 2)).toBe(0);
  expect(await store.get('old-1')).toBeUndefined();
  expect(await store.get('open')).toBeDefined();
  expect(await store.get('young')).toBeDefined();
  await store.close();
  await place.remove();
});

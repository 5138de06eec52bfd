// What retention removes, in which order, and what it leaves; the clock and the disk are the test's.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Verdict } from '../../src/inspection.js';
import { openLmdbStore } from '../../src/store/lmdb.js';
import { createRetention, type RetentionPolicy } from '../../src/store/retention.js';
import type { ResultStore, Usage } from '../../src/store/store.js';
import { aMap, anInspection } from './samples.js';

const DAY_MS = 24 * 3600 * 1000;
const NOW_MS = Date.UTC(2026, 5, 1);
const FOR_EVER = Number.POSITIVE_INFINITY;
const KEEP_ALL: RetentionPolicy = {
  imagesMs: { ok: FOR_EVER, flagged: FOR_EVER },
  recordsMs: { ok: FOR_EVER, flagged: FOR_EVER },
  unackedMs: 0,
  maxRecords: FOR_EVER,
  maxBytes: FOR_EVER,
  minFreeBytes: 0,
};

let folder: string;
let store: ResultStore;
let removals: string[];
let heldBackDays: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-retention-'));
  store = await openLmdbStore({ path: folder });
  removals = [];
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

async function saveAged(verdict: Verdict, ageDays: number): Promise<void> {
  const completedAt = new Date(NOW_MS - ageDays * DAY_MS).toISOString();
  const inspection = anInspection({ verdict, completedAt, captureId: `${verdict}-${ageDays}` });
  await store.save(inspection, { maps: { fused: aMap() } });
}

/** One round; `seen`: what the store does differently. */
async function once(
  policy: Partial<RetentionPolicy>,
  seen: Partial<ResultStore> = {},
  signal = new AbortController().signal,
): Promise<void> {
  const sweeper = createRetention({
    store: {
      list: (query) => store.list(query),
      ackedTo: () => store.ackedTo(),
      forget: (revisions, what) => store.forget(revisions, what),
      usage: () => store.usage(),
      leaseSweep: (forMs) => store.leaseSweep(forMs),
      ...seen,
    },
    policy: { ...KEEP_ALL, ...policy },
    nowMs: () => NOW_MS,
    onRemoved: (what, reason, count) => removals.push(`${count} ${what} by ${reason}`),
    onUsage: () => {},
    onHeldBack: (ageMs) => {
      heldBackDays = ageMs / DAY_MS;
    },
  });
  await sweeper.sweep(signal);
}

/** What is left: the record with its picture ("OK-3*") or without. */
async function left(): Promise<string[]> {
  const { items } = await store.list({ limit: 500 });
  const found = items.map(async ({ captureId, inspectionId }) =>
    (await store.map(inspectionId, 'fused')) === undefined ? captureId : `${captureId}*`,
  );
  return Promise.all(found);
}

describe('by age', () => {
  beforeEach(async () => {
    for (const ageDays of [400, 40, 4])
      for (const verdict of ['OK', 'NG', 'REVIEW', 'NOT_DECIDABLE'] as const)
        await saveAged(verdict, ageDays);
  });
  const flagged = (...names: string[]) =>
    names.flatMap((days) => [`NG-${days}`, `REVIEW-${days}`, `NOT_DECIDABLE-${days}`]);

  it('removes pictures before records, and of OK before the rest', async () => {
    await once({
      imagesMs: { ok: 30 * DAY_MS, flagged: 365 * DAY_MS },
      recordsMs: { ok: 365 * DAY_MS, flagged: FOR_EVER },
    });
    expect(await left()).toEqual([...flagged('400'), 'OK-40', ...flagged('40*'), 'OK-4*', ...flagged('4*')]);
    expect(removals.toSorted()).toEqual(['1 records by age', '2 images by age', '3 images by age']);
  });

  it('removes nothing where all is unlimited', async () => {
    await once({});
    expect(await left()).toHaveLength(12);
    expect(removals).toEqual([]);
  });

  it('goes on from round to round as time passes', async () => {
    let nowMs = NOW_MS;
    const sweeper = createRetention({
      store,
      policy: { ...KEEP_ALL, recordsMs: { ok: 100 * DAY_MS, flagged: 100 * DAY_MS } },
      nowMs: () => nowMs,
      onRemoved: () => {},
      onUsage: () => {},
      onHeldBack: () => {},
    });
    const { signal } = new AbortController();
    await sweeper.sweep(signal);
    expect(await left()).toHaveLength(8);
    nowMs += 90 * DAY_MS;
    await sweeper.sweep(signal);
    expect(await left()).toHaveLength(4);
  });
});

describe('by count', () => {
  it('removes the oldest OK first, and others only where no OK is left', async () => {
    for (const verdict of ['NG', 'OK', 'OK', 'NG', 'OK'] as const) await saveAged(verdict, 1);
    await once({ maxRecords: 3 });
    expect(await left()).toEqual(['NG-1*', 'NG-1*', 'OK-1*']);
    await once({ maxRecords: 1 });
    expect(await left()).toEqual(['NG-1*']);
  });

  it('gets through more than one batch', async () => {
    await Promise.all(Array.from({ length: 350 }, () => saveAged('OK', 1)));
    await once({ maxRecords: 20 });
    expect(await left()).toHaveLength(20);
  });
});

describe('what a consumer has not acked', () => {
  const kept = async () => (await left()).map((name) => name.replace('*', ''));
  /** Up to the record of that capture. */
  const ackUpTo = async (consumer: string, captureId: string) => {
    const { items } = await store.list({ limit: 500 });
    const acked = items.slice(0, items.findIndex((item) => item.captureId === captureId) + 1);
    await store.ack(consumer, acks(acked.map(({ inspectionId }) => inspectionId)));
  };
  const acks = (ids: string[]) => ids.map((inspectionId) => ({ inspectionId }));
  beforeEach(async () => {
    for (const ageDays of [20, 10, 6, 5, 4, 1]) await saveAged('OK', ageDays);
  });
  const byAge = { recordsMs: { ok: 3 * DAY_MS, flagged: 3 * DAY_MS } };

  it('is not removed by age before it is as old as is waited, whoever else has acked it', async () => {
    await ackUpTo('mes', 'OK-6');
    await ackUpTo('archive', 'OK-1');
    await once({ ...byAge, unackedMs: 7 * DAY_MS });
    expect(await kept()).toEqual(['OK-5', 'OK-4', 'OK-1']);
    expect([removals, heldBackDays]).toEqual([['3 records by age'], 5]);
    await once({ ...byAge, unackedMs: 4.5 * DAY_MS });
    expect(await kept()).toEqual(['OK-4', 'OK-1']);
    expect([removals[1], heldBackDays]).toEqual(['1 records by unacked', 4]);
    await ackUpTo('mes', 'OK-4');
    await once({ ...byAge, unackedMs: 7 * DAY_MS });
    expect(await kept()).toEqual(['OK-1']);
    expect(heldBackDays).toBe(0);
  });

  it('is not removed by count either, but for want of room', async () => {
    await ackUpTo('mes', 'OK-20');
    await once({ maxRecords: 2, unackedMs: 7 * DAY_MS });
    expect(await kept()).toEqual(['OK-6', 'OK-5', 'OK-4', 'OK-1']);
    expect(removals).toEqual(['1 records by count', '1 records by unacked']);
    await once({ maxBytes: 1, unackedMs: FOR_EVER });
    expect(await kept()).toEqual([]);
  });

  it('waits for nobody where there is no consumer any more', async () => {
    await ackUpTo('mes', 'OK-20');
    await store.forgetConsumer('mes');
    await once({ ...byAge, unackedMs: FOR_EVER });
    expect(await kept()).toEqual(['OK-1']);
  });
});

describe('by bytes', () => {
  /** A store that is tight until so much was forgotten. */
  const tightUntil = (enough: number): Partial<ResultStore> => {
    let forgotten = 0;
    return {
      forget: async (revisions, what) => {
        forgotten += revisions.length;
        await store.forget(revisions, what);
      },
      usage: async (): Promise<Usage> => ({
        ...(await store.usage()),
        bytes: forgotten >= enough ? 100 : 2000,
        freeBytes: 1e9,
      }),
    };
  };

  it.each([
    [2, ['OK-1', 'NG-1*', 'OK-1', 'NG-1*']],
    [4, ['OK-1', 'NG-1', 'OK-1', 'NG-1']],
    [6, ['NG-1', 'NG-1']],
    [8, []],
  ])('removes %i times in order: pictures, then records, each of OK first', async (enough, expected) => {
    for (const verdict of ['OK', 'NG', 'OK', 'NG'] as const) await saveAged(verdict, 1);
    await once({ maxBytes: 1000 }, tightUntil(enough));
    expect(await left()).toEqual(expected);
  });

  it('makes room where the disk is nearly full', async () => {
    await saveAged('OK', 1);
    const full = { usage: async () => ({ records: 1, bytes: 1, freeBytes: 10 }) };
    await once({ minFreeBytes: 10 }, full);
    expect(await left()).toEqual(['OK-1*']);
    await once({ minFreeBytes: 11 }, full);
    expect(await left()).toEqual([]);
  });

  it('gives back what it removes', async () => {
    for (let i = 0; i < 50; i++)
      await store.save(anInspection({ verdict: 'OK' }), { maps: { fused: aMap(80, 80) } });
    const before = await store.usage();
    await once({ maxBytes: before.bytes * 0.7 });
    const after = await store.usage();
    expect(after.records).toBe(50);
    expect(after.bytes).toBeLessThan(before.bytes * 0.7);
    expect(after.freeBytes).toBeGreaterThan(0);
  });
});

it('leaves a round to the replica that has the lease, and stops when told to', async () => {
  await saveAged('OK', 400);
  const policy = { recordsMs: { ok: 0, flagged: 0 } };
  await once(policy, { leaseSweep: async () => false });
  await once(policy, {}, AbortSignal.abort());
  expect(await left()).toEqual(['OK-400*']);
});

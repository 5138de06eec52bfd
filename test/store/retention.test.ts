// What retention removes, in which order, and what it leaves; the clock and the disk are the test's.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Verdict } from '../../src/inspection.js';
import { openLmdbStore } from '../../src/store/lmdb.js';
import { type Ages, createRetention, type RetentionPolicy } from '../../src/store/retention.js';
import type { ResultStore, Usage } from '../../src/store/store.js';
import { aKeptMap, anInspection } from './samples.js';

const DAY_MS = 24 * 3600 * 1000;
const NOW_MS = Date.UTC(2026, 5, 1);
const FOR_EVER = Number.POSITIVE_INFINITY;
const ALL_AGES: Ages = {
  images: { ok: FOR_EVER, flagged: FOR_EVER },
  records: { ok: FOR_EVER, flagged: FOR_EVER },
};
const KEEP_ALL: RetentionPolicy = {
  ages: ALL_AGES,
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

async function saveAged(verdict: Verdict, ageDays: number, recipe: string | null = null): Promise<void> {
  const completedAt = new Date(NOW_MS - ageDays * DAY_MS).toISOString();
  const captureId = `${recipe ?? verdict}-${ageDays}`;
  const inspection = anInspection({ verdict, completedAt, recipe, captureId });
  await store.save(inspection, { maps: { fused: aKeptMap() } });
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
    agesByRecipe: () => new Map(),
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
      ages: {
        images: { ok: 30 * DAY_MS, flagged: 365 * DAY_MS },
        records: { ok: 365 * DAY_MS, flagged: FOR_EVER },
      },
    });
    expect(await left()).toEqual([...flagged('400'), 'OK-40', ...flagged('40*'), 'OK-4*', ...flagged('4*')]);
    expect(removals.toSorted()).toEqual(['1 records by age', '2 images by age', '3 images by age']);
  });

  it('counts nothing twice: after a restart images are gone already', async () => {
    const ages = { ...ALL_AGES, images: { ok: 30 * DAY_MS, flagged: FOR_EVER } };
    for (let start = 0; start < 2; start++) await once({ ages });
    expect(removals).toEqual(['2 images by age']);
  });

  it('takes a picture that came after the round had seen its record, though none is kept for a day', async () => {
    let nowMs = NOW_MS;
    const rounds = createRetention({
      store,
      policy: { ...KEEP_ALL, ages: { ...ALL_AGES, images: { ok: 0, flagged: 0 } } },
      agesByRecipe: () => new Map(),
      nowMs: () => nowMs,
      onRemoved: () => {},
      onUsage: () => {},
      onHeldBack: () => {},
    });
    const { signal } = new AbortController();
    const fresh = anInspection({ completedAt: new Date(NOW_MS - 5).toISOString() });
    await store.save(fresh, { maps: { fused: aKeptMap() } });
    await rounds.sweep(signal);
    await store.keepImages(fresh, { originals: { rgb: Uint8Array.of(1) } }, 1000);
    nowMs += 61_000;
    await rounds.sweep(signal);
    expect(await store.original(fresh.inspectionId, 'rgb')).toBeUndefined();
    expect(await store.map(fresh.inspectionId, 'fused')).toBeUndefined();
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
      policy: { ...KEEP_ALL, ages: { ...ALL_AGES, records: { ok: 100 * DAY_MS, flagged: 100 * DAY_MS } } },
      agesByRecipe: () => new Map(),
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

describe('by recipe', () => {
  const days = (ok: number, flagged = ok) => ({ ok: ok * DAY_MS, flagged: flagged * DAY_MS });
  let agesByRecipe: Map<string, Ages>;
  const sweeper = (policy: Partial<RetentionPolicy>) =>
    createRetention({
      store,
      policy: { ...KEEP_ALL, ...policy },
      agesByRecipe: () => agesByRecipe,
      nowMs: () => NOW_MS,
      onRemoved: (what, reason, count) => removals.push(`${count} ${what} by ${reason}`),
      onUsage: () => {},
      onHeldBack: () => {},
    });
  const { signal } = new AbortController();

  it('keeps each as long as its recipe says, however they lie in the feed', async () => {
    for (const ageDays of [400, 40, 4])
      for (const recipe of ['long', 'short', null]) await saveAged('OK', ageDays, recipe);
    agesByRecipe = new Map([
      ['long', { ...ALL_AGES, images: days(100) }],
      ['short', { images: days(1), records: days(10) }],
    ]);
    await sweeper({ ages: { images: days(30), records: days(365) } }).sweep(signal);
    expect(await left()).toEqual(['long-400', 'long-40*', 'OK-40', 'long-4*', 'short-4', 'OK-4*']);
  });

  it('follows a recipe that is changed, also for what lies behind where it had come to', async () => {
    for (const recipe of ['a', 'b', 'a']) await saveAged('OK', 40, recipe);
    agesByRecipe = new Map([['b', { ...ALL_AGES, records: days(10) }]]);
    const rounds = sweeper({});
    await rounds.sweep(signal);
    expect(await left()).toEqual(['a-40*', 'a-40*']);
    agesByRecipe = new Map([...agesByRecipe, ['a', { ...ALL_AGES, records: days(10) }]]);
    await rounds.sweep(signal);
    expect(await left()).toEqual([]);
  });

  it('takes at once what a recipe keeps no longer, though others of its new age are young', async () => {
    await saveAged('OK', 40, 'a');
    await saveAged('OK', 4);
    agesByRecipe = new Map([['a', { ...ALL_AGES, records: days(100) }]]);
    const rounds = sweeper({ ages: { ...ALL_AGES, records: days(30) } });
    await rounds.sweep(signal);
    expect(await left()).toEqual(['a-40*', 'OK-4*']);
    agesByRecipe = new Map();
    await rounds.sweep(signal);
    expect(await left()).toEqual(['OK-4*']);
  });

  it('looks again only when something has got old, however many recipes there are', async () => {
    let [nowMs, pages] = [NOW_MS, 0];
    await saveAged('OK', 4);
    agesByRecipe = new Map();
    const rounds = createRetention({
      store: {
        list: (query) => {
          pages += 1;
          return store.list(query);
        },
        ackedTo: () => store.ackedTo(),
        forget: (revisions, what) => store.forget(revisions, what),
        usage: () => store.usage(),
        leaseSweep: async () => true,
      },
      policy: { ...KEEP_ALL, ages: { ...ALL_AGES, records: { ok: 5 * DAY_MS, flagged: FOR_EVER } } },
      agesByRecipe: () => agesByRecipe,
      nowMs: () => nowMs,
      onRemoved: () => {},
      onUsage: () => {},
      onHeldBack: () => {},
    });
    await rounds.sweep(signal);
    const looked = pages;
    await rounds.sweep(signal);
    expect(pages).toBe(looked);
    nowMs += DAY_MS + 1;
    await rounds.sweep(signal);
    expect(await left()).toEqual([]);
    await saveAged('OK', 4);
    await rounds.sweep(signal);
    expect(await left()).toEqual([]);
  });

  it('makes room by what is kept shortest first, and by the rest where that is not enough', async () => {
    for (const recipe of ['long', 'short', 'long', 'short']) await saveAged('OK', 1, recipe);
    agesByRecipe = new Map([['short', { ...ALL_AGES, records: days(10) }]]);
    await sweeper({ maxRecords: 2 }).sweep(signal);
    expect(await left()).toEqual(['long-1*', 'long-1*']);
    await sweeper({ maxRecords: 1 }).sweep(signal);
    expect(await left()).toEqual(['long-1*']);
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
  const byAge = { ages: { ...ALL_AGES, records: { ok: 3 * DAY_MS, flagged: 3 * DAY_MS } } };

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
        return store.forget(revisions, what);
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
    const full = { usage: async () => ({ records: 1, bytes: 1, freeBytes: 10, imageBytes: 0 }) };
    await once({ minFreeBytes: 10 }, full);
    expect(await left()).toEqual(['OK-1*']);
    await once({ minFreeBytes: 11 }, full);
    expect(await left()).toEqual([]);
  });

  it('gives back what it removes', async () => {
    for (let i = 0; i < 50; i++)
      await store.save(anInspection({ verdict: 'OK' }), { maps: { fused: aKeptMap(80, 80) } });
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
  const policy = { ages: { ...ALL_AGES, records: { ok: 0, flagged: 0 } } };
  await once(policy, { leaseSweep: async () => false });
  await once(policy, {}, AbortSignal.abort());
  expect(await left()).toEqual(['OK-400*']);
});

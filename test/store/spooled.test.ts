// What becomes of records while their store is away: on this disk, in order, once, and never more than fit.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { openLmdbStore } from '../../src/store/lmdb.js';
import { openSpool, type SpoolSize } from '../../src/store/spool.js';
import { createSpooledStore } from '../../src/store/spooled.js';
import type { ResultStore } from '../../src/store/store.js';
import { aKeptMap, anInspection, NOTHING } from './samples.js';

let folder: string;
let store: ResultStore;
const closers: (() => Promise<void>)[] = [];
const dropped: string[] = [];
let size: SpoolSize;
/** What the store does with a save or ping now. */
let weather: 'there' | 'away' | 'silent';
/** A record whose save it never answers, the first time. */
let hanging: string | undefined;
/** A record it does not take, so many times. */
let refused: { captureId: string; times: number } | undefined;

/** A store that can be away; what it has is in LMDB. */
async function openFickleStore(): Promise<ResultStore> {
  const inner = await openLmdbStore({ path: join(folder, 'store') });
  const reach = async () => {
    if (weather === 'silent') await new Promise(() => {});
    if (weather === 'away') throw new Error('connection refused');
  };
  return new Proxy(inner, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const method = member.bind(target);
      if (name !== 'save' && name !== 'ping') return method;
      return async (...args: Parameters<ResultStore['save']>) => {
        await reach();
        if (args[0] !== undefined && args[0].captureId === hanging) {
          hanging = undefined;
          await new Promise(() => {});
        }
        if (args[0] !== undefined && args[0].captureId === refused?.captureId && refused.times-- > 0)
          throw new Error('refused');
        return method(...args);
      };
    },
  });
}

async function open(limitBytes = 1e6): Promise<ResultStore> {
  const spooled = createSpooledStore({
    store: await openFickleStore(),
    spool: await openSpool({ path: join(folder, 'spool'), limitBytes }),
    // Longer than a save takes on a disk that others use as well.
    timeoutMs: 500,
    retryMs: 5,
    onSize: (now) => {
      size = now;
    },
    onDropped: ({ captureId }) => dropped.push(captureId),
  });
  closers.push(() => spooled.close());
  return spooled;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const giveUpAt = Date.now() + 5000; !(await condition()); await delay(5))
    if (Date.now() > giveUpAt) throw new Error('it did not come about within 5 s');
}

const save = (captureId: string) => store.save(anInspection({ captureId }), { maps: { fused: aKeptMap() } });
const stored = async () => (await store.list({ limit: 100 })).items.map(({ captureId }) => captureId);
const saveAll = (...names: string[]) => Promise.allSettled(names.map(save));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-spool-'));
  weather = 'there';
  refused = undefined;
  hanging = undefined;
  dropped.length = 0;
  store = await open();
});
afterEach(async () => {
  if (weather === 'silent') weather = 'away';
  for (const close of closers.splice(0).reverse()) await close();
  await rm(folder, { recursive: true, force: true });
});

it('saves as its store does while that is there', async () => {
  await save('a');
  expect(await stored()).toEqual(['a']);
  expect(size).toEqual({ records: 0, bytes: 0 });
});

it('rejects while the store is away, and writes what waited in order, once, when it is back', async () => {
  weather = 'away';
  for (const name of ['a', 'b', 'c']) await expect(save(name)).rejects.toThrow(/waits in the spool/);
  const inspection = anInspection({ captureId: 'd' });
  for (let i = 0; i < 2; i++)
    await store.save(inspection, { maps: { fused: aKeptMap(3, 4) } }).catch(() => {});
  expect(size.records).toBe(5);
  expect(size.bytes).toBeGreaterThan(5 * 1000);
  weather = 'there';
  await until(() => size.records === 0);
  expect(size.bytes).toBe(0);
  expect(await stored()).toEqual(['a', 'b', 'c', 'd']);
  expect(await store.get(inspection.inspectionId)).toEqual(inspection);
  expect((await store.map(inspection.inspectionId, 'fused'))?.width).toBe(4);
  await save('e');
  expect(dropped).toEqual([]);
});

it('waits once for a store that hangs; who comes after goes to the spool at once', async () => {
  weather = 'silent';
  await expect(save('a')).rejects.toThrow(/no answer within 500 ms/);
  await expect(save('b')).rejects.toThrow(/it is away/);
  expect(size.records).toBe(2);
});

it('tries a record again whose save hangs on the way out of the spool', async () => {
  weather = 'away';
  await saveAll('a', 'b');
  hanging = 'a';
  weather = 'there';
  await until(() => size.records === 0);
  expect(hanging).toBeUndefined();
  expect(await stored()).toEqual(['a', 'b']);
});

it('does not let a late record overtake: one that is refused for now holds up those behind it', async () => {
  weather = 'away';
  await saveAll('a');
  await saveAll('b');
  refused = { captureId: 'a', times: 3 };
  weather = 'there';
  await until(() => size.records === 0);
  expect(await stored()).toEqual(['a', 'b']);
});

it('drops a record that the store refuses for good, says so, and goes on with the next', async () => {
  weather = 'away';
  await saveAll('a');
  await saveAll('b');
  refused = { captureId: 'a', times: Number.POSITIVE_INFINITY };
  weather = 'there';
  await until(() => size.records === 0);
  expect([dropped, await stored()]).toEqual([['a'], ['b']]);
});

it('keeps over a restart what waits, and writes it when it starts again', async () => {
  weather = 'away';
  await saveAll('a', 'b');
  await store.close();
  closers.length = 0;
  store = await open();
  expect(size.records).toBe(2);
  weather = 'there';
  await until(() => size.records === 0);
  expect((await stored()).toSorted()).toEqual(['a', 'b']);
});

it('takes no more than fit, counts what is lost, and takes again when there is room', async () => {
  await store.close();
  closers.length = 0;
  const bytesOfOne = Buffer.byteLength(JSON.stringify(anInspection({ captureId: 'a' })));
  store = await open(2.5 * bytesOfOne);
  weather = 'away';
  const saveBare = (captureId: string) => store.save(anInspection({ captureId }), NOTHING);
  for (const name of ['a', 'b']) await expect(saveBare(name)).rejects.toThrow(/waits in the spool/);
  await expect(saveBare('c')).rejects.toThrow(/the spool is full/);
  expect([size.records, dropped]).toEqual([2, ['c']]);
  weather = 'there';
  await until(() => size.records === 0);
  weather = 'away';
  await expect(saveBare('d')).rejects.toThrow(/waits in the spool/);
});

it('leaves everything else to its store', async () => {
  await save('a');
  await store.ping();
  expect((await store.openReviews({ limit: 1 })).items).toEqual([]);
  await store.close();
  closers.length = 0;
  await expect(save('b')).rejects.toThrow('closed');
  store = await open();
});

it('refuses a folder that another holds, in one line', async () => {
  await expect(openSpool({ path: join(folder, 'spool'), limitBytes: 1 })).rejects.toThrow(
    `in use by process ${process.pid}`,
  );
});

// What the service does when its Redis is not as it should be: says so at the start, and waits for nobody later.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Log } from '../../src/app/inference.js';
import { openStorage, type Storage } from '../../src/app/storage.js';
import { loadConfig } from '../../src/config.js';
import { anInspection, NOTHING } from '../store/samples.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';

const spooled: number[] = [];
const spoolDropped = () => {
  throw new Error('a record was lost');
};
const silent: Log = { info: () => {}, error: () => {} };
const TIMEOUT_MS = 300;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function server(settings: readonly string[] = []): Promise<RedisServer> {
  const started = await startRedisServer(settings);
  closers.push(() => started.stop());
  return started;
}

async function open(url: string): Promise<Storage> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-storage-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const STORE_PATH = join(folder, 'store');
  const config = loadConfig({ REDIS_URL: url, STORE_PATH, STORE_TIMEOUT_MS: `${TIMEOUT_MS}` });
  const storage = await openStorage(config, silent, {
    spooled: (records) => spooled.push(records),
    spoolDropped,
  });
  closers.push(() => storage.close());
  return storage;
}

describe('a Redis that cannot be used', () => {
  it('wants a password', async () => {
    const { url } = await server(['--requirepass', 'secret']);
    await expect(open(url)).rejects.toThrow(
      /^REDIS_URL: the Redis at 127\.0\.0\.1:\d+ cannot be used: NOAUTH/,
    );
  });

  it('has no such database: its records would go to another', async () => {
    const { url } = await server();
    await expect(open(`${url}/99`)).rejects.toThrow(/cannot be used: ERR DB index is out of range/);
  });

  it('is not there', async () => {
    const { url, stop } = await server();
    await stop();
    await expect(open(url)).rejects.toThrow(/cannot be used: .*ECONNREFUSED/);
  });
});

describe('a Redis that fails later', () => {
  it('hangs: reads are refused in time, and saves go on when it is back', async () => {
    const redis = await server();
    const { store } = await open(redis.url);
    await store.save(anInspection(), NOTHING);
    redis.pause();
    const startedMs = performance.now();
    await expect(store.list({ limit: 1 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', status: 503 });
    await expect(store.get('any')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryAfterSeconds: 1 });
    expect(performance.now() - startedMs).toBeLessThan(10 * TIMEOUT_MS);
    redis.resume();
    await untilStored(store, 'back');
  });

  it('is restarted elsewhere: reads are refused, not broken', async () => {
    const redis = await server();
    const { store } = await open(redis.url);
    await redis.stop();
    await expect(store.list({ limit: 1 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(store.map('any', 'fused')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

describe('the spool', () => {
  it('brings what was judged while Redis hung into the feed, in order, when it is back', async () => {
    const redis = await server();
    const { store } = await open(redis.url);
    await store.save(anInspection({ captureId: 'before' }), NOTHING);
    const { nextCursor } = await store.list({ limit: 1 });
    redis.pause();
    for (const captureId of ['a', 'b', 'c'])
      await expect(store.save(anInspection({ captureId }), NOTHING)).rejects.toThrow(/waits in the spool/);
    redis.resume();
    const found: string[] = [];
    // A record is in the feed a moment before it is taken out of the spool.
    for (let attempt = 0; (found.length < 3 || spooled.at(-1) !== 0) && attempt < 100; attempt++) {
      await delay(50);
      const page = await store.list({ limit: 10, after: nextCursor }).catch(() => undefined);
      found.splice(0, 3, ...(page?.items.map(({ captureId }) => captureId) ?? []));
    }
    expect(found).toEqual(['a', 'b', 'c']);
    expect(spooled.at(-1)).toBe(0);
  });

  it('names STORE_PATH where the folder of the embedded store is in use', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'branchline-storage-'));
    closers.push(() => rm(folder, { recursive: true, force: true }));
    const opening = () =>
      openStorage(loadConfig({ STORE_PATH: folder }), silent, { spooled: () => {}, spoolDropped });
    const storage = await opening();
    closers.push(() => storage.close());
    await expect(opening()).rejects.toThrow(/^STORE_PATH: The result store .* is in use by process \d+/);
  });

  it('says which variable is wrong where its folder cannot be used', async () => {
    const { url } = await server();
    const env = { REDIS_URL: url, SPOOL_PATH: '/dev/null/spool' };
    const opening = openStorage(loadConfig(env), silent, { spooled: () => {}, spoolDropped });
    await expect(opening).rejects.toThrow(
      /^SPOOL_PATH: The result store \/dev\/null\/spool cannot be opened/,
    );
  });
});

async function untilStored(store: Storage['store'], captureId: string): Promise<void> {
  for (let attempt = 0; ; attempt++)
    try {
      return await store.save(anInspection({ captureId }), NOTHING);
    } catch (error) {
      if (attempt === 50) throw error;
    }
}

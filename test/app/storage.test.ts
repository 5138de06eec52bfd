// What the service does when its Redis is not as it should be: says so at the start, and waits for nobody later.
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Log } from '../../src/app/inference.js';
import { openStorage, type Storage } from '../../src/app/storage.js';
import { loadConfig } from '../../src/config.js';
import { anInspection, NOTHING } from '../store/samples.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';

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
  const config = loadConfig({ REDIS_URL: url, STORE_TIMEOUT_MS: `${TIMEOUT_MS}` });
  const storage = await openStorage(config, silent);
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

async function untilStored(store: Storage['store'], captureId: string): Promise<void> {
  for (let attempt = 0; ; attempt++)
    try {
      return await store.save(anInspection({ captureId }), NOTHING);
    } catch (error) {
      if (attempt === 50) throw error;
    }
}

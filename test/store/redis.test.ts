// The shared store: the contract on a redis-server of our own, and what several replicas see.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { createRedisStore } from '../../src/store/redis.js';
import type { ResultStore } from '../../src/store/store.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';
import { describeResultStore } from './contract.js';
import { anInspection, NOTHING } from './samples.js';

let server: RedisServer;
const connections: Redis[] = [];
let places = 0;

beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(async () => {
  for (const connection of connections) connection.disconnect();
  await server?.stop();
});

function connect(): Redis {
  const redis = new Redis(server.url, { maxRetriesPerRequest: 1 });
  connections.push(redis);
  return redis;
}

describeResultStore('redis', async () => {
  const keyPrefix = `test${places++}:`;
  return { open: async () => createRedisStore({ redis: connect(), keyPrefix }), remove: async () => {} };
});

describe('redis: several replicas', () => {
  const open = (keyPrefix: string): ResultStore => createRedisStore({ redis: connect(), keyPrefix });

  it('wakes a reader at one replica when another saves', async () => {
    const [reader, writer] = [open('wake:'), open('wake:')];
    const { nextCursor } = await reader.list({ limit: 1 });
    const waiting = reader.waitForNext(nextCursor, 20_000, new AbortController().signal);
    const startedAt = performance.now();
    await writer.save(anInspection({ captureId: 'theirs' }), NOTHING);
    await waiting;
    expect(performance.now() - startedAt).toBeLessThan(2000);
    const page = await reader.list({ limit: 1, after: nextCursor });
    expect(page.items.map((item) => item.captureId)).toEqual(['theirs']);
    await Promise.all([reader.close(), writer.close()]);
  });

  it('gives one order to all, without a gap, while three replicas save at once', async () => {
    const stores = [open('order:'), open('order:'), open('order:')];
    const saves = Array.from({ length: 150 }, (_, i) => stores[i % 3]?.save(anInspection(), NOTHING));
    await Promise.all(saves);
    const [first, ...others] = await Promise.all(stores.map((store) => store.list({ limit: 1000 })));
    expect(new Set(first?.items.map((item) => item.inspectionId)).size).toBe(150);
    for (const other of others) expect(other).toEqual(first);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('refuses the cursors of before the server was wiped', async () => {
    const store = open('wiped:');
    await store.save(anInspection(), NOTHING);
    const { nextCursor } = await store.list({ limit: 1 });
    await connect().flushall();
    await store.save(anInspection(), NOTHING);
    await expect(store.list({ limit: 1, after: nextCursor })).rejects.toMatchObject({ code: 'BAD_CURSOR' });
    await store.close();
  });

  it('fails ping where the server takes no writes', async () => {
    const store = open('full:');
    await store.ping();
    const admin = connect();
    await admin.config('SET', 'maxmemory', '1');
    await expect(store.ping()).rejects.toThrow('OOM');
    await admin.config('SET', 'maxmemory', '0');
    await store.close();
  });
});

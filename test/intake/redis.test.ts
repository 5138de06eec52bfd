// The shared intake store: the contract on a redis-server of our own, and that nothing in it lives for ever.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { ABSENT } from '../../src/intake/intake-store.js';
import { createRedisIntake } from '../../src/intake/redis.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';
import { describeIntakeStore } from './contract.js';
import { anEntry, aPiece } from './samples.js';

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

const open = (keyPrefix: string) => createRedisIntake({ redis: connect(), keyPrefix, nowMs: Date.now });

describeIntakeStore('redis', async () => {
  const keyPrefix = `test${places++}:`;
  return { open: async () => open(keyPrefix), remove: async () => {} };
});

it('gives every key a lifetime, a settled entry the one of its window', async () => {
  const redis = connect();
  const store = open('ttl:');
  const put = new Map([['rgb', Uint8Array.of(1, 2, 3)]]);
  const held = anEntry({ pieces: [aPiece('rgb')], heldBytes: 3 });
  await store.swap({ captureId: 'c-1', version: ABSENT, entry: held, put });
  const settled = anEntry({ captureId: 'c-2', wakeAtMs: null, expiresAtMs: Date.now() + 5000 });
  await store.swap({ captureId: 'c-2', version: ABSENT, entry: settled });
  const keys = await redis.keys('ttl:*');
  expect(keys.length).toBe(4);
  for (const key of keys) expect(await redis.pttl(key)).toBeGreaterThan(0);
  expect(await redis.pttl('ttl:capture:c-2')).toBeLessThanOrEqual(5000);
});

it('clears what is still listed of a capture that is gone', async () => {
  const redis = connect();
  const store = open('gone:');
  const entry = anEntry({ pieces: [aPiece('rgb')], heldBytes: 3 });
  await store.swap({ captureId: 'c-1', version: ABSENT, entry, put: new Map([['rgb', Uint8Array.of(1)]]) });
  await redis.del('gone:capture:c-1');
  expect(await store.due(Number.MAX_SAFE_INTEGER, 1)).toEqual(['c-1']);
  await store.swap({ captureId: 'c-1', version: ABSENT, entry: undefined });
  expect(await store.due(Number.MAX_SAFE_INTEGER, 1)).toEqual([]);
  expect(await store.usage()).toEqual({ captures: 0, bytes: 0 });
});

it('says that it is out of reach, so that the caller comes again', async () => {
  const other = await startRedisServer();
  const redis = new Redis(other.url, { maxRetriesPerRequest: 1, retryStrategy: () => 10 });
  redis.on('error', () => {});
  connections.push(redis);
  const store = createRedisIntake({ redis, keyPrefix: 'down:', nowMs: Date.now });
  await store.get('c-1');
  await other.stop();
  await expect(store.get('c-1')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', status: 503 });
});

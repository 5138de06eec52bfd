// The contract of what push keeps, on LMDB and on a redis-server of our own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from '@jest/globals';
import { Redis } from 'ioredis';
import { openLmdbPushStore } from '../../src/push/lmdb-push-store.js';
import { createRedisPushStore } from '../../src/push/redis-push-store.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';
import { describePushStore } from './contract.js';

describePushStore('lmdb', async () => {
  const path = await mkdtemp(join(tmpdir(), 'branchline-push-'));
  return {
    open: async () => openLmdbPushStore({ path }),
    remove: () => rm(path, { recursive: true, force: true }),
  };
});

let server: RedisServer;
let redis: Redis;
let places = 0;
beforeAll(async () => {
  server = await startRedisServer();
  redis = new Redis(server.url, { maxRetriesPerRequest: 1 });
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});

describePushStore('redis', async () => {
  const keyPrefix = `test${places++}:`;
  return { open: async () => createRedisPushStore({ redis, keyPrefix }), remove: async () => {} };
});

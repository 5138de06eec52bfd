// One redis-server and one connection for all tests of a file.
import { afterAll, beforeAll } from '@jest/globals';
import { Redis } from 'ioredis';
import { type RedisServer, startRedisServer } from './redis-server.js';

/** Call where the file's tests are described; what it returns is there once they run. */
export function redisOfThisFile(): () => Redis {
  let server: RedisServer;
  let redis: Redis;
  beforeAll(async () => {
    server = await startRedisServer();
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis?.disconnect();
    await server?.stop();
  });
  return () => redis;
}

// Opens the result store the configuration names, and gives it the way to its end.
import { Redis } from 'ioredis';
import type { Config } from '../config.js';
import { openLmdbStore } from '../store/lmdb.js';
import { createRedisStore } from '../store/redis.js';
import type { ResultStore } from '../store/store.js';
import type { Log } from './inference.js';

export interface Storage {
  readonly store: ResultStore;
  close(): Promise<void>;
}

const KEY_PREFIX = 'branchline:';
const CONNECT_TIMEOUT_MS = 5000;

/** Throws an Error of one line where the folder is locked or cannot be written, or Redis does not answer. */
export async function openStorage(config: Config, log: Log): Promise<Storage> {
  if (config.redisUrl !== undefined) return openRedis(config.redisUrl, log);
  const store = await openLmdbStore({ path: config.storePath });
  return { store, close: () => store.close() };
}

async function openRedis(url: string, log: Log): Promise<Storage> {
  // One retry a command: a capture waits for its record, not for a server that is away.
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 1,
  });
  redis.on('error', (error: Error) => log.error({ err: error }, 'the connection to Redis failed'));
  try {
    await redis.connect();
  } catch (cause) {
    redis.disconnect();
    throw new Error(`REDIS_URL: no Redis answers at ${new URL(url).host} (${(cause as Error).message})`, {
      cause,
    });
  }
  const store = createRedisStore({ redis, keyPrefix: KEY_PREFIX });
  return {
    store,
    close: async () => {
      await store.close();
      redis.disconnect();
    },
  };
}

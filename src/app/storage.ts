// Opens the result store the configuration names, and gives it the way to its end.
import { Redis } from 'ioredis';
import type { Config } from '../config.js';
import type { Metrics } from '../metrics/metrics.js';
import { openLmdbStore } from '../store/lmdb.js';
import { createRedisStore } from '../store/redis.js';
import { openSpool } from '../store/spool.js';
import { createSpooledStore } from '../store/spooled.js';
import type { ResultStore } from '../store/store.js';
import type { Log } from './inference.js';

export interface Storage {
  readonly store: ResultStore;
  /** The connection to it, where it is shared. */
  readonly redis: Redis | undefined;
  close(): Promise<void>;
}

/** In braces, so that a cluster keeps all of it in one slot: scripts there may touch no other. */
const KEY_PREFIX = '{branchline}:';
const CONNECT_TIMEOUT_MS = 5000;
const SPOOL_RETRY_MS = 1000;

/** Throws an Error of one line where the folder is locked or cannot be written, or Redis does not answer. */
export async function openStorage(
  config: Config,
  log: Log,
  metrics: Pick<Metrics, 'spooled' | 'spoolDropped'>,
): Promise<Storage> {
  if (config.redisUrl !== undefined) {
    const shared = await openRedis(config.redisUrl, config.storeTimeoutMs, log);
    return config.spoolLimitBytes === 0 ? shared : withSpool(shared, config, log, metrics);
  }
  const store = await openLmdbStore({ path: config.storePath });
  return { store, redis: undefined, close: () => store.close() };
}

/** What cannot be written to Redis waits here on the disk. Throws an Error of one line naming the variable. */
async function withSpool(
  shared: Storage,
  { spoolPath, spoolLimitBytes, storeTimeoutMs }: Config,
  log: Log,
  metrics: Pick<Metrics, 'spooled' | 'spoolDropped'>,
): Promise<Storage> {
  const spool = await openSpool({ path: spoolPath, limitBytes: spoolLimitBytes }).catch(async (cause) => {
    await shared.close();
    throw new Error(`SPOOL_PATH: ${(cause as Error).message}`, { cause });
  });
  const store = createSpooledStore({
    store: shared.store,
    spool,
    // Before the line's own patience with a save is over: what it gives up is not spooled.
    timeoutMs: storeTimeoutMs / 2,
    retryMs: SPOOL_RETRY_MS,
    onSize: ({ records, bytes }) => metrics.spooled(records, bytes),
    onDropped: ({ inspectionId }, error) => {
      metrics.spoolDropped();
      log.error({ err: error, inspectionId }, 'an inspection is lost: neither stored nor spooled');
    },
  });
  return {
    ...shared,
    store,
    redis: shared.redis,
    close: async () => {
      await store.close();
      await shared.close();
    },
  };
}

async function openRedis(url: string, timeoutMs: number, log: Log): Promise<Storage> {
  // One retry a command: a capture waits for its record, not for a server that is away. A server that hangs is cut
  // off: the commands it never answers would pile up here, maps and all.
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 1,
    commandTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  });
  let fault: Error | undefined;
  const noteFault = (error: Error) => {
    fault ??= error;
  };
  redis.on('error', noteFault);
  // connect() says only that the connection is closed, and nothing of a database that is not there.
  await redis.connect().catch(noteFault);
  if (fault !== undefined) {
    redis.disconnect();
    throw new Error(`REDIS_URL: the Redis at ${new URL(url).host} cannot be used: ${fault.message}`, {
      cause: fault,
    });
  }
  redis.off('error', noteFault);
  redis.on('error', (error: Error) => log.error({ err: error }, 'the connection to Redis failed'));
  const store = createRedisStore({ redis, keyPrefix: KEY_PREFIX });
  return {
    store,
    redis,
    close: async () => {
      await store.close();
      redis.disconnect();
    },
  };
}

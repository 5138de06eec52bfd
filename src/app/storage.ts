// Opens the result store the configuration names, and gives it the way to its end.
import type { RedisAddress } from '../config/redis-address.js';
import type { Config } from '../config.js';
import type { Metrics } from '../metrics/metrics.js';
import { openLmdbStore } from '../store/lmdb.js';
import { createRedisStore, type RedisCommands } from '../store/redis.js';
import { openSpool } from '../store/spool.js';
import { createSpooledStore } from '../store/spooled.js';
import type { ResultStore } from '../store/store.js';
import type { Log } from './inference.js';

export interface Storage {
  readonly store: ResultStore;
  /** The connection to it, where it is shared. */
  readonly redis: RedisCommands | undefined;
  close(): Promise<void>;
}

/** In braces, so that a cluster keeps all of it in one slot: scripts there may touch no other. */
const KEY_PREFIX = '{branchline}:';
const SPOOL_RETRY_MS = 1000;

/**
 * `isCrowded`: captures wait for a worker. Throws an Error of one line where the folder is locked or cannot be written,
 * or Redis does not answer.
 */
export async function openStorage(
  config: Config,
  log: Log,
  metrics: Pick<Metrics, 'spooled' | 'spoolDropped'>,
  isCrowded = () => false,
): Promise<Storage> {
  if (config.redis !== undefined) {
    const shared = await openRedis(config.redis, config, log);
    return config.spoolLimitBytes === 0 ? shared : withSpool(shared, config, log, metrics);
  }
  const store = await openLmdbStore({ path: config.storePath, isCrowded }).catch((cause: Error) => {
    throw new Error(`STORE_PATH: ${cause.message}`, { cause });
  });
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

async function openRedis(address: RedisAddress, config: Config, log: Log): Promise<Storage> {
  // Not above: its client takes a twentieth of the start, and the embedded store does without.
  const { connectRedis } = await import('./redis.js');
  const { redis, close } = await connectRedis(address, config, log);
  const store = createRedisStore({ redis, keyPrefix: KEY_PREFIX });
  return {
    store,
    redis,
    close: async () => {
      await store.close();
      close();
    },
  };
}

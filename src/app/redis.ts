// Opens the connection to Redis: one server, the master that sentinels name, or a cluster.
import type { SecureContextOptions } from 'node:tls';
import { Cluster, type DNSLookupFunction, Redis } from 'ioredis';
import type { RedisAddress } from '../config/redis-address.js';
import type { Config } from '../config.js';
import type { RedisCommands } from '../store/redis.js';
import type { Log } from './inference.js';
import { readPem } from './pem.js';

export interface RedisConnection {
  readonly redis: RedisCommands;
  close(): void;
}

const CONNECT_TIMEOUT_MS = 5000;
/** Between two looks for a master, or for a node of the cluster. */
const LOOK_AGAIN_MS = 250;

/** Throws an Error of one line that names the variable: the address does not answer, or a file of TLS is not right. */
export async function connectRedis(
  address: RedisAddress,
  config: Pick<Config, 'storeTimeoutMs' | 'redisTls' | 'redisSentinelPassword'>,
  log: Log,
): Promise<RedisConnection> {
  let isOpen = false;
  const options = await optionsOf(address, config);
  const redis = clientOf(address, options, config.redisSentinelPassword, () => isOpen);
  let fault: Error | undefined;
  const noteFault = (error: Error) => {
    fault ??= error;
  };
  redis.on('error', noteFault);
  // Of a cluster one node may be away; it counts only where none answers.
  let nodeFault: Error | undefined;
  redis.on('node error', (error: Error) => {
    nodeFault ??= error;
  });
  // connect() says only that the connection is closed, and nothing of a database that is not there.
  await redis.connect().catch(noteFault);
  if (fault !== undefined) {
    redis.disconnect();
    const cause = nodeFault ?? fault;
    throw new Error(`REDIS_URL: ${whatOf(address)} cannot be used: ${cause.message}`, { cause });
  }
  isOpen = true;
  redis.off('error', noteFault);
  redis.on('error', (error: Error) => log.error({ err: error }, 'the connection to Redis failed'));
  return { redis, close: () => redis.disconnect() };
}

type CommonOptions = Awaited<ReturnType<typeof optionsOf>>;

async function optionsOf(
  { tls, username, password, database }: RedisAddress,
  { storeTimeoutMs, redisTls }: Pick<Config, 'storeTimeoutMs' | 'redisTls'>,
) {
  return {
    ...(tls && { tls: await readTls(redisTls) }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    db: database,
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // A server that hangs is cut off: the commands it never answers would pile up here, maps and all.
    commandTimeout: storeTimeoutMs,
    socketTimeout: storeTimeoutMs,
    // After a failover what was the master refuses writes: the next connection looks for the new one. Redis 6 says so
    // of a script in the middle of the line.
    reconnectOnError: ({ message }: Error) => /\bREADONLY\b/.test(message),
  };
}

function clientOf(
  { kind, hosts, master }: RedisAddress,
  options: CommonOptions,
  sentinelPassword: string | undefined,
  isOpen: () => boolean,
): Redis | Cluster {
  // One retry a command: a capture waits for its record, not for a server that is away.
  const once = { ...options, maxRetriesPerRequest: 1 };
  const [first] = hosts;
  if (kind === 'cluster') return new Cluster([...hosts], clusterOptions(options));
  if (kind === 'single') return new Redis({ ...once, ...first });
  return new Redis({
    ...once,
    sentinels: [...hosts],
    name: master,
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(options.tls && { enableTLSForSentinelMode: true, sentinelTLS: options.tls }),
    // At the start the sentinels are asked once: a master that none of them knows is a mistake to be told of.
    sentinelRetryStrategy: () => (isOpen() ? LOOK_AGAIN_MS : null),
    retryStrategy: () => LOOK_AGAIN_MS,
    // Not failoverDetector: news of a master that come while it connects end the client for good (ioredis 6.0.0, seen).
  });
}

function clusterOptions(options: CommonOptions) {
  return {
    lazyConnect: true,
    redisOptions: options,
    // What cannot be sent now is refused now: what waits for a cluster to return has no time-out.
    enableOfflineQueue: false,
    clusterRetryStrategy: () => LOOK_AGAIN_MS,
    // Names are left to TLS: certificates of a cluster are mostly for names.
    ...(options.tls && { dnsLookup: passName }),
  };
}

const passName: DNSLookupFunction = (address, done) => done(null, address);

async function readTls({ caFile, certFile, keyFile }: Config['redisTls']): Promise<SecureContextOptions> {
  const ca = caFile === undefined ? {} : await readPem('REDIS_CA_FILE', caFile, (pem) => ({ ca: pem }));
  if (certFile === undefined || keyFile === undefined) return ca;
  const cert = await readPem('REDIS_TLS_CERT_FILE', certFile, (pem) => ({ cert: pem }));
  const own = await readPem('REDIS_TLS_KEY_FILE', keyFile, (pem) => ({ ...cert, key: pem }));
  return { ...ca, ...own };
}

function whatOf({ kind, hosts, master }: RedisAddress): string {
  const at = hosts.map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`));
  if (kind === 'single') return `the Redis at ${at}`;
  return kind === 'cluster' ? `the cluster at ${at}` : `the master "${master}" of the sentinels at ${at}`;
}

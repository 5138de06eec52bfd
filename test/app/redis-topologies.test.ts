// Redis behind sentinels, as a cluster and over TLS: real servers of the test's own, and a master that dies.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Log } from '../../src/app/inference.js';
import { openStorage, type Storage } from '../../src/app/storage.js';
import { loadConfig } from '../../src/config.js';
import type { Inspection } from '../../src/inspection.js';
import { anInspection, NOTHING } from '../store/samples.js';
import { captureForm, inspect, readJson } from '../support/client.js';
import { freePort } from '../support/process.js';
import { type RedisServer, startRedisServer, startSentinel } from '../support/redis-server.js';
import { startService } from '../support/service.js';
import { fixturesDir, goldenCapture } from '../support/tiny-bundle.js';

const silent: Log = { info: () => {}, error: () => {} };
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function born<T>(resource: Promise<T>, close: (resource: T) => Promise<unknown>): Promise<T> {
  const opened = await resource;
  closers.push(() => close(opened));
  return opened;
}

const server = (settings: readonly string[] = []) =>
  born(startRedisServer(settings), (redis) => redis.stop());

async function open(env: Record<string, string>): Promise<Storage> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-topology-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const config = loadConfig({ STORE_PATH: join(folder, 'store'), STORE_TIMEOUT_MS: '1000', ...env });
  const metrics = { spooled: () => {}, spoolDropped: () => {} };
  return born(openStorage(config, silent, metrics), (storage) => storage.close());
}

async function ask(redis: RedisServer, ...[command = '', ...args]: string[]): Promise<unknown> {
  const connection = new Redis(redis.url);
  try {
    return await connection.call(command, ...args);
  } finally {
    connection.disconnect();
  }
}

async function until(what: () => Promise<boolean>): Promise<void> {
  for (const giveUpMs = Date.now() + 15_000; !(await what()); await delay(50))
    if (Date.now() > giveUpMs) throw new Error('it never came to be');
}

const captureIds = async ({ store }: Storage) =>
  (await store.list({ limit: 100 })).items.map(({ captureId }) => captureId).sort();

describe('sentinels', () => {
  it.each([
    ['dies', (master: RedisServer) => master.stop()],
    ['hangs', async (master: RedisServer) => master.pause()],
  ])(
    'give the new master when the old one %s: what was judged meanwhile is in its feed',
    async (_how, end) => {
      const master = await server(['--repl-diskless-sync-delay', '0']);
      const replica = await server(['--replicaof', '127.0.0.1', `${master.port}`]);
      await until(async () => String(await ask(replica, 'INFO', 'replication')).includes('link_status:up'));
      const sentinel = await born(startSentinel(master), (one) => one.stop());
      // It hears of replicas from the master, and promotes none it does not know.
      await until(
        async () => ((await ask(sentinel, 'SENTINEL', 'REPLICAS', 'parts')) as unknown[]).length === 1,
      );
      const storage = await open({ REDIS_URL: `redis+sentinel://127.0.0.1:${sentinel.port}/parts` });
      await storage.store.save(anInspection({ captureId: 'before' }), NOTHING);
      expect(await ask(master, 'WAIT', '1', '5000')).toBe(1);
      await end(master);
      const killedMs = Date.now();
      for (const captureId of ['gap-1', 'gap-2'])
        await expect(storage.store.save(anInspection({ captureId }), NOTHING)).rejects.toThrow(
          /waits in the spool/,
        );
      await until(async () => (await captureIds(storage).catch(() => [])).length === 3);
      expect(Date.now() - killedMs).toBeLessThan(10_000);
      expect(await captureIds(storage)).toEqual(['before', 'gap-1', 'gap-2']);
      await storage.store.save(anInspection({ captureId: 'after' }), NOTHING);
      expect(await ask(replica, 'ZCARD', '{branchline}:feed')).toBe(4);
    },
    30_000,
  );

  it('have a password of their own, and say where they know no such master', async () => {
    const master = await server(['--requirepass', 'of-redis']);
    const sentinel = await born(startSentinel(master, 'of-sentinel'), (one) => one.stop());
    const url = (name: string) => `redis+sentinel://:of-redis@127.0.0.1:${sentinel.port}/${name}/3`;
    const env = { REDIS_SENTINEL_PASSWORD: 'of-sentinel' };
    const { store } = await open({ ...env, REDIS_URL: url('parts') });
    await store.save(anInspection(), NOTHING);
    const direct = new Redis({ port: master.port, password: 'of-redis', db: 3 });
    expect(await direct.zcard('{branchline}:feed')).toBe(1);
    direct.disconnect();
    await expect(open({ ...env, REDIS_URL: url('others') })).rejects.toThrow(
      /^REDIS_URL: the master "others" of the sentinels at 127\.0\.0\.1:\d+ cannot be used: /,
    );
    await expect(open({ REDIS_URL: url('parts') })).rejects.toThrow(/cannot be used: .*NOAUTH/);
  }, 20_000);

  it('are told of where none answers', async () => {
    const port = await freePort();
    await expect(open({ REDIS_URL: `redis+sentinel://127.0.0.1:${port}/parts` })).rejects.toThrow(
      /^REDIS_URL: the master "parts" of the sentinels at 127\.0\.0\.1:\d+ cannot be used: All sentinels are unreachable/,
    );
  });
});

describe('an endpoint that stands for several', () => {
  it('is asked anew where the server behind it refuses writes: it is no master any more', async () => {
    const [old, next] = [await server(), await server()];
    let behind = old;
    const endpoint = createServer((client) => {
      const upstream = connect(behind.port, '127.0.0.1');
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
    });
    await born(once(endpoint.listen(0, '127.0.0.1'), 'listening'), async () => endpoint.close());
    const { port } = endpoint.address() as AddressInfo;
    const { store } = await open({ REDIS_URL: `redis://127.0.0.1:${port}` });
    await store.save(anInspection({ captureId: 'before' }), NOTHING);
    await ask(old, 'REPLICAOF', '127.0.0.1', `${next.port}`);
    behind = next;
    await store.save(anInspection({ captureId: 'after' }), NOTHING).catch(() => {});
    await until(async () => (await ask(next, 'ZCARD', '{branchline}:feed')) === 1);
  });
});

describe('a cluster', () => {
  /** Two nodes that share the slots, so that the rooms of the service lie on both. */
  async function cluster(): Promise<readonly [RedisServer, RedisServer]> {
    const settings = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];
    const nodes = [
      await server([...settings, '--cluster-port', `${await freePort()}`]),
      await server([...settings, '--cluster-port', `${await freePort()}`]),
    ] as const;
    const [one, two] = nodes;
    await ask(one, 'CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
    await ask(two, 'CLUSTER', 'ADDSLOTSRANGE', '8192', '16383');
    const busPort = String(await ask(two, 'CONFIG', 'GET', 'cluster-port')).split(',')[1] ?? '';
    await ask(one, 'CLUSTER', 'MEET', '127.0.0.1', `${two.port}`, busPort);
    const isUp = async (node: RedisServer) =>
      String(await ask(node, 'CLUSTER', 'INFO')).includes('cluster_state:ok');
    await until(async () => (await isUp(one)) && (await isUp(two)));
    return nodes;
  }

  it('holds all that the service keeps, each room of it on one node', async () => {
    const [one, two] = await cluster();
    const env = { REDIS_URL: `redis+cluster://127.0.0.1:${one.port},127.0.0.1:${two.port}` };
    const service = await born(startService(env), (running) => running.close());
    const { url } = service;
    const send = (method: string, path: string, body: object) =>
      fetch(`${url}${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const { parts } = await goldenCapture(0);
    const first = await inspect(url, parts, { captureId: 'c-1', lineId: 'L1', partId: 'p' });
    expect(await inspect(url, parts, { captureId: 'c-1', lineId: 'L1', partId: 'p' })).toEqual(first);
    const accepted = await fetch(`${url}/v1/inspections`, {
      method: 'POST',
      headers: { prefer: 'respond-async' },
      body: captureForm(parts, { captureId: 'c-2', lineId: 'L1' }),
    });
    expect(accepted.status).toBe(202);
    expect(await (await fetch(`${url}/v1/captures/c-2?wait=20`)).json()).toMatchObject({
      state: 'COMPLETED',
    });
    expect((await send('PUT', '/v1/recipes/r', { thresholds: { review: 0.4, reject: 0.9 } })).status).toBe(
      201,
    );
    const hook = { url: 'https://mes.example/hook' };
    expect((await send('PUT', '/v1/webhooks/w', hook)).status).toBeLessThan(500);
    const { body: feed } = await readJson<{ items: Inspection[] }>(await fetch(`${url}/v1/inspections`));
    expect(feed.items.map(({ captureId }) => captureId)).toEqual(['c-1', 'c-2']);
    const acked = await send('POST', '/v1/consumers/mes/ack', { ids: [first.inspectionId] });
    expect(await acked.json()).toMatchObject({ outcomes: [{ outcome: 'ACKED' }] });
    expect((await send('POST', '/v1/lines/L1:reset', { by: 'me', reason: 'changeover' })).status).toBe(200);
    const names = await Promise.all(
      [one, two].map(async (node) => (await ask(node, 'KEYS', '*')) as string[]),
    );
    const tags = names.map((keys) => new Set(keys.map((key) => /^\{[\w-]+\}:/.exec(key)?.[0])));
    expect(tags[0]?.size).toBeGreaterThan(0);
    expect(tags[1]?.size).toBeGreaterThan(0);
    for (const tag of tags[0] ?? []) expect(tags[1]?.has(tag)).toBe(false);
  }, 30_000);

  it('whose node is away refuses reads in time, and takes saves again when it is back', async () => {
    const [one, two] = await cluster();
    const { store } = await open({ REDIS_URL: `redis+cluster://127.0.0.1:${one.port}` });
    await store.save(anInspection({ captureId: 'a' }), NOTHING);
    expect((await store.usage()).bytes).toBeGreaterThan(100_000);
    for (const node of [one, two]) node.pause();
    const startedMs = Date.now();
    await expect(store.list({ limit: 1 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(store.save(anInspection({ captureId: 'b' }), NOTHING)).rejects.toThrow(/waits in the spool/);
    expect(Date.now() - startedMs).toBeLessThan(8000);
    for (const node of [one, two]) node.resume();
    await until(async () => (await store.list({ limit: 9 }).catch(() => undefined))?.items.length === 2);
    // Gone altogether: what is asked is not kept for their return.
    for (const node of [one, two]) await node.stop();
    for (let i = 0; i < 3; i++)
      await expect(store.list({ limit: 1 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(Date.now() - startedMs).toBeLessThan(25_000);
  }, 30_000);

  it('says where no node answers, and why a node is of no use', async () => {
    const port = await freePort();
    await expect(open({ REDIS_URL: `redis+cluster://127.0.0.1:${port}` })).rejects.toThrow(
      `REDIS_URL: the cluster at 127.0.0.1:${port} cannot be used: Connection is closed.`,
    );
    const single = await server();
    await expect(open({ REDIS_URL: `redis+cluster://127.0.0.1:${single.port}` })).rejects.toThrow(
      /^REDIS_URL: the cluster at .* cannot be used: ERR This instance has cluster support disabled$/,
    );
  });
});

describe('TLS', () => {
  const file = (name: string) => join(fixturesDir, 'tls', name);
  const settings = (tlsPort: number, authClients = 'no') => [
    ...['--tls-port', `${tlsPort}`, '--tls-auth-clients', authClients, '--tls-ca-cert-file', file('ca.pem')],
    ...['--tls-cert-file', file('server.pem'), '--tls-key-file', file('server.key')],
  ];

  it('trusts the authority it is given, and no other', async () => {
    const port = await freePort();
    await server(settings(port));
    const REDIS_URL = `rediss://127.0.0.1:${port}`;
    const { store } = await open({ REDIS_URL, REDIS_CA_FILE: file('ca.pem') });
    await store.save(anInspection(), NOTHING);
    await expect(open({ REDIS_URL })).rejects.toThrow(/cannot be used: .*(self-signed|unable to)/);
    await expect(open({ REDIS_URL, REDIS_CA_FILE: '/nowhere/ca.pem' })).rejects.toThrow(
      /^REDIS_CA_FILE=\/nowhere\/ca\.pem: it cannot be read/,
    );
  });

  it('shows its own certificate to a Redis that lets nobody in without one', async () => {
    const port = await freePort();
    await server(settings(port, 'yes'));
    const env = { REDIS_URL: `rediss://127.0.0.1:${port}`, REDIS_CA_FILE: file('ca.pem') };
    const REDIS_TLS_CERT_FILE = file('client.pem');
    const own = { ...env, REDIS_TLS_CERT_FILE, REDIS_TLS_KEY_FILE: file('client.key') };
    const { store } = await open(own);
    await store.save(anInspection({ captureId: 'shown' }), NOTHING);
    expect((await store.list({ limit: 1 })).items[0]?.captureId).toBe('shown');
    await expect(open(env)).rejects.toThrow(/^REDIS_URL: the Redis at 127\.0\.0\.1:\d+ cannot be used: /);
  });

  it.each([
    ['REDIS_CA_FILE', file('client.key'), 'it cannot be used for TLS (there is no certificate in it)'],
    ['REDIS_TLS_CERT_FILE', '/nowhere.pem', 'it cannot be read (ENOENT'],
    ['REDIS_TLS_KEY_FILE', '/nowhere.key', 'it cannot be read (ENOENT'],
    ['REDIS_TLS_CERT_FILE', file('client.key'), 'it cannot be used for TLS ('],
    ['REDIS_TLS_KEY_FILE', file('client.pem'), 'it cannot be used for TLS ('],
    ['REDIS_TLS_KEY_FILE', file('server.key'), 'it cannot be used for TLS (error:05800074:x509 certificate'],
  ])('names %s=%s before it looks for Redis', async (variable, path, message) => {
    const own = { REDIS_TLS_CERT_FILE: file('client.pem'), REDIS_TLS_KEY_FILE: file('client.key') };
    const env = { REDIS_URL: 'rediss://127.0.0.1:1', ...own, [variable]: path };
    await expect(open(env)).rejects.toThrow(`${variable}=${path}: ${message}`);
  });
});

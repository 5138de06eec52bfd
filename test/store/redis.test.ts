// The shared store: the contract on a redis-server of our own, and what several replicas see.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { createRedisStore } from '../../src/store/redis.js';
import type { ResultStore } from '../../src/store/store.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';
import { describeResultStore } from './contract.js';
import { aKeptMap, anInspection, NOTHING } from './samples.js';

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

/** A replica far away: each command takes its time to the server, so that two steps of one save come apart. */
function slow(step: number): Redis {
  let commands = 0;
  return new Proxy(connect(), {
    get(redis, name) {
      const member = Reflect.get(redis, name, redis);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        commands += 1;
        await delay((commands * step) % 11);
        return member.apply(redis, args);
      };
    },
  });
}

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

  it('shows each record that two replicas save at once exactly once to a reader at a third', async () => {
    const reader = open('race:');
    const writers = [slow(3), slow(7)].map((redis) => createRedisStore({ redis, keyPrefix: 'race:' }));
    const inspections = Array.from({ length: 400 }, () => anInspection());
    const saving = Promise.all(
      inspections.map(async (inspection, i) => {
        await delay(i % 200);
        await writers[i % 2]?.save(inspection, { maps: { fused: aKeptMap(16, 16) } });
      }),
    );
    const seen: string[] = [];
    let after: string | undefined;
    const giveUpAt = Date.now() + 10_000;
    while (seen.length < inspections.length && Date.now() < giveUpAt) {
      const page = await reader.list({ limit: 500, ...(after && { after }) }); // always at the feed's end
      seen.push(...page.items.map(({ inspectionId }) => inspectionId));
      after = page.nextCursor;
    }
    await saving;
    expect(seen.toSorted()).toEqual(inspections.map(({ inspectionId }) => inspectionId).toSorted());
    await Promise.all([reader, ...writers].map((store) => store.close()));
  });

  it('lets one replica at a time tidy up, until its lease is over', async () => {
    const [one, other] = [open('lease:'), open('lease:')];
    expect(await one.leaseSweep(30_000)).toBe(true);
    expect(await other.leaseSweep(30_000)).toBe(false);
    await connect().del('lease:sweeper'); // as time does
    expect(await other.leaseSweep(30_000)).toBe(true);
    expect(await one.leaseSweep(30_000)).toBe(false);
    await Promise.all([one.close(), other.close()]);
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

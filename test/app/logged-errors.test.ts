// What an error of Redis brings into the log: its words, and nothing of what was sent.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { inspect } from '../support/client.js';
import { freePort, spawnService, untilReady } from '../support/process.js';
import { startRedisServer } from '../support/redis-server.js';
import { goldenCapture } from '../support/tiny-bundle.js';

const PASSWORD = 'a-password-of-redis';
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

it('is no password, when that was changed at the server, and no record that could not be written', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-logged-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  const redis = await startRedisServer(['--requirepass', PASSWORD]);
  closers.push(() => redis.stop());
  const admin = new Redis(redis.port, { password: PASSWORD });
  closers.push(async () => admin.disconnect());
  const port = await freePort();
  const service = spawnService({
    ...{ PORT: `${port}`, LOG_LEVEL: 'info', SPOOL_LIMIT_BYTES: '0', STORE_PATH: join(folder, 'store') },
    REDIS_URL: `redis://:${PASSWORD}@127.0.0.1:${redis.port}`,
  });
  closers.push(() => service.exited);
  closers.push(async () => service.child.kill('SIGKILL'));
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url, service);
  const logged = async (message: string) => {
    for (;;) {
      const line = service.log().find(({ msg }) => msg === message);
      if (line !== undefined) return line;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  // A key of another kind: the script that saves is refused.
  await admin.set('{branchline}:feed', 'no feed');
  const { parts } = await goldenCapture(0);
  expect(await inspect(url, parts, { partId: 'part-4711' })).toMatchObject({ stored: false });
  expect(await logged('an inspection was answered but not stored')).toMatchObject({
    err: { message: expect.stringContaining('WRONGTYPE'), command: { name: 'eval' } },
  });
  await admin.config('SET', 'requirepass', 'another');
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  expect(await logged('the connection to Redis failed')).toMatchObject({
    err: { message: expect.stringContaining('WRONGPASS') },
  });
  const text = JSON.stringify(service.log());
  // Not toContain, which would print all of it.
  expect([PASSWORD, 'part-4711'].filter((word) => text.includes(word))).toEqual([]);
}, 30_000);

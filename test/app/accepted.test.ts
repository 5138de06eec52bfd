// kill -9 at any moment loses no accepted capture: the service as a process, on a store that it finds again.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { CaptureView } from '../../src/captures/view.js';
import type { Inspection } from '../../src/inspection.js';
import { captureForm, readJson } from '../support/client.js';
import { freePort, type ServiceProcess, spawnService, untilReady } from '../support/process.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';
import { goldenCapture } from '../support/tiny-bundle.js';

let folder: string;
let redis: RedisServer;
const running: ServiceProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-accepted-'));
  redis = await startRedisServer();
});
afterEach(async () => {
  for (const { child, exited } of running.splice(0)) {
    child.kill('SIGKILL');
    await exited;
  }
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(env: Record<string, string>) {
  const port = await freePort();
  const service = spawnService({ STORE_PATH: join(folder, 'store'), PORT: String(port), ...env });
  running.push(service);
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url, service);
  return { service, url };
}

const CAPTURES = 24;

it.each([
  ['embedded', () => ({})],
  ['redis', () => ({ REDIS_URL: redis.url })],
])(
  '%s: what was accepted is judged by the next life, and recorded once',
  async (_name, env) => {
    const first = await start(env());
    const { parts } = await goldenCapture(0);
    const rgb = new Uint8Array(parts.rgb ?? []);
    await fetch(`${first.url}/v1/captures/open/modalities/rgb`, {
      method: 'PUT',
      body: rgb,
      headers: { 'content-type': 'image/png' },
    });
    const accepted = await Promise.all(
      Array.from({ length: CAPTURES }, async (_, i) => {
        const body = captureForm(parts, { captureId: `c-${i}` });
        const headers = { prefer: 'respond-async' };
        const answer = await fetch(`${first.url}/v1/inspections`, { method: 'POST', body, headers });
        expect(answer.status).toBe(202);
        // Not all are judged by then: this is the middle.
        if (i === CAPTURES - 1) first.service.child.kill('SIGKILL');
        return `c-${i}`;
      }).map((sent) => sent.catch(() => undefined)),
    );
    expect((await first.service.exited).signal).toBe('SIGKILL');
    const ids = ['open', ...accepted.filter((id) => id !== undefined)];
    expect(ids.length).toBeGreaterThan(2);

    const { url } = await start(env());
    const views = await Promise.all(
      ids.map(
        async (id) => (await readJson<CaptureView>(await fetch(`${url}/v1/captures/${id}?wait=30`))).body,
      ),
    );
    expect(views.map(({ state, failure }) => [state, failure])).toEqual(ids.map(() => ['COMPLETED', null]));
    const feed = await readJson<{ items: Inspection[] }>(await fetch(`${url}/v1/inspections?limit=500`));
    const recorded = feed.body.items.map(({ captureId }) => captureId);
    for (const id of ids) expect(recorded.filter((captureId) => captureId === id)).toHaveLength(1);
    expect(new Set(recorded).size).toBe(recorded.length);
  },
  90_000,
);

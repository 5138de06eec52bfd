// Two replicas on one Redis: twins that race, captures and recipes that one takes and the other answers, and an outage.
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { CaptureView } from '../../src/captures/view.js';
import type { Inspection } from '../../src/inspection.js';
import { captureForm, inspect, readJson } from '../support/client.js';
import { metric } from '../support/metrics.js';
import { type RedisServer, startRedisServer } from '../support/redis-server.js';
import { type RunningService, startService } from '../support/service.js';
import { type GoldenCapture, goldenCapture } from '../support/tiny-bundle.js';

let redis: RedisServer;
let one: RunningService;
let two: RunningService;
let good: GoldenCapture;
beforeEach(async () => {
  redis = await startRedisServer();
  good = await goldenCapture(0);
  const env = { REDIS_URL: redis.url, STORE_TIMEOUT_MS: '1500' };
  [one, two] = await Promise.all([startService(env), startService(env)]);
});
afterEach(async () => {
  redis.resume();
  await Promise.all([one?.close(), two?.close()]);
  await redis.stop();
});

const feedOf = async ({ url }: RunningService) =>
  (await readJson<{ items: Inspection[] }>(await fetch(`${url}/v1/inspections?limit=500`))).body.items;

it('judge twins that race once, and both answer them', async () => {
  const PARTS = 8;
  const answers = await Promise.all(
    Array.from({ length: PARTS * 4 }, async (_, i) => {
      // Each part goes to both: not by the parity of i, which the part's number shares.
      const { url } = Math.floor(i / PARTS) % 2 === 0 ? one : two;
      return inspect(url, good.parts, { captureId: `c-${i % PARTS}` });
    }),
  );
  const feed = await feedOf(one);
  expect(feed).toHaveLength(PARTS);
  const recorded = new Map(feed.map(({ captureId, inspectionId }) => [captureId, inspectionId]));
  for (const { captureId, inspectionId } of answers) expect(inspectionId).toBe(recorded.get(captureId));
  const judged = await Promise.all(
    [one, two].map(({ url }) =>
      metric(url, 'branchline_inspections_total{model="tiny@1",verdict="OK",branch="acoustic+depth+rgb"}'),
    ),
  );
  expect(judged.reduce((sum, count) => sum + count, 0)).toBe(PARTS);
});

it('take each other’s pieces and recipes', async () => {
  const send = (
    { url }: RunningService,
    method: string,
    path: string,
    body?: string | Uint8Array<ArrayBuffer>,
  ) =>
    fetch(`${url}${path}`, {
      method,
      headers: {
        ...(body && { 'content-type': typeof body === 'string' ? 'application/json' : 'image/png' }),
      },
      ...(body && { body }),
    });
  await send(
    one,
    'PUT',
    '/v1/recipes/strict',
    '{"thresholds":{"review":0.001,"reject":0.002},"maxWaitMs":60000}',
  );
  await send(one, 'PUT', '/v1/captures/c-1/modalities/rgb', new Uint8Array(good.parts.rgb ?? []));
  // A replica reads the recipes again each second.
  while ((await send(two, 'GET', '/v1/recipes/strict')).status !== 200)
    await new Promise((resolve) => setTimeout(resolve, 50));
  await send(two, 'PUT', '/v1/captures/c-1/metadata', '{"recipe":"strict"}');
  const judged = await readJson<Inspection>(await send(two, 'POST', '/v1/captures/c-1:complete'));
  expect(judged.body).toMatchObject({ branch: 'rgb', verdict: 'NG', recipeRevision: { revision: 1 } });
  const seen = await readJson<CaptureView>(await send(one, 'GET', '/v1/captures/c-1'));
  expect(seen.body).toMatchObject({ state: 'COMPLETED', inspectionId: judged.body.inspectionId });
});

it('answer the line while Redis hangs, a retry with the same answer, and accept nothing they could lose', async () => {
  redis.pause();
  const first = await inspect(one.url, good.parts, { captureId: 'outage' });
  expect((await inspect(one.url, good.parts, { captureId: 'outage' })).inspectionId).toBe(first.inspectionId);
  expect(await metric(one.url, 'branchline_intake_errors_total')).toBeGreaterThan(0);
  const accepted = await fetch(`${one.url}/v1/inspections`, {
    method: 'POST',
    headers: { prefer: 'respond-async' },
    body: captureForm(good.parts, { captureId: 'later' }),
  });
  expect(accepted.status).toBe(503);
  redis.resume();
  for (let again = 503; again === 503; await new Promise((resolve) => setTimeout(resolve, 50)))
    again = (
      await fetch(`${one.url}/v1/inspections`, {
        method: 'POST',
        headers: { prefer: 'respond-async' },
        body: captureForm(good.parts, { captureId: 'later' }),
      })
    ).status;
  const { body } = await readJson<CaptureView>(await fetch(`${one.url}/v1/captures/later?wait=20`));
  expect(body.state).toBe('COMPLETED');
  expect((await inspect(one.url, good.parts, { captureId: 'outage' })).inspectionId).toBe(first.inspectionId);
  const captureIds = () => feedOf(two).then((items) => items.map(({ captureId }) => captureId).sort());
  // What waited on disk is written when Redis is back.
  while ((await captureIds()).length < 2) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await captureIds()).toEqual(['later', 'outage']);
});

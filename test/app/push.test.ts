// Push over lives and replicas: what was not delivered before a crash is delivered after it, by one replica at a time.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import mqtt from 'mqtt';
import { inspect, type Parts } from '../support/client.js';
import { startBroker } from '../support/mosquitto.js';
import { rgb8 } from '../support/pictures.js';
import { freePort, type ServiceProcess, spawnService, untilReady } from '../support/process.js';
import { startReceiver } from '../support/receiver.js';
import { startRedisServer } from '../support/redis-server.js';
import { startService } from '../support/service.js';

const ALLOW = { WEBHOOK_ALLOW: '127.0.0.1', WEBHOOK_ALLOW_PRIVATE: 'true' };

let folder: string;
let parts: Parts;
let closers: (() => Promise<unknown>)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-push-app-'));
  parts = { rgb: await rgb8('png') };
  closers = [];
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  await rm(folder, { recursive: true, force: true });
});

function putWebhook(url: string, port: number): Promise<Response> {
  const body = JSON.stringify({ url: `http://127.0.0.1:${port}/`, secret: 'a secret of sixteen' });
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}/v1/webhooks/mes`, { method: 'PUT', headers, body });
}

async function kill({ child, exited }: ServiceProcess): Promise<void> {
  child.kill('SIGKILL');
  await exited;
}

describe('push', () => {
  it('delivers after a kill what it could not deliver before, and nothing that was taken', async () => {
    let down = false;
    const receiver = await startReceiver((response) => response.writeHead(down ? 503 : 204).end());
    closers.push(receiver.close);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const start = async () => {
      const service = spawnService({ ...ALLOW, PORT: `${port}`, STORE_PATH: join(folder, 'store') });
      closers.push(() => kill(service));
      await untilReady(url, service);
      return service;
    };
    const first = await start();
    expect((await putWebhook(url, receiver.port)).status).toBe(201);
    const taken = await inspect(url, parts, { captureId: 'taken' });
    await receiver.until(1);
    // Its place is on disk when the second one is tried, not before.
    down = true;
    const [a, b] = [
      await inspect(url, parts, { captureId: 'a' }),
      await inspect(url, parts, { captureId: 'b' }),
    ];
    await receiver.until(2);
    await kill(first);
    down = false;
    const before = receiver.received.length;
    await start();
    await receiver.until(before + 2);
    const ids = receiver.received.map(({ headers }) => headers['ce-id']);
    expect(ids[0]).toBe(`${taken.inspectionId}.1`);
    expect(ids.slice(before)).toEqual([`${a.inspectionId}.1`, `${b.inspectionId}.1`]);
  });

  it('is done by one replica, and taken over by another', async () => {
    const redis = await startRedisServer();
    closers.push(redis.stop);
    const receiver = await startReceiver();
    closers.push(receiver.close);
    const services = [
      await startService({ ...ALLOW, REDIS_URL: redis.url }),
      await startService({ ...ALLOW, REDIS_URL: redis.url }),
    ];
    const [one, two] = services.map(({ url }) => url) as [string, string];
    await putWebhook(one, receiver.port);
    const judged: string[] = [];
    for (const url of [one, two, one, two]) judged.push(`${(await inspect(url, parts)).inspectionId}.1`);
    await receiver.until(4);
    // The replica that it was put at is gone, and the other goes on.
    await services[0]?.close();
    closers.push(async () => services[1]?.close());
    judged.push(`${(await inspect(two, parts)).inspectionId}.1`);
    await receiver.until(5);
    expect(receiver.received.map(({ headers }) => headers['ce-id'])).toEqual(judged);
  });

  it('has the broker say that it died', async () => {
    const broker = await startBroker();
    closers.push(broker.stop);
    const statuses: string[] = [];
    const client = mqtt.connect(broker.url, { timerVariant: 'native' });
    closers.push(async () => client.end(true));
    client.on('message', (_topic, payload) => statuses.push(payload.toString()));
    await client.subscribeAsync('branchline/v1/status', { qos: 1 });
    const port = await freePort();
    const service = spawnService({
      PORT: `${port}`,
      STORE_PATH: join(folder, 'store'),
      MQTT_URL: broker.url,
    });
    closers.push(() => kill(service));
    await untilReady(`http://127.0.0.1:${port}`, service);
    while (!statuses.includes('online')) await new Promise(setImmediate);
    await kill(service);
    while (!statuses.includes('offline')) await new Promise(setImmediate);
    expect(statuses).toEqual(['online', 'offline']);
  });

  it('answers the line while the broker is away', async () => {
    const mqttUrl = `mqtt://127.0.0.1:${await freePort()}`;
    const service = await startService({ MQTT_URL: mqttUrl });
    closers.push(service.close);
    expect((await inspect(service.url, parts)).stored).toBe(true);
    const { items } = (await (await fetch(`${service.url}/v1/inspections`)).json()) as { items: object[] };
    expect(items).toHaveLength(1);
  });
});

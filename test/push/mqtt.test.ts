// The publisher against a broker of our own: topics, retained states, the last will, and a broker that was away.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import mqtt, { type MqttClient } from 'mqtt';
import { systemClock } from '../../src/push/clock.js';
import { openLmdbPushStore } from '../../src/push/lmdb-push-store.js';
import { type MqttPublisher, startMqttPublisher } from '../../src/push/mqtt.js';
import type { PushStore } from '../../src/push/push-store.js';
import { anInspection } from '../store/samples.js';
import { type Broker, startBroker } from '../support/mosquitto.js';
import { freePort } from '../support/process.js';
import { type MemoryFeed, memoryFeed } from './samples.js';

interface Message {
  readonly topic: string;
  readonly text: string;
  readonly retained: boolean;
}

let path: string;
let store: PushStore;
let feed: MemoryFeed;
let broker: Broker | undefined;
let publisher: MqttPublisher | undefined;
const listeners: MqttClient[] = [];

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'branchline-mqtt-'));
  store = openLmdbPushStore({ path });
  feed = memoryFeed();
});
afterEach(async () => {
  await publisher?.close();
  for (const listener of listeners.splice(0)) listener.end(true);
  await broker?.stop();
  await store.close();
  await rm(path, { recursive: true, force: true });
});

const publish = (url: string) =>
  startMqttPublisher({
    url,
    owner: 'me',
    store,
    feed,
    clock: systemClock,
    onPublished: () => {},
    onConnected: () => {},
    onFault: () => {},
  });

/** Everything under branchline/, as it comes. */
async function listen(
  url: string,
): Promise<{ messages: Message[]; until(done: () => boolean): Promise<void> }> {
  const client = mqtt.connect(url, { timerVariant: 'native', reconnectPeriod: 20 });
  listeners.push(client);
  const messages: Message[] = [];
  const waiting = new Set<() => void>();
  client.on('message', (topic, payload, { retain }) => {
    messages.push({ topic, text: payload.toString(), retained: retain });
    for (const look of waiting) look();
  });
  await client.subscribeAsync('branchline/#', { qos: 1 });
  const until = (done: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!done()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return { messages, until };
}

const inspectionIds = (messages: readonly Message[]) =>
  messages.filter(({ topic }) => topic.endsWith('/inspections')).map(({ text }) => JSON.parse(text).subject);

/** Until it has its place in the feed: only what comes later is published. */
async function started(): Promise<void> {
  while ((await store.progress('mqtt')) === undefined) await new Promise(setImmediate);
}

describe('MQTT publisher', () => {
  it('publishes each inspection under its line, with a retained state beside it', async () => {
    broker = await startBroker();
    const { messages, until } = await listen(broker.url);
    feed.add(anInspection({ inspectionId: 'before' }));
    publisher = publish(broker.url);
    await started();
    feed.add(anInspection({ inspectionId: 'a', lineId: 'line/4', verdict: 'OK' }));
    feed.add(anInspection({ inspectionId: 'b', lineId: 'line/4', verdict: 'NG' }));
    feed.add(anInspection({ inspectionId: 'c', lineId: null, verdict: 'OK' }));
    await until(() => messages.filter(({ topic }) => topic.endsWith('/state')).length === 3);
    expect(inspectionIds(messages)).toEqual(['a', 'b', 'c']);
    const [first] = messages.filter(({ topic }) => topic === 'branchline/v1/lines/line%2F4/inspections');
    expect(JSON.parse(first?.text ?? '')).toMatchObject({
      specversion: '1.0',
      id: 'a.1',
      type: 'branchline.inspection.completed',
      data: { inspectionId: 'a', verdict: 'OK' },
    });
    const later = await listen(broker.url);
    await later.until(() => later.messages.length === 3);
    const state = later.messages.find(({ topic }) => topic === 'branchline/v1/lines/line%2F4/state');
    expect(state?.retained).toBe(true);
    expect(JSON.parse(state?.text ?? '')).toMatchObject({
      lineId: 'line/4',
      last: { inspectionId: 'b', verdict: 'NG' },
      counts: { OK: 1, REVIEW: 0, NG: 1, NOT_DECIDABLE: 0 },
    });
    expect(later.messages.map(({ topic }) => topic)).toContain('branchline/v1/lines/-/state');
    expect(later.messages).toContainEqual({ topic: 'branchline/v1/status', text: 'online', retained: true });
  });

  it('catches up on what a broker that was away has missed, in order', async () => {
    const port = await freePort();
    const url = `mqtt://127.0.0.1:${port}`;
    publisher = publish(url);
    await started();
    for (const inspectionId of ['a', 'b', 'c']) feed.add(anInspection({ inspectionId }));
    while (publisher.lagMs() === 0) await new Promise(setImmediate);
    broker = await startBroker(port);
    const { messages, until } = await listen(url);
    await until(() => inspectionIds(messages).includes('c'));
    // What it publishes before we listen is not ours to see; what we see is in order.
    expect(['a,b,c', 'b,c', 'c']).toContain(inspectionIds(messages).join());
  });

  it('goes on where it stopped, also when it was closed while the broker was away', async () => {
    const port = await freePort();
    publisher = publish(`mqtt://127.0.0.1:${port}`);
    await started();
    for (const inspectionId of ['a', 'b']) feed.add(anInspection({ inspectionId }));
    while (publisher.lagMs() === 0) await new Promise(setImmediate);
    await publisher.close();
    broker = await startBroker(port);
    const { messages, until } = await listen(broker.url);
    publisher = publish(broker.url);
    await until(() => inspectionIds(messages).length === 2);
    expect(inspectionIds(messages)).toEqual(['a', 'b']);
  });

  it('says offline when it leaves', async () => {
    broker = await startBroker();
    const { messages, until } = await listen(broker.url);
    publisher = publish(broker.url);
    const status = () => messages.filter(({ topic }) => topic === 'branchline/v1/status');
    await until(() => status().length === 1);
    await publisher.close();
    await until(() => status().length === 2);
    expect(status().map(({ text }) => text)).toEqual(['online', 'offline']);
  });
});

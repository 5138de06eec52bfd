// Publishes the feed to an MQTT broker, each line under its own topic, and never holds the line up for it.
import type { MqttClient } from 'mqtt';
import type { Clock } from './clock.js';
import { cloudEvent, type PushEvent } from './event.js';
import { type Feed, follow, knownPosition } from './follow.js';
import { LeaseLost, runLeased } from './leased.js';
import { LineStates } from './line-states.js';
import type { Progress, PushStore } from './push-store.js';
import { inspectionsTopic, STATUS_TOPIC, stateTopic } from './topics.js';

export interface MqttPublisherOptions {
  /** mqtt:// or mqtts://, with name and password where the broker asks for them. */
  readonly url: string;
  /** Of this process, unlike every other's. */
  readonly owner: string;
  readonly store: PushStore;
  readonly feed: Feed & { end(): Promise<string> };
  readonly clock: Clock;
  readonly onPublished: () => void;
  readonly onConnected: (connected: boolean) => void;
  readonly onFault: (error: unknown) => void;
}

export interface MqttPublisher {
  /** Of the event that waits for the broker, since it was judged; 0 where none waits. */
  lagMs(): number;
  close(): Promise<void>;
}

/** Progress and lease are kept under it. */
const READER = 'mqtt';
const IDLE_MS = 30_000;
const RECONNECT_EVERY_MS = 2000;
const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_SECONDS = 15;
const LEAVE_WITHIN_MS = 1000;

/** Begins with the first record after it was first switched on; later, where it stopped. */
export function startMqttPublisher(options: MqttPublisherOptions): MqttPublisher {
  const closed = new AbortController();
  const { store, clock, owner, onFault } = options;
  let trying: PushEvent | undefined;
  const run = (signal: AbortSignal) =>
    publish(options, signal, (event) => {
      trying = event;
    });
  const lease = { reader: READER, owner, store, clock, onFault, signal: closed.signal };
  const running = runLeased({ ...lease, run });
  return {
    lagMs: () =>
      trying === undefined ? 0 : Math.max(0, clock.nowMs() - Date.parse(trying.inspection.completedAt)),
    close: async () => {
      closed.abort();
      await running;
    },
  };
}

async function publish(
  options: MqttPublisherOptions,
  signal: AbortSignal,
  onTrying: (event: PushEvent | undefined) => void,
): Promise<void> {
  const { store, feed, owner, clock } = options;
  let progress = (await store.progress(READER)) ?? start(await feed.end());
  const save = async (changes: Partial<Progress>) => {
    progress = { ...progress, ...changes };
    if (!(await store.saveProgress(READER, owner, progress))) throw new LeaseLost();
  };
  await save({ position: await knownPosition(feed, progress.position) });
  const client = await connect(options);
  try {
    const states = new LineStates();
    const from = progress.position;
    for await (const { event, position } of follow({ feed, from, filter: {}, idleMs: IDLE_MS, signal })) {
      if (event !== undefined) {
        onTrying(event);
        if (!(await publishEvent(client, event, states, options, signal))) return;
        onTrying(undefined);
        options.onPublished();
        // Not saved: a page at a time is enough where a message may come twice.
        progress = { ...progress, deliveredAt: new Date(clock.nowMs()).toISOString() };
      } else if (position !== progress.position) await save({ position });
    }
  } finally {
    onTrying(undefined);
    await leave(client);
  }
}

function start(position: string): Progress {
  return { position, trial: null, deliveredAt: null };
}

async function connect({ url, onConnected, onFault }: MqttPublisherOptions): Promise<MqttClient> {
  // Not above: without a broker it would take a twentieth of the start, and some megabytes.
  const { default: mqtt } = await import('mqtt');
  const client = mqtt.connect(url, {
    reconnectPeriod: RECONNECT_EVERY_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepalive: KEEPALIVE_SECONDS,
    queueQoSZero: false,
    timerVariant: 'native',
    will: { topic: STATUS_TOPIC, payload: Buffer.from('offline'), qos: 1, retain: true },
  });
  let up = false;
  client.on('connect', () => {
    up = true;
    onConnected(true);
    client.publish(STATUS_TOPIC, 'online', { qos: 1, retain: true });
  });
  client.on('close', () => {
    if (up) onConnected(false);
    up = false;
  });
  client.on('error', onFault);
  return client;
}

/** false where `signal` aborted first. Waits for the broker as long as that takes: the client connects again by itself. */
async function publishEvent(
  client: MqttClient,
  event: PushEvent,
  states: LineStates,
  { clock }: MqttPublisherOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { lineId } = event.inspection;
  const state = states.see(event, new Date(clock.nowMs()).toISOString());
  const published = Promise.all([
    client.publishAsync(inspectionsTopic(lineId), JSON.stringify(cloudEvent(event)), { qos: 1 }),
    client.publishAsync(stateTopic(lineId), JSON.stringify(state), { qos: 1, retain: true }),
  ]);
  return new Promise((resolve, reject) => {
    const giveUp = () => resolve(false);
    signal.addEventListener('abort', giveUp, { once: true });
    published.then(() => resolve(true), reject).finally(() => signal.removeEventListener('abort', giveUp));
    if (signal.aborted) giveUp();
  });
}

/** Who leaves on purpose says so itself: the last will is for those who could not. */
async function leave(client: MqttClient): Promise<void> {
  const soon = new Promise<void>((resolve) => {
    setTimeout(resolve, LEAVE_WITHIN_MS).unref();
  });
  if (client.connected)
    await Promise.race([
      client.publishAsync(STATUS_TOPIC, 'offline', { qos: 1, retain: true }).catch(() => {}),
      soon,
    ]);
  client.end(true);
}

// Opens what carries the feed to others: webhooks and the MQTT publisher, with what they keep.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '../config.js';
import type { Metrics } from '../metrics/metrics.js';
import { systemClock } from '../push/clock.js';
import { Dispatcher } from '../push/dispatcher.js';
import { openLmdbPushStore } from '../push/lmdb-push-store.js';
import { startMqttPublisher } from '../push/mqtt.js';
import type { PushStore } from '../push/push-store.js';
import { createRedisPushStore } from '../push/redis-push-store.js';
import { createSender } from '../push/sender.js';
import { Targets } from '../push/target.js';
import type { Log } from './inference.js';
import type { Storage } from './storage.js';

export interface Push {
  readonly store: PushStore;
  readonly targets: Targets;
  readonly changed: () => void;
  /** How long the oldest event has waited that is being delivered, by what carries it; taken at a scrape. */
  lagSeconds(): { readonly webhook: number; readonly mqtt: number };
  close(): Promise<void>;
}

/** In braces, so that a cluster keeps all of it in one slot. */
const KEY_PREFIX = '{branchline-push}:';
const MS_AN_HOUR = 3_600_000;
/** The same fault, again and again, is one line so often. */
const REPEAT_LOG_MS = 60_000;

/** Throws an Error of one line where the folder of subscriptions cannot be opened. */
export function openPush(config: Config, storage: Storage, metrics: Metrics, log: Log): Push {
  const store =
    storage.redis === undefined
      ? openLmdbPushStore({ path: join(config.storePath, 'push') })
      : createRedisPushStore({ redis: storage.redis, keyPrefix: KEY_PREFIX });
  const feed = storage.store;
  const clock = systemClock;
  const targets = new Targets({ allow: config.webhookAllow, allowPrivate: config.webhookAllowPrivate });
  const sender = createSender({ targets, timeoutMs: config.webhookTimeoutMs, nowMs: clock.nowMs });
  const dispatcher = new Dispatcher({
    store,
    feed,
    send: sender.send,
    targets,
    policy: {
      maxAttempts: config.webhookMaxAttempts,
      maxAgeMs: config.webhookMaxAgeHours * MS_AN_HOUR,
    },
    clock,
    random: Math.random,
    onOutcome: (outcome) => metrics.pushed('webhook', outcome),
    onFault: logOnce(log, 'webhooks cannot be delivered now; they go on where they stopped'),
  });
  const mqtt =
    config.mqttUrl === undefined
      ? undefined
      : startMqttPublisher({
          url: config.mqttUrl,
          owner: randomUUID(),
          store,
          feed,
          clock,
          onPublished: () => metrics.pushed('mqtt', 'delivered'),
          onConnected: metrics.mqttConnected,
          onFault: logOnce(log, 'the MQTT broker takes nothing now; publishing goes on where it stopped'),
        });
  return {
    store,
    targets,
    changed: () => dispatcher.wake(),
    lagSeconds: () => ({ webhook: dispatcher.lagMs() / 1000, mqtt: (mqtt?.lagMs() ?? 0) / 1000 }),
    close: async () => {
      await Promise.all([dispatcher.close(), mqtt?.close()]);
      await sender.close();
      await store.close();
    },
  };
}

function logOnce(log: Log, message: string): (error: unknown) => void {
  let last = '';
  let quietUntilMs = 0;
  return (error) => {
    const words = String(error);
    if (words === last && performance.now() < quietUntilMs) return;
    last = words;
    quietUntilMs = performance.now() + REPEAT_LOG_MS;
    log.error({ err: error }, message);
  };
}

// Opens the intake: its store beside the results, and the runners that judge what nobody waits for.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ModelRegistry } from '../bundle/registry.js';
import { assertAcceptable, assertKnownModality } from '../captures/acceptable.js';
import { Captures } from '../captures/captures.js';
import type { Config } from '../config.js';
import type { ByteBudget } from '../http/byte-budget.js';
import { shuttingDown } from '../http/waiting-client.js';
import { newInspectionId } from '../inspect/inspection-id.js';
import type { Inspect } from '../inspect.js';
import { openLmdbIntake } from '../intake/lmdb.js';
import { createRedisIntake } from '../intake/redis.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Recipes } from '../recipes/recipes.js';
import type { Log } from './inference.js';
import type { Storage } from './storage.js';

export interface CaptureRooms {
  readonly config: Config;
  readonly models: ModelRegistry;
  readonly recipes: Recipes;
  readonly storage: Storage;
  readonly inspect: Inspect;
  /** Captures that the inference side takes at once. */
  readonly atOnce: number;
  readonly budget: ByteBudget;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** In braces, so that a cluster keeps it in one slot, and not in the one of the results. */
const KEY_PREFIX = '{branchline-intake}:';

/** Throws an Error of one line where the folder cannot be written. */
export function openCaptures(rooms: CaptureRooms): { captures: Captures; close(): Promise<void> } {
  const { config, models, recipes, storage, inspect, atOnce, budget, metrics, log } = rooms;
  const { redis, store } = storage;
  const intake =
    redis === undefined
      ? openLmdbIntake({ path: join(config.storePath, 'intake') })
      : createRedisIntake({ redis, keyPrefix: KEY_PREFIX, nowMs: Date.now });
  const captures = new Captures({
    intake,
    results: store,
    inspect,
    assertAcceptable: (parts, metadata, model) => assertAcceptable(parts, metadata, model, models, recipes),
    assertKnown: (modality) => assertKnownModality(modality, models),
    recipeOf: (id) => recipes.current(id).recipe,
    claimBytes: (bytes) => budget.claim(bytes, 1),
    owner: randomUUID(),
    newInspectionId: () => newInspectionId(Date.now()),
    windowMs: config.idempotencyWindowMs,
    maxWaitMs: config.captureMaxWaitMs,
    lateMs: config.captureLateMs,
    runners: config.intakeRunners ?? atOnce,
    maxCaptures: config.intakeCaptures,
    maxBytes: config.intakeBytes,
    bodyLimitBytes: config.bodyLimitBytes,
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
    pause: (ms, signal) => pause(ms, undefined, { signal }).catch(() => signal.throwIfAborted()),
    after: (ms, callBack) => {
      const timer = setTimeout(callBack, ms);
      return () => clearTimeout(timer);
    },
    onReplayed: metrics.captureReplayed,
    onUsage: metrics.intakeHeld,
    onSetAside: ({ captureId, failure }) => {
      metrics.captureSetAside(failure?.code ?? 'INTERNAL');
      log.error({ captureId, failure }, 'a capture was set aside');
    },
    onOutOfReach: (error) => {
      metrics.intakeFailed();
      log.error({ err: error }, 'the intake store failed');
    },
  });
  return {
    captures,
    close: async () => {
      await captures.runners.stop(shuttingDown());
      await intake.close();
    },
  };
}

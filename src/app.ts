// The composition root: opens the rooms in the order a capture passes them, closes them in reverse.
import { setMaxListeners } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { watchBacklogs } from './app/backlogs.js';
import { openBudget } from './app/budget.js';
import { openCaptures } from './app/captures.js';
import { openDrift } from './app/drift.js';
import type { Ends } from './app/ending.js';
import { openImages } from './app/images.js';
import { type Inference, openInference } from './app/inference.js';
import { openPush } from './app/push.js';
import { createReadiness } from './app/readiness.js';
import { openRecipes } from './app/recipes.js';
import { openRetention } from './app/retention.js';
import { openSecurity, readTls } from './app/security.js';
import { openStorage } from './app/storage.js';
import { observeStorage, timed } from './app/timed.js';
import { attributesOf, openTracing } from './app/tracing.js';
import { openBundle } from './bundle/bundle.js';
import { discoverBundles } from './bundle/discover.js';
import { ModelRegistry } from './bundle/registry.js';
import { parsePublicKeys } from './bundle/signature.js';
import type { Config } from './config.js';
import { encodeNpy, encodePng16, renderHeatmap } from './heatmap/render.js';
import { prepareFarewell } from './http/farewell.js';
import { createServer, mountRoutes } from './http/server.js';
import { createKeeper } from './inspect/keep.js';
import { createInspect } from './inspect.js';
import { createMetrics, type Stage } from './metrics/metrics.js';
import { decodePart } from './modality/decode.js';
import { defaultGateLimits, qualityFault } from './modality/gate.js';
import { loadSeeds } from './recipes/seeds.js';

export interface App extends Ends {
  /** Ready to listen. */
  readonly server: FastifyInstance;
}

/** The stages of the end; each aborts when its stage begins. */
interface Stages {
  readonly leaving: AbortController;
  readonly closing: AbortController;
  readonly hurry: AbortController;
}

interface Rooms {
  readonly server: FastifyInstance;
  readonly inference: Inference;
}

/** Throws an Error of one line naming the variable, file or room at fault; what was open is closed again. */
export async function openApp(config: Config): Promise<App> {
  const stages = {
    leaving: new AbortController(),
    closing: new AbortController(),
    hurry: new AbortController(),
  };
  // Every capture under way listens to it.
  setMaxListeners(0, stages.hurry.signal);
  const closers: (() => Promise<unknown>)[] = [];
  const leave = () => stages.leaving.abort();
  const close = async () => {
    leave();
    stages.closing.abort();
    for (let next = closers.pop(); next !== undefined; next = closers.pop()) await next();
  };
  try {
    const { server, inference } = await openRooms(config, stages, closers);
    return {
      server,
      leave,
      close,
      hurry: () => stages.hurry.abort(),
      busyThreads: () => inference.busyThreads(),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openRooms(
  config: Config,
  { leaving, closing, hurry }: Stages,
  closers: (() => Promise<unknown>)[],
): Promise<Rooms> {
  const metrics = createMetrics({ lines: config.metricsLines, triton: config.tritonMetrics });
  const tracing = await openTracing(config, (detail) =>
    server.log.error({ detail }, 'spans could not be exported'),
  );
  closers.push(() => tracing.close());
  const tls = await readTls(config);
  const server = createServer({ ...config, tls, tracing }, hurry.signal, metrics.refused);
  const farewell = prepareFarewell(server, hurry.signal);
  const { log } = server;

  const onStage = (stage: Stage, startMs: number, endMs: number) => {
    metrics.stageTook(stage, (endMs - startMs) / 1000);
    tracing.stage(stage, startMs, endMs);
  };
  const stageEnded = (stage: Stage, tookMs: number) => {
    const endMs = performance.now();
    onStage(stage, endMs - tookMs, endMs);
  };

  const publicKeys = config.modelPublicKey === undefined ? [] : parsePublicKeys(config.modelPublicKey);
  const folders = await discoverBundles(config.modelsDir, config.models);
  const models = new ModelRegistry(
    await Promise.all(folders.map((folder) => openBundle(folder, publicKeys))),
    config.defaultModel,
  );
  const seeds = config.recipesFile ? await loadSeeds(config.recipesFile, models) : {};

  const budget = openBudget(config, models.bundles, metrics);

  let isCrowded = () => false;
  const opening = openStorage(config, log, metrics, () => isCrowded());
  const storage = observeStorage(await opening, metrics);
  closers.push(() => storage.close());
  closers.push(watchBacklogs(storage.store, metrics));
  const opened = await openRecipes(config, models, storage, seeds, log);
  closers.push(() => opened.close());
  const { recipes } = opened;
  const security = await openSecurity(config, log);
  closers.push(() => security.close());
  await security.audit?.append({
    action: 'started',
    models: models.bundles.map(({ key, sha256 }) => ({ key, sha256 })),
    recipes: recipes.list().map(({ id, revision }) => ({ id, revision })),
    keys: security.keys?.ids ?? null,
    tokenKeys: security.tokens?.kids ?? null,
  });
  const retention = openRetention(config, storage.store, recipes, metrics, log);
  closers.push(() => retention.close());

  const push = openPush(config, storage, metrics, log);
  closers.push(() => push.close());

  const inference = await openInference(config, models.bundles, metrics, log);
  closers.push(() => inference.close());
  isCrowded = () => inference.scheduler.depth > 0;

  const gateLimits = { ...defaultGateLimits, ...config.gateLimits };
  const keeper = createKeeper({
    store: storage.store,
    timeoutMs: config.storeTimeoutMs,
    onFailure: (error) => {
      metrics.storeFailed();
      log.error({ err: error }, 'an inspection was answered but not stored');
    },
    onSaved: (elapsedMs) => {
      stageEnded('store', elapsedMs);
      inference.scheduler.tookAfterwards(elapsedMs);
    },
  });

  const images = openImages(config, storage.store, metrics, log);
  closers.push(() => images.idle());

  const drift = openDrift(config, models.bundles);
  const inspect = createInspect({
    models,
    recipes,
    decoder: {
      decode: decodePart,
      fault: (tensor, spec) => qualityFault(tensor, spec, gateLimits),
    },
    scheduler: inference.scheduler,
    keeper,
    images,
    imagePolicy: { captures: config.keepCaptures, originals: config.keepOriginals },
    nowMs: () => performance.now(),
    onInspected: (inspection, good) => {
      metrics.inspected(inspection);
      drift.observe(inspection, good);
      tracing.describe(attributesOf(inspection));
    },
    onStage,
  });
  const captures = openCaptures({
    config,
    models,
    recipes,
    storage,
    inspect,
    atOnce: inference.atOnce,
    budget,
    metrics,
    log,
  });
  closers.push(() => captures.close());

  await mountRoutes(
    server,
    {
      captures: captures.captures,
      recipes,
      budget,
      arrive: (deadlineMs) => inference.scheduler.arrive(deadlineMs),
      store: storage.store,
      webhooks: push,
      drift,
      models,
      provider: () => inference.pool.provider,
      readiness: createReadiness(inference, storage.store, leaving.signal),
      renderer: {
        png: timed(renderHeatmap, metrics.rendered),
        png16: timed(encodePng16, metrics.rendered),
        npy: encodeNpy,
      },
      metrics: {
        ...metrics,
        received: (tookMs) => stageEnded('receive', tookMs),
        scrape: () => {
          const { pool, scheduler } = inference;
          metrics.workers(pool.alive, pool.wanted, pool.stuck);
          metrics.oldestWait(scheduler.oldestWaitMs / 1000);
          metrics.pushLag(push.lagSeconds());
          metrics.drifted(drift.report());
          return metrics.scrape();
        },
      },
      security: { ...security, ...config },
      leaving: leaving.signal,
      closing: closing.signal,
      hurry: hurry.signal,
    },
    config,
  );
  closers.push(() => farewell.closeGently());
  await captures.captures.runners.start();
  return { server, inference };
}

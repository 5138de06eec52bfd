// Opens the inference side: worker threads that passed the self-test, and the queue before them.
import { type Bundle, readGraphs } from '../bundle/bundle.js';
import { readGolden, selfTest, warmUp } from '../bundle/golden.js';
import type { Config } from '../config.js';
import type { Metrics } from '../metrics/metrics.js';
import { ExpectedTime } from '../schedule/expected-time.js';
import { LoneRuns } from '../schedule/lone-runs.js';
import { Scheduler } from '../schedule/scheduler.js';
import { type RunTurn, WorkerPool } from '../worker/pool.js';
import type { Startup, WorkerModel } from '../worker/protocol.js';
import { hasRungs, rungsUpTo } from '../worker/rungs.js';

/** The smallest verb of a logger. */
export interface Log {
  info(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export interface Inference {
  readonly pool: WorkerPool;
  readonly scheduler: Scheduler;
  /** Captures that all workers together take at once. */
  readonly atOnce: number;
  /** In a run, also those that do not come back from it. */
  busyThreads(): number;
  /** Lets every run end. */
  close(): Promise<void>;
}

const ENTRY = new URL('../worker/entry.js', import.meta.url);
const LONGEST_PAUSE_MS = 30_000;
/** On a CPU a batch gains nothing (measured), and its first capture would wait for its last. */
const CPU_BATCH = 1;
const ACCELERATOR_BATCH = 16;
/** One that is fed batches keeps a GPU busy; a second took its memory and start-up time again (decision 0030). */
const ACCELERATOR_WORKERS = 1;

/** Throws an Error of one line where a graph or provider cannot be opened, or fails the self-test. */
export async function openInference(
  config: Config,
  bundles: readonly Bundle[],
  metrics: Metrics,
  log: Log,
): Promise<Inference> {
  const expected = new ExpectedTime();
  let onIdle = () => {};
  const shared = poolOptions(config, metrics, log, () => onIdle());
  const pool = await WorkerPool.open({
    ...shared,
    workers: workersOf(config),
    startup: () => startup(config, bundles, config.intraOpThreads),
    admit: async (run, provider) => {
      if (hasRungs(provider)) await warmUpAll(bundles, run, maxBatchOn(provider, config), log);
      await proveAll(bundles, run, maxBatchOn(provider, config), expected);
    },
  });
  // Begun when the others are ready, so that nobody waits for it.
  const openLone = () =>
    WorkerPool.open({
      ...shared,
      workers: 1,
      startup: () => startup(config, bundles, config.loneRunThreads),
      admit: (run, provider) => proveAll(bundles, run, maxBatchOn(provider, config), new ExpectedTime()),
    });
  const onFailed = (error: Error) =>
    log.error({ err: error }, 'there is no inference worker for lone runs; captures are judged without it');
  const lone =
    config.loneRunThreads > config.intraOpThreads ? new LoneRuns(pool, openLone, onFailed) : undefined;
  const maxBatch = maxBatchOn(pool.provider.active, config);
  const scheduler = new Scheduler({
    runner: lone ?? pool,
    expected,
    queueLimit: config.queueLimit,
    maxBatch,
    maxTurn: config.maxTurn,
    nowMs: () => performance.now(),
    onDepth: metrics.queueDepth,
    onBatch: metrics.batchStarted,
  });
  onIdle = () => scheduler.pump();
  for (const { manifest, sha256 } of bundles)
    metrics.modelLoaded({
      name: manifest.name,
      version: manifest.version,
      sha256,
      provider: pool.provider.active,
    });
  return {
    pool,
    scheduler,
    atOnce: pool.wanted * maxBatch,
    busyThreads: () => pool.busy + (lone?.busy ?? 0),
    close: async () => {
      await lone?.close();
      await pool.close();
    },
  };
}

function poolOptions(config: Config, metrics: Metrics, log: Log, onIdle: () => void) {
  return {
    entry: ENTRY,
    stuck: { factor: config.workerStuckFactor, floorMs: config.workerStuckFloorMs },
    after: unreferencedTimer,
    startSerially: config.providers.some((provider) => provider !== 'cpu'),
    onIdle,
    onLost: (error: Error) => {
      metrics.workerLost();
      log.error({ err: error }, 'an inference worker died and is being replaced');
    },
    onStuck: (afterMs: number) => {
      metrics.workerStuck();
      log.error(
        { afterMs },
        'an inference worker does not come back from its run; its captures were refused, another is started',
      );
    },
    onReplaceFailed: (error: Error) =>
      log.error({ err: error }, 'an inference worker could not be replaced; trying again'),
    pause: (attempt: number) => unreferencedDelay(Math.min(LONGEST_PAUSE_MS, 2 ** (attempt - 1) * 100)),
  };
}

/** Where it is known what will start, all of them may start at once. */
function workersOf({ workers, cpuWorkers, providers }: Config): number | ((provider: string) => number) {
  const on = (provider: string) => workers ?? (provider === 'cpu' ? cpuWorkers : ACCELERATOR_WORKERS);
  const [first, ...others] = providers;
  return first !== undefined && others.length === 0 ? on(first) : on;
}

function maxBatchOn(provider: string, { maxBatch }: Config): number {
  return maxBatch ?? (provider === 'cpu' ? CPU_BATCH : ACCELERATOR_BATCH);
}

async function startup(config: Config, bundles: readonly Bundle[], intraOpThreads: number): Promise<Startup> {
  const { providers, providerPolicy, gpuDeviceId } = config;
  return {
    type: 'startup',
    models: await Promise.all(bundles.map(workerModel)),
    options: {
      providers,
      policy: providerPolicy,
      deviceId: gpuDeviceId,
      intraOpThreads,
      maxBatch: config.maxBatch ?? ACCELERATOR_BATCH,
    },
  };
}

async function workerModel(bundle: Bundle): Promise<WorkerModel> {
  const { encoders, heads } = await readGraphs(bundle);
  const { manifest } = bundle;
  return {
    key: bundle.key,
    encoders: manifest.encoders.map((spec) => ({ spec, onnx: bytesOf(encoders, spec.modality) })),
    branches: manifest.branches.map((spec) => ({ spec, onnx: bytesOf(heads, spec.id) })),
  };
}

function bytesOf(graphs: Readonly<Record<string, Uint8Array>>, name: string): Uint8Array {
  const bytes = graphs[name];
  if (bytes === undefined) throw new Error(`no graph was read for "${name}"`);
  return bytes;
}

/** Before the self-test, so that what that takes is what captures will take. */
async function warmUpAll(
  bundles: readonly Bundle[],
  run: RunTurn,
  maxBatch: number,
  log: Log,
): Promise<void> {
  const sizes = rungsUpTo(maxBatch);
  for (const bundle of bundles) {
    log.info({ model: bundle.key, sizes }, 'an inference worker warms up for batches of these sizes');
    const startedMs = performance.now();
    await warmUp(await readGolden(bundle), sizes, async (calls) => {
      const [result] = await run([calls]);
      return result?.outcomes ?? [];
    });
    const tookMs = Math.round(performance.now() - startedMs);
    log.info({ model: bundle.key, tookMs }, 'an inference worker has warmed up');
  }
}

/** What the self-test takes is the first that is known of a graph's time. Read anew: held, it would be never used again. */
async function proveAll(
  bundles: readonly Bundle[],
  run: RunTurn,
  maxBatch: number,
  expected: ExpectedTime,
): Promise<void> {
  for (const bundle of bundles)
    await selfTest(await readGolden(bundle), maxBatch, async (calls) => {
      const [result] = await run([calls]);
      expected.observe(bundle.key, result?.graphs ?? []);
      return result?.outcomes ?? [];
    });
}

function unreferencedTimer(ms: number, callBack: () => void): () => void {
  const timer = setTimeout(callBack, ms).unref();
  return () => clearTimeout(timer);
}

function unreferencedDelay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

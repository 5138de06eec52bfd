// Every metric the service exports: names, labels, buckets. The only importer of prom-client.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ErrorCode } from '../errors.js';
import type { Inspection } from '../inspection.js';

/** From a cached page to a capture that nearly missed its deadline. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64];

export type Stage = 'decode' | 'queue' | 'run' | 'save';

export interface ModelInfo {
  readonly name: string;
  readonly version: number;
  readonly sha256: string;
  readonly provider: string;
}

export interface Metrics {
  readonly contentType: string;
  /** The text of one scrape. */
  scrape(): Promise<string>;
  httpAnswered(method: string, route: string, status: number, seconds: number): void;
  inspected(inspection: Inspection): void;
  saved(seconds: number): void;
  storeFailed(): void;
  spooled(records: number, bytes: number): void;
  spoolDropped(): void;
  /** `fill`: 0 to 1, how near the nearest limit is. */
  storeUsage(records: number, bytes: number, fill: number): void;
  removed(what: 'images' | 'records', reason: 'age' | 'count' | 'bytes', count: number): void;
  queueDepth(depth: number): void;
  inFlight(change: 1 | -1): void;
  inFlightBytes(bytes: number): void;
  inFlightLimit(bytes: number): void;
  bytesRefused(reason: 'announced' | 'body' | 'pixels'): void;
  bodyStalled(): void;
  oldestWait(seconds: number): void;
  batchStarted(size: number): void;
  /** A request answered with a problem, by the problem's code. */
  refused(code: ErrorCode): void;
  workers(ready: number, wanted: number, stuck: number): void;
  workerLost(): void;
  workerStuck(): void;
  modelLoaded(model: ModelInfo): void;
  pushed(channel: PushChannel, outcome: string): void;
  pushLag(seconds: Readonly<Record<PushChannel, number>>): void;
  mqttConnected(connected: boolean): void;
  /** Clients of /v1/events. */
  eventReaders(count: number): void;
  /** A capture that was sent again got the first answer. */
  captureReplayed(): void;
  /** A capture that nobody waits for was given up, by the problem's code. */
  captureSetAside(code: string): void;
  intakeFailed(): void;
  intakeHeld(usage: { readonly captures: number; readonly bytes: number }): void;
}

export type PushChannel = 'webhook' | 'mqtt';

/** One registry an app, so that several can live in one process. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const httpSeconds = new Histogram({
    name: 'branchline_http_request_seconds',
    help: 'Time from the request to its answer, by route pattern and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers,
  });
  const stageSeconds = new Histogram({
    name: 'branchline_inspection_stage_seconds',
    help: 'Time an inspection spends in each stage.',
    labelNames: ['stage'],
    buckets: SECONDS,
    registers,
  });
  const verdicts = new Counter({
    name: 'branchline_inspections_total',
    help: 'Inspections answered, by verdict and by the branch that judged (empty: not decidable).',
    labelNames: ['model', 'verdict', 'branch'],
    registers,
  });
  const dropped = new Counter({
    name: 'branchline_modality_dropped_total',
    help: 'Parts that arrived and were not used, by reason.',
    labelNames: ['modality', 'reason'],
    registers,
  });
  const missing = new Counter({
    name: 'branchline_modality_missing_total',
    help: 'Modalities of the model that a capture did not carry.',
    labelNames: ['modality'],
    registers,
  });
  const storeErrors = new Counter({
    name: 'branchline_store_errors_total',
    help: 'Inspections answered as not stored; those that wait in the spool are stored later.',
    registers,
  });
  const spoolRecords = new Gauge({
    name: 'branchline_spool_records',
    help: 'Inspections that wait on this disk for a store that is away.',
    registers,
  });
  const spoolBytes = new Gauge({
    name: 'branchline_spool_bytes',
    help: 'Bytes of the inspections in the spool (limit: SPOOL_LIMIT_BYTES).',
    registers,
  });
  const spoolDropped = new Counter({
    name: 'branchline_spool_dropped_total',
    help: 'Inspections lost: the store was away and the spool full or failing.',
    registers,
  });
  const storeRecords = new Gauge({
    name: 'branchline_store_records',
    help: 'Inspections in the result store, at the last round of retention.',
    registers,
  });
  const storeBytes = new Gauge({
    name: 'branchline_store_bytes',
    help: 'Bytes of the result store; with Redis, all that the server holds.',
    registers,
  });
  const storeFill = new Gauge({
    name: 'branchline_store_fill_ratio',
    help: 'How near the store is to the nearest of its limits (RETAIN_MAX_*, RETAIN_MIN_FREE_BYTES): at 1 it removes.',
    registers,
  });
  const removals = new Counter({
    name: 'branchline_retention_removed_total',
    help: 'Inspections whose images were removed, or that were removed whole, by what asked for it.',
    labelNames: ['what', 'reason'],
    registers,
  });
  const depth = new Gauge({
    name: 'branchline_queue_depth',
    help: 'Captures waiting for a worker.',
    registers,
  });
  const oldestWait = new Gauge({
    name: 'branchline_queue_oldest_wait_seconds',
    help: 'How long the capture has waited that waits longest, at the scrape.',
    registers,
  });
  const batchSize = new Histogram({
    name: 'branchline_batch_size',
    help: 'Captures of one run.',
    buckets: BATCH_SIZES,
    registers,
  });
  const refusals = new Counter({
    name: 'branchline_refusals_total',
    help: 'Requests answered with a problem instead of what they asked for, by its code.',
    labelNames: ['code'],
    registers,
  });
  const inFlight = new Gauge({
    name: 'branchline_inspections_in_flight',
    help: 'Captures between their first byte and their answer.',
    registers,
  });
  const inFlightBytes = new Gauge({
    name: 'branchline_in_flight_bytes',
    help: 'Bytes that captures in flight hold: bodies, tensors, pixels being decoded.',
    registers,
  });
  const inFlightLimit = new Gauge({
    name: 'branchline_in_flight_limit_bytes',
    help: 'What they may hold together (IN_FLIGHT_BYTES).',
    registers,
  });
  const bytesRefused = new Counter({
    name: 'branchline_in_flight_refused_total',
    help: 'Captures refused for their bytes: announced, body, pixels (no room), stalled (cut off).',
    labelNames: ['reason'],
    registers,
  });
  const workersReady = new Gauge({
    name: 'branchline_workers_ready',
    help: 'Inference workers that passed their self-test and are alive.',
    registers,
  });
  const workersWanted = new Gauge({
    name: 'branchline_workers_wanted',
    help: 'Inference workers configured.',
    registers,
  });
  const workersLost = new Counter({
    name: 'branchline_worker_restarts_total',
    help: 'Inference workers that died and had to be replaced.',
    registers,
  });
  const workersStuck = new Gauge({
    name: 'branchline_workers_stuck',
    help: 'Inference workers that do not come back from a run, now.',
    registers,
  });
  const stuckDeclared = new Counter({
    name: 'branchline_worker_stuck_total',
    help: 'Inference workers declared stuck and replaced.',
    registers,
  });
  const modelInfo = new Gauge({
    name: 'branchline_model_info',
    help: 'Always 1: the models served, and the execution provider in use.',
    labelNames: ['name', 'version', 'sha256', 'provider'],
    registers,
  });
  const pushes = new Counter({
    name: 'branchline_push_deliveries_total',
    help: 'Attempts to deliver an event: delivered, failed (tried again), dead (given up), ended (the receiver declined).',
    labelNames: ['channel', 'outcome'],
    registers,
  });
  const pushLag = new Gauge({
    name: 'branchline_push_lag_seconds',
    help: 'How long the oldest event has waited that is being delivered, at the scrape; 0: none waits.',
    labelNames: ['channel'],
    registers,
  });
  const mqttConnected = new Gauge({
    name: 'branchline_mqtt_connected',
    help: '1 while this replica is connected to the MQTT broker.',
    registers,
  });
  const eventReaders = new Gauge({
    name: 'branchline_event_readers',
    help: 'Clients connected to /v1/events.',
    registers,
  });
  const replayed = new Counter({
    name: 'branchline_captures_replayed_total',
    help: 'Captures sent again and answered with their first answer.',
    registers,
  });
  const setAside = new Counter({
    name: 'branchline_captures_set_aside_total',
    help: 'Captures accepted and then given up, by the reason.',
    labelNames: ['code'],
    registers,
  });
  const intakeErrors = new Counter({
    name: 'branchline_intake_errors_total',
    help: 'Failures of the intake store: meanwhile captures are judged without looking for twins at other replicas.',
    registers,
  });
  const intakeCaptures = new Gauge({
    name: 'branchline_intake_captures',
    help: 'Captures accepted or open: waiting for a run, for pieces, or for a late one.',
    registers,
  });
  const intakeBytes = new Gauge({
    name: 'branchline_intake_bytes',
    help: 'Bytes that they hold in the intake store.',
    registers,
  });
  return {
    contentType: registry.contentType,
    scrape: () => registry.metrics(),
    httpAnswered: (method, route, status, seconds) => httpSeconds.observe({ method, route, status }, seconds),
    inspected({ model, verdict, branch, modalities, timings }) {
      verdicts.inc({ model: `${model.name}@${model.version}`, verdict, branch: branch ?? '' });
      for (const { name, reason } of modalities.dropped) dropped.inc({ modality: name, reason });
      for (const modality of modalities.missing) missing.inc({ modality });
      stageSeconds.observe({ stage: 'decode' satisfies Stage }, timings.decodeMs / 1000);
      if (branch === null) return;
      stageSeconds.observe({ stage: 'queue' satisfies Stage }, timings.queueMs / 1000);
      stageSeconds.observe({ stage: 'run' satisfies Stage }, timings.runMs / 1000);
    },
    saved: (seconds) => stageSeconds.observe({ stage: 'save' satisfies Stage }, seconds),
    storeFailed: () => storeErrors.inc(),
    spooled(records, bytes) {
      spoolRecords.set(records);
      spoolBytes.set(bytes);
    },
    spoolDropped: () => spoolDropped.inc(),
    storeUsage(records, bytes, fill) {
      storeRecords.set(records);
      storeBytes.set(bytes);
      storeFill.set(fill);
    },
    removed: (what, reason, count) => removals.inc({ what, reason }, count),
    queueDepth: (value) => depth.set(value),
    inFlight: (change) => inFlight.inc(change),
    inFlightBytes: (bytes) => inFlightBytes.set(bytes),
    inFlightLimit: (bytes) => inFlightLimit.set(bytes),
    bytesRefused: (reason) => bytesRefused.inc({ reason }),
    bodyStalled: () => bytesRefused.inc({ reason: 'stalled' }),
    oldestWait: (seconds) => oldestWait.set(seconds),
    batchStarted: (size) => batchSize.observe(size),
    refused: (code) => refusals.inc({ code }),
    workers(ready, wanted, stuck) {
      workersStuck.set(stuck);
      workersReady.set(ready);
      workersWanted.set(wanted);
    },
    workerLost: () => workersLost.inc(),
    workerStuck: () => stuckDeclared.inc(),
    pushed: (channel, outcome) => pushes.inc({ channel, outcome }),
    pushLag: ({ webhook, mqtt }) => {
      pushLag.set({ channel: 'webhook' }, webhook);
      pushLag.set({ channel: 'mqtt' }, mqtt);
    },
    mqttConnected: (connected) => mqttConnected.set(connected ? 1 : 0),
    eventReaders: (count) => eventReaders.set(count),
    captureReplayed: () => replayed.inc(),
    captureSetAside: (code) => setAside.inc({ code }),
    intakeFailed: () => intakeErrors.inc(),
    intakeHeld({ captures, bytes }) {
      intakeCaptures.set(captures);
      intakeBytes.set(bytes);
    },
    modelLoaded: ({ name, version, sha256, provider }) =>
      modelInfo.set({ name, version: String(version), sha256, provider }, 1),
  };
}

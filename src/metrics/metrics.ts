// Counts what the rooms report, by the catalogue; the app wires their callbacks to it.
import { Registry } from 'prom-client';
import type { DriftReport } from '../drift/drift.js';
import type { ErrorCode } from '../errors.js';
import { type Inspection, verdict as verdicts } from '../inspection.js';
import { BoundedLabels } from './bounded-labels.js';
import { CATALOGUE } from './catalogue.js';
import { showDrift } from './drift.js';
import { createInstruments } from './instruments.js';
import { processMetrics } from './process.js';
import { createTritonMetrics } from './triton.js';
import { beginAtZero } from './zeros.js';

export type Stage = 'receive' | 'decode' | 'gate' | 'queue' | 'run' | 'judge' | 'store' | 'render';

export interface ModelInfo {
  readonly name: string;
  readonly version: number;
  readonly sha256: string;
  readonly provider: string;
}

export interface MetricsOptions {
  /** Exactly these are labels, all others "other"; empty: the first fifty that come. */
  readonly lines?: readonly string[];
  /** Also what stock Triton dashboards read. */
  readonly triton?: boolean;
}

export interface Metrics {
  readonly contentType: string;
  /** The text of one scrape. */
  scrape(): Promise<string>;
  httpAnswered(method: string, route: string, status: number, seconds: number): void;
  inspected(inspection: Inspection): void;
  drifted(report: DriftReport): void;
  stageTook(stage: Stage, seconds: number): void;
  rendered(seconds: number): void;
  storeFailed(): void;
  /** `fill`: 0 to 1, how near the nearest limit is. */
  storeUsage(usage: { records: number; bytes: number; imageBytes: number }, fill: number): void;
  captureImages(outcome: string, count: number): void;
  captureImagesLimit(bytes: number): void;
  removed(what: 'images' | 'records', reason: 'age' | 'count' | 'bytes' | 'unacked', count: number): void;
  heldBack(ageSeconds: number): void;
  spooled(records: number, bytes: number): void;
  spoolDropped(): void;
  storeCalled(operation: string, seconds: number): void;
  storeCallFailed(operation: string): void;
  queueDepth(depth: number): void;
  inFlight(change: 1 | -1): void;
  inFlightBytes(bytes: number): void;
  inFlightLimit(bytes: number): void;
  bytesRefused(reason: 'announced' | 'body' | 'pixels'): void;
  bodyStalled(): void;
  oldestWait(seconds: number): void;
  /** `model` is "name@version". */
  batchStarted(size: number, model: string): void;
  /** A request answered with a problem, by the problem's code. */
  refused(code: ErrorCode): void;
  workers(ready: number, wanted: number, stuck: number): void;
  workerLost(): void;
  workerStuck(): void;
  modelLoaded(model: ModelInfo): void;
  /** Records behind, of all consumers there are. Those after the fiftieth share a series: that of the furthest. */
  consumersBehind(lags: ReadonlyMap<string, number>): void;
  reviewBacklog(parts: number): void;
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

/** The label of captures that name no line. */
const NO_LINE = 'none';

/** And all statuses above it. */
const REFUSED = 400;

/** One registry an app, so that several can live in one process. */
export function createMetrics({ lines = [], triton: withTriton = false }: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  const m = createInstruments(CATALOGUE, registry);
  const triton = withTriton ? createTritonMetrics(registry) : undefined;
  const page = Registry.merge([processMetrics(), registry]);
  const lineLabels = new BoundedLabels(lines);
  const labelOf = (lineId: string | null) => lineLabels.of(lineId ?? NO_LINE);
  beginAtZero(m);
  // What nobody has counted yet is not 0.
  m.branchline_review_backlog.remove();
  const took = (stage: Stage, seconds: number) =>
    m.branchline_inspection_stage_seconds.observe({ stage }, seconds);

  const countModalities = (line: string, { used, missing, dropped }: Inspection['modalities']) => {
    for (const modality of used) m.branchline_modality_used_total.inc({ line, modality });
    for (const modality of missing) m.branchline_modality_missing_total.inc({ line, modality });
    for (const { name: modality, reason } of dropped)
      m.branchline_modality_dropped_total.inc({ line, modality, reason });
  };

  const inspected = (inspection: Inspection) => {
    const { lineId, model, verdict, branch, modalities, score, timings } = inspection;
    const line = labelOf(lineId);
    m.branchline_inspections_total.inc({
      model: model === null ? '' : `${model.name}@${model.version}`,
      verdict,
      branch: branch ?? '',
    });
    // All four of a line begin together: a rate does not see a series that begins with 1.
    for (const each of verdicts.options)
      m.branchline_line_inspections_total.inc({ line, verdict: each }, each === verdict ? 1 : 0);
    countModalities(line, modalities);
    triton?.inspected(inspection);
    if (branch === null) return;
    m.branchline_branch_run_seconds.observe({ branch }, timings.runMs / 1000);
    if (score !== null) m.branchline_score.observe({ line }, score);
  };

  return {
    contentType: page.contentType,
    scrape: () => page.metrics(),
    httpAnswered(method, route, status, seconds) {
      m.branchline_http_requests_total.inc({ method, route, status });
      if (status < REFUSED) m.branchline_http_request_seconds.observe({ method, route, status }, seconds);
    },
    inspected,
    drifted: (report) => showDrift(m, labelOf, report),
    stageTook: took,
    rendered: (seconds) => took('render', seconds),
    storeFailed: () => m.branchline_store_errors_total.inc(),
    storeUsage({ records, bytes, imageBytes }, fill) {
      m.branchline_store_records.set(records);
      m.branchline_store_bytes.set(bytes);
      m.branchline_capture_images_bytes.set(imageBytes);
      m.branchline_store_fill_ratio.set(fill);
    },
    heldBack: (ageSeconds) => m.branchline_retention_unacked_age_seconds.set(ageSeconds),
    captureImages: (outcome, count) => m.branchline_capture_images_total.inc({ outcome }, count),
    captureImagesLimit: (bytes) => m.branchline_capture_images_limit_bytes.set(bytes),
    removed: (what, reason, count) => m.branchline_retention_removed_total.inc({ what, reason }, count),
    spooled(records, bytes) {
      m.branchline_spool_records.set(records);
      m.branchline_spool_bytes.set(bytes);
    },
    spoolDropped: () => m.branchline_spool_dropped_total.inc(),
    storeCalled: (operation, seconds) => m.branchline_store_seconds.observe({ operation }, seconds),
    storeCallFailed: (operation) => m.branchline_store_failures_total.inc({ operation }),
    queueDepth: (value) => m.branchline_queue_depth.set(value),
    inFlight: (change) => m.branchline_inspections_in_flight.inc(change),
    inFlightBytes: (bytes) => m.branchline_in_flight_bytes.set(bytes),
    inFlightLimit: (bytes) => m.branchline_in_flight_limit_bytes.set(bytes),
    bytesRefused: (reason) => m.branchline_in_flight_refused_total.inc({ reason }),
    bodyStalled: () => m.branchline_in_flight_refused_total.inc({ reason: 'stalled' }),
    oldestWait: (seconds) => m.branchline_queue_oldest_wait_seconds.set(seconds),
    batchStarted(size, model) {
      m.branchline_batch_size.observe(size);
      triton?.batchStarted(model);
    },
    refused(code) {
      m.branchline_refusals_total.inc({ code });
      triton?.refused(code);
    },
    workers(ready, wanted, stuck) {
      m.branchline_workers_stuck.set(stuck);
      m.branchline_workers_ready.set(ready);
      m.branchline_workers_wanted.set(wanted);
    },
    workerLost: () => m.branchline_worker_restarts_total.inc(),
    workerStuck: () => m.branchline_worker_stuck_total.inc(),
    modelLoaded({ name, version, sha256, provider }) {
      m.branchline_model_info.set({ name, version: String(version), sha256, provider }, 1);
      triton?.modelLoaded(name, version);
    },
    consumersBehind(lags) {
      // Whoever was forgotten is not behind any more.
      m.branchline_consumer_lag.reset();
      const labels = new BoundedLabels();
      const furthest = new Map<string, number>();
      for (const [name, records] of lags) {
        const consumer = labels.of(name);
        furthest.set(consumer, Math.max(records, furthest.get(consumer) ?? 0));
      }
      for (const [consumer, records] of furthest) m.branchline_consumer_lag.set({ consumer }, records);
    },
    reviewBacklog: (parts) => m.branchline_review_backlog.set(parts),
    pushed: (channel, outcome) => m.branchline_push_deliveries_total.inc({ channel, outcome }),
    pushLag({ webhook, mqtt }) {
      m.branchline_push_lag_seconds.set({ channel: 'webhook' }, webhook);
      m.branchline_push_lag_seconds.set({ channel: 'mqtt' }, mqtt);
    },
    mqttConnected: (connected) => m.branchline_mqtt_connected.set(connected ? 1 : 0),
    eventReaders: (count) => m.branchline_event_readers.set(count),
    captureReplayed: () => m.branchline_captures_replayed_total.inc(),
    captureSetAside: (code) => m.branchline_captures_set_aside_total.inc({ code }),
    intakeFailed: () => m.branchline_intake_errors_total.inc(),
    intakeHeld({ captures, bytes }) {
      m.branchline_intake_captures.set(captures);
      m.branchline_intake_bytes.set(bytes);
    },
  };
}

// Every metric's name, labels and buckets, and what it says; docs/metrics.md and the dashboards are held to it.

/** From a cached page to a capture that nearly missed its deadline. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A run of one branch: fewer steps, because there is a histogram for each branch. */
const RUN_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10];

const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64];

/** Finest about 0.5, where every branch has its review threshold, and still fine up to the usual one of rejection. */
const SCORES = [0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 1];

export interface CounterOf<L extends string = string> {
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly labels: readonly L[];
}

export interface HistogramOf<L extends string = string> {
  readonly type: 'histogram';
  readonly help: string;
  readonly labels: readonly L[];
  readonly buckets: readonly number[];
}

export type MetricSpec = CounterOf | HistogramOf;

const counter = <L extends string = never>(help: string, labels: readonly L[] = []) =>
  ({ type: 'counter', help, labels }) as const;
const gauge = <L extends string = never>(help: string, labels: readonly L[] = []) =>
  ({ type: 'gauge', help, labels }) as const;
const histogram = <L extends string = never>(
  help: string,
  buckets: readonly number[],
  labels: readonly L[] = [],
) => ({ type: 'histogram', help, labels, buckets }) as const;

export const CATALOGUE = {
  branchline_http_requests_total: counter(
    'Requests answered, by route pattern and status; 499: the client hung up.',
    ['method', 'route', 'status'],
  ),
  // Buckets for every refusal of every route would be most of a scrape.
  branchline_http_request_seconds: histogram(
    'Time from the request to its answer, by route pattern and status, of those below 400: refusals are only counted.',
    SECONDS,
    ['method', 'route', 'status'],
  ),
  branchline_refusals_total: counter(
    'Requests answered with a problem instead of what they asked for, by its code.',
    ['code'],
  ),
  branchline_inspection_stage_seconds: histogram(
    'Time in each stage: receive, decode, gate (of quality), queue, run, judge, store; render is one heat map.',
    SECONDS,
    ['stage'],
  ),
  branchline_inspections_in_flight: gauge('Captures between their first byte and their answer.'),
  branchline_inspections_total: counter(
    'Inspections answered, by verdict and by the branch that judged (empty: not decidable).',
    ['model', 'verdict', 'branch'],
  ),
  branchline_line_inspections_total: counter('Inspections answered, by line and verdict.', [
    'line',
    'verdict',
  ]),
  branchline_score: histogram('Scores of the parts that were judged, by line.', SCORES, ['line']),
  branchline_branch_run_seconds: histogram(
    'Time of the runs that a branch took part in, one observation a capture.',
    RUN_SECONDS,
    ['branch'],
  ),
  branchline_modality_used_total: counter('Parts that a verdict rests on, by line and modality.', [
    'line',
    'modality',
  ]),
  branchline_modality_missing_total: counter('Modalities of the model that a capture did not carry.', [
    'line',
    'modality',
  ]),
  branchline_modality_dropped_total: counter('Parts that arrived and were not used, by reason.', [
    'line',
    'modality',
    'reason',
  ]),
  branchline_branch_share: gauge(
    'Share of the captures in the window that each branch judged, by line (empty: not decidable).',
    ['line', 'branch'],
  ),
  branchline_drift_psi: gauge(
    'Population stability index of the scores in the window against the calibration; of several recipes the highest.',
    ['line', 'branch'],
  ),
  branchline_drift_shifted: gauge(
    'Branches, counted for each recipe, whose scores are shifted from the calibration.',
    ['line'],
  ),
  branchline_sensor_faults: gauge(
    'Sensors that are dead (came before, do not any more) or frozen (send the same again and again).',
    ['line', 'modality', 'fault'],
  ),
  branchline_queue_depth: gauge('Captures waiting for a worker.'),
  branchline_queue_oldest_wait_seconds: gauge(
    'How long the capture has waited that waits longest, at the scrape.',
  ),
  branchline_batch_size: histogram('Captures of one run.', BATCH_SIZES),
  branchline_in_flight_bytes: gauge(
    'Bytes that captures in flight hold: bodies, tensors, pixels being decoded.',
  ),
  branchline_in_flight_limit_bytes: gauge('What they may hold together (IN_FLIGHT_BYTES).'),
  branchline_in_flight_refused_total: counter(
    'Captures refused for their bytes: announced, body, pixels (no room), stalled (cut off).',
    ['reason'],
  ),
  branchline_workers_ready: gauge('Inference workers that passed their self-test and are alive.'),
  branchline_workers_wanted: gauge('Inference workers configured.'),
  branchline_workers_stuck: gauge('Inference workers that do not come back from a run, now.'),
  branchline_worker_restarts_total: counter('Inference workers that died and had to be replaced.'),
  branchline_worker_stuck_total: counter('Inference workers declared stuck and replaced.'),
  branchline_model_info: gauge('Always 1: the models served, and the execution provider in use.', [
    'name',
    'version',
    'sha256',
    'provider',
  ]),
  branchline_store_errors_total: counter(
    'Inspections answered as not stored; those that wait in the spool are stored later.',
  ),
  branchline_store_seconds: histogram('Time of the calls to the result store that succeeded.', SECONDS, [
    'operation',
  ]),
  branchline_store_failures_total: counter('Calls to the result store that failed.', ['operation']),
  branchline_store_records: gauge('Inspections in the result store, at the last round of retention.'),
  branchline_store_bytes: gauge('Bytes of the result store; with Redis, all that the server holds.'),
  branchline_store_fill_ratio: gauge(
    'How near the store is to the nearest of its limits (RETAIN_MAX_*, RETAIN_MIN_FREE_BYTES): at 1 it removes.',
  ),
  branchline_retention_removed_total: counter(
    'Inspections whose images were removed, or that were removed whole, by what asked for it.',
    ['what', 'reason'],
  ),
  branchline_retention_unacked_age_seconds: gauge(
    'Age of the oldest inspection that is kept only because a consumer has not acked it (limit: RETAIN_UNACKED_DAYS).',
  ),
  branchline_capture_images_total: counter(
    'Captures whose images were kept, or went for newer ones (evicted), or were not kept: store full (no_room), too many ' +
      'at once (behind), failed.',
    ['outcome'],
  ),
  branchline_capture_images_bytes: gauge('Bytes of the images of captures, at the last round of retention.'),
  branchline_capture_images_limit_bytes: gauge(
    'What they may take (KEEP_CAPTURES_BYTES): then the oldest go.',
  ),
  branchline_spool_records: gauge('Inspections that wait on this disk for a store that is away.'),
  branchline_spool_bytes: gauge('Bytes of the inspections in the spool (limit: SPOOL_LIMIT_BYTES).'),
  branchline_spool_dropped_total: counter(
    'Inspections lost: the store was away and the spool full or failing.',
  ),
  branchline_captures_replayed_total: counter('Captures sent again and answered with their first answer.'),
  branchline_captures_set_aside_total: counter('Captures accepted and then given up, by the reason.', [
    'code',
  ]),
  branchline_intake_errors_total: counter(
    'Failures of the intake store: meanwhile captures are judged without looking for twins at other replicas.',
  ),
  branchline_intake_captures: gauge(
    'Captures accepted or open: waiting for a run, for pieces, or for a late one.',
  ),
  branchline_intake_bytes: gauge('Bytes that they hold in the intake store.'),
  branchline_push_deliveries_total: counter(
    'Attempts to deliver an event: delivered, failed (tried again), dead (given up), ended (the receiver declined).',
    ['channel', 'outcome'],
  ),
  branchline_push_lag_seconds: gauge(
    'How long the oldest event has waited that is being delivered, at the scrape; 0: none waits.',
    ['channel'],
  ),
  branchline_mqtt_connected: gauge('1 while this replica is connected to the MQTT broker.'),
  branchline_event_readers: gauge('Clients connected to /v1/events.'),
  branchline_consumer_lag: gauge('Records of the feed that a consumer has not acknowledged yet.', [
    'consumer',
  ]),
  branchline_review_backlog: gauge('Parts with verdict REVIEW that nobody has reviewed yet.'),
} as const satisfies Record<string, MetricSpec>;

/** What stock Triton dashboards read; only with TRITON_METRICS. Names, labels and units are Triton's own. */
export const TRITON_CATALOGUE = {
  nv_inference_request_success: counter('Captures judged.', ['model', 'version']),
  nv_inference_request_failure: counter(
    'Captures refused by no fault of their own; model and version are empty where several models are loaded.',
    ['model', 'version', 'reason'],
  ),
  nv_inference_count: counter('Captures judged: here the same as nv_inference_request_success.', [
    'model',
    'version',
  ]),
  nv_inference_exec_count: counter('Runs, of one or more captures.', ['model', 'version']),
  nv_inference_request_duration_us: counter('From the request to the verdict, in microseconds.', [
    'model',
    'version',
  ]),
  nv_inference_queue_duration_us: counter('Waiting for a worker, in microseconds.', ['model', 'version']),
  nv_inference_compute_infer_duration_us: counter('In a run, in microseconds.', ['model', 'version']),
} as const satisfies Record<string, MetricSpec>;

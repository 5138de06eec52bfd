import { readFileSync } from 'node:fs';
import performanceHooks from 'node:perf_hooks';
import { describe, expect, it, jest } from '@jest/globals';
import type { Inspection } from '../../src/inspection.js';
import { MAX_NAMES } from '../../src/metrics/bounded-labels.js';
import { CATALOGUE, TRITON_CATALOGUE } from '../../src/metrics/catalogue.js';
import { createMetrics } from '../../src/metrics/metrics.js';
import { seriesOf } from '../support/metrics.js';
import { rootDir } from '../support/root-dir.js';

const metricsPage = readFileSync(`${rootDir}docs/metrics.md`, 'utf8');

const inspection = {
  lineId: 'line-4',
  verdict: 'NG',
  score: 0.52,
  branch: 'rgb',
  model: { name: 'tiny', version: 1, sha256: '' },
  modalities: {
    used: ['rgb'],
    missing: ['acoustic'],
    dropped: [{ name: 'depth', reason: 'blank', detail: '' }],
    unused: [],
  },
  timings: { decodeMs: 1, queueMs: 2, runMs: 3, totalMs: 7 },
} as unknown as Inspection;

/** Each line has a series for each. */
const VERDICTS = 4;

const labelled = (label: string) => (value: string) => `${label}="${value}"`;

const of = (changes: Partial<Inspection>): Inspection => ({ ...inspection, ...changes });

describe('metrics', () => {
  it('counts verdicts, branches, and what was used, dropped or missing on which line', async () => {
    const metrics = createMetrics();
    metrics.inspected(inspection);
    metrics.inspected(of({ verdict: 'NOT_DECIDABLE', branch: null, score: null }));
    const text = await metrics.scrape();
    expect(text).toContain('branchline_inspections_total{model="tiny@1",verdict="NG",branch="rgb"} 1');
    expect(text).toContain(
      'branchline_inspections_total{model="tiny@1",verdict="NOT_DECIDABLE",branch=""} 1',
    );
    expect(text).toContain('branchline_line_inspections_total{line="line-4",verdict="NOT_DECIDABLE"} 1');
    expect(text).toContain('branchline_modality_used_total{line="line-4",modality="rgb"} 2');
    expect(text).toContain(
      'branchline_modality_dropped_total{line="line-4",modality="depth",reason="blank"} 2',
    );
    expect(text).toContain('branchline_modality_missing_total{line="line-4",modality="acoustic"} 2');
  });

  it('counts every answer by its status, and times those that are no refusals', async () => {
    const metrics = createMetrics();
    for (const status of [200, 399, 400, 503]) metrics.httpAnswered('GET', '/v1/models', status, 0.1);
    const text = await metrics.scrape();
    const ofStatus = (status: number) => `{method="GET",route="/v1/models",status="${status}"} 1`;
    for (const status of [200, 399, 400, 503])
      expect(text).toContain(`branchline_http_requests_total${ofStatus(status)}`);
    for (const status of [200, 399])
      expect(text).toContain(`branchline_http_request_seconds_count${ofStatus(status)}`);
    expect(text).not.toMatch(/branchline_http_request_seconds_\w+\{[^}]*status="(400|503)"/);
  });

  it('times the stages, and the runs of a branch only where one ran', async () => {
    const metrics = createMetrics();
    metrics.stageTook('receive', 0.2);
    metrics.rendered(0.3);
    metrics.stageTook('gate', 0.003);
    metrics.stageTook('store', 0.02);
    metrics.inspected(inspection);
    metrics.inspected(of({ verdict: 'NOT_DECIDABLE', branch: null, score: null }));
    const text = await metrics.scrape();
    expect(text).toContain('branchline_inspection_stage_seconds_sum{stage="gate"} 0.003');
    expect(text).toContain('branchline_inspection_stage_seconds_sum{stage="store"} 0.02');
    expect(text).toContain('branchline_inspection_stage_seconds_sum{stage="receive"} 0.2');
    expect(text).toContain('branchline_inspection_stage_seconds_sum{stage="render"} 0.3');
    expect(text).toContain('branchline_branch_run_seconds_count{branch="rgb"} 1');
  });

  it('sorts scores finely about the review threshold', async () => {
    const metrics = createMetrics();
    metrics.inspected(inspection);
    const text = await metrics.scrape();
    expect(text).toContain('branchline_score_bucket{le="0.5",line="line-4"} 0');
    expect(text).toContain('branchline_score_bucket{le="0.55",line="line-4"} 1');
  });

  it('shows the queue, the batches, the stuck workers and every refusal by its code', async () => {
    const metrics = createMetrics();
    metrics.oldestWait(1.5);
    metrics.spooled(2, 7000);
    metrics.spoolDropped();
    metrics.storeUsage({ records: 12, bytes: 3400, imageBytes: 600 }, 0.5);
    metrics.captureImages('evicted', 2);
    metrics.removed('images', 'age', 3);
    metrics.batchStarted(3, 'tiny@1');
    metrics.refused('OVERLOADED');
    metrics.refused('OVERLOADED');
    metrics.workerStuck();
    metrics.workers(1, 2, 1);
    const text = await metrics.scrape();
    expect(text).toContain('branchline_queue_oldest_wait_seconds 1.5');
    expect(text).toContain('branchline_store_records 12');
    expect(text).toContain('branchline_store_bytes 3400');
    expect(text).toContain('branchline_store_fill_ratio 0.5');
    expect(text).toContain('branchline_retention_removed_total{what="images",reason="age"} 3');
    expect(text).toContain('branchline_spool_records 2');
    expect(text).toContain('branchline_spool_bytes 7000');
    expect(text).toContain('branchline_spool_dropped_total 1');
    expect(text).toContain('branchline_batch_size_bucket{le="2"} 0');
    expect(text).toContain('branchline_batch_size_bucket{le="4"} 1');
    expect(text).toContain('branchline_refusals_total{code="OVERLOADED"} 2');
    expect(text).toContain('branchline_worker_stuck_total 1');
    expect(text).toContain('branchline_workers_stuck 1');
  });

  it.each([
    ['branchline_refusals_total', ['code="DEADLINE_UNREACHABLE"', 'code="OVERLOADED"']],
    ['branchline_captures_set_aside_total', ['code="INTERNAL"', 'code="WORKER_LOST"', 'code="WORKER_STUCK"']],
    [
      'branchline_in_flight_refused_total',
      ['announced', 'body', 'pixels', 'stalled'].map(labelled('reason')),
    ],
    [
      'branchline_capture_images_total',
      ['behind', 'evicted', 'failed', 'kept', 'no_room'].map(labelled('outcome')),
    ],
    [
      'branchline_retention_removed_total',
      [
        ...['age', 'bytes'].map(labelled('what="images",reason')),
        ...['age', 'bytes', 'count', 'unacked'].map(labelled('what="records",reason')),
      ],
    ],
    [
      'branchline_push_deliveries_total',
      [
        'channel="mqtt",outcome="delivered"',
        ...['dead', 'delivered', 'ended', 'failed'].map(labelled('channel="webhook",outcome')),
      ],
    ],
  ])('begins %s with 0, so that a rate sees the first', async (name, labels) => {
    const series = seriesOf(await createMetrics().scrape(), name);
    expect(series.sort()).toEqual(labels.map((each) => `${name}{${each}} 0`));
  });

  it('says nothing of the review backlog before somebody counted it', async () => {
    const metrics = createMetrics();
    expect(await metrics.scrape()).not.toMatch(/^branchline_review_backlog /m);
    metrics.reviewBacklog(3);
    metrics.consumersBehind(new Map([['mes', 17]]));
    const text = await metrics.scrape();
    expect(text).toContain('branchline_review_backlog 3');
    expect(text).toContain('branchline_consumer_lag{consumer="mes"} 17');
  });

  it('keeps two services in one process apart', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.storeFailed();
    expect(await one.scrape()).toContain('branchline_store_errors_total 1');
    expect(await other.scrape()).toContain('branchline_store_errors_total 0');
  });

  it("has the process's memory and the event loop's lag", async () => {
    const text = await createMetrics().scrape();
    expect(text).toMatch(/^process_resident_memory_bytes \d/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m);
  });
});

it('watches the process once, however many services are opened and closed in it', async () => {
  const watch = jest.spyOn(performanceHooks, 'monitorEventLoopDelay');
  const observe = jest.spyOn(performanceHooks.PerformanceObserver.prototype, 'observe');
  try {
    for (let opened = 0; opened < 3; opened++) await createMetrics().scrape();
    expect(watch.mock.calls.length).toBeLessThanOrEqual(1);
    expect(observe.mock.calls.length).toBeLessThanOrEqual(1);
  } finally {
    jest.restoreAllMocks();
  }
});

describe('labels that clients choose', () => {
  it('gives the first fifty lines a series each, and all others one together', async () => {
    const metrics = createMetrics();
    for (let line = 0; line < 2 * MAX_NAMES; line++) metrics.inspected(of({ lineId: `line-${line}` }));
    const series = seriesOf(await metrics.scrape(), 'branchline_line_inspections_total');
    expect(series).toHaveLength(VERDICTS * (MAX_NAMES + 1));
    expect(series).toContain(`branchline_line_inspections_total{line="other",verdict="NG"} ${MAX_NAMES}`);
  });

  it('keeps to the lines of the configuration where it names some', async () => {
    const metrics = createMetrics({ lines: ['line-7'] });
    for (const lineId of ['line-1', 'line-7', null]) metrics.inspected(of({ lineId }));
    const series = seriesOf(await metrics.scrape(), 'branchline_line_inspections_total');
    expect(series.filter((line) => line.includes('NG'))).toEqual([
      'branchline_line_inspections_total{line="other",verdict="NG"} 2',
      'branchline_line_inspections_total{line="line-7",verdict="NG"} 1',
    ]);
  });

  it('bounds the consumers too, and shows of the rest the one that is furthest behind', async () => {
    const metrics = createMetrics();
    const consumers = Array.from({ length: 2 * MAX_NAMES }, (_, at) => [`consumer-${at}`, at] as const);
    metrics.consumersBehind(new Map(consumers));
    const series = seriesOf(await metrics.scrape(), 'branchline_consumer_lag');
    expect(series).toHaveLength(MAX_NAMES + 1);
    expect(series).toContain(`branchline_consumer_lag{consumer="other"} ${2 * MAX_NAMES - 1}`);
  });

  it('forgets a consumer that is not there any more', async () => {
    const metrics = createMetrics();
    metrics.consumersBehind(new Map([['old', 900]]));
    metrics.consumersBehind(new Map([['new', 1]]));
    expect(seriesOf(await metrics.scrape(), 'branchline_consumer_lag')).toEqual([
      'branchline_consumer_lag{consumer="new"} 1',
    ]);
  });
});

describe('the catalogue', () => {
  it('is what the service exports, and nothing else of its own', async () => {
    const text = await createMetrics({ triton: true }).scrape();
    const exported = [...text.matchAll(/^# TYPE ((?:branchline|nv)_\S+) (\S+)$/gm)].map(([, name, type]) => [
      name,
      type,
    ]);
    const listed = Object.entries({ ...CATALOGUE, ...TRITON_CATALOGUE }).map(([name, { type }]) => [
      name,
      type,
    ]);
    expect(new Map(exported as [string, string][])).toEqual(new Map(listed as [string, string][]));
  });

  it('is what docs/metrics.md shows: every name with its type, its labels and what it says', () => {
    const rows = [
      ...metricsPage.matchAll(/^\| `((?:branchline|nv)_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$/gm),
    ].map(([, name = '', type, labels, help]) => [name, `${type} | ${labels?.trim()} | ${help?.trim()}`]);
    const listed = Object.entries({ ...CATALOGUE, ...TRITON_CATALOGUE }).map(
      ([name, { type, labels, help }]) => [name, `${type} | ${labels.join(', ')} | ${help}`],
    );
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(listed));
  });
});

import { describe, expect, it } from '@jest/globals';
import type { Inspection } from '../../src/inspection.js';
import { createMetrics } from '../../src/metrics/metrics.js';

const inspection = {
  verdict: 'NG',
  branch: 'rgb',
  model: { name: 'tiny', version: 1, sha256: '' },
  modalities: {
    used: ['rgb'],
    missing: ['acoustic'],
    dropped: [{ name: 'depth', reason: 'blank', detail: '' }],
    unused: [],
  },
  timings: { decodeMs: 1, queueMs: 2, runMs: 3, totalMs: 6 },
} as unknown as Inspection;

describe('metrics', () => {
  it('counts verdicts, branches, and what was dropped or missing', async () => {
    const metrics = createMetrics();
    metrics.inspected(inspection);
    metrics.inspected({ ...inspection, verdict: 'NOT_DECIDABLE', branch: null });
    const text = await metrics.scrape();
    expect(text).toContain('branchline_inspections_total{model="tiny@1",verdict="NG",branch="rgb"} 1');
    expect(text).toContain(
      'branchline_inspections_total{model="tiny@1",verdict="NOT_DECIDABLE",branch=""} 1',
    );
    expect(text).toContain('branchline_modality_dropped_total{modality="depth",reason="blank"} 2');
    expect(text).toContain('branchline_modality_missing_total{modality="acoustic"} 2');
    expect(text).toContain('branchline_inspection_stage_seconds_sum{stage="run"} 0.003');
    expect(text).toContain('branchline_inspection_stage_seconds_count{stage="run"} 1');
    expect(text).toContain('branchline_inspection_stage_seconds_count{stage="decode"} 2');
  });

  it('shows the queue, the batches, the stuck workers and every refusal by its code', async () => {
    const metrics = createMetrics();
    metrics.oldestWait(1.5);
    metrics.spooled(2, 7000);
    metrics.spoolDropped();
    metrics.storeUsage(12, 3400, 0.5);
    metrics.removed('images', 'age', 3);
    metrics.batchStarted(3);
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

  it('keeps two services in one process apart', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.storeFailed();
    expect(await one.scrape()).toContain('branchline_store_errors_total 1');
    expect(await other.scrape()).toContain('branchline_store_errors_total 0');
  });
});

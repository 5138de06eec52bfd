import { describe, expect, it } from '@jest/globals';
import type { Inspection } from '../../src/inspection.js';
import { createMetrics } from '../../src/metrics/metrics.js';

const inspection = {
  lineId: null,
  verdict: 'OK',
  score: 0.1,
  branch: 'rgb',
  model: { name: 'bracket@left', version: 2, sha256: '' },
  modalities: { used: ['rgb'], missing: [], dropped: [], unused: [] },
  timings: { decodeMs: 1, queueMs: 2, runMs: 3, totalMs: 7 },
} as unknown as Inspection;
const info = { name: 'bracket@left', version: 2, sha256: '', provider: 'cpu' };
const labels = '{model="bracket@left",version="2"}';

describe('the metrics of stock Triton dashboards', () => {
  it('are not there unless asked for', async () => {
    const metrics = createMetrics();
    metrics.modelLoaded(info);
    metrics.inspected(inspection);
    expect(await metrics.scrape()).not.toContain('nv_inference');
  });

  it('count captures, runs and microseconds, by model and version', async () => {
    const metrics = createMetrics({ triton: true });
    metrics.modelLoaded(info);
    metrics.batchStarted(2, 'bracket@left@2');
    metrics.inspected(inspection);
    metrics.inspected(inspection);
    const text = await metrics.scrape();
    expect(text).toContain(`nv_inference_request_success${labels} 2`);
    expect(text).toContain(`nv_inference_count${labels} 2`);
    expect(text).toContain(`nv_inference_exec_count${labels} 1`);
    expect(text).toContain(`nv_inference_request_duration_us${labels} 14000`);
    expect(text).toContain(`nv_inference_queue_duration_us${labels} 4000`);
    expect(text).toContain(`nv_inference_compute_infer_duration_us${labels} 6000`);
  });

  it('count refusals that are ours, not those that are the fault of the capture', async () => {
    const metrics = createMetrics({ triton: true });
    metrics.modelLoaded(info);
    metrics.refused('OVERLOADED');
    metrics.refused('PART_CORRUPT');
    const text = await metrics.scrape();
    expect(text).toContain(
      'nv_inference_request_failure{model="bracket@left",version="2",reason="REJECTED"} 1',
    );
    expect(text.match(/^nv_inference_request_failure\{/gm)).toHaveLength(1);
  });

  it('do not guess whose refusal it is where several models are loaded', async () => {
    const metrics = createMetrics({ triton: true });
    metrics.modelLoaded(info);
    metrics.modelLoaded({ ...info, version: 3 });
    metrics.refused('WORKER_LOST');
    expect(await metrics.scrape()).toContain(
      'nv_inference_request_failure{model="",version="",reason="BACKEND"} 1',
    );
  });
});

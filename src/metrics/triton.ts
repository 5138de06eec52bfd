// The nv_inference_* metrics that stock Triton dashboards read, filled from what the service observes anyway.
import type { Registry } from 'prom-client';
import type { ErrorCode } from '../errors.js';
import type { Inspection } from '../inspection.js';
import { TRITON_CATALOGUE } from './catalogue.js';
import { createInstruments } from './instruments.js';

export interface TritonMetrics {
  inspected(inspection: Inspection): void;
  /** `model` is "name@version". */
  batchStarted(model: string): void;
  refused(code: ErrorCode): void;
  modelLoaded(name: string, version: number): void;
}

/** Triton's own reasons. What is the capture's fault is no failure of the server. */
const REASONS: Partial<Record<ErrorCode, 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER'>> = {
  OVERLOADED: 'REJECTED',
  DEADLINE_UNREACHABLE: 'REJECTED',
  SHUTTING_DOWN: 'REJECTED',
  CLIENT_GONE: 'CANCELED',
  WORKER_LOST: 'BACKEND',
  WORKER_STUCK: 'BACKEND',
  INTERNAL: 'OTHER',
};

const MICROSECONDS_PER_MS = 1000;

export function createTritonMetrics(registry: Registry): TritonMetrics {
  const nv = createInstruments(TRITON_CATALOGUE, registry);
  const loaded: { model: string; version: string }[] = [];
  return {
    modelLoaded(name, version) {
      const labels = { model: name, version: String(version) };
      loaded.push(labels);
      // A dashboard shows 0, not a gap, before the first capture.
      nv.nv_inference_request_success.inc(labels, 0);
      nv.nv_inference_exec_count.inc(labels, 0);
    },
    batchStarted(model) {
      const at = model.lastIndexOf('@');
      nv.nv_inference_exec_count.inc({ model: model.slice(0, at), version: model.slice(at + 1) });
    },
    inspected({ model, branch, timings }) {
      if (model === null || branch === null) return;
      const labels = { model: model.name, version: String(model.version) };
      nv.nv_inference_request_success.inc(labels);
      nv.nv_inference_count.inc(labels);
      nv.nv_inference_request_duration_us.inc(labels, timings.totalMs * MICROSECONDS_PER_MS);
      nv.nv_inference_queue_duration_us.inc(labels, timings.queueMs * MICROSECONDS_PER_MS);
      nv.nv_inference_compute_infer_duration_us.inc(labels, timings.runMs * MICROSECONDS_PER_MS);
    },
    refused(code) {
      const reason = REASONS[code];
      if (reason === undefined) return;
      // A refusal at the door knows no model yet.
      const [only, another] = loaded;
      const labels = only !== undefined && another === undefined ? only : { model: '', version: '' };
      nv.nv_inference_request_failure.inc({ ...labels, reason });
    },
  };
}

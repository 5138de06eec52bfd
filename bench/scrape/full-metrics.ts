// The metrics of a service that has seen everything: each label with each value it can have, on as many lines as asked.
import type { DriftReport } from '../../src/drift/drift.js';
import type { Inspection } from '../../src/inspection.js';
import { createMetrics, type Metrics } from '../../src/metrics/metrics.js';
import type { DropReason } from '../../src/modality/tensor.js';
import { VERDICTS } from '../figures.js';

const MODALITIES = ['acoustic', 'depth', 'rgb', 'thermal'];
/** The compiler names the one that is missing. */
const REASONS: Readonly<Record<DropReason, true>> = {
  empty: true,
  unsupported_format: true,
  corrupt: true,
  too_large: true,
  wrong_bit_depth: true,
  wrong_channels: true,
  wrong_sample_rate: true,
  too_short: true,
  blank: true,
  saturated: true,
  no_valid_pixels: true,
  wrong_aspect: true,
  silent: true,
  clipped: true,
};
const STAGES = ['receive', 'decode', 'gate', 'queue', 'run', 'judge', 'store', 'render'] as const;
const METHODS = ['GET', 'PUT', 'POST', 'DELETE'];
/** More than the service has: what counts is how many series there are, and not what they are called. */
const ROUTES = Array.from({ length: 12 }, (_, at) => `/v1/route-${at}/:id`);
/** Of a route, two answers and every refusal of the table of errors. */
const STATUSES = [200, 202, 400, 401, 403, 404, 406, 408, 409, 412, 413, 415, 422, 429, 431, 499, 500, 503];
const CONSUMERS = 100;

/** Every subset but the empty one. */
const branches = Array.from({ length: 2 ** MODALITIES.length - 1 }, (_, at) =>
  MODALITIES.filter((_name, bit) => (at + 1) & (1 << bit)).join('+'),
);

export function fullMetrics(lines: number): Metrics {
  const metrics = createMetrics({ triton: true });
  for (let line = 0; line < lines; line++)
    for (const verdict of VERDICTS)
      for (const branch of branches) metrics.inspected(inspectionOf(`line-${line}`, verdict, branch));
  for (const stage of STAGES) metrics.stageTook(stage, 0.01);
  for (const method of METHODS)
    for (const route of ROUTES)
      for (const status of STATUSES) metrics.httpAnswered(method, route, status, 0.1);
  metrics.drifted(driftOf(lines));
  metrics.consumersBehind(new Map(Array.from({ length: CONSUMERS }, (_, at) => [`consumer-${at}`, at])));
  return metrics;
}

/** As much of one as the metrics look at. */
function inspectionOf(lineId: string, verdict: Inspection['verdict'], branch: string): Inspection {
  const dropped = MODALITIES.flatMap((name) =>
    Object.keys(REASONS).map((reason) => ({ name, reason, detail: '' })),
  );
  const seen: Partial<Inspection> = {
    lineId,
    verdict,
    branch,
    score: 0.5,
    model: { name: 'demo-part', version: 3, sha256: '' },
    modalities: { used: MODALITIES, missing: MODALITIES, dropped, unused: [] },
    timings: { decodeMs: 1, queueMs: 1, runMs: 1, totalMs: 3 },
  };
  return seen as Inspection;
}

/** Every branch of every line, every sensor. */
function driftOf(lines: number): DriftReport {
  const ids = Array.from({ length: lines }, (_, line) => `line-${line}`);
  const captures = {
    recipe: null,
    model: 'demo-part@3',
    captures: 500,
    notDecidable: 1,
    oldest: '',
    newest: '',
  };
  const scores = { share: 1 / 15, scores: 500, calibrationParts: 180, limit: 0.25, bins: [] };
  const counts = { stationId: null, recipe: null, missedCaptures: 0, sameCaptures: 1, lastSeenAt: '' };
  return {
    since: '',
    lines: ids.map((lineId) => ({
      lineId,
      ...captures,
      branches: branches.map((branch) => ({ branch, ...scores, state: 'stable', psi: Math.PI / 100 })),
    })),
    sensors: ids.flatMap((lineId) =>
      MODALITIES.map((modality) => ({ lineId, modality, state: 'alive' as const, ...counts })),
    ),
  };
}

// How large one scrape becomes where every label takes every value it can.
import { describe, expect, it } from '@jest/globals';
import type { DriftReport } from '../../src/drift/drift.js';
import type { Inspection } from '../../src/inspection.js';
import { MAX_NAMES } from '../../src/metrics/bounded-labels.js';
import { createMetrics } from '../../src/metrics/metrics.js';

const MODALITIES = ['acoustic', 'depth', 'rgb', 'thermal'];
const VERDICTS = ['OK', 'REVIEW', 'NG', 'NOT_DECIDABLE'] as const;
/** Of src/modality/tensor.ts, which are types only. */
const REASONS = [
  'empty',
  'unsupported_format',
  'corrupt',
  'too_large',
  'wrong_bit_depth',
  'wrong_channels',
  'wrong_sample_rate',
  'too_short',
  'blank',
  'saturated',
  'no_valid_pixels',
  'wrong_aspect',
  'silent',
  'clipped',
];
const ROUTES = ['/v1/inspections', '/v1/inspections/:id', '/v1/inspections/:id/heatmap', '/v1/models'];
const STATUSES = [200, 400, 404, 413, 415, 422, 499, 500, 503];
const MIB = 1024 * 1024;

/** Every subset but the empty one. */
const branches = Array.from({ length: 2 ** MODALITIES.length - 1 }, (_, at) =>
  MODALITIES.filter((_name, bit) => (at + 1) & (1 << bit)).join('+'),
);

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

function fill(lines: number) {
  const metrics = createMetrics({ triton: true });
  const dropped = MODALITIES.flatMap((name) => REASONS.map((reason) => ({ name, reason, detail: '' })));
  const modalities = { used: MODALITIES, missing: MODALITIES, dropped, unused: [] };
  const model = { name: 'demo-part', version: 3, sha256: '' };
  const timings = { decodeMs: 1, queueMs: 1, runMs: 1, totalMs: 3 };
  for (let line = 0; line < lines; line++)
    for (const verdict of VERDICTS)
      for (const branch of branches)
        metrics.inspected({
          lineId: `line-${line}`,
          verdict,
          branch,
          score: 0.5,
          model,
          modalities,
          timings,
        } as unknown as Inspection);
  metrics.drifted(driftOf(lines));
  for (const route of ROUTES) for (const status of STATUSES) metrics.httpAnswered('POST', route, status, 0.1);
  metrics.consumersBehind(new Map(Array.from({ length: 2 * MAX_NAMES }, (_, at) => [`consumer-${at}`, at])));
  return metrics;
}

describe('the size of a scrape', () => {
  it('stays below 1 MB with fifty lines, all modalities and all reasons', async () => {
    const bytes = Buffer.byteLength(await fill(50).scrape());
    expect(bytes).toBeGreaterThan(MIB / 10);
    expect(bytes).toBeLessThan(MIB);
  });

  it('does not grow with lines beyond the bound', async () => {
    const lines = async (count: number) => (await fill(count).scrape()).split('\n').length;
    expect(await lines(MAX_NAMES + 10)).toBe(await lines(MAX_NAMES + 1));
  });
});

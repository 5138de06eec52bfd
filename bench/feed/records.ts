// Small inspections for the feed benchmark: as a station sends them, without maps.
import type { Inspection, Verdict } from '../../src/inspection.js';

export const LINES = 8;
/** The i-th of a series; its id sorts by i, as the service's own ids sort by time. */
export function inspectionAt(i: number): Inspection {
  const at = new Date(Date.UTC(2026, 0, 1) + i * 500).toISOString();
  const inspectionId = `018c0000-0000-7000-8000-${i.toString(16).padStart(12, '0')}`;
  const verdict = verdictOf(i);
  return {
    inspectionId,
    revision: 1,
    previous: null,
    captureId: `capture-${i}`,
    lineId: `line-${i % LINES}`,
    stationId: `station-${i % LINES}`,
    partId: `part-${i}`,
    productId: 'bracket',
    recipe: null,
    recipeRevision: null,
    capturedAt: at,
    attributes: {},
    state: 'COMPLETED',
    verdict,
    score: verdict === 'OK' ? 0.31 : verdict === 'NG' ? 0.83 : 0.57,
    thresholds: { review: 0.5, reject: 0.7 },
    mask: null,
    model: { name: 'demo-part', version: 3, sha256: 'a'.repeat(64) },
    branch: 'rgb+thermal',
    modalities: { used: ['rgb', 'thermal'], missing: ['acoustic', 'depth'], dropped: [], unused: [] },
    evidence: { rgb: { score: 0.41, weight: 0.3 }, thermal: { score: 0.27, weight: 0.7 } },
    validated: { branchAuroc: 0.95, fullAuroc: 0.98 },
    regions: [],
    heatmap: null,
    timings: { decodeMs: 4.2, queueMs: 0.1, runMs: 31.5, totalMs: 37.9 },
    receivedAt: at,
    completedAt: at,
    reviews: [],
    stored: true,
  };
}

/** Of a hundred: one NG, two REVIEW, the rest OK. */
function verdictOf(i: number): Verdict {
  const place = i % 100;
  if (place === 50) return 'NG';
  return place === 20 || place === 80 ? 'REVIEW' : 'OK';
}

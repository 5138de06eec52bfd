// Inspections and maps to put into a store under test.
import { randomUUID } from 'node:crypto';
import type { Inspection, Review } from '../../src/inspection.js';
import { encodeMap, type StoredMap } from '../../src/map-codec.js';
import type { Artefacts } from '../../src/store/store.js';

export function anInspection(changes: Partial<Inspection> = {}): Inspection {
  const inspectionId = changes.inspectionId ?? randomUUID();
  return {
    inspectionId,
    revision: 1,
    previous: null,
    captureId: 'capture-1',
    lineId: 'line-1',
    stationId: null,
    partId: null,
    productId: null,
    recipe: null,
    recipeRevision: null,
    capturedAt: null,
    attributes: { shift: 'night', cavity: 3 },
    state: 'COMPLETED',
    failure: null,
    verdict: 'NG',
    score: 0.83,
    thresholds: { review: 0.5, reject: 0.7 },
    mask: null,
    model: { name: 'demo-part', version: 1, sha256: 'a'.repeat(64) },
    branch: 'rgb+thermal',
    modalities: {
      used: ['rgb', 'thermal'],
      missing: ['acoustic'],
      dropped: [{ name: 'depth', reason: 'blank', detail: 'Part "depth" shows nothing.' }],
      unused: [],
    },
    evidence: { rgb: { score: 0.41, weight: 0.3 }, thermal: { score: 0.91, weight: 0.7 } },
    validated: { branchAuroc: 0.95, fullAuroc: null },
    regions: [{ bbox: [1, 2, 3, 4], areaPx: 9, peak: 0.9, mean: 0.6 }],
    heatmap: {
      href: `/v1/inspections/${inspectionId}/heatmap`,
      frame: 'rgb',
      scale: { min: 0, max: 1, threshold: 0.5 },
    },
    timings: { decodeMs: 1.5, queueMs: 0, runMs: 12.25, totalMs: 14 },
    receivedAt: '2025-01-01T00:00:00.000Z',
    completedAt: '2025-01-01T00:00:00.014Z',
    reviews: [],
    stored: true,
    ...changes,
  };
}

/** Every kind of step: smooth, and from 0 to 65535 and back. */
export function aMap(height = 5, width = 7): StoredMap {
  const values = Uint16Array.from({ length: height * width }, (_, i) =>
    i % 3 === 0 ? 65535 - i : i % 3 === 1 ? i : i * 1000,
  );
  return { height, width, values };
}

/** The same as a store is given it. */
export const aKeptMap = (height?: number, width?: number): Uint8Array => encodeMap(aMap(height, width));

export const NOTHING: Artefacts = { maps: {} };

/** Fits OK and NG alike. */
export const A_REVIEW: Review = {
  decision: 'CONFIRMED',
  by: 'inspector-1',
  note: 'seen under the lamp',
  at: '2025-01-01T06:00:00.000Z',
};

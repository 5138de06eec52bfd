// Watches what is answered for a change of scores, of branches and of sensors, and reports it.
import type { Inspection } from '../inspection.js';
import { fingerprintOf } from './fingerprint.js';
import { type LineDrift, type Reference, ScoreWindows } from './scores.js';
import { type SensorReport, SensorWatch } from './sensors.js';

export interface DriftOptions {
  readonly references: readonly Reference[];
  /** The newest captures that are looked at, of each line, recipe and model; and of them, none older. */
  readonly windowCaptures: number;
  readonly windowMs: number;
  readonly deadAfterCaptures: number;
  readonly frozenAfterCaptures: number;
  /** Unix time. */
  readonly nowMs: () => number;
}

/** Of a line or recipe that is undefined: of all. */
export interface DriftFilter {
  readonly lineId?: string | undefined;
  readonly recipe?: string | undefined;
}

export interface DriftReport {
  /** Since when this process has watched: it remembers nothing of what was before. */
  readonly since: string;
  readonly lines: LineDrift[];
  readonly sensors: SensorReport[];
}

/** The samples of one modality as they were judged. */
export type Signals = ReadonlyMap<string, { readonly data: ArrayBufferView }>;

export interface Drift {
  /** `signals`: what arrived and could be used, by modality. Some 30 µs; keeps nothing of them. */
  observe(inspection: Inspection, signals: Signals): void;
  report(filter?: DriftFilter): DriftReport;
}

export function createDrift(options: DriftOptions): Drift {
  const { references, windowCaptures, windowMs, nowMs, ...limits } = options;
  const scores = new ScoreWindows(references, { maxCount: windowCaptures, maxAgeMs: windowMs });
  const sensors = new SensorWatch({ ...limits, maxAgeMs: windowMs });
  const since = new Date(nowMs()).toISOString();
  return {
    observe(inspection, signals) {
      const atMs = nowMs();
      const fingerprints = new Map([...signals].map(([name, { data }]) => [name, fingerprintOf(data)]));
      scores.add(inspection, atMs);
      sensors.add(inspection, fingerprints, atMs);
    },
    report({ lineId, recipe } = {}) {
      const isAsked = (of: { readonly lineId: string | null; readonly recipe: string | null }) =>
        (lineId === undefined || of.lineId === lineId) && (recipe === undefined || of.recipe === recipe);
      const atMs = nowMs();
      return {
        since,
        lines: scores.report(atMs).filter(isAsked),
        sensors: sensors.report(atMs).filter(isAsked),
      };
    },
  };
}

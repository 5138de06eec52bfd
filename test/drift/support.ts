// Captures and their answers as the line reports them, in a time that the test makes.
import { createDrift, type Drift, type DriftOptions, type Signals } from '../../src/drift/drift.js';
import type { Bins } from '../../src/drift/psi.js';
import type { Inspection } from '../../src/inspection.js';
import { anInspection } from '../store/samples.js';

const MINUTE_MS = 60_000;

/** 200 good parts, evenly between 0.2 and 0.6. */
export const BINS: Bins = {
  upTo: [0.24, 0.28, 0.32, 0.36, 0.4, 0.44, 0.48, 0.52, 0.56, 1],
  counts: Array(10).fill(20),
};

export interface Watched {
  readonly drift: Drift;
  readonly clock: { ms: number };
  /** Observes a capture of this minute, with signals named by what they show. */
  see(changes: Partial<Inspection>, signals?: Readonly<Record<string, string>>): void;
  later(minutes: number): void;
}

export function watch(options: Partial<DriftOptions> = {}): Watched {
  const clock = { ms: Date.parse('2026-11-26T06:00:00Z') };
  const drift = createDrift({
    references: ['rgb', 'depth+rgb'].map((branch) => ({
      model: 'tiny@1',
      branch,
      bins: BINS,
    })),
    windowCaptures: 200,
    windowMs: 24 * 60 * MINUTE_MS,
    deadAfterCaptures: 20,
    frozenAfterCaptures: 5,
    nowMs: () => clock.ms,
    ...options,
  });
  let captures = 0;
  return {
    drift,
    clock,
    later: (minutes) => {
      clock.ms += minutes * MINUTE_MS;
    },
    see(changes, signals = {}) {
      captures++;
      drift.observe(
        anInspection({
          captureId: `capture-${captures}`,
          lineId: 'line-1',
          stationId: null,
          recipe: null,
          model: { name: 'tiny', version: 1, sha256: '' },
          branch: 'rgb',
          score: 0.4,
          previous: null,
          modalities: { used: Object.keys(signals), missing: [], dropped: [], unused: [] },
          ...changes,
        }),
        signalsOf(signals),
      );
    },
  };
}

function signalsOf(texts: Readonly<Record<string, string>>): Signals {
  return new Map(
    Object.entries(texts).map(([name, text]) => [name, { data: new TextEncoder().encode(text) }]),
  );
}

/** `n` scores spread evenly over from…to. */
export const spread = (n: number, from: number, to: number): number[] =>
  Array.from({ length: n }, (_, i) => from + ((i + 0.5) / n) * (to - from));

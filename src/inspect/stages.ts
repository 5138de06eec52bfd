// The stages of the line as others may watch them, and the time of a step that runs in the middle of another.

export type LineStage = 'decode' | 'gate' | 'queue' | 'run' | 'judge';

/** Hears of a stage once it is over, on the monotonic clock of the line. */
export type OnStage = (stage: LineStage, startMs: number, endMs: number) => void;

export interface Summed<A extends unknown[], R> {
  readonly run: (...args: A) => R;
  /** Of all calls so far. */
  totalMs(): number;
}

export function summed<A extends unknown[], R>(run: (...args: A) => R, nowMs: () => number): Summed<A, R> {
  let totalMs = 0;
  return {
    run: (...args) => {
      const startMs = nowMs();
      try {
        return run(...args);
      } finally {
        totalMs += nowMs() - startMs;
      }
    },
    totalMs: () => totalMs,
  };
}

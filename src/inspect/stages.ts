// Tells how long the stages of the line took, without the line being a list of clocks.
import type { ScheduledAnswer } from '../schedule/scheduler.js';
import type { Decoder } from './decode-parts.js';

export type LineStage = 'decode' | 'gate' | 'queue' | 'run' | 'judge';

/** Hears of a stage once it is over, on the monotonic clock of the line. */
export type OnStage = (stage: LineStage, startMs: number, endMs: number) => void;

/** Of one capture; each call ends a stage, and the next begins. */
export interface StageWatch {
  /** The same decoder, whose gate is timed. */
  gating(decoder: Decoder): Decoder;
  /** Milliseconds, with the gate's. */
  decoded(): number;
  ran(outcome: ScheduledAnswer): void;
  judged(): void;
}

export function watchStages(onStage: OnStage, nowMs: () => number): StageWatch {
  let sinceMs = nowMs();
  let gateMs = 0;
  const next = () => {
    const startMs = sinceMs;
    sinceMs = nowMs();
    return { startMs, endMs: sinceMs };
  };
  return {
    // Each part passes the gate as soon as it is decoded, while others still are: told apart by its own time.
    gating: (decoder) => ({
      ...decoder,
      fault: (tensor, spec) => {
        const startMs = nowMs();
        const fault = decoder.fault(tensor, spec);
        gateMs += nowMs() - startMs;
        return fault;
      },
    }),
    decoded() {
      const { startMs, endMs } = next();
      onStage('decode', startMs, endMs - gateMs);
      onStage('gate', endMs - gateMs, endMs);
      return endMs - startMs;
    },
    ran({ queueMs, answer }) {
      const { startMs } = next();
      onStage('queue', startMs, startMs + queueMs);
      onStage('run', startMs + queueMs, startMs + queueMs + answer.runMs);
    },
    judged() {
      const { startMs, endMs } = next();
      onStage('judge', startMs, endMs);
    },
  };
}

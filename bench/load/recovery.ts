// How long a server takes, after an overload has ended, until one client finds it as fast as before.
import { Connection } from './connection.js';
import { type PreparedRequest, RECOVERY_WITHIN_MS } from './protocol.js';

export interface Trial {
  /** From the end of the overload. */
  readonly sentMs: number;
  readonly latencyMs: number;
  readonly answered: boolean;
}

/** One normal answer may be luck. */
const IN_A_ROW = 3;
const BETWEEN_TRIALS_MS = 20;

/** Twice the usual time, and a little for the clock: what a line would not notice. */
export function isNormal({ latencyMs, answered }: Trial, normalMs: number): boolean {
  return answered && latencyMs <= 2 * normalMs + 5;
}

/** When the first of IN_A_ROW normal trials was sent; undefined: not yet. */
export function recoveredAtMs(trials: readonly Trial[], normalMs: number): number | undefined {
  const at = trials.findIndex((_, i) => {
    const row = trials.slice(i, i + IN_A_ROW);
    return row.length === IN_A_ROW && row.every((trial) => isNormal(trial, normalMs));
  });
  return trials[at]?.sentMs;
}

/** null where it took longer than RECOVERY_WITHIN_MS. */
export async function untilNormal(
  url: string,
  request: PreparedRequest,
  normalMs: number,
): Promise<number | null> {
  const connection = new Connection(url, 1);
  const endedMs = performance.now();
  const trials: Trial[] = [];
  try {
    while (performance.now() - endedMs < RECOVERY_WITHIN_MS) {
      const sentMs = performance.now() - endedMs;
      const refusal = await connection.send(request, RECOVERY_WITHIN_MS);
      const latencyMs = performance.now() - endedMs - sentMs;
      trials.push({ sentMs, latencyMs, answered: refusal === undefined });
      const recoveredMs = recoveredAtMs(trials.slice(-IN_A_ROW), normalMs);
      if (recoveredMs !== undefined) return recoveredMs;
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_TRIALS_MS));
    }
    return null;
  } finally {
    connection.close();
  }
}

// When a refused delivery is tried again, and when it is given up.

export interface RetryPolicy {
  readonly maxAttempts: number;
  /** From the first attempt. */
  readonly maxAgeMs: number;
}

const FIRST_PAUSE_MS = 1000;
/** So that a receiver that came back is not kept waiting for hours. */
const LONGEST_PAUSE_MS = 15 * 60_000;
/** What a receiver may ask for with Retry-After; a mistaken date must not stop a subscription for a year. */
const LONGEST_ASKED_MS = 60 * 60_000;

/**
 * Twice as long after each attempt, and each between half and the whole of it: receivers that failed together are
 * not tried together. `random` is in 0…1. What the receiver asked for is obeyed, within an hour.
 */
export function pauseMs(attempts: number, random: number, retryAfterMs?: number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempts - 1));
  const own = longest * (0.5 + random / 2);
  return Math.round(Math.max(own, Math.min(retryAfterMs ?? 0, LONGEST_ASKED_MS)));
}

/** "Retry-After = HTTP-date / delay-seconds" (RFC 9110, 10.2.3); undefined where it is neither. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,10}$/.test(header.trim())) return Number(header) * 1000;
  const dateMs = Date.parse(header);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}

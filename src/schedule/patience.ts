// The shortest time that a capture lately had from its submission to its deadline.

/** For one to two of these it is remembered: whoever is in haste once a minute need not be made known anew each time. */
const REMEMBERED_MS = 60_000;

export class Patience {
  #sinceMs = Number.NEGATIVE_INFINITY;
  #before = Number.POSITIVE_INFINITY;
  #now = Number.POSITIVE_INFINITY;

  observe(timeMs: number, nowMs: number): void {
    this.#forget(nowMs);
    this.#now = Math.min(this.#now, timeMs);
  }

  /** Infinity where nothing was observed lately. */
  shortestMs(nowMs: number): number {
    this.#forget(nowMs);
    return Math.min(this.#before, this.#now);
  }

  #forget(nowMs: number): void {
    const ageMs = nowMs - this.#sinceMs;
    if (ageMs < REMEMBERED_MS) return;
    this.#before = ageMs < 2 * REMEMBERED_MS ? this.#now : Number.POSITIVE_INFINITY;
    this.#now = Number.POSITIVE_INFINITY;
    this.#sinceMs = nowMs;
  }
}

// Captures that were let in and are on their way to the queue: being received, hashed, decoded.

export interface Arrival {
  /** It is in the queue now, or will never be; again: nothing happens. */
  end(): void;
}

/**
 * On its way for longer, a capture is not about to be queued: one client that sends a byte a second must not keep
 * others out. At 100 Mbit/s it is enough for 2 MB.
 */
const SOON_MS = 200;

export class Arrivals {
  /** The oldest first. */
  readonly #coming = new Set<{ readonly sinceMs: number; readonly deadlineMs: number | undefined }>();

  add(nowMs: number, deadlineMs: number | undefined): Arrival {
    const coming = { sinceMs: nowMs, deadlineMs };
    this.#coming.add(coming);
    return { end: () => this.#coming.delete(coming) };
  }

  /** The deadlines of those that will stand before a capture of that deadline; those of no known deadline do not. */
  before(deadlineMs: number, nowMs: number): number[] {
    const deadlines: number[] = [];
    for (const { sinceMs, deadlineMs: its } of this.#coming)
      if (nowMs - sinceMs <= SOON_MS && its !== undefined && its <= deadlineMs) deadlines.push(its);
    return deadlines;
  }
}

// Readers that wait for the feed to grow past where they are.

interface Waiter {
  readonly after: number;
  readonly wake: () => void;
}

export class FeedWaiters {
  readonly #waiters = new Set<Waiter>();

  get size(): number {
    return this.#waiters.size;
  }

  /** Resolves once `advanced` brings a sequence over `after`, after `waitMs`, or when `signal` aborts. */
  wait(after: number, waitMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#waiters.delete(waiter);
        resolve();
      };
      const waiter = { after, wake };
      const timer = setTimeout(wake, waitMs);
      signal.addEventListener('abort', wake);
      this.#waiters.add(waiter);
    });
  }

  /** Wakes whoever has not seen `tail` yet. */
  advanced(tail: number): void {
    for (const waiter of this.#waiters) if (tail > waiter.after) waiter.wake();
  }

  /** Wakes everyone: the store closes. */
  release(): void {
    this.advanced(Number.POSITIVE_INFINITY);
  }
}

// Subscriptions, a feed in memory and a clock that does not wait, for the tests of push.
import type { Inspection } from '../../src/inspection.js';
import type { Clock } from '../../src/push/clock.js';
import type { Feed } from '../../src/push/follow.js';
import type { Progress, Webhook } from '../../src/push/push-store.js';

export function aWebhook(changes: Partial<Webhook> = {}): Webhook {
  return {
    id: 'mes-1',
    version: 'v1',
    url: 'https://mes.example/hook',
    secret: 'a secret of sixteen',
    lineId: null,
    verdicts: null,
    state: 'ACTIVE',
    endedReason: null,
    createdAt: '2025-01-01T00:00:00.000Z',
    updatedAt: '2025-01-01T00:00:00.000Z',
    ...changes,
  };
}

export function aProgress(changes: Partial<Progress> = {}): Progress {
  return { position: '0', trial: null, deliveredAt: null, ...changes };
}

export interface MemoryFeed extends Feed {
  add(inspection: Inspection): void;
  end(): Promise<string>;
}

/** Cursors are counts. */
export function memoryFeed(inspections: readonly Inspection[] = []): MemoryFeed {
  const all = [...inspections];
  const wakers = new Set<() => void>();
  return {
    add(inspection) {
      all.push(inspection);
      for (const wake of wakers) wake();
    },
    end: async () => `${all.length}`,
    async list({ after = '0', limit, lineId, verdict }) {
      const items = all
        .slice(Number(after), Number(after) + limit)
        .filter(
          (item) => (lineId ?? item.lineId) === item.lineId && (verdict ?? item.verdict) === item.verdict,
        );
      return { items, nextCursor: `${Math.min(all.length, Number(after) + limit)}` };
    },
    waitForNext(cursor, _waitMs, signal) {
      if (signal.aborted || all.length > Number(cursor)) return Promise.resolve();
      return new Promise((resolve) => {
        const wake = () => {
          wakers.delete(wake);
          resolve();
        };
        wakers.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    },
  };
}

export interface FakeClock extends Clock {
  /** What was slept, in ms, in order. */
  readonly slept: number[];
}

/** Each sleep is over at once, and the time has passed. */
export function fakeClock(startMs = Date.parse('2025-01-01T00:00:00.000Z')): FakeClock {
  let nowMs = startMs;
  const slept: number[] = [];
  return {
    slept,
    nowMs: () => nowMs,
    async sleep(ms) {
      slept.push(ms);
      nowMs += ms;
      await new Promise(setImmediate);
    },
  };
}

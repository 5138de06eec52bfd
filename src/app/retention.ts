// Removes, round by round, what the configuration does not keep, and reports how full the store is.
import type { Config } from '../config.js';
import type { Metrics } from '../metrics/metrics.js';
import { createRetention, type RetentionPolicy } from '../store/retention.js';
import type { ResultStore, Usage } from '../store/store.js';
import type { Log } from './inference.js';

const DAY_MS = 24 * 3600 * 1000;
const ROUND_MS = 60_000;

export function openRetention(
  config: Config,
  store: ResultStore,
  metrics: Pick<Metrics, 'removed' | 'heldBack' | 'storeUsage'>,
  log: Log,
): { close(): Promise<void> } {
  const policy = policyOf(config);
  const retention = createRetention({
    store,
    policy,
    nowMs: Date.now,
    onRemoved: metrics.removed,
    onHeldBack: (ageMs) => metrics.heldBack(ageMs / 1000),
    onUsage: (usage) => metrics.storeUsage(usage.records, usage.bytes, fillOf(usage, policy)),
  });
  const closing = new AbortController();
  let round = Promise.resolve();
  const sweep = () => {
    round = retention.sweep(closing.signal).catch((error: Error) => {
      log.error({ err: error }, 'what is kept too long could not be removed; it is tried again in a minute');
    });
  };
  sweep();
  const timer = setInterval(sweep, ROUND_MS);
  return {
    close: async () => {
      clearInterval(timer);
      closing.abort();
      await round;
    },
  };
}

/** 0 to 1: how near the nearest limit is. */
function fillOf({ records, bytes, freeBytes }: Usage, policy: RetentionPolicy): number {
  const ofDisk = freeBytes === undefined ? 0 : (bytes + policy.minFreeBytes) / (bytes + freeBytes);
  return Math.min(1, Math.max(records / policy.maxRecords, bytes / policy.maxBytes, ofDisk));
}

function policyOf({ retain }: Config): RetentionPolicy {
  const { okImagesDays, flaggedImagesDays, okDays, flaggedDays, unackedDays, ...limits } = retain;
  return {
    imagesMs: { ok: okImagesDays * DAY_MS, flagged: flaggedImagesDays * DAY_MS },
    recordsMs: { ok: okDays * DAY_MS, flagged: flaggedDays * DAY_MS },
    unackedMs: unackedDays * DAY_MS,
    ...limits,
  };
}

// The end of a capture that is given up: it stands in the feed as an inspection that failed, so that parts add up.
import { recordOfFailure } from '../inspect/record.js';
import type { IntakeEntry } from '../intake/intake-store.js';
import type { ResultStore } from '../store/store.js';

export interface SetAsideOptions {
  readonly results: Pick<ResultStore, 'get' | 'save'>;
  /** Unix time. */
  readonly nowMs: () => number;
}

/**
 * What `before` becomes: `next`, whose record is stored by then where it is FAILED. A process that ended between its
 * record and saying so has judged the capture after all. Throws what the result store throws; nothing has changed then.
 */
export async function recordedEnd(
  { results, nowMs }: SetAsideOptions,
  before: IntakeEntry,
  next: IntakeEntry,
): Promise<IntakeEntry> {
  const { state, failure, inspectionId, captureId, receivedAtMs } = next;
  if (state !== 'FAILED' || failure === null) return next;
  let recorded = await results.get(inspectionId);
  if (recorded === undefined) {
    const metadata = { ...before.metadata, captureId };
    const [receivedAt, completedAt] = [new Date(receivedAtMs), new Date(nowMs())];
    const record = recordOfFailure({ inspectionId, metadata, failure, receivedAt, completedAt });
    await results.save(record, { maps: {} });
    // A run that outlived its lease may have stored its own a moment before: the first stays.
    recorded = await results.get(inspectionId);
  }
  return recorded?.state === 'COMPLETED' ? { ...next, state: 'COMPLETED', failure: null } : next;
}

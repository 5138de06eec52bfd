// What each line did lately, as somebody who connects later wants to see it at once.
import type { Inspection, Verdict } from '../inspection.js';
import type { PushEvent } from './event.js';

export interface LineState {
  readonly lineId: string | null;
  readonly last: Pick<
    Inspection,
    'inspectionId' | 'captureId' | 'partId' | 'verdict' | 'score' | 'completedAt'
  >;
  /** First answers by verdict since `since`: a review or a revision is no further part. */
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly since: string;
}

/** Clients choose the names: beyond so many lines, that which was silent longest is forgotten and counts anew. */
const MAX_LINES = 1000;

export class LineStates {
  readonly #states = new Map<string | null, LineState>();

  /** The state after the event. `now`: ISO 8601, where it is the line's first. */
  see({ type, inspection }: PushEvent, now: string): LineState {
    const { inspectionId, captureId, lineId, partId, verdict, score, completedAt } = inspection;
    const known = this.#states.get(lineId);
    const counts = known?.counts ?? { OK: 0, REVIEW: 0, NG: 0, NOT_DECIDABLE: 0 };
    const isFirst = type === 'branchline.inspection.completed';
    const state = {
      lineId,
      last: { inspectionId, captureId, partId, verdict, score, completedAt },
      counts: isFirst ? { ...counts, [verdict]: counts[verdict] + 1 } : counts,
      since: known?.since ?? now,
    };
    // A map keeps the order of insertion: in again, it is the newest.
    this.#states.delete(lineId);
    this.#states.set(lineId, state);
    if (this.#states.size > MAX_LINES) this.#states.delete(this.#states.keys().next().value ?? null);
    return state;
  }
}

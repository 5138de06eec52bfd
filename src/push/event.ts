// What a reader of the feed is told: an inspection, and what happened to it.
import type { Inspection, Verdict } from '../inspection.js';

export const EVENT_TYPES = [
  'branchline.inspection.completed',
  'branchline.inspection.revised',
  'branchline.inspection.reviewed',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Who says so, in the words of CloudEvents: with `id` it names an event once and for all. */
export const EVENT_SOURCE = '/branchline';

export interface PushEvent {
  /** inspectionId.revision: an event that comes twice has the same. */
  readonly id: string;
  readonly type: EventType;
  readonly inspection: Inspection;
}

export function eventOf(inspection: Inspection): PushEvent {
  return { id: `${inspection.inspectionId}.${inspection.revision}`, type: typeOf(inspection), inspection };
}

/** A revised answer keeps the reviews of the one before: what came last names the event. */
function typeOf({ revision, reviews, completedAt }: Inspection): EventType {
  if (revision === 1) return 'branchline.inspection.completed';
  const reviewedAt = reviews.at(-1)?.at;
  return reviewedAt !== undefined && reviewedAt >= completedAt
    ? 'branchline.inspection.reviewed'
    : 'branchline.inspection.revised';
}

/** CloudEvents 1.0, JSON format: for carriers without headers. */
export function cloudEvent({ id, type, inspection }: PushEvent): object {
  return {
    specversion: '1.0',
    id,
    source: EVENT_SOURCE,
    type,
    subject: inspection.inspectionId,
    time: inspection.completedAt,
    datacontenttype: 'application/json',
    data: inspection,
  };
}

export interface EventFilter {
  readonly lineId?: string;
  /** Absent: all. */
  readonly verdicts?: readonly Verdict[];
}

export function passes({ lineId, verdict }: Inspection, filter: EventFilter): boolean {
  return (
    (filter.lineId === undefined || filter.lineId === lineId) &&
    (filter.verdicts === undefined || filter.verdicts.includes(verdict))
  );
}

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

/** Revised later: by a person, or by a modality that came late. */
type Revisable = Inspection & {
  readonly revision?: number;
  readonly reviews?: readonly { readonly revision?: number }[];
};

export function eventOf(inspection: Inspection): PushEvent {
  const { inspectionId, revision = 1, reviews = [] } = inspection as Revisable;
  return { id: `${inspectionId}.${revision}`, type: typeOf(revision, reviews), inspection };
}

function typeOf(revision: number, reviews: NonNullable<Revisable['reviews']>): EventType {
  if (revision === 1) return 'branchline.inspection.completed';
  const isReview = reviews.length > 0 && (reviews.at(-1)?.revision ?? revision) === revision;
  return isReview ? 'branchline.inspection.reviewed' : 'branchline.inspection.revised';
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

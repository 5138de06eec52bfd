// What becomes of a stored record when a newer revision or a review comes; pure.
import { ServiceError } from '../errors.js';
import type { Inspection, Review, ReviewDecision, Verdict } from '../inspection.js';

/** More than people say of one part; a client that goes round in a circle must not grow a record without end. */
const MAX_REVIEWS = 100;

/** What can be said of a verdict without contradicting it. */
const FITTING: Readonly<Record<Verdict, readonly ReviewDecision[]>> = {
  OK: ['CONFIRMED', 'MISSED', 'REWORKED'],
  REVIEW: ['CONFIRMED', 'FALSE_CALL', 'REWORKED'],
  NG: ['CONFIRMED', 'FALSE_CALL', 'REWORKED'],
  NOT_DECIDABLE: ['CONFIRMED', 'REWORKED'],
};

/** What is to be stored in place of `held`; undefined where it is as new as `incoming`. */
export function replacement(held: Inspection | undefined, incoming: Inspection): Inspection | undefined {
  if (held === undefined) return incoming;
  if (held.revision >= incoming.revision) return undefined;
  return { ...incoming, reviews: held.reviews };
}

/**
 * `held` with the review appended; undefined where that adds nothing: a command or a request sent again.
 * Throws ServiceError REVIEW_REFUSED.
 */
export function withReview(held: Inspection, review: Review): Inspection | undefined {
  const { inspectionId, verdict, reviews, revision } = held;
  const sentAgain = reviews.some((known) => saysTheSame(review, known) && known.at === review.at);
  if (sentAgain || saysTheSame(review, reviews.at(-1))) return undefined;
  if (!FITTING[verdict].includes(review.decision))
    throw new ServiceError('REVIEW_REFUSED', {
      detail:
        `Inspection ${inspectionId} is ${verdict}, which cannot be ${review.decision}; ` +
        `it can be ${FITTING[verdict].join(', ')}.`,
      part: 'decision',
    });
  if (reviews.length >= MAX_REVIEWS)
    throw new ServiceError('REVIEW_REFUSED', {
      detail: `Inspection ${inspectionId} has ${MAX_REVIEWS} reviews already, and takes no more.`,
    });
  return { ...held, revision: revision + 1, reviews: [...reviews, review] };
}

/** Whether an answer newer than `revision` is `held`: what was seen for that one is not what it was judged by. */
export function isRevisedSince({ previous }: Inspection, revision: number): boolean {
  return previous !== null && previous.revision >= revision;
}

export function noInspection(inspectionId: string): ServiceError {
  return new ServiceError('NOT_FOUND', { detail: `There is no inspection "${inspectionId}".`, part: 'id' });
}

/** Still in the queue of those that need a person. */
export function needsReview({ verdict, reviews }: Inspection): boolean {
  return verdict === 'REVIEW' && reviews.length === 0;
}

function saysTheSame(one: Review, other: Review | undefined): boolean {
  return one.decision === other?.decision && one.by === other.by && one.note === other.note;
}

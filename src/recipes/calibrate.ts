// Thresholds from good parts (pure): the review threshold above which a new good part falls at a promised rate.
import type { Inspection } from '../inspection.js';
import type { Thresholds } from '../verdict/judge.js';

/** One good part, as it was judged. */
export interface GoodPart {
  readonly branch: string;
  /** 0…1 */
  readonly score: number;
}

/**
 * What a person found to be good: called OK and confirmed, or called REVIEW or NG and said to be a false call. Without
 * the false calls no score above today's threshold would ever be seen, and each calibration would lower it. The last
 * review counts.
 */
export function goodPartOf({ verdict, branch, score, reviews }: Inspection): GoodPart | undefined {
  if (branch === null || score === null) return undefined;
  const decision = reviews.at(-1)?.decision;
  const isGood = (verdict === 'OK' && decision === 'CONFIRMED') || decision === 'FALSE_CALL';
  return isGood ? { branch, score } : undefined;
}

/** With fewer the highest score itself would promise too much. */
export function partsNeeded(falseCallRate: number): number {
  return Math.ceil(1 / falseCallRate - 1e-9) - 1;
}

/**
 * The k-th smallest of n scores, k = ceil((n + 1)(1 − rate)): a new part of the same kind lies above it with a
 * probability of at most `rate`, whatever the distribution (Vovk et al., "Algorithmic Learning in a Random World",
 * 2005; Hahn & Meeker, "Statistical Intervals", 1991, ch. 5). Brought just above that score, as a score on the threshold
 * is reviewed. undefined where there are too few.
 */
export function reviewThreshold(scores: readonly number[], falseCallRate: number): number | undefined {
  const k = Math.ceil((scores.length + 1) * (1 - falseCallRate) - 1e-9);
  const score = [...scores].sort((a, b) => a - b)[k - 1];
  return score === undefined ? undefined : Math.min(1, (Math.floor(score * STEPS) + 1) / STEPS);
}

/** Thresholds of six decimals: finer than float32 scores repeat from machine to machine. */
const STEPS = 1e6;

/** Good parts do not say where bad ones begin: `reject` stays, but never below `review`. */
export function withReview({ reject }: Thresholds, review: number): Thresholds {
  return { review, reject: Math.max(reject, review) };
}

// Score, map and thresholds → verdict and regions.
import type { Verdict } from '../inspection.js';
import { findRegions, type Region, type ScoreMap } from './regions.js';

export interface Thresholds {
  readonly review: number;
  readonly reject: number;
}

export interface Judgement {
  readonly verdict: Verdict;
  /** 0…1 */
  readonly score: number;
  readonly thresholds: Thresholds;
  readonly regions: Region[];
}

/** `frame`: the size of the picture the map lies on; undefined for sound, whose map is no picture of the part. */
export function judge(
  score: number,
  map: ScoreMap,
  thresholds: Thresholds,
  frame: { readonly width: number; readonly height: number } | undefined,
): Judgement {
  return {
    verdict: verdictFor(score, thresholds),
    score: Math.min(1, Math.max(0, score)),
    thresholds,
    regions: frame === undefined ? [] : findRegions(map, thresholds.review, frame),
  };
}

/** A score on a threshold belongs to the stricter side: equal to review is REVIEW, equal to reject is NG. */
export function verdictFor(score: number, thresholds: Thresholds): Verdict {
  if (score < thresholds.review) return 'OK';
  return score < thresholds.reject ? 'REVIEW' : 'NG';
}

// Score, map and thresholds → verdict and regions.
import type { Verdict } from '../inspection.js';
import { peakWithin, within } from './mask.js';
import { findRegions, type Region, type ScoreMap } from './regions.js';

export interface Thresholds {
  readonly review: number;
  readonly reject: number;
}

/** What of an answer counts where a recipe masks its pictures. */
export interface Masked {
  /** Places of the map that count, 1 each; undefined: all. */
  readonly places: Uint8Array | undefined;
  /** Scores, on the map's scale, of what has no place in it: sound, and cameras that do not share its pixels. */
  readonly beside: readonly number[];
}

export interface Judgement {
  readonly verdict: Verdict;
  /** 0…1 */
  readonly score: number;
  /** As the model gave it; the same where nothing is masked. */
  readonly unmaskedScore: number;
  readonly thresholds: Thresholds;
  readonly regions: Region[];
}

/**
 * `frame`: the size of the picture the map lies on; undefined for sound, whose map is no picture of the part.
 *
 * The model's score is fused from the strongest place of each modality, wherever it is, and cannot be taken apart.
 * Masked, the score is the highest of what counts: the map's peak where it may look, and what has no place in the map.
 * Both stand on the scale of the score: 0.5 is the same share of good parts. What that costs: docs/decisions/0016.
 */
export function judge(
  score: number,
  map: ScoreMap,
  thresholds: Thresholds,
  frame: { readonly width: number; readonly height: number } | undefined,
  masked?: Masked,
): Judgement {
  const judged = masked === undefined ? score : Math.max(peakWithin(map, masked.places), ...masked.beside);
  if (Number.isNaN(judged)) throw new Error('the model gave no number where the recipe looks');
  const looked = masked?.places === undefined ? map : within(map, masked.places);
  return {
    verdict: verdictFor(judged, thresholds),
    score: onScale(judged),
    unmaskedScore: onScale(score),
    thresholds,
    regions: frame === undefined ? [] : findRegions(looked, thresholds.review, frame),
  };
}

/** Rounding may have pushed it past. */
function onScale(score: number): number {
  return Math.min(1, Math.max(0, score));
}

/** A score on a threshold belongs to the stricter side: equal to review is REVIEW, equal to reject is NG. */
export function verdictFor(score: number, thresholds: Thresholds): Verdict {
  if (score < thresholds.review) return 'OK';
  return score < thresholds.reject ? 'REVIEW' : 'NG';
}

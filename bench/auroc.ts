// Area under the ROC curve, and how sure it is.
import { drawBelow, seededRandom } from './random.js';

export interface Scored {
  readonly score: number;
  readonly defective: boolean;
}

/**
 * The probability that a defective part scores above a good one, a tie counting half (Mann–Whitney U).
 * null where one of the two is missing.
 */
export function auroc(parts: readonly Scored[]): number | null {
  const sorted = parts.toSorted((a, b) => a.score - b.score);
  const defects = sorted.filter((part) => part.defective).length;
  const goods = sorted.length - defects;
  if (defects === 0 || goods === 0) return null;
  let rankSum = 0; // of the defects, ranks from 1, tied parts sharing their mean rank
  for (let start = 0; start < sorted.length; ) {
    let end = start;
    while (sorted[end]?.score === sorted[start]?.score && end < sorted.length) end++;
    const tied = sorted.slice(start, end);
    rankSum += ((start + 1 + end) / 2) * tied.filter((part) => part.defective).length;
    start = end;
  }
  return (rankSum - (defects * (defects + 1)) / 2) / (defects * goods);
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 1000;

/** 95 % bootstrap interval of the AUROC; good and defective parts are resampled apart. null as for auroc. */
export function aurocInterval(parts: readonly Scored[]): Interval | null {
  const groups = [parts.filter((part) => part.defective), parts.filter((part) => !part.defective)];
  if (groups.some((group) => group.length === 0)) return null;
  const random = seededRandom(0);
  const areas = Array.from({ length: RESAMPLES }, () =>
    auroc(groups.flatMap((group) => group.map(() => group[drawBelow(random, group.length)] as Scored))),
  ) as number[];
  areas.sort((a, b) => a - b);
  return { low: areas[RESAMPLES * 0.025] as number, high: areas[RESAMPLES * 0.975 - 1] as number };
}

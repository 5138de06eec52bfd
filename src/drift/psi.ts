// How far scores have moved from those of the good parts of calibration: the population stability index (pure).

/** How many scores of good parts lie below each `upTo` and not below the one before; the last `upTo` is 1. */
export interface Bins {
  readonly upTo: readonly number[];
  /** Each 1 or more. */
  readonly counts: readonly number[];
}

/** Stands for a share of 0, whose logarithm there is not. */
const LEAST_SHARE = 1e-4;

/** The 99.9 % points of chi squared with 1, 2, … degrees of freedom, for 2 to 10 bins. */
const CHI_SQUARED = [10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.124, 27.877];

/** By convention: below the first nothing has changed, above the second much has (Siddiqi, 2006). */
export const MODERATE = 0.1;
export const SHIFTED = 0.25;

/** The place of the bin that holds `score`, 0…1. */
export function binOf(score: number, { upTo }: Bins): number {
  const found = upTo.findIndex((edge) => score < edge);
  return found === -1 ? upTo.length - 1 : found;
}

/**
 * sum over bins of (a - e) ln(a / e), where e and a are the shares that were expected and that are there (Lewis, "An
 * Introduction to Credit Scoring", 1994; Siddiqi, "Credit Risk Scorecards", 2006). Both are counts of the same bins,
 * in any number. 0 where the shares are equal.
 */
export function populationStabilityIndex(expected: readonly number[], actual: readonly number[]): number {
  const actualShares = sharesOf(actual);
  return sum(
    sharesOf(expected).map((e, bin) => {
      const a = actualShares[bin] as number;
      return (a - e) * Math.log(a / e);
    }),
  );
}

/**
 * What the index exceeds in one window of a thousand although nothing has changed, because both samples are finite:
 * it is then distributed as (1/n + 1/m) times chi squared with one degree of freedom less than there are bins
 * (Yurdakul & Naranjo, "Statistical properties of the population stability index", 2020).
 */
export function chanceLimit(bins: number, n: number, m: number): number {
  return (CHI_SQUARED[bins - 2] ?? Number.NaN) * (1 / n + 1 / m);
}

function sharesOf(counts: readonly number[]): number[] {
  const all = sum(counts);
  return counts.map((count) => Math.max(count / all, LEAST_SHARE));
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

// Which modalities of a capture get lost: the three missing protocols of the evaluation.
import { drawBelow, type Random } from './random.js';

export const PROTOCOLS = ['sample', 'bern', 'one'] as const;
/**
 * sample: a capture is incomplete with probability `rate`, and keeps a uniformly drawn non-empty proper subset.
 * bern: each modality is lost with probability `rate`, at least one is kept.
 * one: a capture is incomplete with probability `rate`, and lacks exactly one modality.
 */
export type Protocol = (typeof PROTOCOLS)[number];

/** What is left of `present`, in its order; never nothing. A capture of one modality stays whole. */
export function loseModalities(
  present: readonly string[],
  protocol: Protocol,
  rate: number,
  random: Random,
): string[] {
  if (present.length < 2) return [...present];
  switch (protocol) {
    case 'bern':
      return keepEach(present, rate, random);
    case 'sample':
      return random() < rate ? properSubset(present, random) : [...present];
    case 'one':
      return random() < rate ? withoutOne(present, random) : [...present];
    default:
      return protocol satisfies never;
  }
}

function keepEach(present: readonly string[], rate: number, random: Random): string[] {
  const kept = present.filter(() => random() >= rate);
  if (kept.length > 0) return kept;
  const last = drawBelow(random, present.length);
  return present.filter((_, i) => i === last);
}

/** Bit i of a number from 1 to 2^n − 2 says whether modality i is kept. */
function properSubset(present: readonly string[], random: Random): string[] {
  const mask = 1 + drawBelow(random, 2 ** present.length - 2);
  return present.filter((_, i) => (mask >> i) & 1);
}

function withoutOne(present: readonly string[], random: Random): string[] {
  const lost = drawBelow(random, present.length);
  return present.filter((_, i) => i !== lost);
}

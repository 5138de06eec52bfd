// Repeatable chance: the same seed draws the same subsets on every machine.

/** Uniform in 0…1, 1 excluded. */
export type Random = () => number;

/** mulberry32, by Tommy Ettinger (public domain): 32 bits of state, good enough to draw subsets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number, 0…count − 1. */
export function drawBelow(random: Random, count: number): number {
  return Math.floor(random() * count);
}

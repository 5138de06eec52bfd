// Good and defective parts in the order a line makes them. Pure.

/** A line makes a few per cent of bad parts: one in so many. */
export const PARTS_TO_A_DEFECTIVE = 20;

/**
 * To be sent over and over: every twentieth is defective, the good and the defective each in turn, every one of them
 * at least once. Where there are only good or only defective ones: those.
 */
export function asOnALine<T>(good: readonly T[], defective: readonly T[]): T[] {
  if (good.length === 0 || defective.length === 0) return [...good, ...defective];
  const goodToADefective = PARTS_TO_A_DEFECTIVE - 1;
  const blocks = Math.max(defective.length, Math.ceil(good.length / goodToADefective));
  const goodOnes = inTurn(good, blocks * goodToADefective);
  return inTurn(defective, blocks).flatMap((bad, i) => [
    ...goodOnes.slice(i * goodToADefective, (i + 1) * goodToADefective),
    bad,
  ]);
}

function inTurn<T>(items: readonly T[], count: number): T[] {
  return Array.from({ length: Math.ceil(count / items.length) }, () => items)
    .flat()
    .slice(0, count);
}

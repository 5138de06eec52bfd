// When the requests of an open loop are sent: stations know nothing of each other, so arrivals are Poisson.
import type { Random } from '../random.js';

/** No plan has more requests than this, whatever rate was measured. */
export const MOST_ARRIVALS = 200_000;

/** Ascending, each below `forMs`; on average `perSecond` of them a second. Throws RangeError for a silly rate. */
export function planArrivals(perSecond: number, forMs: number, random: Random): number[] {
  if (!(perSecond > 0) || !Number.isFinite(perSecond))
    throw new RangeError(`${perSecond} requests a second cannot be planned`);
  const arrivalsMs: number[] = [];
  const meanGapMs = 1000 / perSecond;
  let atMs = 0;
  while (arrivalsMs.length < MOST_ARRIVALS) {
    atMs += -Math.log(1 - random()) * meanGapMs;
    if (atMs >= forMs) break;
    arrivalsMs.push(atMs);
  }
  return arrivalsMs;
}
